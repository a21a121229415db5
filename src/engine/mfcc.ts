import { fft, fftSize, reversed } from './fft.ts'

/** Cepstral features of speech: mel-frequency cepstral coefficients (without the energy) every 10 ms. */

/** Coefficients in one frame of {@link mfcc}. */
export const mfccSize = 12
/** Coefficients in one frame of {@link voiceCepstra}. */
export const voiceCepstraSize = 19

const sampleRate = 16_000
const hop = 160
const windowSize = 400
const bands = 26
const lowestHz = 100
const highestHz = 7000

const mel = (hz: number): number => 2595 * Math.log10(1 + hz / 700)
const hz = (m: number): number => 700 * (10 ** (m / 2595) - 1)

const hamming = Float64Array.from(
  { length: windowSize },
  (_, i) => 0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (windowSize - 1)),
)

/** For each mel band, the first FFT bin and the weights from there on. */
const filters = Array.from({ length: bands }, (_, band) => {
  const edge = (index: number): number =>
    (hz(mel(lowestHz) + ((mel(highestHz) - mel(lowestHz)) * index) / (bands + 1)) * fftSize) / sampleRate
  const [left, centre, right] = [edge(band), edge(band + 1), edge(band + 2)]
  const first = Math.ceil(left)
  const weights = Float64Array.from({ length: Math.max(1, Math.floor(right) - first + 1) }, (_, i) => {
    const bin = first + i
    return Math.max(0, bin <= centre ? (bin - left) / (centre - left) : (right - bin) / (right - centre))
  })
  return { first, weights }
})

const cosines = Array.from({ length: voiceCepstraSize }, (_, k) =>
  Float64Array.from(
    { length: bands },
    (_, band) => Math.cos((Math.PI * (k + 1) * (band + 0.5)) / bands) * Math.sqrt(2 / bands),
  ),
)

function cepstra(samples: Int16Array, size: number): Float64Array[] {
  const rows = cosines.slice(0, size)
  const re = new Float64Array(fftSize)
  const im = new Float64Array(fftSize)
  const logs = new Float64Array(bands)
  return Array.from({ length: Math.floor(samples.length / hop) }, (_, frame) => {
    re.fill(0)
    im.fill(0)
    const start = frame * hop + (hop - windowSize) / 2
    for (let i = 0; i < windowSize; i++) {
      const sample = samples[start + i] ?? 0
      const before = samples[start + i - 1] ?? 0
      re[reversed[i]!] = (sample - 0.97 * before) * hamming[i]!
    }
    fft(re, im)
    filters.forEach(({ first, weights }, band) => {
      let energy = 0
      for (let i = 0; i < weights.length; i++) {
        const bin = first + i
        energy += weights[i]! * (re[bin]! ** 2 + im[bin]! ** 2)
      }
      // The floor lies far below any speech; it keeps digital silence finite.
      logs[band] = Math.log(energy + 1000)
    })
    return Float64Array.from(rows, (row) => {
      let sum = 0
      for (let band = 0; band < bands; band++) sum += row[band]! * logs[band]!
      return sum
    })
  })
}

/** One frame of {@link mfccSize} coefficients for each whole 10 ms of `samples` (mono PCM16 at 16 kHz), centred on it. */
export function mfcc(samples: Int16Array): Float64Array[] {
  return cepstra(samples, mfccSize)
}

/**
 * As {@link mfcc}, with {@link voiceCepstraSize} coefficients, of which the first 12 are those of `mfcc`. The higher ones
 * follow the spectrum more closely, which tells voices apart.
 */
export function voiceCepstra(samples: Int16Array): Float64Array[] {
  return cepstra(samples, voiceCepstraSize)
}
