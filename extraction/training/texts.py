"""The data sets, cut into the words that the reader itself will see.

A `Sentence` holds words with their case shapes and name-list flags, the spans annotated in it, and the relations between
them; a `Document` its sentences. Everything is cut by `kgl-train tokens`, so that training and use agree.
"""

import collections
import dataclasses
import hashlib
import json
import pathlib
import subprocess

import schema

HELD_OUT = 10
"""One document in so many is kept out of training when measuring."""


@dataclasses.dataclass
class Sentence:
    words: list          # the words as written
    flags: list          # name-list flags of each, 24 bits
    spans: list          # (first word, word after the last, frozenset of type indexes, is a pronoun)
    relations: list      # (head span, tail span, relation index)
    judged: set          # indexes of the relations that the set would have named; None is all of them
    text: str = ""
    places: list = dataclasses.field(default_factory=list)   # (start, end) of each word in `text`, in characters
    lost: int = 0        # relations whose ends could not be laid on words


@dataclasses.dataclass
class Document:
    corpus: str
    held_out: bool
    forms: list          # the same sentences, joined in two ways: [[Sentence], [Sentence]]


def natural(tokens):
    """Tokens as running text, and the place of each."""
    text, places, glue, quoted = "", [], True, False
    for index, token in enumerate(tokens):
        closes = token in (",", ".", ";", ":", "!", "?", ")", "]", "}", "%", "'s", "n't", "'") or (
            token.startswith("'") and len(token) <= 3)
        quote = token in ('"', "''", "``")
        dash = token == "-" and 0 < index < len(tokens) - 1
        if not (glue or closes or dash or (quote and quoted)):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
        glue = token in ("(", "[", "{", "$", "£", "€") or dash or (quote and not quoted)
        quoted ^= quote
    return text, places


def spaced(tokens):
    """Tokens one space apart, as the sets themselves print them."""
    text, places = "", []
    for token in tokens:
        text += " " if text else ""
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places


class Cutter:
    """Cuts texts by the project's own tokeniser, all in one go."""

    def __init__(self, program, lexicon):
        self.program, self.lexicon, self.texts = program, lexicon, []

    def add(self, text):
        self.texts.append(text)
        return len(self.texts) - 1

    def cut(self):
        lines = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in self.texts)
        done = subprocess.run([str(self.program), "tokens", str(self.lexicon)], input=lines.encode(), check=True,
                              stdout=subprocess.PIPE)
        rows = done.stdout.decode().splitlines()
        assert len(rows) == len(self.texts)
        return [[token for sentence in json.loads(row) for token in sentence] for row in rows]


def _lay(text, tokens, spans, relations, judged):
    """A sentence from tokens and spans in characters; a span that cuts through a token is lost."""
    words = [text[a:b] for a, b, _ in tokens]
    starts, ends = {a: i for i, (a, _, _) in enumerate(tokens)}, {b: i + 1 for i, (_, b, _) in enumerate(tokens)}
    laid, index, taken = [], {}, [False] * len(tokens)
    for number, (start, end, types, pronoun) in sorted(enumerate(spans), key=lambda s: s[1][0] - s[1][1]):
        first, last = starts.get(start), ends.get(end)
        if first is None or last is None or last <= first or any(taken[first:last]):
            continue
        taken[first:last] = [True] * (last - first)
        index[number] = len(laid)
        laid.append((first, last, types, pronoun))
    kept = [(index[h], index[t], r) for h, t, r in relations if h in index and t in index and h != t]
    return Sentence(words, [f for _, _, f in tokens], laid, sorted(set(kept)), judged, text,
                    [(a, b) for a, b, _ in tokens], len(relations) - len(kept))


def _relations(rows):
    out = []
    for head, tail, name in rows:
        ours = schema.PROPERTIES.get(name)
        if ours:
            out.append((tail, head, ours[0]) if ours[1] else (head, tail, ours[0]))
    return out


def load(folder, program, lexicon, names, made=()):
    """The documents of the sets whose file names begin with one of `names`, and one for each of the rows `made`."""
    cutter = Cutter(program, lexicon)
    rows = list(_rows(made, "newswire", "newswire", cutter))
    for path in sorted(p for p in pathlib.Path(folder).rglob("*.jsonl") if p.name.startswith(tuple(names))):
        corpus = path.name.split("_")[0]
        if corpus == "knowledgenet":
            rows += _passages(path, cutter)
        else:
            rows += _sentences(path, corpus, cutter)
    cut = cutter.cut()
    documents = collections.OrderedDict()
    for corpus, key, held_out, forms in rows:
        document = documents.setdefault((corpus, key), Document(corpus, held_out, [[], []]))
        for form, (text, number, spans, relations, judged) in zip(document.forms, forms):
            form.append(_lay(text, cut[number], spans, relations, judged))
    return list(documents.values())


def _sentences(path, corpus, cutter):
    rows = map(json.loads, path.read_text().splitlines())
    yield from _rows(rows, path.name, corpus, cutter)


def _rows(rows, name, corpus, cutter):
    for number, row in enumerate(rows):
        if not row["tokens"]:
            continue
        key = row["doc"] if "doc" in row else (name, number)
        held_out = (row["doc"] if "doc" in row else number) % HELD_OUT == HELD_OUT - 1
        if corpus == "newswire" or corpus in ("crossner", "wnut17") and "_dev" not in name:
            held_out = False
        relations, forms = _relations(row.get("rels", [])), []
        for join in (natural, spaced):
            text, places = join(row["tokens"])
            spans = []
            for a, b, kind in row["ents"]:
                types = schema.types_of(kind, [t.lower() for t in row["tokens"][a:b]])
                spans.append((places[a][0], places[b - 1][1], frozenset(schema.TYPES.index(t) for t in types), False))
            named = {i for i, span in enumerate(spans) if span[2]}
            kept = [(h, t, r) for h, t, r in relations if h in named and t in named]
            # A number is no name; its place in the list stays, for relations to skip.
            spans = [s if s[2] else (-1, -1, s[2], False) for s in spans]
            forms.append((text, cutter.add(text), spans, kept, None if corpus == "redocred" else set()))
        yield corpus, key, held_out, forms


def _passages(path, cutter):
    passages = collections.OrderedDict()
    for line in path.read_text().splitlines():
        fact = json.loads(line)
        passages.setdefault((fact["doc"], fact["passage"]), []).append(fact)
    for (doc, passage), facts in passages.items():
        text, spans, index, rows = facts[0]["text"], [], {}, []
        for fact in facts:
            ends = []
            for (start, end), kind in zip((fact["s"], fact["o"]), schema.FACT_TYPES[fact["rel"]]):
                # Genitives belong to the sentence, not to the name.
                while end - start > 2 and text[start:end].endswith(("'s", "’s", "'", ",")):
                    end -= 2 if text[start:end].endswith(("'s", "’s")) else 1
                words = text[start:end].lower().split()
                pronoun = len(words) == 1 and words[0] in schema.PERSON_PRONOUNS | schema.OTHER_PRONOUNS
                pronoun = pronoun or not any(c.isupper() or c.isdigit() for c in text[start:end])
                types = ["demonym"] if kind == "location" and len(words) == 1 and words[0] in schema.DEMONYMS else [kind]
                if (start, end) not in index:
                    index[start, end] = len(spans)
                    spans.append((start, end, frozenset(schema.TYPES.index(t) for t in types), pronoun))
                ends.append(index[start, end])
            rows.append((ends[0], ends[1], fact["rel"]))
        relations = _relations(rows)
        number = cutter.add(text)
        held_out = int(doc) % HELD_OUT == HELD_OUT - 1
        form = (text, number, spans, relations, {r for _, _, r in relations})
        yield "knowledgenet", (doc, passage), held_out, [form, form]


def checksums(folder):
    """SHA-256 of each text of a folder, by file name."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(pathlib.Path(folder).rglob("*.*"))}
