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

/**
 * Fast Fourier transform, in place, of {@link fftSize} complex numbers that are in bit-reversed order. With real and
 * imaginary parts exchanged it is the inverse, `fftSize` times too large.
 */
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
