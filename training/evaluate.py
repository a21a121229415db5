"""
How often models/voices.bin is wrong on recordings that it was not trained on. The two stretches of a pair are of different
recordings, whether of one speaker or two. Run: python3 training/evaluate.py <folder with several FLAC files a speaker>
"""

import argparse
import collections
import pathlib

import numpy as np

from calibration import NAMES, Stretches, evidence, log_uniform, pieces
from features import decode, speech_cepstra
from model_file import MODEL, read_model

SEED = 11
# Stretches cut from each recording.
STRETCHES = 24
# Limits of the shorter stretch of a pair, in frames.
LENGTHS = [(40, 100), (100, 250), (250, 1000)]


def equalised(recordings):
    """All recordings of a speaker moved so that their common mean becomes that of all speakers."""
    mean = np.concatenate([frames for _, frames in recordings]).mean(0)
    of_speaker = collections.defaultdict(list)
    for speaker, frames in recordings:
        of_speaker[speaker].append(frames)
    means = {speaker: np.concatenate(parts).mean(0) for speaker, parts in of_speaker.items()}
    return [(speaker, frames - means[speaker] + mean) for speaker, frames in recordings]


def scores(random, mixture, coefficients, recordings):
    """For each pair of stretches: the logarithm of the odds, whether it is one voice, and frames of the shorter."""
    parts, places = [], []
    for number, (_, frames) in enumerate(recordings):
        free = np.ones(len(frames), dtype=bool)
        masks = [pieces(random, free, log_uniform(random, 40, len(frames))) for _ in range(STRETCHES)]
        parts.append(Stretches.of(mixture, frames, np.stack(masks)))
        places += [number] * STRETCHES
    every, places = Stretches.joined(parts), np.array(places)
    speakers = np.array([speaker for speaker, _ in recordings])[places]
    first = random.integers(0, len(places), 60000)
    # As many of one voice as chance gives, and as many of two.
    second = np.array([random.choice(np.flatnonzero((speakers == speakers[i]) & (places != places[i]))) if random.random() < 0.5
                       else random.choice(np.flatnonzero(speakers != speakers[i])) for i in first])
    rows = np.concatenate([evidence(every.at(first[part]), every.at(second[part]))
                           for part in np.array_split(np.arange(len(first)), 12)])
    return rows @ coefficients, speakers[first] == speakers[second], np.minimum(every.counts[first], every.counts[second])


def main():
    parser = argparse.ArgumentParser(description='Measures models/voices.bin.')
    parser.add_argument('folder', type=pathlib.Path, help='FLAC files whose names begin with SPEAKER-')
    paths = sorted(parser.parse_args().folder.rglob('*.flac'))
    recordings = [(path.name.split('-')[0], speech_cepstra(decode(path))) for path in paths]
    header, mixture = read_model(MODEL)
    coefficients = np.array([header['calibration'][name] for name in NAMES])
    print(f'{len(recordings)} recordings of {len({speaker for speaker, _ in recordings})} speakers')
    print('| wrong (one voice taken for two, two for one), % | ' +
          ' | '.join(f'{low / 100:g}-{high / 100:g} s' for low, high in LENGTHS) + ' | offset |')
    print('| --- ' * (len(LENGTHS) + 2) + '|')
    for name, chosen in (('as recorded', recordings), ('equalised', equalised(recordings))):
        odds, one_voice, shorter = scores(np.random.default_rng(SEED), mixture, coefficients, chosen)
        cells = []
        for low, high in LENGTHS:
            within = (shorter >= low) & (shorter < high)
            missed = 100 * (odds[within & one_voice] <= 0).mean()
            confused = 100 * (odds[within & ~one_voice] > 0).mean()
            cells.append(f'{(missed + confused) / 2:.1f} ({missed:.1f}, {confused:.1f})')
        offsets = np.arange(-60, 61) / 10
        losses = [np.logaddexp(0, np.where(one_voice, -1, 1) * (odds + offset)).mean() for offset in offsets]
        print(f'| {name} | {" | ".join(cells)} | {offsets[np.argmin(losses)]:+.1f} |')


if __name__ == '__main__':
    main()
