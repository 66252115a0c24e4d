"""Rounds the weights of ONNX graphs to 8-bit integers with a scale a column: `quantize.py GRAPH... --out FOLDER`.

The integers stand behind a `DequantizeLinear`, which the engine folds into floats when it loads the graph: a quarter of
the size, and the arithmetic of floats.
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import helper, numpy_helper

SMALLEST = 4096
"""Numbers of the smallest weight that is worth rounding."""


def axis_of(node, place):
    """Along which axis a weight's scales lie: a matrix's outputs, a table's rows; None for other weights."""
    if node.op_type == "MatMul" and place == 1:
        return 1
    if node.op_type == "Gemm" and place == 1:
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return 0 if node.op_type == "Gather" and place == 0 else None


def rounded(weight, axis):
    other = tuple(a for a in range(weight.ndim) if a != axis)
    scale = np.maximum(np.abs(weight).max(axis=other), 1e-12).astype(np.float32) / np.float32(127)
    shape = [1] * weight.ndim
    shape[axis] = -1
    return np.clip(np.rint(weight / scale.reshape(shape)), -127, 127).astype(np.int8), scale


def quantise(graph):
    """Rounds in place; answers the largest error relative to its column's largest weight."""
    weights = {w.name: w for w in graph.initializer}
    users, nodes, worst = {}, [], 0.0
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in weights:
                users.setdefault(name, []).append((node, place))
    for name, used in users.items():
        weight = numpy_helper.to_array(weights[name])
        axes = {axis_of(node, place) for node, place in used}
        if weight.dtype != np.float32 or weight.ndim != 2 or weight.size < SMALLEST or len(axes) != 1 or None in axes:
            continue
        axis = axes.pop()
        whole, scale = rounded(weight, axis)
        shape = [1, 1]
        shape[axis] = -1
        back = whole * scale.reshape(shape)
        worst = max(worst, float(np.abs((back - weight) / (scale.reshape(shape) * 127)).max()))
        graph.initializer.remove(weights[name])
        zero = np.zeros(scale.shape, dtype=np.int8)
        graph.initializer.extend([numpy_helper.from_array(whole, name + ".int8"),
                                  numpy_helper.from_array(scale, name + ".scale"),
                                  numpy_helper.from_array(zero, name + ".zero")])
        nodes.append(helper.make_node("DequantizeLinear", [name + ".int8", name + ".scale", name + ".zero"], [name],
                                      name=name + ".floats", axis=axis))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graphs", nargs="+")
    parser.add_argument("--out", required=True)
    opt = parser.parse_args()
    for path in map(pathlib.Path, opt.graphs):
        model = onnx.load(str(path))
        worst = quantise(model.graph)
        # Names of the exporting machine's files have no place in the result.
        model.doc_string = model.graph.doc_string = ""
        for node in model.graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        onnx.checker.check_model(model)
        out = pathlib.Path(opt.out) / path.name
        onnx.save(model, str(out))
        print(f"{out.name}: {path.stat().st_size:,} bytes to {out.stat().st_size:,}, largest error {worst:.4f}")


if __name__ == "__main__":
    main()
