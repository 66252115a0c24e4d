"""Writes ONNX files without any package: as much of the format as the encoder's graph needs.

ONNX is protocol buffers; the numbers below are the field numbers of its published schema (onnx.proto).
"""

import struct

FLOAT, INT8, INT32, INT64 = 1, 3, 6, 7
OPSET, IR_VERSION = 20, 9


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def integer(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def block(field: int, content: "bytes | str") -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def attribute(name: str, value: "int | float | list[int]") -> bytes:
    if isinstance(value, float):
        return block(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + integer(20, 1)
    if isinstance(value, int):
        return block(1, name) + integer(3, value) + integer(20, 2)
    return block(1, name) + b"".join(integer(8, number) for number in value) + integer(20, 7)


def value_info(name: str, kind: int, shape: "list[int | str]") -> bytes:
    dims = [block(1, block(2, size) if isinstance(size, str) else integer(1, size)) for size in shape]
    return block(1, name) + block(2, block(1, integer(1, kind) + block(2, b"".join(dims))))


class Graph:
    """Nodes and constants in the order in which they were added; every node has one result, which it is named after."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: "list[bytes]" = []
        self.names = 0

    def fresh(self, hint: str) -> str:
        self.names += 1
        return f"{hint}_{self.names}"

    def node(self, kind: str, inputs: "list[str]", name: "str | None" = None, **attributes: "int | float | list[int]") -> str:
        name = name or self.fresh(kind.lower())
        content = [block(1, source) for source in inputs] + [block(2, name), block(3, name), block(4, kind)]
        content += [block(5, attribute(key, value)) for key, value in attributes.items()]
        self.parts.append(block(1, b"".join(content)))
        return name

    def constant(self, name: str, kind: int, shape: "list[int]", raw: bytes) -> str:
        """`raw`: little endian, row by row."""
        content = b"".join(integer(1, size) for size in shape) + integer(2, kind) + block(8, name) + block(9, raw)
        self.parts.append(block(5, content))
        return name

    def model(self, inputs: "list[bytes]", outputs: "list[bytes]") -> bytes:
        ends = [block(11, given) for given in inputs] + [block(12, result) for result in outputs]
        graph = b"".join(self.parts + [block(2, self.name)] + ends)
        return integer(1, IR_VERSION) + block(2, "kgl") + block(7, graph) + block(8, block(1, "") + integer(2, OPSET))
