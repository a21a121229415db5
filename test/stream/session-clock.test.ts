import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionClock } from '../../src/stream/session-clock.ts'

describe('SessionClock', () => {
  it('adds the place at which the session began', () => {
    const clock = new SessionClock(61_250)
    clock.audio(1000)
    expect(clock.offset).toBe(61_250)
    expect([0, 500, 1000].map((ms) => clock.toStream(ms))).toEqual([61_250, 61_750, 62_250])
  })

  it('gives whole milliseconds where frames are fractions of them', () => {
    const clock = new SessionClock(33.333)
    expect(clock.toStream(33.333)).toBe(67)
  })

  it('takes silence out that was not in the stream', () => {
    const clock = new SessionClock(10_000)
    clock.audio(1000)
    for (let frame = 0; frame < 10; frame += 1) clock.silence(50)
    clock.audio(1000)
    expect(clock.toStream(1000)).toBe(11_000)
    // All of the silence is one moment of the stream.
    expect([1001, 1250, 1500].map((ms) => clock.toStream(ms))).toEqual([11_000, 11_000, 11_000])
    expect(clock.toStream(1501)).toBe(11_001)
    expect(clock.toStream(2500)).toBe(12_000)
  })

  it('tells how far the session has heard the stream', () => {
    const clock = new SessionClock(5000)
    expect(clock.heard).toBe(5000)
    clock.audio(1000)
    clock.silence(500)
    expect(clock.heard).toBe(6000)
    clock.audio(250)
    expect(clock.heard).toBe(6250)
  })

  it('takes out several silences, also at the very start', () => {
    const clock = new SessionClock(0)
    clock.silence(200)
    clock.audio(100)
    clock.silence(300)
    clock.audio(100)
    expect([0, 200, 250, 300, 600, 650, 700].map((ms) => clock.toStream(ms))).toEqual([0, 0, 50, 100, 100, 150, 200])
  })

  it('leaves audio of the stream out, once and again', () => {
    const clock = new SessionClock(1000)
    clock.audio(100)
    clock.skip(60_000)
    clock.silence(50)
    clock.audio(100)
    clock.skip(0)
    clock.skip(5000)
    clock.audio(100)
    expect([50, 100, 110, 150, 200, 250, 300].map((ms) => clock.toStream(ms))).toEqual([
      1050, 1100, 61_100, 61_100, 61_150, 61_200, 66_250,
    ])
  })

  it('is right after many pauses, whichever of them a time lies in', () => {
    const clock = new SessionClock(0)
    for (let pause = 0; pause < 20_000; pause += 1) {
      clock.audio(1000)
      if (pause % 2 === 0) clock.silence(500)
      else clock.skip(100)
    }
    for (let pair = 0; pair < 10_000; pair += 1) {
      const [session, stream] = [pair * 2500, pair * 2100]
      const times = [session + 1, session + 1000, session + 1250, session + 1501, session + 2500]
      expect(times.map((ms) => clock.toStream(ms))).toEqual([1, 1000, 1000, 1001, 2000].map((ms) => stream + ms))
    }
  })

  it('maps every sample of the stream to its own time, and never runs backwards', () => {
    const piece = fc.record({ silent: fc.boolean(), ms: fc.integer({ min: 1, max: 500 }) })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e8 }), fc.array(piece, { maxLength: 20 }), (offset, pieces) => {
        const clock = new SessionClock(offset)
        let session = 0
        let stream = offset
        const expected: [session: number, stream: number][] = [[0, offset]]
        for (const { silent, ms } of pieces) {
          if (silent) clock.silence(ms)
          else clock.audio(ms)
          for (let step = 1; step <= ms; step += 1) expected.push([session + step, silent ? stream : stream + step])
          session += ms
          if (!silent) stream += ms
        }
        const mapped = expected.map(([from]) => clock.toStream(from))
        expect(mapped).toEqual(expected.map(([, to]) => to))
        expect(mapped.every((ms, index) => index === 0 || ms >= (mapped[index - 1] as number))).toBe(true)
      }),
    )
  })
})
