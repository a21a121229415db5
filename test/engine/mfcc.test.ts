import { describe, expect, it } from 'vitest'
import { mfcc, mfccSize, voiceCepstra, voiceCepstraSize } from '../../src/engine/mfcc.ts'

const tone = (hz: number, ms: number, level = 8000): Int16Array =>
  Int16Array.from({ length: ms * 16 }, (_, i) => level * Math.sin((2 * Math.PI * hz * i) / 16_000))

const distance = (a: Float64Array, b: Float64Array): number => Math.hypot(...a.map((value, i) => value - b[i]!))

describe('mfcc', () => {
  it('gives one frame of 12 coefficients for each whole 10 ms', () => {
    expect(mfcc(tone(440, 100))).toHaveLength(10)
    expect(mfcc(new Int16Array(159))).toHaveLength(0)
    for (const frame of mfcc(tone(440, 50))) expect(frame).toHaveLength(mfccSize)
  })

  it('is the same throughout a steady tone', () => {
    const frames = mfcc(tone(400, 300))
    for (const frame of frames.slice(5, 25)) expect(distance(frame, frames[4]!)).toBeLessThan(0.5)
  })

  it('tells a low tone from a high one, more than the same tone at another level', () => {
    const low = mfcc(tone(300, 200))[10]!
    const high = mfcc(tone(2500, 200))[10]!
    const quiet = mfcc(tone(300, 200, 4000))[10]!
    expect(distance(low, high)).toBeGreaterThan(5 * distance(low, quiet))
  })

  it('stays finite in digital silence and at full scale', () => {
    const square = Int16Array.from({ length: 3200 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768))
    for (const frame of [...mfcc(new Int16Array(3200)), ...mfcc(square)]) {
      expect([...frame].every(Number.isFinite)).toBe(true)
    }
  })

  it('has a first coefficient that falls from low to high tones', () => {
    const first = [200, 800, 2000, 5000].map((hz) => mfcc(tone(hz, 100))[5]![0]!)
    expect(first).toEqual(first.toSorted((a, b) => b - a))
  })
})

describe('voiceCepstra', () => {
  it('gives 19 coefficients, of which the first 12 are those of mfcc', () => {
    const samples = Int16Array.from(tone(700, 200), (value, i) => value + ((i * 7919) % 2003))
    const frames = voiceCepstra(samples)
    expect(frames.map((frame) => frame.length)).toEqual(Array.from({ length: 20 }, () => voiceCepstraSize))
    expect(frames.map((frame) => frame.slice(0, mfccSize))).toEqual(mfcc(samples))
  })
})
