"""
Makes the graphs of Whisper tiny.en in the box leaner, to the same numbers.

    python lean_whisper.py ENCODER DECODER OUTPUT

Writes `encoder.int8.onnx` and `decoder.int8.onnx` into the folder OUTPUT. The weights stay as they are. What changes:

- The decoder put each new key and value into its caches by ScatterND, which copies the whole cache; now what was there
  before and what is new are concatenated, and no room is kept for all the tokens that there might be.
- The decoder scaled the keys, and laid out keys and values of the audio by heads, again for each token and layer; now the
  encoder does both, once an utterance. So neither works with the other one as it was.
- The encoder attended with all heads at once, whose scores are 54 MB for 30 s of audio; now with one head after the other.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, helper, numpy_helper

from packages import sha256

LAYERS, HEADS, HEAD_SIZE = 4, 6, 64
CACHE_STEP = 64
"""The caches of the decoder are as long as a multiple of this, in tokens."""


class Graph:
    """A graph that nodes are added to and taken from."""

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(str(path))
        self.nodes: list[NodeProto] = list(self.graph.node)

    @property
    def graph(self) -> GraphProto:
        return self.model.graph

    def named(self, name: str) -> NodeProto:
        return next(node for node in self.nodes if node.name == name)

    def maker(self, value: str) -> NodeProto:
        """The node that a value comes from."""
        return next(node for node in self.nodes if value in node.output)

    def constant(self, name: str, value: list[int] | int | np.ndarray) -> str:
        array = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"lean_{output}", **attributes))
        return output

    def replace(self, old: NodeProto, kind: str, inputs: list[str], **attributes: object) -> None:
        """Lets another node give what `old` gave."""
        self.nodes.remove(old)
        self.add(kind, inputs, old.output[0], **attributes)

    def save(self, path: Path) -> None:
        """Writes what the outputs need, in the order of need."""
        makers = {value: node for node in self.nodes for value in node.output}
        ordered: list[NodeProto] = []
        seen: set[int] = set()
        pending = [(makers[output.name], False) for output in self.graph.output]
        while pending:
            node, ready = pending.pop()
            if ready:
                ordered.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                pending.append((node, True))
                pending.extend((makers[value], False) for value in node.input if value in makers)
        used = {value for node in ordered for value in node.input}
        kept = [value for value in self.graph.initializer if value.name in used]
        before = len(self.graph.node)
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(ordered)
        self.graph.initializer.extend(kept)
        onnx.checker.check_model(self.model)
        onnx.save(self.model, str(path))
        print(f"{path.name}  {before} nodes before, {len(ordered)} now")
        print(f"{path.name}  {path.stat().st_size} bytes  SHA-256 {sha256(path.read_bytes())}")


def concatenate_caches(decoder: Graph) -> None:
    add, constant = decoder.add, decoder.constant
    first, axis = constant("lean_first", [0]), constant("lean_axis", [2])
    shape = add("Shape", ["tokens"], "lean_tokens_shape")
    count = add("Gather", [shape, constant("lean_one", [1])], "lean_count")
    until = add("Add", ["offset", count], "lean_until")
    # Of few lengths, since onnxruntime keeps a plan for each shape that it has seen.
    step = constant("lean_step", [CACHE_STEP])
    steps = add("Div", [add("Add", [until, constant("lean_step_less", [CACHE_STEP - 1])], "lean_up"), step], "lean_steps")
    unused = add("Sub", [add("Mul", [steps, step], "lean_whole"), until], "lean_unused")
    ends = [constant("lean_before", [LAYERS, 1]), unused, constant("lean_behind", [HEADS * HEAD_SIZE])]
    rest = add("ConstantOfShape", [add("Concat", ends, "lean_rest_shape", axis=0)], "lean_rest")
    for kind, suffix in (("k", ""), ("v", "_1")):
        cache, output = f"in_n_layer_self_{kind}_cache", f"out_n_layer_self_{kind}_cache"
        past = add("Slice", [cache, first, "offset", axis], f"lean_{kind}_past")
        fresh = []
        for layer in range(LAYERS):
            scatter = decoder.named(f"/blocks.{layer}/attn/ScatterND{suffix}")
            new = decoder.maker(decoder.maker(scatter.input[2]).input[0]).input[0]
            mine = add("Gather", [past, constant(f"lean_{kind}_{layer}", layer)], f"lean_{kind}_past_{layer}", axis=0)
            decoder.replace(scatter, "Concat", [mine, new], axis=1)
            fresh.append(add("Unsqueeze", [new, first], f"lean_{kind}_new_{layer}"))
        stacked = add("Concat", fresh, f"lean_{kind}_new", axis=0)
        decoder.replace(decoder.maker(output), "Concat", [past, stacked, rest], axis=2)
        for value in (*decoder.graph.input, *decoder.graph.output):
            if value.name in (cache, output):
                value.type.tensor_type.shape.dim[2].dim_param = f"{value.name}_length"


def take_heads(decoder: Graph) -> None:
    """Lets the decoder take keys and values as {@link lay_out_heads} gives them."""
    keys = decoder.constant("lean_keys", [0, HEADS, HEAD_SIZE, -1])
    values = decoder.constant("lean_values", [0, HEADS, -1, HEAD_SIZE])
    for layer in range(LAYERS):
        inside = f"/blocks.{layer}/cross_attn"
        key, value = (decoder.named(f"{inside}/Reshape_{part}").input[0] for part in (1, 2))
        decoder.replace(decoder.named(f"{inside}/Transpose_3"), "Reshape", [key, keys])
        decoder.replace(decoder.named(f"{inside}/Transpose_2"), "Reshape", [value, values])


def lay_out_heads(encoder: Graph) -> None:
    """Scales the keys as attention does, and lays out keys and values by heads, under the shapes they had."""
    add = encoder.add
    heads = encoder.constant("lean_heads", [0, 0, 0, HEADS, HEAD_SIZE])
    scale = encoder.constant("lean_scale", np.array(np.float32(HEAD_SIZE) ** np.float32(-0.25), np.float32))
    for output, order, scaled in (("n_layer_cross_k", [0, 1, 3, 4, 2], True), ("n_layer_cross_v", [0, 1, 3, 2, 4], False)):
        stack = encoder.maker(output)
        laid = []
        # Before they are stacked, so that there are not all of them several times.
        for layer, plain in enumerate(stack.input):
            name = f"{output}_{layer}"
            shape = add("Shape", [plain], f"{name}_shape")
            source = add("Mul", [plain, scale], f"{name}_scaled") if scaled else plain
            by_head = add("Transpose", [add("Reshape", [source, heads], f"{name}_heads")], f"{name}_turned", perm=order)
            laid.append(add("Reshape", [by_head, shape], f"{name}_laid"))
        encoder.replace(stack, "Concat", laid, axis=0)


def attend_by_head(encoder: Graph) -> None:
    """Attends with one head after the other, so that the scores of one are kept at a time."""
    add = encoder.add
    for layer in range(LAYERS):
        inside = f"/audioEncoder/blocks.{layer}/attn"
        together = encoder.named(f"{inside}/MatMul_1")
        query, key = encoder.named(f"{inside}/MatMul").input
        parts = []
        for kind, value in (("query", query), ("key", key), ("value", together.input[1])):
            outputs = [f"{layer}_{kind}_{head}" for head in range(HEADS)]
            encoder.nodes.append(helper.make_node("Split", [value], outputs, name=f"lean_{layer}_{kind}", axis=1))
            parts.append(outputs)
        attended = []
        for head, (one_query, one_key, one_value) in enumerate(zip(*parts)):
            scores = add("MatMul", [one_query, one_key], f"{layer}_scores_{head}")
            weights = add("Softmax", [scores], f"{layer}_weights_{head}", axis=-1)
            attended.append(add("MatMul", [weights, one_value], f"{layer}_attended_{head}"))
        encoder.replace(together, "Concat", attended, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[1])
    for name in ("encoder", "decoder", "output"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    encoder, decoder = Graph(arguments.encoder), Graph(arguments.decoder)
    lay_out_heads(encoder)
    attend_by_head(encoder)
    encoder.save(arguments.output / "encoder.int8.onnx")
    concatenate_caches(decoder)
    take_heads(decoder)
    decoder.save(arguments.output / "decoder.int8.onnx")


if __name__ == "__main__":
    main()
