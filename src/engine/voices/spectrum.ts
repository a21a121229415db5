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

/** Half of a sine: before and after the transform its squares add up to one where two overlap by half. */
const window = Float64Array.from({ length: fftSize }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / fftSize))
const hop = fftSize / 2

/** The sound of 32 ms, as {@link fftSize} complex numbers. */
export interface Spectrum {
  re: Float64Array
  im: Float64Array
}

/** Spectra of mono PCM16 every 16 ms at 16 kHz, of which the first lies half before it and the last half behind. */
export function spectraOf(samples: Int16Array): Spectrum[] {
  return Array.from({ length: Math.ceil(samples.length / hop) + 1 }, (_, index) => {
    const spectrum = { re: new Float64Array(fftSize), im: new Float64Array(fftSize) }
    const start = (index - 1) * hop
    for (let i = 0; i < fftSize; i++) spectrum.re[reversed[i]!] = (samples[start + i] ?? 0) * window[i]!
    fft(spectrum.re, spectrum.im)
    return spectrum
  })
}

/** Power at each frequency from 0 to half the sample rate. */
export function powerOf({ re, im }: Spectrum): Float64Array {
  const power = new Float64Array(fftSize / 2 + 1)
  for (let k = 0; k < power.length; k++) power[k] = re[k]! ** 2 + im[k]! ** 2
  return power
}

/** Multiplies `spectrum` by a gain for each frequency from 0 to half the sample rate. */
export function amplify({ re, im }: Spectrum, gains: Float64Array): void {
  for (let k = 0; k < fftSize; k++) {
    const gain = gains[Math.min(k, fftSize - k)]!
    re[k]! *= gain
    im[k]! *= gain
  }
}

/** The `length` samples of which these are the spectra. */
export function samplesOf(spectra: readonly Spectrum[], length: number): Int16Array {
  const sum = new Float64Array((spectra.length + 1) * hop)
  const re = new Float64Array(fftSize)
  const im = new Float64Array(fftSize)
  spectra.forEach((spectrum, index) => {
    for (let i = 0; i < fftSize; i++) {
      re[reversed[i]!] = spectrum.re[i]!
      im[reversed[i]!] = spectrum.im[i]!
    }
    // With the parts exchanged it is the inverse.
    fft(im, re)
    for (let i = 0; i < fftSize; i++) sum[index * hop + i]! += (re[i]! * window[i]!) / fftSize
  })
  const samples = new Int16Array(length)
  for (let at = 0; at < length; at++) samples[at] = Math.max(-32_768, Math.min(32_767, Math.round(sum[hop + at]!)))
  return samples
}
