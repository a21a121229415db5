import { describe, expect, it } from 'vitest'
import { NoiseReduction } from '../../../src/engine/voices/noise.ts'
import { join16, silence } from '../../helpers/flite.ts'
import { noise, voice } from '../signals.ts'

const added = (one: Int16Array, other: Int16Array): Int16Array => one.map((value, at) => value + (other[at] ?? 0))

const tone = (hz: number, level: number, ms: number): Int16Array =>
  Int16Array.from({ length: ms * 16 }, (_, at) => level * Math.sin((2 * Math.PI * hz * at) / 16_000))

/** Level between two times in ms, dB. */
const level = (samples: Int16Array, from: number, to: number): number =>
  10 * Math.log10(samples.slice(from * 16, to * 16).reduce((sum, value) => sum + value ** 2, 1) / ((to - from) * 16))

/** Two stretches of a voice of 3000, from 300 to 1300 ms and from 1700 to 2700. */
const speech = join16([silence(300), voice([500, 1500], 1000), silence(400), voice([500, 1500], 1000, 2), silence(300)])

describe('NoiseReduction', () => {
  it.each([
    { what: 'hiss', sound: noise(3000, 300) },
    { what: 'the hum of the mains', sound: tone(50, 600, 3000) },
    { what: 'a whistle', sound: tone(3100, 400, 3000) },
  ])('takes $what out of pauses, and leaves the voice as loud as it is', ({ sound }) => {
    const heard = added(speech, sound)
    const clean = new NoiseReduction().reduce(heard)
    expect(clean).toHaveLength(heard.length)
    expect(level(clean, 1400, 1600)).toBeLessThan(level(heard, 1400, 1600) - 12)
    expect(Math.abs(level(clean, 400, 1200) - level(speech, 400, 1200))).toBeLessThan(1)
  })

  it('brings what is heard nearer to the voice alone', () => {
    const heard = added(speech, noise(3000, 600))
    const clean = new NoiseReduction().reduce(heard)
    const off = (samples: Int16Array): number =>
      level(
        samples.map((value, at) => value - speech[at]!),
        300,
        2700,
      )
    expect(off(clean)).toBeLessThan(off(heard) - 3)
  })

  it('knows the noise from utterances before, where somebody speaks without a pause', () => {
    const reduction = new NoiseReduction()
    reduction.reduce(added(speech, noise(3000, 300)))
    const one = tone(1000, 8000, 1000)
    const clean = reduction.reduce(added(one, noise(1000, 300, 9)))
    const off = (samples: Int16Array): number =>
      level(
        samples.map((value, at) => value - one[at]!),
        100,
        900,
      )
    expect(off(clean)).toBeLessThan(off(added(one, noise(1000, 300, 9))) - 6)
  })

  it('follows a noise that changes', () => {
    const reduction = new NoiseReduction()
    reduction.reduce(added(speech, tone(3100, 400, 3000)))
    const heard = added(speech, noise(3000, 300))
    let clean = heard
    for (let utterance = 0; utterance < 20; utterance++) clean = reduction.reduce(heard)
    expect(level(clean, 1400, 1600)).toBeLessThan(level(heard, 1400, 1600) - 12)
  })

  it('leaves what has no noise as it is, but for its rounding', () => {
    const clean = new NoiseReduction().reduce(speech)
    expect(Math.max(...clean.map((value, at) => Math.abs(value - speech[at]!)))).toBeLessThanOrEqual(1)
  })

  it('takes a voice that never pauses for no noise', () => {
    const steady = tone(1000, 8000, 2000)
    expect(new NoiseReduction().reduce(steady)).toBe(steady)
  })

  it.each([0, 1, 160, 700])('takes %i samples', (count) => {
    expect(new NoiseReduction().reduce(noise(100, 300).subarray(0, count))).toHaveLength(count)
  })

  it('stays within 16 bits where the sound is at its loudest', () => {
    const square = Int16Array.from({ length: 32_000 }, (_, at) => (at < 8000 ? 0 : at % 160 < 80 ? 32_767 : -32_768))
    expect(Math.max(...new NoiseReduction().reduce(square))).toBe(32_767)
  })
})
