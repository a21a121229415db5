"""Cepstra and speech frames, as src/engine/mfcc.ts and src/engine/energy-vad.ts compute them."""

import subprocess

import numpy as np

SAMPLE_RATE = 16000
HOP = 160
WINDOW = 400
FFT = 512
BANDS = 26
LOWEST_HZ = 100
HIGHEST_HZ = 7000
SIZE = 19


def decode(path):
    """Mono PCM16 samples at 16 kHz of any file that FFmpeg reads."""
    command = ['ffmpeg', '-v', 'error', '-nostdin', '-i', str(path), '-f', 's16le', '-ac', '1', '-ar', '16000', '-']
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, dtype='<i2')


def mel_filters():
    """Triangular filters, one column a band, over the bins of the power spectrum."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mel = lowest + (highest - lowest) * np.arange(BANDS + 2) / (BANDS + 1)
    edges = 700 * (10 ** (mel / 2595) - 1) * FFT / SAMPLE_RATE
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(FFT // 2 + 1)[:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.maximum(0, np.where(bins <= centre, rising, falling))


FILTERS = mel_filters()
COSINES = np.cos(np.pi * np.arange(1, SIZE + 1) * (np.arange(BANDS)[:, None] + 0.5) / BANDS) * np.sqrt(2 / BANDS)
HAMMING = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))


def cepstra(samples):
    """One row of SIZE coefficients for each whole 10 ms of `samples`, centred on it."""
    frames = len(samples) // HOP
    before = (WINDOW - HOP) // 2
    x = np.concatenate([np.zeros(before + 1), samples.astype(float), np.zeros(before + 1)])
    emphasised = x[1:] - 0.97 * x[:-1]
    windows = emphasised[np.arange(frames)[:, None] * HOP + np.arange(WINDOW)] * HAMMING
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2
    return np.log(power @ FILTERS + 1000) @ COSINES


def levels(samples):
    """Level of each whole 10 ms, in dB relative to full scale, without rumble and offset."""
    high_passed = np.diff(samples.astype(float), prepend=0.0)
    # A recursive filter of one pole at 0.96, in steps of doubling length; what is left out after ten is below 1e-18.
    for step in 2 ** np.arange(10):
        delayed = np.zeros_like(high_passed)
        delayed[step:] = high_passed[:-step]
        high_passed = high_passed + 0.96**step * delayed
    frames = len(samples) // HOP
    energy = (high_passed[: frames * HOP].reshape(frames, HOP) ** 2).mean(1) / 32768**2
    return np.maximum(-70, 10 * np.log10(energy + 1e-12))


def speech_frames(samples):
    """Which whole 10 ms are speech: those to which the energy detector gives a probability of at least 0.5."""
    parts = [-58.0] + [np.inf] * 15
    smooth, peak, before = -70.0, -40.0, -70.0
    speech = []
    for frame, level in enumerate(levels(samples).tolist()):
        smooth += 0.3 * (level - smooth)
        part = frame // 25 % 16
        if frame % 25 == 0 and frame > 0:
            parts[part] = np.inf
        parts[part] = min(parts[part], smooth)
        floor = max(-70.0, min(parts))
        peak = max(peak - 0.015, min(level, before), -50.0)
        before = level
        speech.append(min(level - floor - 11, level - (peak - 36)) >= 0)
    return np.array(speech, dtype=bool)


def speech_cepstra(samples):
    """Cepstra of the speech frames."""
    return cepstra(samples)[speech_frames(samples)]
