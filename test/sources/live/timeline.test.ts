import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArrivalClock, LiveTimeline } from '../../../src/sources/live/timeline.ts'

const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
const bytes = (ms: number): number => ms * 32

function heard(chunks: readonly (readonly [now: number, position: number])[]): ArrivalClock {
  const clock = new ArrivalClock()
  for (const [now, position] of chunks) clock.note(now, position)
  return clock
}

describe('ArrivalClock', () => {
  it('takes the earliest time that any chunk allows', () => {
    const clock = heard([
      [1300, 100],
      [1310, 400],
      [1990, 1000],
      [3000, 1500],
    ])
    expect(clock.origin).toBe(910)
    clock.note(2000, 1100)
    expect(clock.origin).toBe(900)
  })
})

describe('LiveTimeline', () => {
  it('fills exactly the time that is missing, part of it while the source is away', () => {
    const timeline = new LiveTimeline(format, heard([[1000, 100]]), 1000, true)
    timeline.add(bytes(2000))
    timeline.lose(0)
    expect(timeline.fill(3500)).toBe(0)
    expect(timeline.fill(6000)).toBe(bytes(2100))
    const { silence, repeated, gap } = timeline.resume(6400)
    expect(repeated).toBe(0)
    expect(silence).toBe(bytes(1400))
    expect(gap).toEqual({ start: 2000, end: 5500, missing: 3500 })
    expect(timeline.position).toBe(bytes(5500))
  })

  it('takes two outages without audio between them for one', () => {
    const timeline = new LiveTimeline(format, heard([[1000, 100]]), 1000, true)
    timeline.add(bytes(1000))
    timeline.lose(0)
    timeline.fill(5000)
    timeline.lose(0)
    expect(timeline.resume(7900).gap).toEqual({ start: 1000, end: 7000, missing: 6000 })
  })

  it('leaves out what a server that keeps the last seconds says again', () => {
    // Four seconds come at once.
    const timeline = new LiveTimeline(
      format,
      heard([
        [1000, 100],
        [1010, 4000],
      ]),
      1000,
      true,
    )
    timeline.add(bytes(6000))
    timeline.lose(0)
    // Lost at 3010, back at 4010 with what was recorded from 10 on: the stream has that up to 3010.
    const { silence, repeated, gap } = timeline.resume(10)
    expect([silence, repeated, gap]).toEqual([0, bytes(3000), undefined])
  })

  it('takes a device with a fast clock for no repetition', () => {
    const timeline = new LiveTimeline(format, heard([[1000, 0]]), 1000, true)
    timeline.add(bytes(10_000))
    timeline.lose(0)
    timeline.resume(12_000)
    timeline.add(bytes(100_900))
    timeline.lose(900)
    // For half a second nothing was heard; but there is no room for silence.
    const gap = { start: 111_900, end: 111_900, missing: 500 }
    expect(timeline.resume(112_500)).toEqual({ silence: 0, repeated: 0, gap })
    // By how much the stream is ahead is known after that, too.
    timeline.add(bytes(10_000))
    timeline.lose(0)
    expect(timeline.resume(122_500)).toEqual({ silence: 0, repeated: 0, gap: undefined })
    timeline.add(bytes(10_000))
    timeline.lose(100)
    const longer = { start: 131_900, end: 133_500, missing: 2100 }
    expect(timeline.resume(134_500)).toEqual({ silence: bytes(1600), repeated: 0, gap: longer })
    timeline.add(bytes(10_000))
    timeline.lose(0)
    expect(timeline.resume(143_500)).toEqual({ silence: 0, repeated: bytes(1000), gap: undefined })
  })

  it.each([true, false])('says nothing of less than is a matter of how audio arrives, where it fills: %s', (fills) => {
    const timeline = new LiveTimeline(format, heard([[1000, 0]]), 1000, fills)
    timeline.add(bytes(10_000))
    timeline.lose(100)
    expect(timeline.resume(11_000).gap).toBeUndefined()
    timeline.add(bytes(10_000))
    timeline.lose(100)
    const end = fills ? 22_000 : 20_000
    expect(timeline.resume(23_000).gap).toEqual({ start: 20_000, end, missing: 2000 })
  })

  it('says how much is missing where nothing is filled', () => {
    const timeline = new LiveTimeline(format, heard([[1000, 0]]), 1000, false)
    timeline.add(bytes(1000))
    timeline.lose(0)
    expect(timeline.fill(60_000)).toBe(0)
    expect(timeline.resume(3000)).toEqual({
      silence: 0,
      repeated: 0,
      gap: { start: 1000, end: 1000, missing: 1000 },
    })
    timeline.add(bytes(1000))
    timeline.lose(0)
    expect(timeline.resume(4500).gap).toEqual({ start: 2000, end: 2000, missing: 500 })
  })

  it('says what is missing where it ends in an outage', () => {
    for (const fills of [true, false]) {
      const timeline = new LiveTimeline(format, heard([[1000, 0]]), 1000, fills)
      timeline.add(bytes(1000))
      expect(timeline.end(9000)).toBeUndefined()
      timeline.lose(0)
      timeline.fill(6000)
      // As much as would be silence: the last second may still come.
      const end = fills ? 4000 : 1000
      expect(timeline.end(6000)).toEqual({ start: 1000, end, missing: 3000 })
    }
  })

  it('keeps every attempt at its time, however many there are', () => {
    const attempts = fc.array(
      fc.record({
        away: fc.integer({ min: 1, max: 100_000 }),
        said: fc.integer({ min: 1, max: 100_000 }),
        // Fills come at any time while the source is away.
        fills: fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 5 }),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(attempts, fc.boolean(), (list, fills) => {
        const timeline = new LiveTimeline(format, heard([[1000, 0]]), 1000, fills)
        timeline.add(bytes(5000))
        let now = 6000
        let total = 5000
        for (const { away, said, fills: moments } of list) {
          timeline.lose(0)
          for (const moment of moments.toSorted((a, b) => a - b)) if (moment <= away) timeline.fill(now + moment)
          now += away
          const { repeated, gap } = timeline.resume(now)
          expect(repeated).toBe(0)
          expect(gap).toEqual({ start: total, end: fills ? total + away : total, missing: away })
          total += fills ? away + said : said
          timeline.add(bytes(said))
          now += said
          expect(timeline.position).toBe(bytes(total))
        }
      }),
    )
  })
})
