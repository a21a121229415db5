"""
Trains models/voices.bin: a Gaussian mixture of the cepstra of many voices, and how to read what it says of two stretches
of speech. Run: python3 training/train.py <folder with one FLAC file for each speaker>
[--calibration <bias> <cosine> <gain> <shorter> <longer>] [--narrowband <the same for speech by telephone>]
"""

import argparse
import json
import pathlib

import numpy as np

from calibration import NAMES, fit, pairs
from features import SIZE, cepstra, decode, speech_cepstra
from mixture import RELEVANCE, Mixture
from model_file import MODEL, ROOT, write_model

SEED = 7
COMPONENTS = 64
ITERATIONS = 12
# Pairs of each kind for one speaker.
DRAWS = 40
# Fitted to conversations sent through a telephone, not to these recordings: README.md.
NARROWBAND = [24.2, 3.9, -10.9, -7.0, -1.9]


def calibrate(random, mixture, recordings):
    same, different, equalised = pairs(random, mixture, recordings, DRAWS)
    rows = np.concatenate([same, different])
    one_voice = np.r_[np.ones(len(same)), np.zeros(len(different))]
    coefficients = fit(rows, one_voice)
    for name, chosen in (('as recorded', ~equalised), ('equalised', equalised)):
        missed = (same[chosen] @ coefficients <= 0).mean()
        confused = (different[chosen] @ coefficients > 0).mean()
        print(f'{name}: {100 * missed:.1f} % of one voice taken for two, {100 * confused:.1f} % of two for one')
    return dict(zip(NAMES, (round(float(value), 4) for value in coefficients)))


def reference_signal():
    """A saw-tooth whose pitch rises, and noise, in whole numbers only; the tests make the same."""
    phase, state, samples = 0, 1, []
    for i in range(16000):
        phase = (phase + 400 + i // 32) % 65536
        state = (1664525 * state + 1013904223) % 2**32
        samples.append((phase - 32768) // 4 + (state >> 21) - 1024)
    return np.array(samples, dtype=np.int16)


def reference(mixture):
    """What src/engine/voice-mixture.ts must find in the signal; of the longer lists every 16th number."""
    frames = cepstra(reference_signal())
    counts, sums = mixture.statistics(frames, np.ones((1, len(frames))))
    numbers = lambda values: [float(f'{value:.8g}') for value in np.ravel(values)]
    return {'cepstra': [numbers(frames[i]) for i in (0, 50)], 'counts': numbers(counts),
            'sums': numbers(sums.ravel()[::16]), 'vector': numbers(mixture.vectors(counts, sums).ravel()[::16])}


def main():
    parser = argparse.ArgumentParser(description='Trains models/voices.bin.')
    parser.add_argument('folder', type=pathlib.Path, help='folder with one FLAC file for each speaker')
    parser.add_argument('--calibration', type=float, nargs=5, metavar='WEIGHT', help='ship these weights, not the found ones')
    parser.add_argument('--narrowband', type=float, nargs=5, metavar='WEIGHT', default=NARROWBAND,
                        help='weights for two stretches that came by telephone')
    given = parser.parse_args()
    random = np.random.default_rng(SEED)
    recordings = [speech_cepstra(decode(path)) for path in sorted(given.folder.rglob('*.flac'))]
    frames = np.concatenate(recordings)
    print(f'{len(recordings)} speakers, {len(frames) / 6000:.1f} minutes of speech')
    mixture = Mixture.train(frames, COMPONENTS, ITERATIONS, random).rounded()
    calibration = calibrate(random, mixture, recordings)
    print(calibration)
    if given.calibration:
        calibration = dict(zip(NAMES, given.calibration))
    header = {'format': 1, 'components': COMPONENTS, 'size': SIZE, 'relevance': RELEVANCE, 'calibration': calibration,
              'narrowbandCalibration': dict(zip(NAMES, given.narrowband)), 'seed': SEED, 'speakers': len(recordings), 'frames': len(frames),
              'data': 'LibriSpeech train-clean-100, one utterance a speaker, CC BY 4.0'}
    write_model(MODEL, header, mixture)
    (ROOT / 'test/engine/voice-mixture.reference.json').write_text(json.dumps(reference(mixture)) + '\n')


if __name__ == '__main__':
    main()
