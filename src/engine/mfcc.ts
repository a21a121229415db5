/** Cepstral features of speech: 12 mel-frequency cepstral coefficients (without the energy) every 10 ms. */

/** Coefficients in one frame. */
export const mfccSize = 12

const sampleRate = 16_000
const hop = 160
const windowSize = 400
const fftSize = 512
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

const cosines = Array.from({ length: mfccSize }, (_, k) =>
  Float64Array.from(
    { length: bands },
    (_, band) => Math.cos((Math.PI * (k + 1) * (band + 0.5)) / bands) * Math.sqrt(2 / bands),
  ),
)

const twiddles = Array.from({ length: fftSize / 2 }, (_, i) => {
  const angle = (-2 * Math.PI * i) / fftSize
  return { re: Math.cos(angle), im: Math.sin(angle) }
})
const twiddleRe = Float64Array.from(twiddles, (twiddle) => twiddle.re)
const twiddleIm = Float64Array.from(twiddles, (twiddle) => twiddle.im)
const bits = Math.log2(fftSize)
const reversed = Uint16Array.from({ length: fftSize }, (_unused, i) =>
  Array.from({ length: bits }, (_, bit) => ((i >> bit) & 1) << (bits - 1 - bit)).reduce((sum, bit) => sum + bit, 0),
)

/** In-place FFT of `fftSize` complex numbers that are already in bit-reversed order. */
function fft(re: Float64Array, im: Float64Array): void {
  for (let size = 2; size <= fftSize; size *= 2) {
    const half = size / 2
    const stride = fftSize / size
    for (let block = 0; block < fftSize; block += size) {
      for (let i = 0; i < half; i++) {
        const a = block + i
        const b = a + half
        const wr = twiddleRe[i * stride]!
        const wi = twiddleIm[i * stride]!
        const tr = re[b]! * wr - im[b]! * wi
        const ti = re[b]! * wi + im[b]! * wr
        re[b] = re[a]! - tr
        im[b] = im[a]! - ti
        re[a] = re[a]! + tr
        im[a] = im[a]! + ti
      }
    }
  }
}

/** One frame of coefficients for each whole 10 ms of `samples` (mono PCM16 at 16 kHz), centred on it. */
export function mfcc(samples: Int16Array): Float64Array[] {
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
    return Float64Array.from(cosines, (row) => {
      let sum = 0
      for (let band = 0; band < bands; band++) sum += row[band]! * logs[band]!
      return sum
    })
  })
}
