"""A Gaussian mixture with diagonal covariances, and what a stretch of speech says of a voice by it."""

import numpy as np

LEAST_VARIANCE = 0.5
# Shares of a component in a frame below this count as none.
LEAST_SHARE = 1e-3
# Frames that the mixture's own means weigh against those of a voice.
RELEVANCE = 16


class Mixture:
    def __init__(self, weights, means, variances):
        self.weights, self.means, self.variances = (np.asarray(x, dtype=float) for x in (weights, means, variances))

    @staticmethod
    def train(frames, components, iterations, random):
        """Expectation maximisation from `components` random frames."""
        means = frames[random.choice(len(frames), components, replace=False)]
        mixture = Mixture(np.full(components, 1 / components), means, np.tile(frames.var(0), (components, 1)))
        for _ in range(iterations):
            counts, sums, squares = 0, 0, 0
            for part in np.array_split(frames, max(1, len(frames) // 20000)):
                shares = mixture.shares(part)
                counts = counts + shares.sum(0)
                sums = sums + shares.T @ part
                squares = squares + shares.T @ part**2
            means = sums / counts[:, None]
            variances = np.maximum(squares / counts[:, None] - means**2, LEAST_VARIANCE)
            mixture = Mixture(counts / counts.sum(), means, variances)
        return mixture

    def rounded(self):
        """The same in single precision, as it is stored."""
        return Mixture(*(x.astype(np.float32) for x in (self.weights, self.means, self.variances)))

    def shares(self, frames):
        """How much each component accounts for each frame; rows add up to 1."""
        precisions = 1 / self.variances
        constants = np.log(self.weights) - 0.5 * (np.log(self.variances) + self.means**2 * precisions).sum(1)
        logs = constants + frames @ (self.means * precisions).T - 0.5 * frames**2 @ precisions.T
        shares = np.exp(logs - logs.max(1, keepdims=True))
        return shares / shares.sum(1, keepdims=True)

    def statistics(self, frames, masks):
        """For each row of `masks` over the frames: how many frames fall to each component, and their sums off its mean."""
        shares = self.shares(frames)
        shares[shares < LEAST_SHARE] = 0
        counts = masks @ shares
        products = (shares[:, :, None] * frames[:, None, :]).reshape(len(frames), -1)
        sums = (masks @ products).reshape(len(masks), *self.means.shape) - counts[:, :, None] * self.means
        return counts, sums

    def vectors(self, counts, sums):
        """Unit vectors: by how many deviations each component's mean moves towards the voice."""
        moved = np.sqrt(self.weights)[:, None] * sums / (counts[:, :, None] + RELEVANCE) / np.sqrt(self.variances)
        flat = moved.reshape(len(moved), -1)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
