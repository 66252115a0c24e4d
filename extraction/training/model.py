"""The reader: a MiniLM encoder that sees capitals and name lists, a tagger on it, and a head for pairs of mentions.

The encoder is MiniLM-L6 (Wang et al. 2020, arXiv:2002.10957) as published for sentence embeddings. Its word and position
embeddings stay as they are. It is uncased, so each word's case shape and name lists are added as learnt embeddings.
"""

import math
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

import schema

WIDTH, HEADS, LAYERS, INNER, VOCABULARY, POSITIONS = 384, 12, 6, 1536, 30522, 512
SHAPES = 12
FLAGS = 24
SPAN_PIECES = 8
"""Pieces of a mention that are looked at: of longer ones the first half and the last half of so many."""
REGIONS = 8
DISTANCES = 14
PAD_REGION = REGIONS - 1


class Dropout(nn.Module):
    """Dropout from a pool of random bits: drawing them anew costs more on a CPU than the layers themselves."""

    POOL = 1 << 23

    def __init__(self, share):
        super().__init__()
        self.share, self.pool = share, None

    def forward(self, x):
        if not self.training:
            return x
        if self.pool is None:
            self.pool = (torch.rand(self.POOL) >= self.share).to(torch.bfloat16) / (1 - self.share)
        start = int(torch.randint(self.POOL - x.numel(), (1,)))
        return x * self.pool[start : start + x.numel()].view(x.shape).to(x.dtype)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, INNER)
        self.down = nn.Linear(INNER, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.drop = Dropout(0.1)

    def forward(self, x, bias):
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        # Written out: the fused kernel's way back is slower than the rest of the layer on a CPU.
        scores = (q * (1 / math.sqrt(WIDTH // HEADS))) @ k.transpose(-1, -2) + bias
        a = scores.softmax(-1).to(v.dtype) @ v
        a = a.transpose(1, 2).reshape(batch, length, WIDTH)
        x = self.norm1(x + self.drop(self.out(a)))
        return self.norm2(x + self.drop(self.down(F.gelu(self.up(x)))))


class Encoder(nn.Module):
    """`words`, `shapes` [B, L] integers, `flags` [B, L] 24 bits each, `mask` [B, L] booleans → states [B, L, 384]."""

    def __init__(self, folder):
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(POSITIONS, WIDTH)
        self.kind = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.shape = nn.Embedding(SHAPES, WIDTH)
        self.flag = nn.Linear(FLAGS, WIDTH, bias=False)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.drop = Dropout(0.1)
        nn.init.zeros_(self.shape.weight)
        nn.init.zeros_(self.flag.weight)
        self.register_buffer("bits", 2 ** torch.arange(FLAGS), persistent=False)
        self._start(load_file(str(pathlib.Path(folder) / "model.safetensors")))
        for part in (self.word, self.position):
            part.weight.requires_grad_(False)

    def _start(self, weights):
        get = lambda name: weights[name if name in weights else "bert." + name].float()  # noqa: E731
        self.word.weight.data = get("embeddings.word_embeddings.weight")
        self.position.weight.data = get("embeddings.position_embeddings.weight")
        self.kind.data = get("embeddings.token_type_embeddings.weight")[0].clone()
        self.norm.weight.data, self.norm.bias.data = (get(f"embeddings.LayerNorm.{p}") for p in ("weight", "bias"))
        for index, layer in enumerate(self.layers):
            for part, names in ((layer.qkv, ["attention.self.query", "attention.self.key", "attention.self.value"]),
                                (layer.out, ["attention.output.dense"]), (layer.norm1, ["attention.output.LayerNorm"]),
                                (layer.up, ["intermediate.dense"]), (layer.down, ["output.dense"]),
                                (layer.norm2, ["output.LayerNorm"])):
                for p in ("weight", "bias"):
                    getattr(part, p).data = torch.cat([get(f"encoder.layer.{index}.{n}.{p}") for n in names])

    def forward(self, words, shapes, flags, mask):
        bits = (flags[:, :, None].bitwise_and(self.bits) != 0).to(self.flag.weight.dtype)
        x = self.word(words) + self.position.weight[: words.shape[1]] + self.kind + self.shape(shapes) + self.flag(bits)
        x = self.drop(self.norm(x))
        if torch.is_autocast_enabled("cpu"):
            # The stream of states stays in half precision, or half the time would go into conversions.
            x = x.to(torch.bfloat16)
        bias = torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x


class Tagger(nn.Module):
    """States [B, L, 384] → scores of the labels [B, L, K]."""

    def __init__(self, labels):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)
        self.outer = nn.Linear(WIDTH, labels)
        self.drop = Dropout(0.2)

    def forward(self, states):
        return self.outer(self.drop(F.gelu(self.inner(states))))


class Pairs(nn.Module):
    """Which relations lead from one mention to another.

    A pair's question attends to the words of its window, with a learnt preference for each region (before, between,
    after, other sentences), in the manner of localised context (Zhou et al. 2021, arXiv:2010.11304) but learnt.

    states [S, L, 384]; spans [M, 8] places in S·L; roles [M]; heads, tails [S, P] mentions; distances [S, P];
    regions [S, P, L] → scores [S, P, R].
    """

    LOOKS, LOOK = 6, 48

    def __init__(self, relations, roles):
        super().__init__()
        looks = self.LOOKS * self.LOOK
        self.role = nn.Embedding(roles, 48)
        self.head = nn.Linear(WIDTH + 48, WIDTH)
        self.tail = nn.Linear(WIDTH + 48, WIDTH)
        self.ask = nn.Linear(WIDTH, looks)
        self.key = nn.Linear(WIDTH, looks)
        self.value = nn.Linear(WIDTH, looks)
        self.region = nn.Embedding(REGIONS, self.LOOKS)
        nn.init.zeros_(self.region.weight)
        self.context = nn.Linear(looks, WIDTH)
        self.distance = nn.Embedding(DISTANCES, WIDTH)
        nn.init.normal_(self.distance.weight, std=0.02)
        self.left, self.right = nn.Linear(WIDTH, 192), nn.Linear(WIDTH, 192)
        self.product = nn.Linear(192, WIDTH)
        self.inner = nn.Linear(WIDTH, WIDTH)
        self.outer = nn.Linear(WIDTH, relations)
        nn.init.constant_(self.outer.bias, -4.0)   # most pairs stand in no relation
        self.drop = Dropout(0.2)

    def forward(self, states, spans, roles, heads, tails, distances, regions):
        sentences, length, _ = states.shape
        mentions = states.reshape(-1, WIDTH)[spans].amax(1)
        mentions = self.drop(torch.cat([mentions, self.role(roles).to(mentions.dtype)], -1))
        head, tail = self.head(mentions), self.tail(mentions)
        left, right = self.left(head)[heads], self.right(tail)[tails]
        base = head[heads] + tail[tails] + self.distance(distances)
        pairs = base.shape[1]
        q = self.ask(base).view(sentences, pairs, self.LOOKS, self.LOOK).transpose(1, 2)
        k = self.key(states).view(sentences, length, self.LOOKS, self.LOOK).permute(0, 2, 3, 1)
        v = self.value(states).view(sentences, length, self.LOOKS, self.LOOK).transpose(1, 2)
        # The last region is padding; its preference is fixed.
        table = torch.cat([self.region.weight[:PAD_REGION], torch.full_like(self.region.weight[:1], -1e4)])
        scores = q @ k / math.sqrt(self.LOOK) + table[regions].permute(0, 3, 1, 2)
        seen = (scores.softmax(-1) @ v).transpose(1, 2).reshape(sentences, pairs, self.LOOKS * self.LOOK)
        x = F.gelu(base + self.context(seen) + self.product(left * right))
        x = F.gelu(self.inner(self.drop(x)))
        return self.outer(self.drop(x))


class Reader(nn.Module):
    def __init__(self, folder, labels=schema.LABELS, relations=len(schema.NAMES), roles=schema.ROLES):
        super().__init__()
        self.encoder, self.tagger, self.pairs = Encoder(folder), Tagger(labels), Pairs(relations, roles)


def shape(word):
    """The case shape of a word: 0 is none, for marks that no text holds."""
    letters = [c for c in word if c.isalpha()]
    if not letters:
        return 1 if word.isdigit() else 2 if any(c.isdigit() for c in word) else 3
    if any(c.isdigit() for c in word):
        return 4
    if all(c.isupper() for c in letters):
        return 5 if len(letters) == 1 else 6
    if word[0].isupper():
        return 7 if not any(c.isupper() for c in word[1:]) else 8
    return 9 if not any(c.isupper() for c in letters) else 10


def distance(head, tail):
    """Bucket of the signed distance in words between two mentions: (first, end)."""
    forward = tail[0] >= head[0]
    gap = max(0, tail[0] - head[1] if forward else head[0] - tail[1])
    bucket = gap if gap < 3 else min(6, int(math.log2(gap)) + 2)
    return bucket + (0 if forward else 7)


def span_pieces(first, last):
    """The `SPAN_PIECES` places that stand for pieces `first..last`; short spans repeat their last."""
    count = last - first
    if count <= SPAN_PIECES:
        return [min(first + i, last - 1) for i in range(SPAN_PIECES)]
    half = SPAN_PIECES // 2
    return [first + i for i in range(half)] + [last - half + i for i in range(half)]
