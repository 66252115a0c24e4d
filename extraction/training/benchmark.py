"""The architecture on CoNLL04 (Roth and Yih 2004): trained on train and dev, scored on test. Nothing of it is shipped.

Entities: exact span and type. Relations: strict, with both spans and both types, as SpERT (Eberts and Ulges 2020) has it.
"""

import argparse
import copy
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import model
import schema
import scoring
import shipped
import texts
import windows as w

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = ["Peop", "Org", "Loc", "Other"]
RELATIONS = ["Live_In", "Located_In", "OrgBased_In", "Work_For", "Kill"]
KNOWN_TYPES = ["person", "organization", "location", "other"]
KNOWN_RELATIONS = ["lives_in", "located_in", "based_in", "works_for", None]
"""What the reader that `--start` names calls them."""


def load(folder, parts):
    rows = [json.loads(line) for part in parts
            for line in (pathlib.Path(folder) / "benchmark" / f"conll04_{part}.jsonl").read_text().splitlines()]
    cutter = texts.Cutter(ROOT / "target/release/kgl-train", ROOT / "extraction/weights/lexicon.bin")
    for row in rows:
        cutter.add(" ".join(row["tokens"]))
    out = []
    for row, cut in zip(rows, cutter.cut()):
        # The set's own tokens are the words; the name lists are looked up for those that we cut alike.
        flags, place = {a: f for a, _, f in cut}, 0
        listed = []
        for token in row["tokens"]:
            listed.append(flags.get(place, 0))
            place += len(token) + 1
        spans = [(a, b, TYPES.index(t)) for a, b, t in row["ents"]]
        relations = [(h, t, RELATIONS.index(r)) for h, t, r in row["rels"]]
        out.append(texts.Sentence(row["tokens"], listed, spans, relations, None))
    return out


def labels_of(sentence):
    out = np.zeros(len(sentence.words), dtype=np.int64)
    for a, b, kind in sentence.spans:
        out[a] = 1 + 2 * kind
        out[a + 1 : b] = 2 + 2 * kind
    return out


def loss_of(net, batch):
    words, shapes, flags, mask = w.collate(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = net.encoder(words, shapes, flags, mask)
        flat = states.reshape(-1, states.shape[-1])[w.first_pieces(batch, words.shape[1])]
        scores = net.tagger(flat)
    gold = torch.from_numpy(np.concatenate([labels_of(s) for window in batch for s in window.sentences]))
    loss = F.cross_entropy(scores.float(), gold)
    mentions = [[(0, *span) for span in window.sentences[0].spans] for window in batch]
    pairs = [scoring.all_pairs(m) for m in mentions]
    if any(pairs):
        asked = w.ask(batch, mentions, pairs, words.shape[1])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            said = net.pairs(states, asked.spans, asked.roles, asked.heads, asked.tails, asked.distances, asked.regions)
        rows = []
        for window, mine in zip(batch, pairs):
            facts = set(window.sentences[0].relations)
            rows += [[float((h, t, r) in facts) for r in range(len(RELATIONS))] for h, t in mine]
        each = F.binary_cross_entropy_with_logits(said.float()[asked.used], torch.tensor(rows), reduction="sum")
        loss = loss + 3 * each / len(rows)
    return loss


def test(net, items):
    names, facts = scoring.Score(), scoring.Score()
    net.eval()
    for batch in scoring.batches(items, 4096):
        states, found = scoring.tag(net, batch)
        mentions = [[m[:4] for m in mine] for mine in found]
        pairs = [scoring.all_pairs(m) for m in mentions]
        for window, mine, asked, scores in zip(batch, mentions, pairs,
                                               scoring.relate(net, batch, states, mentions, pairs)):
            sentence = window.sentences[0]
            names.add({m[1:] for m in mine}, set(sentence.spans), lambda item: item[2])
            said = {(mine[h][1:], mine[t][1:], int(r)) for (h, t), row in zip(asked, scores)
                    for r in np.nonzero(row >= 0.5)[0]}
            facts.add(said, {(sentence.spans[h], sentence.spans[t], r) for h, t, r in sentence.relations},
                      lambda item: item[2])
    net.train()
    return names, facts


def begin(net, folder):
    """Starts from a trained reader; what it knows of the set's types and relations under their own names comes along."""
    shipped.start(net, folder)
    given = shipped.load(folder)
    kinds = [schema.TYPES.index(name) for name in KNOWN_TYPES]
    labels = [0] + [1 + 2 * kind + inside for kind in kinds for inside in (0, 1)]
    with torch.no_grad():
        for part in ("weight", "bias"):
            getattr(net.tagger.outer, part).copy_(given["tagger.outer." + part][labels])
            for at, name in enumerate(KNOWN_RELATIONS):
                if name:
                    getattr(net.pairs.outer, part)[at] = given["pairs.outer." + part][schema.NAMES.index(name)]
        net.pairs.role.weight.copy_(given["pairs.role.weight"][kinds])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--start", help="folder of a trained reader to begin with, instead of the published encoder alone")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=1)
    opt = parser.parse_args()
    torch.set_num_threads(opt.threads)
    torch.manual_seed(opt.seed)
    rng = random.Random(opt.seed)
    pieces = w.Pieces(Tokenizer.from_file(str(pathlib.Path(opt.model) / "tokenizer.json")))
    build = lambda parts: [w.build([s], "conll04", pieces) for s in load(opt.data, parts)]  # noqa: E731
    known, unseen = build(["train", "dev"]), build(["test"])
    net = model.Reader(opt.model, 1 + 2 * len(TYPES), len(RELATIONS), len(TYPES))
    if opt.start:
        begin(net, opt.start)
    average = copy.deepcopy(net)
    is_slow = lambda n: n.startswith("encoder.") and not n.startswith(("encoder.shape", "encoder.flag"))  # noqa: E731
    wanted = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW([{"params": [p for n, p in wanted if is_slow(n)], "lr": opt.rate},
                                   {"params": [p for n, p in wanted if not is_slow(n)], "lr": 1e-3}], weight_decay=0.01)
    rates, steps, begun = [g["lr"] for g in optimiser.param_groups], 0, time.time()
    net.train()
    total = opt.epochs * math.ceil(sum(map(len, known)) / 700)
    for epoch in range(opt.epochs):
        rng.shuffle(known)
        groups = [b for i in range(0, len(known), 256) for b in scoring.batches(known[i : i + 256], 700)]
        rng.shuffle(groups)
        for batch in groups:
            scale = min(1.0, (steps + 1) / (0.06 * total)) * max(0.02, 1 - steps / total)
            for group, rate in zip(optimiser.param_groups, rates):
                group["lr"] = rate * scale
            loss = loss_of(net, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            steps += 1
            keep = min(0.995, (1 + steps) / (10 + steps))
            with torch.no_grad():
                for mean, now in zip(average.parameters(), net.parameters()):
                    if now.requires_grad:
                        mean.lerp_(now, 1 - keep)
    names, facts = test(average, unseen)
    print(f"seed {opt.seed}: entities P {names.of()[0]:.2f} R {names.of()[1]:.2f} F1 {names.of()[2]:.2f}; relations "
          f"strict P {facts.of()[0]:.2f} R {facts.of()[1]:.2f} F1 {facts.of()[2]:.2f}; {time.time() - begun:.0f} s",
          flush=True)


if __name__ == "__main__":
    main()
