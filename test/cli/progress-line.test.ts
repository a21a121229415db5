import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { textWidth } from '../../src/captions/width.ts'
import { bar, clock, count, progressLine, span } from '../../src/cli/progress-line.ts'

const progress = { seconds: 30, turns: 4, speakers: ['A', 'B'], speed: 10, elapsedSeconds: 3 }

describe('progressLine', () => {
  it('has a bar and the time left where the length is known', () => {
    const line = progressLine(progress, 120, 100)
    expect(line).toBe(`${'█'.repeat(6)}${'░'.repeat(18)}  25 %  0:30 of 2:00  9 s left  2 speakers`)
  })

  it('has the time gone by where it is not', () => {
    expect(progressLine(progress, undefined, 100)).toBe('0:30 heard  0:03 elapsed  2 speakers')
    expect(progressLine({ ...progress, speakers: ['A'] }, undefined, 100)).toContain('1 speaker')
  })

  it('makes sense before the beginning and after the end', () => {
    const none = { seconds: 0, turns: 0, speakers: [], speed: 0, elapsedSeconds: 0 }
    expect(progressLine(none, 60, 100)).toBe(`${'░'.repeat(24)}  0 %  0:00 of 1:00`)
    expect(progressLine({ ...progress, seconds: 61 }, 60, 100)).toContain('100 %  1:00 of 1:00  2')
  })

  it('fits into any terminal', () => {
    const seconds = fc.double({ min: 0, max: 1e6, noNaN: true })
    const length = fc.option(seconds, { nil: undefined })
    fc.assert(
      fc.property(seconds, seconds, length, fc.integer({ min: 2, max: 200 }), (done, speed, duration, width) => {
        const line = progressLine({ ...progress, seconds: done, speed }, duration, width)
        expect(textWidth(line)).toBeLessThanOrEqual(width)
        expect(line).not.toMatch(/NaN|Infinity|-/)
      }),
    )
  })
})

it('writes times for people', () => {
  expect([clock(7.9), clock(754), clock(3723)]).toEqual(['0:07', '12:34', '1:02:03'])
  expect([span(2.1), span(125), span(3720)]).toEqual(['3 s', '2 min 05 s', '1 h 02 min'])
  expect([bar(0.5, 4), bar(9, 2), bar(-1, 2)]).toEqual(['██░░', '██', '░░'])
  expect([count(1, 'turn'), count(0, 'turn')]).toEqual(['1 turn', '0 turns'])
})
