import { describe, expect, it } from 'vitest'
import { hums, withoutHum } from '../../../src/engine/voices/hum.ts'
import { join16, silence } from '../../helpers/flite.ts'
import { noise } from '../signals.ts'
import { said } from './made-up-voices.ts'

const tone = (hz: number, level = 5000, ms = 1000): Int16Array =>
  Int16Array.from({ length: ms * 16 }, (_, at) => level * Math.sin((2 * Math.PI * hz * at) / 16_000))

const added = (one: Int16Array, other: Int16Array): Int16Array => one.map((value, at) => value + (other[at] ?? 0))

/** Level of the last half, dB. */
const level = (samples: Int16Array): number =>
  10 * Math.log10(samples.slice(samples.length / 2).reduce((sum, value) => sum + value ** 2, 1) / samples.length)

describe('withoutHum', () => {
  it.each([50, 60])('takes out %i Hz', (hz) => {
    expect(level(withoutHum(tone(hz)))).toBeLessThan(level(tone(hz)) - 30)
  })

  it('takes out a constant from the first sample on', () => {
    expect(withoutHum(new Int16Array(1000).fill(8000))).toEqual(new Int16Array(1000))
  })

  it.each([300, 1000, 3400, 7000])('leaves %i Hz as it is', (hz) => {
    expect(Math.abs(level(withoutHum(tone(hz))) - level(tone(hz)))).toBeLessThan(0.1)
  })

  it('stays within 16 bits where the sound is at its loudest', () => {
    const square = Int16Array.from({ length: 16_000 }, (_, at) => (at % 160 < 80 ? 32_767 : -32_768))
    expect(Math.max(...withoutHum(square))).toBe(32_767)
  })
})

describe('hums', () => {
  const speech = join16([said(5, 900), silence(400), said(5, 900)])

  it('hears the mains behind speech', () => {
    expect(hums(added(speech, tone(50, 3000, 2200)))).toBe(true)
    expect(hums(added(speech, tone(60, 3000, 2200)))).toBe(true)
  })

  it('hears none in speech, in noise, in silence or in nothing', () => {
    expect(hums(speech)).toBe(false)
    expect(hums(added(speech, noise(2200, 300)))).toBe(false)
    expect(hums(silence(1000))).toBe(false)
    expect(hums(new Int16Array(0))).toBe(false)
  })

  it('takes a deep voice for no hum, since it pauses', () => {
    expect(hums(join16([added(tone(120, 3000, 900), said(5, 900)), silence(400)]))).toBe(false)
  })
})
