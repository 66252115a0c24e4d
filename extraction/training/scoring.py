"""Reading documents with a model, and scoring what is read: exact spans, as precision, recall and F1 in per cent."""

import collections

import numpy as np
import torch

import schema
import windows as w

SHOWN_DISTANCE = 60
"""Words between two mentions beyond which no relation is asked for."""


def viterbi(scores):
    """Best label sequence under BIO, and its mentions: (first word, end word, type, log-probability a word)."""
    count, labels = scores.shape
    kind = np.arange(labels)
    inside = (kind > 0) & (kind % 2 == 0)
    step = np.zeros((labels, labels), dtype=np.float32)
    step[:, inside] = -1e9
    for label in kind[inside]:
        step[label, label] = step[label - 1, label] = 0
    best, back = scores[0] + np.where(inside, -1e9, 0), []
    for row in scores[1:]:
        total = best[:, None] + step
        back.append(total.argmax(0))
        best = total.max(0) + row
    path = [int(best.argmax())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    path = path[::-1]
    out, start = [], None
    for at in range(count + 1):
        label = path[at] if at < count else 0
        if start is not None and not (label and label % 2 == 0):
            sure = float(np.mean([scores[i, path[i]] for i in range(start, at)]))
            out.append((start, at, (path[start] - 1) // 2, sure))
            start = None
        if label % 2 == 1:
            start = at
    return out


@torch.no_grad()
def tag(net, batch):
    """States of a batch, and the mentions of each window: (sentence, first, end, type, sureness)."""
    words, shapes, flags, mask = w.collate(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = net.encoder(words, shapes, flags, mask)
        flat = states.reshape(-1, states.shape[-1])[w.first_pieces(batch, words.shape[1])]
        scores = net.tagger(flat)
    scores, place, found = scores.float().log_softmax(-1).numpy(), 0, []
    for window in batch:
        mine = []
        for index, sentence in enumerate(window.sentences):
            count = len(sentence.words)
            if count:
                mine += [(index, *m) for m in viterbi(scores[place : place + count])]
            place += count
        found.append(mine)
    return states.float(), found


def pronouns(sentence):
    for at, word in enumerate(sentence.words):
        lower = word.lower()
        if lower in schema.PERSON_PRONOUNS and word not in ("US", "I.", "WHO"):
            yield at, at + 1, schema.PERSON_PRONOUN
        elif lower in schema.OTHER_PRONOUNS and word != "IT":
            yield at, at + 1, schema.OTHER_PRONOUN


def all_pairs(mentions):
    """Pairs of mentions of one sentence that stand near enough."""
    out = []
    for a, x in enumerate(mentions):
        for b, y in enumerate(mentions):
            if a != b and x[0] == y[0] and max(x[1], y[1]) - min(x[2], y[2]) <= SHOWN_DISTANCE:
                out.append((a, b))
    return out


@torch.no_grad()
def relate(net, batch, states, mentions, pairs):
    """Probabilities [pairs, relations] of each window."""
    asked = w.ask(batch, mentions, pairs, states.shape[1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = net.pairs(states, asked.spans, asked.roles, asked.heads, asked.tails, asked.distances, asked.regions)
    scores = scores.float().sigmoid().numpy()
    return [scores[i, : len(p)] for i, p in enumerate(pairs)]


def batches(items, budget):
    items, batch = sorted(items, key=len), []
    for item in items:
        if batch and len(item) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


class Score:
    def __init__(self):
        self.right, self.found, self.gold = collections.Counter(), collections.Counter(), collections.Counter()

    def add(self, found, gold, key):
        for item in found:
            self.found[key(item)] += 1
            self.right[key(item)] += item in gold
        for item in gold:
            self.gold[key(item)] += 1

    def of(self, keys=None):
        keys = list(self.gold | self.found) if keys is None else keys
        r, f, g = (sum(c[k] for k in keys) for c in (self.right, self.found, self.gold))
        return 100 * r / max(f, 1), 100 * r / max(g, 1), 200 * r / max(f + g, 1), g


def read(net, documents, pieces, most=250, form=1, gold_mentions=False):
    """Every document's windows with mentions and relation probabilities."""
    items = []
    for number, document in enumerate(documents):
        for group in w.cut(document.forms[form], most, pieces):
            window = w.build(group, document.corpus, pieces)
            if len(window) <= 512:
                window.document = number
                items.append(window)
    net.eval()
    for batch in batches(items, 4096):
        states, found = tag(net, batch)
        mentions = []
        for window, mine in zip(batch, found):
            if gold_mentions:
                mine = [(i, a, b, min(t), 0.0) for i, s in enumerate(window.sentences) for a, b, t, p in s.spans if not p]
            mentions.append([m[:4] for m in mine])
        pairs = [all_pairs(m) for m in mentions]
        for window, mine, asked, scores in zip(batch, found, pairs, relate(net, batch, states, mentions, pairs)):
            if gold_mentions:
                mine = [(i, a, b, min(t), 0.0) for i, s in enumerate(window.sentences) for a, b, t, p in s.spans if not p]
            yield window, mine, asked, scores


SHOWN = [schema.TYPES.index(t) for t in schema.JUDGED]
DEMONYM, PLACE, DATE = (schema.TYPES.index(t) for t in ("demonym", "location", "date"))


def evaluate(net, documents, pieces, form=1, threshold=0.5, demonyms=True, gold_mentions=False, thresholds=None):
    """Entities (person, organization, location; dates where annotated) and relations by boundary."""
    names, facts, rows = Score(), Score(), []
    for window, mine, asked, scores in read(net, documents, pieces, form=form, gold_mentions=gold_mentions):
        judged_kinds = SHOWN + ([DATE] if window.corpus == "redocred" else [])
        as_place = lambda kind: PLACE if kind == DEMONYM and demonyms and window.corpus == "redocred" else kind  # noqa: E731
        gold, found = set(), set()
        for index, sentence in enumerate(window.sentences):
            for a, b, types, pronoun in sentence.spans:
                if len(types) == 1 and not pronoun and as_place(min(types)) in judged_kinds:
                    gold.add((index, a, b, as_place(min(types))))
        for index, a, b, kind, _ in mine:
            if as_place(kind) in judged_kinds:
                found.add((index, a, b, as_place(kind)))
        if window.corpus != "knowledgenet":
            names.add(found, gold, lambda item: item[3])
        if window.corpus not in ("redocred", "knowledgenet"):
            continue
        for index, sentence in enumerate(window.sentences):
            spans = [(a, b) for a, b, *_ in sentence.spans]
            gold = {(spans[h], spans[t], r) for h, t, r in sentence.relations
                    if not (sentence.spans[h][3] or sentence.spans[t][3])}
            found = set()
            for (h, t), row in zip(asked, scores):
                if mine[h][0] != index:
                    continue
                limits = threshold if thresholds is None else thresholds
                for r in np.nonzero(row >= limits)[0]:
                    if sentence.judged is None or int(r) in sentence.judged:
                        found.add((mine[h][1:3], mine[t][1:3], int(r)))
                for r in np.nonzero(row >= 0.05)[0]:
                    if sentence.judged is None or int(r) in sentence.judged:
                        rows.append((window.corpus, int(r), float(row[r]), (mine[h][1:3], mine[t][1:3], int(r)) in gold))
            facts.add(found, gold, lambda item: item[2])
    return names, facts, rows


def best_threshold(rows, gold):
    """The one threshold that gives the best F1, and that F1."""
    rows = sorted(rows, key=lambda r: -r[2])
    right, best = 0, (0.0, 1.0)
    for count, row in enumerate(rows, 1):
        right += row[3]
        best = max(best, (200 * right / (count + gold), row[2]))
    return best


def report(net, groups, pieces, say=print):
    """One line for each group of documents."""
    for name, documents in groups.items():
        names, facts, rows = evaluate(net, documents, pieces)
        line = f"{name:14}"
        if names.gold:
            kinds = " ".join(f"{schema.TYPES[k][:4]} {names.of([k])[2]:.1f}" for k in sorted(names.gold))
            p, r, f, _ = names.of(SHOWN)
            line += f" PER/ORG/LOC P {p:.1f} R {r:.1f} F {f:.1f} [{kinds}]"
        if facts.gold:
            p, r, f, gold = facts.of()
            best = best_threshold(rows, gold)
            line += f" | relations P {p:.1f} R {r:.1f} F {f:.1f} ({gold}), best {best[0]:.1f} at {best[1]:.2f}"
        say(line)
