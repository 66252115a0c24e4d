"""Writes the trained reader as two ONNX graphs, `reader.onnx` and `relations.onnx`, in 32-bit floats."""

import argparse
import pathlib

import torch
import torch.nn as nn

import model


class Front(nn.Module):
    """Word embeddings of pieces to states and scores of labels. `known` holds the name lists as 24 numbers a piece."""

    def __init__(self, net):
        super().__init__()
        self.encoder, self.tagger = net.encoder, net.tagger

    def forward(self, words, shapes, known, mask):
        e = self.encoder
        x = words + (e.position.weight[: words.shape[1]] + e.kind) + e.shape(shapes) + e.flag(known)
        x = e.norm(x)
        bias = ((1 - mask).to(x.dtype) * -1e9)[:, None, None, :]
        for layer in e.layers:
            x = layer(x, bias)
        return x, self.tagger(x)


def load(weights, package):
    net = model.Reader(package)
    missing, unexpected = net.load_state_dict(torch.load(weights), strict=False)
    assert not unexpected and all(name.startswith(("encoder.word", "encoder.position")) for name in missing)
    return net.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    opt = parser.parse_args()
    net, out = load(opt.weights, opt.model), pathlib.Path(opt.out)
    ints = lambda *shape: torch.ones(shape, dtype=torch.int32)  # noqa: E731
    texts = {0: "batch", 1: "pieces"}
    torch.onnx.export(
        Front(net), (torch.zeros(2, 16, model.WIDTH), ints(2, 16), torch.zeros(2, 16, model.FLAGS), ints(2, 16)), str(out / "reader.onnx"),
        input_names=["words", "shapes", "known", "mask"], output_names=["states", "tags"],
        dynamic_axes={n: texts for n in ("words", "shapes", "known", "mask", "states", "tags")},
        opset_version=18, dynamo=False)
    pairs = {0: "windows", 1: "pairs"}
    torch.onnx.export(
        net.pairs, (torch.randn(2, 16, model.WIDTH), ints(5, model.SPAN_PIECES), ints(5), ints(2, 7), ints(2, 7),
                    ints(2, 7), ints(2, 7, 16)), str(out / "relations.onnx"),
        input_names=["states", "spans", "roles", "heads", "tails", "distances", "regions"], output_names=["scores"],
        dynamic_axes={"states": {0: "windows", 1: "pieces"}, "spans": {0: "mentions"}, "roles": {0: "mentions"},
                      "heads": pairs, "tails": pairs, "distances": pairs, "scores": pairs,
                      "regions": {0: "windows", 1: "pairs", 2: "pieces"}},
        opset_version=18, dynamo=False)


if __name__ == "__main__":
    main()
