"""Trains the reader: `train.py --data FOLDER --model FOLDER --out FILE`. Seeds are stated, runs are repeatable."""

import argparse
import copy
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import model
import newswire
import schema
import scoring
import texts
import windows as w

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The share of each set's documents that one epoch reads.
SHARES = {"redocred": 1.0, "knowledgenet": 1.0, "crossner": 1.0, "wnut17": 0.6, "uner": 1.0, "sonner": 0.12,
          "conll04": 0.0, "newswire": 0.5}
NEWSWIRE = 2000
"""Made-up sentences in the forms of news wires."""
WINDOWS = (60, 120, 200, 250)
UPPER, LOWER = 0.03, 0.02
"""Shares of documents that are read in capitals, and without any."""
RENAMED = 0.3
"""Share of the documents with facts whose people and places get other names."""
DATELINED = 0.08
"""Share of the documents that begin as a report of a news agency does."""
AGENCIES = "AP AFP UPI Reuters Xinhua TASS Interfax Kyodo Bloomberg ANSA EFE PTI dpa Yonhap Anadolu".split()


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True, help="the folder of the published encoder")
    parser.add_argument("--newswire", help="add news wires, made up from the names in this folder's packages")
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--budget", type=int, default=1400, help="pieces in a batch")
    parser.add_argument("--rate", type=float, default=8e-5)
    parser.add_argument("--head-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", help="weights to go on from")
    parser.add_argument("--all", action="store_true", help="train on the held-out documents too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=4, help="epochs between two reports")
    return parser.parse_args()


class Renamer:
    """Gives people and places of a document other names, so that names are known by what is said of them."""

    def __init__(self, documents, rng):
        self.rng, self.pools = rng, {k: {} for k in range(len(schema.TYPES))}
        for document in documents:
            for sentence in document.forms[0]:
                for a, b, types, pronoun in sentence.spans:
                    if len(types) == 1 and not pronoun and 1 <= b - a <= 3:
                        words = sentence.words[a:b]
                        if all(word[:1].isupper() for word in words):
                            pool = self.pools[min(types)].setdefault(b - a, {})
                            pool[tuple(words)] = tuple(sentence.flags[a:b])
        self.pools = {k: {n: sorted(p.items()) for n, p in v.items()} for k, v in self.pools.items()}

    def __call__(self, sentences):
        new, out = {}, []
        for sentence in sentences:
            words, flags = list(sentence.words), list(sentence.flags)
            for a, b, types, pronoun in sentence.spans:
                kind = min(types) if len(types) == 1 else -1
                if pronoun or kind not in (0, 1, 2) or b - a not in self.pools[kind]:
                    continue
                if not all(word[:1].isupper() for word in words[a:b]):
                    continue
                if not all((kind, word) in new for word in words[a:b]):
                    pick = self.rng.choice(self.pools[kind][b - a])
                    for word, other, flag in zip(words[a:b], *pick):
                        new.setdefault((kind, word), (other, flag))
                for at in range(a, b):
                    words[at], flags[at] = new[kind, words[at]]
            changed = copy.copy(sentence)
            changed.words, changed.flags = words, flags
            out.append(changed)
        return out


def datelined(sentences, renamer, rng):
    """Puts "PARIS, France (AP) -" or the like before the first sentence."""
    places = renamer.pools[2].get(1)
    if not places:
        return sentences
    place, region = (rng.choice(places) for _ in range(2))
    agency = rng.choice(AGENCIES)
    organization, location = frozenset([1]), frozenset([2])
    form = rng.choice(("{p} ( {a} ) -", "{p} , {r} ( {a} ) --", "{p} {a}", "{p} , {r} ( {a} )", "( {a} )", "{p} -"))
    words, flags, spans = [], [], []
    for part in form.split():
        if part in ("{p}", "{r}"):
            (word,), (flag,) = place if part == "{p}" else region
            word = word.upper() if part == "{p}" and rng.random() < 0.5 else word
        else:
            word, flag = (agency, 0) if part == "{a}" else (part, 0)
        if part[0] == "{":
            spans.append((len(words), len(words) + 1, organization if part == "{a}" else location, False))
        words.append(word)
        flags.append(flag)
    first, count = copy.copy(sentences[0]), len(words)
    first.spans = spans + [(a + count, b + count, t, p) for a, b, t, p in first.spans]
    first.relations = [(h + len(spans), t + len(spans), r) for h, t, r in first.relations]
    first.words, first.flags = words + list(first.words), flags + list(first.flags)
    return [first, *sentences[1:]]


def recased(sentences, how):
    out = []
    for sentence in sentences:
        changed = copy.copy(sentence)
        changed.words = [how(word) for word in sentence.words]
        out.append(changed)
    return out


def epoch_windows(documents, rng, pieces, renamer, datelines=False):
    out = []
    for document in documents:
        if rng.random() >= SHARES[document.corpus]:
            continue
        sentences = rng.choice(document.forms)
        draw = rng.random()
        if draw < UPPER:
            sentences = recased(sentences, str.upper)
        elif draw < UPPER + LOWER:
            sentences = recased(sentences, str.lower)
        elif document.corpus in ("redocred", "knowledgenet") and draw < UPPER + LOWER + RENAMED:
            sentences = renamer(sentences)
        if datelines and document.corpus not in ("knowledgenet", "newswire") and rng.random() < DATELINED:
            sentences = datelined(sentences, renamer, rng)
        for group in w.cut(sentences, rng.choice(WINDOWS), pieces):
            window = w.build(group, document.corpus, pieces)
            if len(window) <= 512:
                out.append(window)
    return out


def batched(items, budget, rng):
    rng.shuffle(items)
    out = []
    for start in range(0, len(items), 256):
        out += scoring.batches(items[start : start + 256], budget)
    rng.shuffle(out)
    return out


def asked_of(window, extra, rng):
    """Mentions, pairs, labels and which labels count, of a window whose set names relations."""
    mentions, pairs, labels, counts = [], [], [], []
    for index, sentence in enumerate(window.sentences):
        base, place = len(mentions), {}
        for number, (a, b, types, pronoun) in enumerate(sentence.spans):
            place[number] = len(mentions)
            role = rng.choice(sorted(types))
            if pronoun:
                lower = sentence.words[a].lower()
                role = schema.PERSON_PRONOUN if lower in schema.PERSON_PRONOUNS else schema.OTHER_PRONOUN
            mentions.append((index, a, b, role))
        if window.corpus == "knowledgenet":
            more = [m for m in extra if m[0] == index] + [(index, *p) for p in scoring.pronouns(sentence)]
            for m in more:
                if all(m[2] <= x[1] or x[2] <= m[1] for x in mentions[base:]):
                    mentions.append(m)
        mine = [(base + a, base + b) for a, b in scoring.all_pairs(mentions[base:])]
        facts = {}
        for h, t, r in sentence.relations:
            facts.setdefault((place[h], place[t]), []).append(r)
        if len(mine) > 160:
            mine = [p for p in mine if p in facts or rng.random() < 120 / len(mine)]
        for pair in mine:
            row = np.zeros(len(schema.NAMES), dtype=np.float32)
            row[facts.get(pair, [])] = 1
            weight = np.ones(len(schema.NAMES), dtype=np.float32)
            if sentence.judged is not None:
                weight[:] = 0
                weight[list(sentence.judged)] = 1
            pairs.append(pair)
            labels.append(row)
            counts.append(weight)
    return mentions, pairs, labels, counts


def loss_of(net, batch, extra, rng):
    words, shapes, flags, mask = w.collate(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = net.encoder(words, shapes, flags, mask)
        flat = states.reshape(-1, states.shape[-1])[w.first_pieces(batch, words.shape[1])]
        scores = net.tagger(flat)
    open_labels = torch.from_numpy(np.concatenate([w.allowed(window) for window in batch]))
    chances = scores.float().log_softmax(-1).masked_fill(~open_labels, -1e4).logsumexp(-1)
    loss = -chances.mean()
    with_facts = [i for i, window in enumerate(batch) if window.corpus in ("redocred", "knowledgenet")]
    rows = [asked_of(batch[i], extra.get(id(batch[i]), []), rng) for i in with_facts]
    if any(row[1] for row in rows):
        some = [batch[i] for i in with_facts]
        asked = w.ask(some, [r[0] for r in rows], [r[1] for r in rows], words.shape[1])
        # `ask` counts windows from 0, and the states of the others are left out.
        kept = states[with_facts]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            said = net.pairs(kept, asked.spans, asked.roles, asked.heads, asked.tails, asked.distances, asked.regions)
        said = said.float()[asked.used]
        gold = torch.from_numpy(np.stack([row for r in rows for row in r[2]]))
        counts = torch.from_numpy(np.stack([row for r in rows for row in r[3]]))
        each = F.binary_cross_entropy_with_logits(said, gold, weight=counts, reduction="sum")
        loss = loss + each / max(1, len(said))
    return loss


def guesses(net, items):
    """The tagger's own mentions in the windows of sets that annotate only the ends of facts."""
    net.eval()
    out = {}
    for batch in scoring.batches([i for i in items if i.corpus == "knowledgenet"], 4096):
        _, found = scoring.tag(net, batch)
        for window, mine in zip(batch, found):
            out[id(window)] = [m[:4] for m in mine]
    net.train()
    return out


def groups_of(documents):
    groups = {}
    for document in documents:
        if document.held_out or document.corpus == "conll04":
            groups.setdefault(document.corpus, []).append(document)
    groups.pop("sonner", None)
    return groups


def main():
    opt = options()
    torch.set_num_threads(opt.threads)
    torch.manual_seed(opt.seed)
    rng = random.Random(opt.seed)
    started = time.time()
    made = newswire.sentences(NEWSWIRE, opt.newswire, sorted(schema.DEMONYMS), opt.seed) if opt.newswire else ()
    documents = texts.load(opt.data, ROOT / "target/release/kgl-train", ROOT / "extraction/weights/lexicon.bin",
                           list(SHARES), made)
    known = [d for d in documents if SHARES[d.corpus] and (opt.all or not d.held_out)]
    groups = groups_of(documents)
    pieces = w.Pieces(Tokenizer.from_file(str(pathlib.Path(opt.model) / "tokenizer.json")))
    net = model.Reader(opt.model)
    if opt.start:
        net.load_state_dict(torch.load(opt.start), strict=False)
    print(f"{len(known)} documents, {sum(p.numel() for p in net.parameters()):,} weights", flush=True)
    average = copy.deepcopy(net)
    slow = [p for n, p in net.named_parameters()
            if p.requires_grad and n.startswith("encoder.") and not n.startswith(("encoder.shape", "encoder.flag"))]
    fast = [p for n, p in net.named_parameters()
            if p.requires_grad and not (n.startswith("encoder.") and not n.startswith(("encoder.shape", "encoder.flag")))]
    optimiser = torch.optim.AdamW([{"params": slow, "lr": opt.rate}, {"params": fast, "lr": opt.head_rate}],
                                  weight_decay=0.01)
    rates = [group["lr"] for group in optimiser.param_groups]
    renamer, done, total = Renamer(known, rng), 0.0, float(opt.epochs)
    steps = 0
    for epoch in range(opt.epochs):
        items = epoch_windows(known, rng, pieces, renamer, bool(opt.newswire))
        extra = guesses(net, items) if epoch else {}
        net.train()
        groups_now, sum_loss, begun = batched(items, opt.budget, rng), 0.0, time.time()
        for number, batch in enumerate(groups_now):
            done = epoch + number / len(groups_now)
            scale = min(1.0, (done + 0.01) / 0.6) * max(0.02, 1 - done / total)
            for group, rate in zip(optimiser.param_groups, rates):
                group["lr"] = rate * scale
            loss = loss_of(net, batch, extra, rng)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            steps += 1
            sum_loss += loss.item()
            keep = min(0.998, (1 + steps) / (10 + steps))
            with torch.no_grad():
                for mean, now in zip(average.parameters(), net.parameters()):
                    if now.requires_grad:
                        mean.lerp_(now, 1 - keep)
        print(f"epoch {epoch + 1}: loss {sum_loss / len(groups_now):.4f}, {len(groups_now)} steps, "
              f"{time.time() - begun:.0f} s, {(time.time() - started) / 60:.1f} min in all", flush=True)
        if (epoch + 1) % opt.every == 0 or epoch + 1 == opt.epochs:
            torch.save({k: v for k, v in average.state_dict().items()
                        if not k.startswith(("encoder.word", "encoder.position"))}, opt.out)
            scoring.report(average, groups, pieces, lambda line: print("  " + line, flush=True))


if __name__ == "__main__":
    main()
