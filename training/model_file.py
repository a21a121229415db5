"""models/voices.bin: a line of JSON, then weights, means and variances in single precision."""

import json
import pathlib

import numpy as np

from mixture import Mixture

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / 'models/voices.bin'


def write_model(path, header, mixture):
    numbers = np.concatenate([x.ravel() for x in (mixture.weights, mixture.means, mixture.variances)])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(json.dumps(header).encode() + b'\n' + numbers.astype('<f4').tobytes())


def read_model(path):
    """Header and mixture."""
    line, numbers = path.read_bytes().split(b'\n', 1)
    header = json.loads(line)
    components, size = header['components'], header['size']
    weights, means, variances = np.split(np.frombuffer(numbers, '<f4'), [components, components * (1 + size)])
    return header, Mixture(weights, means.reshape(-1, size), variances.reshape(-1, size))
