import { fft, fftSize, reversed } from '../../src/engine/speakers/fft.ts'

/** Takes the sound of the microphone out of recordings: every recording gets the same long-term spectrum. */

const size = fftSize
const hop = size / 2
const bins = size / 2 + 1
/** The most a band is raised or lowered, as a factor of amplitude (20 dB). */
const most = 10

const window = Float64Array.from({ length: size }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / size))

/** Calls `visit` with the spectrum of each windowed frame, and where the frame begins. */
function frames(samples: Int16Array, visit: (re: Float64Array, im: Float64Array, start: number) => void): void {
  const re = new Float64Array(size)
  const im = new Float64Array(size)
  for (let start = -hop; start < samples.length; start += hop) {
    im.fill(0)
    for (let i = 0; i < size; i++) re[reversed[i]!] = (samples[start + i] ?? 0) * window[i]!
    fft(re, im)
    visit(re, im, start)
  }
}

/** Mean power of each frequency over the louder frames of `samples` (mono, 16 kHz). */
export function longTermSpectrum(samples: Int16Array): Float64Array {
  const powers: Float64Array[] = []
  frames(samples, (re, im) => powers.push(Float64Array.from({ length: bins }, (_, k) => re[k]! ** 2 + im[k]! ** 2)))
  const energy = powers.map((power) => power.reduce((sum, value) => sum + value, 0))
  const limit = Math.max(...energy) / 10_000
  const loud = powers.filter((_, index) => energy[index]! >= limit)
  const mean = new Float64Array(bins)
  for (const power of loud) power.forEach((value, k) => (mean[k] = mean[k]! + value / loud.length))
  return mean.map((_, k) => {
    // A little smoothing, so that the harmonics of one voice are not taken for its microphone.
    const near = mean.subarray(Math.max(0, k - 4), k + 5)
    return near.reduce((sum, value) => sum + value, 0) / near.length + 1
  })
}

/** `samples` filtered so that the spectrum `own` becomes `wanted`. */
export function equalise(samples: Int16Array, own: Float64Array, wanted: Float64Array): Int16Array {
  const gains = own.map((power, k) => Math.min(most, Math.max(1 / most, Math.sqrt(wanted[k]! / power))))
  const sum = new Float64Array(samples.length + 2 * size)
  const shapedRe = new Float64Array(size)
  const shapedIm = new Float64Array(size)
  frames(samples, (re, im, start) => {
    for (let k = 0; k < size; k++) {
      const gain = gains[k < bins ? k : size - k]!
      shapedRe[reversed[k]!] = re[k]! * gain
      shapedIm[reversed[k]!] = im[k]! * gain
    }
    // With the parts exchanged it is the inverse.
    fft(shapedIm, shapedRe)
    for (let i = 0; i < size; i++) sum[start + hop + i] = sum[start + hop + i]! + (shapedRe[i]! * window[i]!) / size
  })
  return Int16Array.from(samples, (_, i) => Math.max(-32768, Math.min(32767, Math.round(sum[hop + i]!))))
}
