/** Complex numbers in one transform. */
export const fftSize = 512

const twiddles = Array.from({ length: fftSize / 2 }, (_, i) => {
  const angle = (-2 * Math.PI * i) / fftSize
  return { re: Math.cos(angle), im: Math.sin(angle) }
})
const twiddleRe = Float64Array.from(twiddles, (twiddle) => twiddle.re)
const twiddleIm = Float64Array.from(twiddles, (twiddle) => twiddle.im)
const bits = Math.log2(fftSize)
/** Where each of `fftSize` numbers stands in bit-reversed order. */
export const reversed = Uint16Array.from({ length: fftSize }, (_unused, i) =>
  Array.from({ length: bits }, (_, bit) => ((i >> bit) & 1) << (bits - 1 - bit)).reduce((sum, bit) => sum + bit, 0),
)

/** Fast Fourier transform, in place, of {@link fftSize} numbers in bit-reversed order. */
export function fft(re: Float64Array, im: Float64Array): void {
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
