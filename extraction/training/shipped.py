"""Reads weights back from the committed graphs, so that a training can start where the shipped reader stands."""

import pathlib

import numpy as np
import onnx
import torch
from onnx import numpy_helper


def _floats(graph):
    """Name to array, of all weights of a graph; rounded ones as the floats that they stand for."""
    out = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in out:
            scale, axis = out[node.input[1]], next(a.i for a in node.attribute if a.name == "axis")
            shape = [1] * out[node.input[0]].ndim
            shape[axis] = -1
            out[node.output[0]] = out[node.input[0]].astype(np.float32) * scale.reshape(shape)
    return out


def _named(graph):
    """Weights by the names that the networks of model.py give them.

    The export leaves a matrix without its name; the bias that is added to its product tells whose it is.
    """
    known = _floats(graph)
    inner = (".int8", ".scale", ".zero")
    out = {name: value for name, value in known.items() if "::" not in name and not name.endswith(inner)}
    added = {}
    for node in graph.node:
        if node.op_type == "Add":
            for name, other in (node.input, reversed(node.input)):
                if name in known and name.endswith(".bias"):
                    added[other] = name.removesuffix(".bias")
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in known:
            owner = added.get(node.output[0], "encoder.flag" if known[node.input[1]].shape[0] == 24 else None)
            if owner:
                out[owner + ".weight"] = known[node.input[1]].T
        # The regions' preferences went out with the fixed one of padding behind them.
        if node.op_type == "Gather" and known.get(node.input[0], np.empty(0)).shape == (8, 6):
            out["region.weight"] = known[node.input[0]]
    return {name: torch.from_numpy(np.array(value)) for name, value in out.items() if value.dtype == np.float32}


def load(folder):
    """State of a model.Reader from `reader.onnx` and `relations.onnx`; word embeddings are not among it."""
    graphs = [onnx.load(str(pathlib.Path(folder) / name)).graph for name in ("reader.onnx", "relations.onnx")]
    front, pairs = map(_named, graphs)
    return front | {name if name.startswith("pairs.") else "pairs." + name: value for name, value in pairs.items()}


def start(net, folder):
    """Lets a network begin with the shipped weights wherever names and shapes agree; answers the names left out."""
    own, given = net.state_dict(), load(folder)
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    net.load_state_dict(fitting, strict=False)
    return sorted(name for name in own if name not in fitting)
