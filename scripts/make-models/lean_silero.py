"""
Makes the graph of Silero VAD leaner: for 16 kHz alone, without its branches.

    python lean_silero.py SILERO OUTPUT

Writes `silero_vad.onnx` into the folder OUTPUT. The published graph has a branch for each sampling rate, finds out anew for
each window of 32 ms how its inputs are shaped, and does convolutions over at most four steps, for which onnxruntime has no
quick way. Here those steps are the rows of a matrix. The weights, and what is computed with them, stay as they are; `sr` is
still an input, and means nothing.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from packages import sha256

SIZE = 128
"""Numbers in the state of the LSTM."""
BINS = 129
"""Of the spectrum of a window of 256 samples."""


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """The weights for 16 kHz, by what they are called in the network."""
    choice = next(node for node in onnx.load(str(path)).graph.node if node.op_type == "If")
    branch = next(attribute.g for attribute in choice.attribute if attribute.name == "then_branch")
    return {
        node.output[0].split("__")[-1]: numpy_helper.to_array(node.attribute[0].t)
        for node in branch.node
        if node.op_type == "Constant"
    }


def as_onnx(rows: np.ndarray) -> np.ndarray:
    """Rows for input, forget, cell and output gate in the order that ONNX wants: input, output, forget, cell."""
    i, f, c, o = np.split(rows, 4)
    return np.concatenate([i, o, f, c])


def build(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind: str, inputs: list[str], outputs: str, **attributes: object) -> list[str]:
        names = outputs.split()
        nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def dense(source: str, kernel: np.ndarray, name: str, bias: np.ndarray) -> str:
        """Rows times a matrix [in, out], and no less than 0."""
        (product,) = add("MatMul", [source, constant(f"{name}_weight", kernel)], f"{name}_product")
        (score,) = add("Add", [product, constant(f"{name}_bias", bias)], f"{name}_score")
        return add("Relu", [score], name)[0]

    def kernel_of(layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Its weights as [tap, in, out], and its bias."""
        name = f"encoder.{layer}.reparam_conv"
        return weights[f"{name}.weight"].transpose(2, 1, 0), weights[f"{name}.bias"]

    def convolve(source: str, layer: int, rows: list[list[int]]) -> str:
        """A convolution over the rows of `source`, which has a row of zeros at its end, for each place of the kernel."""
        kernel, bias = kernel_of(layer)
        (taken,) = add("Gather", [source, constant(f"rows_{layer}", np.array(rows, np.int64))], f"taken_{layer}", axis=0)
        shape = constant(f"shape_{layer}", np.array([len(rows), -1], np.int64))
        (side_by_side,) = add("Reshape", [taken, shape], f"input_{layer}")
        return dense(side_by_side, kernel.reshape(-1, kernel.shape[2]), f"encoded_{layer}", bias)

    def with_zeros(source: str, width: int) -> str:
        row = constant(f"{source}_zeros", np.zeros((1, width), np.float32))
        return add("Concat", [source, row], f"{source}_padded", axis=0)[0]

    # Four windows of 256 samples every 128, the last 64 samples mirrored behind the end.
    samples = np.concatenate([np.arange(576), np.arange(574, 510, -1)])
    windows = np.stack([samples[at : at + 256] for at in range(0, 512, 128)])
    add("Gather", ["input", constant("windows", windows)], "taken", axis=1)
    add("Reshape", ["taken", constant("windows_shape", np.array([4, 256], np.int64))], "waves")
    add("MatMul", ["waves", constant("basis", weights["stft.forward_basis_buffer"][:, 0].T)], "spectrum")
    add("Split", ["spectrum", constant("halves", np.array([BINS, BINS], np.int64))], "real imaginary", axis=1)
    add("Mul", ["real", "real"], "real_squared")
    add("Mul", ["imaginary", "imaginary"], "imaginary_squared")
    add("Add", ["real_squared", "imaginary_squared"], "power")
    add("Sqrt", ["power"], "magnitude")
    first = convolve(with_zeros("magnitude", BINS), 0, [[4, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]])
    second = convolve(with_zeros(first, SIZE), 1, [[4, 0, 1], [1, 2, 3]])
    # Of two rows one is left, and then the taps beside it meet nothing but zeros.
    kernel, bias = kernel_of(2)
    (both,) = add("Reshape", [second, constant("one_row", np.array([1, -1], np.int64))], "both")
    third = dense(both, kernel[1:].reshape(-1, kernel.shape[2]), "encoded_2", bias)
    kernel, bias = kernel_of(3)
    heard = dense(third, kernel[1], "encoded_3", bias)
    add("Unsqueeze", [heard, constant("first_axis", np.array([0], np.int64))], "step")
    add("Split", ["state", constant("one_each", np.array([1, 1], np.int64))], "hidden cell", axis=0)
    parts = ("ih", "hh")
    gates = [constant(f"lstm_{part}", as_onnx(weights[f"decoder.rnn.weight_{part}"])[np.newaxis]) for part in parts]
    biases = np.concatenate([as_onnx(weights[f"decoder.rnn.bias_{part}"]) for part in parts])[np.newaxis]
    memory = ["", "hidden", "cell"]
    given = ["step", *gates, constant("lstm_bias", biases), *memory]
    add("LSTM", given, "steps hidden_now cell_now", hidden_size=SIZE)
    add("Concat", ["hidden_now", "cell_now"], "stateN", axis=0)
    add("Reshape", ["hidden_now", constant("row", np.array([1, SIZE], np.int64))], "hidden_row")
    last = constant("last_weight", weights["decoder.decoder.2.weight"].reshape(1, SIZE).T)
    add("Relu", ["hidden_row"], "active")
    add("MatMul", ["active", last], "weighed")
    add("Add", ["weighed", constant("last_bias", weights["decoder.decoder.2.bias"])], "score")
    add("Sigmoid", ["score"], "output")

    def value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    inputs = [
        value("input", [1, 576]),
        value("state", [2, 1, SIZE]),
        value("sr", [], TensorProto.INT64),
    ]
    outputs = [value("output", [1, 1]), value("stateN", [2, 1, SIZE])]
    graph = helper.make_graph(nodes, "silero_vad", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    for name in ("silero", "output"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = build(weights_of(arguments.silero))
    onnx.checker.check_model(model)
    path = arguments.output / "silero_vad.onnx"
    onnx.save(model, str(path))
    print(f"{path.name}  {path.stat().st_size} bytes  SHA-256 {sha256(path.read_bytes())}")


if __name__ == "__main__":
    main()
