"""How likely two stretches of speech are of one voice, fitted to pairs cut from recordings of many speakers."""

import numpy as np

NAMES = ['bias', 'cosine', 'gain', 'shorter', 'longer']
SHORTEST = 40
LONGEST = 4000
LONGEST_PIECE = 800


def log_determinants(counts, sums, products):
    """Of full covariances, with the small diagonal that src/engine/gaussian.ts adds."""
    means = sums / counts[:, None]
    covariances = products / counts[:, None, None] - means[:, :, None] * means[:, None, :]
    return np.linalg.slogdet(covariances + 0.01 * np.eye(sums.shape[1]))[1]


class Stretches:
    """Many stretches of speech: their vectors, and the sums that make a full Gaussian."""

    def __init__(self, vectors, counts, sums, products):
        self.vectors, self.counts, self.sums, self.products = vectors, counts, sums, products

    @staticmethod
    def of(mixture, frames, masks):
        masks = masks.astype(float)
        outer = (frames[:, :, None] * frames[:, None, :]).reshape(len(frames), -1)
        size = frames.shape[1]
        vectors = mixture.vectors(*mixture.statistics(frames, masks)).astype(np.float32)
        return Stretches(vectors, masks.sum(1), masks @ frames, (masks @ outer).reshape(-1, size, size))

    @staticmethod
    def joined(parts):
        parts = list(parts)
        return Stretches(*(np.concatenate([getattr(part, name) for part in parts])
                           for name in ('vectors', 'counts', 'sums', 'products')))

    def at(self, rows):
        return Stretches(self.vectors[rows], self.counts[rows], self.sums[rows], self.products[rows])


def evidence(a, b):
    """One row for each pair: 1, cosine, logarithms of the covariance gain and of both lengths in seconds."""
    cosines = (a.vectors * b.vectors).sum(1, dtype=float)
    both = log_determinants(a.counts + b.counts, a.sums + b.sums, a.products + b.products)
    each = [x.counts * log_determinants(x.counts, x.sums, x.products) for x in (a, b)]
    total = a.counts + b.counts
    gains = 0.5 * (total * both - each[0] - each[1]) * total / (a.counts * b.counts)
    lengths = np.log(np.minimum(a.counts, b.counts) / 100), np.log(np.maximum(a.counts, b.counts) / 100)
    return np.stack([np.ones(len(gains)), cosines, np.log(np.maximum(1e-3, gains)), *lengths], axis=1)


def log_uniform(random, least, most):
    """A whole number whose logarithm is uniform."""
    return int(np.exp(random.uniform(np.log(least), np.log(max(least, most)))))


def pieces(random, free, length):
    """Of the frames that are `free`, up to `length` in pieces of 0.4 s to 8 s at random places."""
    mask = np.zeros(len(free), dtype=bool)
    while length > 0 and (free & ~mask).any():
        size = min(length, log_uniform(random, SHORTEST, LONGEST_PIECE))
        start = random.integers(0, max(1, len(free) - size + 1))
        fresh = np.flatnonzero((free & ~mask)[start:start + size]) + start
        mask[fresh] = True
        length -= len(fresh)
    return mask


def two_lengths(random, most):
    """Lengths of two stretches that have `most` frames together at most; which is the longer is left to chance."""
    first = log_uniform(random, SHORTEST, min(LONGEST, most - SHORTEST))
    return random.permutation([first, log_uniform(random, SHORTEST, min(LONGEST, most - first))])


def pairs(random, mixture, recordings, draws):
    """
    Evidence of pairs of one voice and, of the same lengths, of pairs of two voices: the rows of one voice, those of two,
    and for which of them the recordings are equalised, which is a third: moved so that all have the same mean.
    """
    mean = np.concatenate(recordings).mean(0)
    equalised = random.random(len(recordings) * draws) < 1 / 3
    plans = [[] for _ in recordings]
    for draw, moved in enumerate(equalised):
        speaker = draw // draws
        other = (speaker + random.integers(1, len(recordings))) % len(recordings)
        free, others = (np.ones(len(recordings[who]), dtype=bool) for who in (speaker, other))
        lengths = two_lengths(random, len(free))
        first = pieces(random, free, lengths[0])
        plans[speaker].append((moved, draw, 0, first))
        plans[speaker].append((moved, draw, 1, pieces(random, ~first, lengths[1])))
        plans[other].append((moved, draw, 2, pieces(random, others, lengths[1])))
    rows = np.empty((3, len(equalised)), dtype=int)
    stretches, row = [], 0
    for recording, plan in zip(recordings, plans):
        for moved in (False, True):
            chosen = [entry[1:] for entry in plan if entry[0] == moved]
            if not chosen:
                continue
            frames = recording - recording.mean(0) + mean if moved else recording
            stretches.append(Stretches.of(mixture, frames, np.stack([mask for _, _, mask in chosen])))
            for draw, part, _ in chosen:
                rows[part, draw] = row
                row += 1
    every = Stretches.joined(stretches)
    first, same, different = (every.at(part) for part in rows)
    return evidence(first, same), evidence(first, different), equalised


def fit(rows, one_voice):
    """Logistic regression by Newton's method, with a trace of ridge."""
    scales = np.r_[1, rows[:, 1:].std(0)]
    x = rows / scales
    coefficients = np.zeros(x.shape[1])
    ridge = np.diag(np.r_[0, np.full(x.shape[1] - 1, 1e-5)])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-np.clip(x @ coefficients, -50, 50)))
        gradient = x.T @ (chances - one_voice) / len(x) + ridge @ coefficients
        curvature = (x * (chances * (1 - chances))[:, None]).T @ x / len(x) + ridge
        coefficients = coefficients - np.linalg.solve(curvature, gradient)
    return coefficients / scales
