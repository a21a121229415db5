import { int16ToMulaw, mulawToInt16 } from '../../src/audio/mulaw.ts'

/** What a telephone line passes, in Hz. */
const passed = [300, 3400] as const
const sampleRate = 16_000
/** Coefficients on each side of the middle one: an edge of about 100 Hz, 50 dB and more beyond it. */
const half = 160

/** A filter of linear phase that passes `from` to `to` Hz (Blackman window). */
function bandPass(from: number, to: number): Float64Array {
  return Float64Array.from({ length: 2 * half + 1 }, (_, index) => {
    const at = index - half
    const lowPass = (hz: number): number =>
      at === 0 ? (2 * hz) / sampleRate : Math.sin((2 * Math.PI * hz * at) / sampleRate) / (Math.PI * at)
    const turn = (Math.PI * index) / half
    return (lowPass(to) - lowPass(from)) * (0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn))
  })
}

const line = bandPass(...passed)
const smooth = bandPass(0, 3700)

/** `samples` (mono, 16 kHz) as a telephone line makes them: 300 to 3400 Hz, 8000 samples a second in 8-bit mu-law. */
export function byTelephone(samples: Int16Array): Int16Array {
  const coarse = Float64Array.from({ length: samples.length }, (_, at) => {
    if (at % 2 === 1) return 0
    let sum = 0
    const [first, last] = [Math.max(0, at - half), Math.min(samples.length - 1, at + half)]
    for (let i = first; i <= last; i++) sum += samples[i]! * line[at - i + half]!
    return 2 * mulawToInt16[int16ToMulaw(Math.round(sum))]!
  })
  return Int16Array.from(coarse, (_, at) => {
    let sum = 0
    const first = Math.max(0, at - half)
    const last = Math.min(coarse.length - 1, at + half)
    for (let i = first + (first % 2); i <= last; i += 2) sum += coarse[i]! * smooth[at - i + half]!
    return Math.max(-32_768, Math.min(32_767, Math.round(sum)))
  })
}
