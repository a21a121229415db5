import { fft, fftSize, reversed } from './spectrum.ts'

const sampleRate = 16_000
/** A look every 80 ms: the whole utterance is judged, not a moment of it. */
const hop = 1280
/** What a telephone lets through, and what it does not, in Hz. */
const passed = [300, 3400] as const
const stopped = [4500, 7500] as const
/** Speech is 16 to 36 dB weaker above 4.5 kHz than below 3.4; by telephone 54 to 80 dB. */
const minRatio = 10 ** (-50 / 10)

const window = Float64Array.from({ length: fftSize }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / fftSize))

/** Whether `samples` (mono PCM16 at 16 kHz) hold nothing above what a telephone lets through. */
export function isNarrowband(samples: Int16Array): boolean {
  const re = new Float64Array(fftSize)
  const im = new Float64Array(fftSize)
  const mean = ([from, to]: readonly [number, number]): number => {
    const [first, last] = [from, to].map((hz) => Math.round((hz * fftSize) / sampleRate)) as [number, number]
    let sum = 0
    for (let bin = first; bin <= last; bin++) sum += re[bin]! ** 2 + im[bin]! ** 2
    return sum / (last - first + 1)
  }
  let low = 0
  let high = 0
  for (let start = 0; start + fftSize <= samples.length; start += hop) {
    im.fill(0)
    for (let i = 0; i < fftSize; i++) re[reversed[i]!] = samples[start + i]! * window[i]!
    fft(re, im)
    low += mean(passed)
    high += mean(stopped)
  }
  return high < low * minRatio
}
