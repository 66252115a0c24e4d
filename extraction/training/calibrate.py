"""Fits what the networks' numbers mean, on documents they were not trained on, and writes `reader.json`.

Mentions: a line in log-odds for each type (Platt 1999). Relations: one slope for all, an offset for each, drawn towards
the common one where a relation is rare. `least` is the probability from which a relation is shown.
"""

import argparse
import collections
import json
import pathlib

import numpy as np
import torch
from tokenizers import Tokenizer

import export
import schema
import scoring
import texts
import windows as w

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRECISION = 0.62
"""Of the shown ones of a relation, so many must be right on held-out text."""
LEAST, MOST = 0.36, 0.9


def fit(scores, right, groups, count, slope_prior=1.0, pull=4.0):
    """Slope and offset of each group of log-odds: logistic regression with offsets drawn to their mean."""
    x, y, g = (torch.tensor(np.asarray(v), dtype=t) for v, t in
               ((scores, torch.float64), (right, torch.float64), (groups, torch.long)))
    slope = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    middle = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    own = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([slope, middle, own], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        z = slope.exp() * x + middle + own[g]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
        loss = loss + pull * (own**2).sum() / 2 + slope_prior * slope**2
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(slope.exp()), [float(middle + o) for o in own]


def chance(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=float)))


def expected_error(p, right, bins=10):
    """Expected calibration error over equal bins (Naeini et al. 2015)."""
    p, right = np.asarray(p), np.asarray(right, dtype=float)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs(p[place == b].mean() - right[place == b].mean()) * (place == b).mean()
               for b in range(bins) if (place == b).any())


def mention_rows(net, documents, pieces):
    rows = []
    for window, mine, _, _ in scoring.read(net, documents, pieces):
        if window.corpus == "knowledgenet":
            continue
        missing = {schema.TYPES.index(t) for t in schema.MISSING[window.corpus]}
        gold = {(i, a, b): types for i, s in enumerate(window.sentences) for a, b, types, p in s.spans if not p}
        for index, a, b, kind, sure in mine:
            if kind not in missing:
                p = min(max(np.exp(sure), 1e-6), 1 - 1e-6)
                rows.append((kind, float(np.log(p / (1 - p))), kind in gold.get((index, a, b), ())))
    return rows


def log_odds(p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.log(p / (1 - p))


def roles_of(documents):
    counts = [collections.Counter() for _ in schema.NAMES]
    for document in documents:
        for sentence in document.forms[0]:
            for h, t, r in sentence.relations:
                heads, tails = sentence.spans[h], sentence.spans[t]
                if heads[3] or tails[3]:
                    continue
                for a in heads[2]:
                    for b in tails[2]:
                        counts[r][a, b] += 1 / len(heads[2]) / len(tails[2])
    person, others = schema.TYPES.index("person"), [schema.TYPES.index(t) for t in (
        "organization", "location", "product", "event", "work")]
    stands = lambda kind: [kind] + ([schema.PERSON_PRONOUN] if kind == person else []) + (  # noqa: E731
        [schema.OTHER_PRONOUN] if kind in others else [])
    out = []
    for count in counts:
        total = sum(count.values())
        kept = [pair for pair, n in count.items() if n >= max(0.75, 0.01 * total)]
        out.append(sorted({(a, b) for x, y in kept for a in stands(x) for b in stands(y)}))
    return out


def leasts(rows, gold, p):
    """From which probability each relation is shown: the best F1 of those that keep the precision."""
    relation, right = np.array([r[1] for r in rows]), np.array([r[3] for r in rows])
    options = np.arange(LEAST, MOST, 0.01)
    common = max(options, key=lambda t: 2 * right[p >= t].sum() / (max(1, (p >= t).sum()) + gold.total())
                 if right[p >= t].mean() >= PRECISION + 0.02 else 0)
    out = []
    for index in range(len(schema.NAMES)):
        mine = relation == index
        good = [t for t in options if t >= common - 0.1 and (mine & (p >= t)).sum() >= 3
                and right[mine & (p >= t)].mean() >= PRECISION]
        f1 = lambda t: 2 * right[mine & (p >= t)].sum() / ((mine & (p >= t)).sum() + gold[index])  # noqa: E731
        few = (mine & (p >= common)).sum() < 3
        # A relation that too little is known of is shown only when it is quite sure, or, never right, not at all.
        best = max(good, key=f1) if good else (0.6 if few and gold[index] < 8 else 2.0)
        out.append(round(float(max(best, common) if good and f1(max(best, common)) > 0.97 * f1(best) else best), 2))
    return float(common), out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    opt = parser.parse_args()
    torch.set_num_threads(1)
    net = export.load(opt.weights, opt.model)
    pieces = w.Pieces(Tokenizer.from_file(str(pathlib.Path(opt.model) / "tokenizer.json")))
    documents = texts.load(opt.data, ROOT / "target/release/kgl-train", ROOT / "extraction/weights/lexicon.bin",
                           ["redocred", "knowledgenet", "crossner", "wnut17", "uner"])
    held_out = [d for d in documents if d.held_out]
    roles = roles_of(documents)

    rows = mention_rows(net, held_out, pieces)
    kinds, scores, right = (np.array(c) for c in zip(*rows))
    half = np.arange(len(rows)) % 2 == 0
    slope, offsets = fit(scores[half], right[half], kinds[half], len(schema.TYPES))
    tested = chance(slope * scores[~half] + np.array(offsets)[kinds[~half]])
    print(f"mentions: {len(rows)}, expected calibration error {expected_error(tested, right[~half]):.3f} "
          f"(unscaled {expected_error(chance(scores[~half]), right[~half]):.3f})")
    slope, offsets = fit(scores, right, kinds, len(schema.TYPES))
    mentions = [[round(slope, 4), round(o, 4)] for o in offsets]

    names, facts, said = scoring.evaluate(net, [d for d in held_out if d.corpus in ("redocred", "knowledgenet")], pieces)
    said = [r for r in said if r[1] < len(roles)]
    x, right, relation = log_odds([r[2] for r in said]), np.array([r[3] for r in said]), np.array([r[1] for r in said])
    half = np.arange(len(said)) % 2 == 0
    slope, offsets = fit(x[half], right[half], relation[half], len(roles))
    tested = chance(slope * x[~half] + np.array(offsets)[relation[~half]])
    shown = tested >= 0.3
    print(f"relations: {len(said)}, expected calibration error {expected_error(tested, right[~half]):.3f}, of the shown "
          f"{expected_error(tested[shown], right[~half][shown]):.3f} "
          f"(unscaled {expected_error(chance(x[~half]), right[~half]):.3f})")
    slope, offsets = fit(x, right, relation, len(roles))
    p = chance(slope * x + np.array(offsets)[relation])
    common, least = leasts(said, facts.gold, p)
    print(f"shown from {common:.2f} in general")
    table = []
    for index, name in enumerate(schema.NAMES):
        line = [round(slope, 4), round(offsets[index], 4)]
        table.append({"name": name, "line": line, "least": least[index], "roles": roles[index]})
    total = facts.gold.total()
    for limit in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        line = f"all from {limit:.2f}:"
        for corpus in ("redocred", "knowledgenet"):
            mine = [r[3] for r, q in zip(said, p) if r[0] == corpus and q >= limit]
            line += f" {corpus} {sum(mine)} of {len(mine)} right,"
        print(line)
    for corpus in ("redocred", "knowledgenet", None):
        mine = [(r, q) for r, q in zip(said, p) if corpus in (None, r[0]) and q >= least[r[1]]]
        gold = scoring.Score()
        if corpus:
            _, gold, _ = scoring.evaluate(net, [d for d in held_out if d.corpus == corpus], pieces)
        total = sum((gold if corpus else facts).gold.values())
        hits = sum(r[3] for r, _ in mine)
        print(f"{corpus or 'both':14} precision {100 * hits / max(1, len(mine)):.1f} recall {100 * hits / total:.1f} "
              f"F1 {200 * hits / (len(mine) + total):.1f} ({total} facts, {len(mine)} shown)")
    for index, name in enumerate(schema.NAMES):
        mine = [r for r, q in zip(said, p) if r[1] == index and q >= least[index]]
        hits = sum(r[3] for r in mine)
        print(f"  {name:22} least {least[index]:.2f} P {100 * hits / max(1, len(mine)):5.1f} "
              f"R {100 * hits / max(1, facts.gold[index]):5.1f} of {facts.gold[index]}")
    out = {"types": schema.TYPES, "mentions": mentions, "relations": table}
    (pathlib.Path(opt.out) / "reader.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
