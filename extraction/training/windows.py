"""Windows of neighbouring sentences, as the encoder reads them: [CLS] sentence [SEP] sentence [SEP]."""

import dataclasses

import numpy as np
import torch

import model
import schema

CLS, SEP, UNKNOWN = 101, 102, 100
MAX_PIECES = 12
"""Pieces of a word that are read; the rest says little."""


class Pieces:
    """Words to pieces of the vocabulary, remembered."""

    def __init__(self, tokenizer):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer, self.known = tokenizer, {}

    def __call__(self, word):
        ids = self.known.get(word)
        if ids is None:
            ids = (self.tokenizer.encode(word, add_special_tokens=False).ids or [UNKNOWN])[:MAX_PIECES]
            self.known[word] = ids
        return ids


@dataclasses.dataclass
class Window:
    ids: list
    shapes: list
    flags: list
    starts: list       # for each sentence, the first piece of each word, and the piece after the last
    sentences: list    # texts.Sentence, possibly changed
    corpus: str

    def __len__(self):
        return len(self.ids)


def build(sentences, corpus, pieces):
    ids, shapes, flags, starts = [CLS], [0], [0], []
    for sentence in sentences:
        row = []
        for word, flag in zip(sentence.words, sentence.flags):
            row.append(len(ids))
            new = pieces(word)
            ids += new
            shapes += [model.shape(word)] * len(new)
            flags += [flag] * len(new)
        row.append(len(ids))
        starts.append(row)
        ids.append(SEP)
        shapes.append(0)
        flags.append(0)
    return Window(ids, shapes, flags, starts, sentences, corpus)


def cut(sentences, most, pieces):
    """Groups neighbouring sentences up to `most` pieces; a longer sentence stands alone (and is cut at 500)."""
    groups, size = [], 0
    for sentence in sentences:
        count = sum(len(pieces(word)) for word in sentence.words) + 1
        if not groups or size + count > most:
            groups.append([])
            size = 1
        groups[-1].append(sentence)
        size += count
    return groups


def collate(windows):
    length = max(len(w) for w in windows)
    rows = np.zeros((3, len(windows), length), dtype=np.int64)
    mask = np.zeros((len(windows), length), dtype=bool)
    for index, window in enumerate(windows):
        for row, values in zip(rows, (window.ids, window.shapes, window.flags)):
            row[index, : len(window)] = values
        mask[index, : len(window)] = True
    return [torch.from_numpy(r) for r in rows] + [torch.from_numpy(mask)]


def first_pieces(windows, length):
    """For each word of each window: its window·length + first piece, flat."""
    flat = [i * length + p for i, w in enumerate(windows) for row in w.starts for p in row[:-1]]
    return torch.tensor(flat, dtype=torch.long)


def allowed(window):
    """For each word the labels that its annotation leaves open: [words, LABELS] booleans."""
    missing = [schema.TYPES.index(t) for t in schema.MISSING[window.corpus]]
    rows = []
    for sentence in window.sentences:
        table = np.zeros((len(sentence.words), schema.LABELS), dtype=bool)
        table[:, 0] = True
        for kind in missing:
            table[:, 1 + 2 * kind] = table[:, 2 + 2 * kind] = True
        for first, last, types, pronoun in sentence.spans:
            if pronoun:
                table[first:last] = False
                table[first:last, 0] = True
                continue
            table[first:last] = False
            for kind in types:
                table[first, 1 + 2 * kind] = True
                table[first + 1 : last, 2 + 2 * kind] = True
        rows.append(table)
    return np.concatenate(rows)


@dataclasses.dataclass
class Asked:
    """Pairs of mentions of a batch, as the pair head takes them."""
    spans: torch.Tensor
    roles: torch.Tensor
    heads: torch.Tensor
    tails: torch.Tensor
    distances: torch.Tensor
    regions: torch.Tensor
    used: torch.Tensor
    keys: list          # for each window: (sentence, head mention, tail mention) of each pair


def ask(windows, mentions, pairs, length):
    """`mentions[w]`: (sentence, first word, end word, role); `pairs[w]`: (head, tail), indexes of one sentence's mentions."""
    spans, roles, base = [], [], []
    for index, (window, found) in enumerate(zip(windows, mentions)):
        base.append(len(spans))
        for sentence, first, last, role in found:
            row = window.starts[sentence]
            spans.append([index * length + p for p in model.span_pieces(row[first], row[last])])
            roles.append(role)
    most = max(1, max(len(p) for p in pairs))
    heads, tails, distances = (np.zeros((len(windows), most), dtype=np.int64) for _ in range(3))
    regions = np.full((len(windows), most, length), model.PAD_REGION, dtype=np.int64)
    used = np.zeros((len(windows), most), dtype=bool)
    for index, (window, found, asked) in enumerate(zip(windows, mentions, pairs)):
        for place, (head, tail) in enumerate(asked):
            h, t = found[head], found[tail]
            heads[index, place], tails[index, place] = base[index] + head, base[index] + tail
            distances[index, place] = model.distance(h[1:3], t[1:3])
            used[index, place] = True
            fill(regions[index, place], window, h, t)
        regions[index, len(asked):, 0] = 0
    t = torch.from_numpy
    return Asked(torch.tensor(spans or [[0] * model.SPAN_PIECES]), torch.tensor(roles or [0]), t(heads), t(tails),
                 t(distances), t(regions), t(used), None)


def fill(row, window, head, tail):
    """Regions of a pair: 0 other sentences, 1 before, 2 head, 3 between with the head first, 4 tail, 5 after, 6 between
    with the tail first, 7 padding."""
    starts = window.starts[head[0]]
    row[: len(window)] = 0
    a, b = (head, tail) if head[1] <= tail[1] else (tail, head)
    row[starts[0] : starts[a[1]]] = 1
    row[starts[a[2]] : starts[b[1]]] = 3 if a is head else 6
    row[starts[b[2]] : starts[-1]] = 5
    row[starts[head[1]] : starts[head[2]]] = 2
    row[starts[tail[1]] : starts[tail[2]]] = 4
