import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { audibleSpeech, cutAtDips, levelsOf, piecesOf, windowsOf } from '../../../src/engine/voices/segmentation.ts'
import { join16, silence } from '../../helpers/flite.ts'
import { noise } from '../signals.ts'

/** Frames of speech (above 0) and pauses (below 0), one after the other. */
const frames = (...runs: readonly number[]): boolean[] =>
  runs.flatMap((run) => Array<boolean>(Math.abs(run)).fill(run > 0))

describe('audibleSpeech', () => {
  it('leaves out what is quiet, though the detector still takes it for speech', () => {
    const levels = levelsOf(join16([noise(500, 3000, 1), silence(100), noise(400, 3000, 2)]), 100)
    expect(audibleSpeech(levels, frames(100))).toEqual(frames(50, -10, 40))
    expect(audibleSpeech(levels, frames(-20, 80))).toEqual(frames(-20, 30, -10, 40))
  })

  it('goes by the noise where there is noise', () => {
    const levels = levelsOf(join16([noise(500, 3000, 1), noise(100, 300, 2), noise(400, 3000, 3)]), 100)
    expect(audibleSpeech(levels, frames(100))).toEqual(frames(50, -10, 40))
  })
})

describe('piecesOf', () => {
  it('cuts at pauses of 60 ms where enough is left on both sides', () => {
    expect(piecesOf(frames(80, -6, 70))).toEqual([
      { start: 0, end: 80 },
      { start: 86, end: 156 },
    ])
    expect(piecesOf(frames(80, -5, 70))).toEqual([{ start: 0, end: 155 }])
    expect(piecesOf(frames(80, -6, 40))).toEqual([{ start: 0, end: 126 }])
  })

  it('lets a long pause cut off less', () => {
    expect(piecesOf(frames(80, -20, 35))).toHaveLength(2)
    expect(piecesOf(frames(80, -20, 25))).toHaveLength(1)
  })

  it('cuts at the longest pauses first', () => {
    expect(piecesOf(frames(70, -6, 40, -12, 70))).toEqual([
      { start: 0, end: 116 },
      { start: 128, end: 198 },
    ])
  })

  it('holds all speech, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (speech) => {
        const pieces = piecesOf(speech)
        pieces.forEach(({ start, end }, index) => {
          expect(start).toBeGreaterThanOrEqual(pieces[index - 1]?.end ?? 0)
          expect([speech[start], speech[end - 1]]).toEqual([true, true])
        })
        const held = (frame: number): boolean => pieces.some(({ start, end }) => start <= frame && frame < end)
        expect(speech.every((is, frame) => !is || held(frame))).toBe(true)
      }),
    )
  })
})

describe('cutAtDips', () => {
  it('leaves a short piece alone', () => {
    expect(cutAtDips({ start: 10, end: 200 }, Array<number>(300).fill(60))).toEqual([{ start: 10, end: 200 }])
  })

  it('cuts a long one where it is softest', () => {
    const levels = Array.from({ length: 300 }, (_, frame) => 60 - (Math.abs(frame - 120) < 4 ? 10 : 0))
    expect(cutAtDips({ start: 0, end: 280 }, levels)).toEqual([
      { start: 0, end: 120 },
      { start: 120, end: 280 },
    ])
  })

  it('leaves nothing out, and no piece too short or too long', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 70, maxLength: 1500 }), (levels) => {
        const parts = cutAtDips({ start: 0, end: levels.length }, levels)
        expect(parts.at(-1)!.end).toBe(levels.length)
        parts.forEach(({ start, end }, index) => {
          expect(start).toBe(parts[index - 1]?.end ?? 0)
          expect(end - start).toBeGreaterThanOrEqual(70)
          expect(end - start).toBeLessThanOrEqual(200)
        })
      }),
    )
  })
})

describe('windowsOf', () => {
  it('is one window for a short piece, and covers a long one from end to end', () => {
    expect(windowsOf({ start: 5, end: 105 })).toEqual([{ start: 5, end: 105 }])
    expect(windowsOf({ start: 0, end: 200 })).toEqual([
      { start: 0, end: 160 },
      { start: 40, end: 200 },
    ])
  })
})
