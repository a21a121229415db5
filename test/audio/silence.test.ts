import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudioQueue, SilenceLimit } from '../../src/audio/silence.ts'
import { runs } from '../helpers/runs.ts'

it('gives back all audio and silence in order, silence in small pieces of whole samples', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(5000).map((blocks) => blocks * 4),
    ),
  )
  fc.assert(
    fc.property(pieces, (given) => {
      const queue = new AudioQueue()
      for (const piece of given) {
        if (typeof piece === 'number') queue.pushSilence(piece)
        else queue.push(piece)
      }
      const format = { sampleRate: 8000, channels: 2, encoding: 's16le' } as const
      const all: Buffer[] = []
      for (let next = queue.shift(format); next !== undefined; next = queue.shift(format)) {
        expect(next.length).toBeGreaterThan(0)
        expect(next.length).toBeLessThanOrEqual(3200)
        all.push(next)
      }
      const expected = given.map((piece) => (typeof piece === 'number' ? Buffer.alloc(piece) : piece))
      expect(Buffer.concat(all).equals(Buffer.concat(expected))).toBe(true)
    }),
  )
})

const LATE = 2000

/** A limit on a clock that the test sets. */
function limited() {
  const clock = { now: 1e6 }
  return { clock, limit: new SilenceLimit(LATE, () => clock.now) }
}

describe('SilenceLimit', () => {
  it('allows what went by since something was last heard, and that it comes late', () => {
    const { clock, limit } = limited()
    expect(limit.most).toBe(LATE)
    limit.audio(100)
    clock.now += 5000
    expect(limit.most).toBe(5000 + LATE)
    limit.silence(5000)
    limit.audio(100)
    expect(limit.most).toBe(LATE - 100)
  })

  it('allows a pause in full though the end of what was before it comes only then', () => {
    const { clock, limit } = limited()
    for (let second = 0; second < 10; second++) {
      limit.audio(1000)
      clock.now += 1000
    }
    clock.now += 22_000
    limit.audio(64)
    expect(limit.most).toBeGreaterThanOrEqual(22_000)
    limit.silence(22_000)
    limit.audio(64)
    expect(limit.most).toBeLessThanOrEqual(LATE + 1000)
  })

  it('allows what went by while the first audio was there, and not yet decoded', () => {
    const { clock, limit } = limited()
    limit.begin()
    clock.now += 8000
    limit.audio(3000)
    expect(limit.most).toBe(5000 + LATE)
  })

  it('knows by how much audio has come faster than time went by', () => {
    const { clock, limit } = limited()
    limit.audio(1000)
    expect(limit.ahead).toBe(0)
    clock.now += 2000
    limit.audio(1500)
    expect(limit.ahead).toBe(0)
    clock.now += 1000
    limit.audio(1750)
    expect(limit.ahead).toBe(250)
    limit.silence(5000)
    expect(limit.ahead).toBe(250)
  })

  it('takes a burst for what was recorded before', () => {
    const { clock, limit } = limited()
    for (let segment = 0; segment < 3; segment++) limit.audio(6000)
    clock.now += 6000
    expect(limit.most).toBe(6000 + LATE)
  })

  it('begins to count at the first audio, with the silence that is before that', () => {
    const { clock, limit } = limited()
    limit.silence(1500)
    limit.audio(100)
    clock.now += 4000
    expect(limit.most).toBe(4000 + LATE)
  })

  it('gives true losses in full, however the audio comes', () => {
    const steps = fc.array(
      fc.record({ lost: fc.nat(60_000), heard: fc.integer({ min: 20, max: 10_000 }), late: fc.nat(LATE) }),
      { maxLength: 50 },
    )
    fc.assert(
      fc.property(steps, (list) => {
        const { clock, limit } = limited()
        limit.audio(20)
        let recorded = clock.now
        for (const { lost, heard, late } of list) {
          recorded += lost
          clock.now = Math.max(clock.now, recorded + late)
          expect(limit.most).toBeGreaterThanOrEqual(lost)
          limit.silence(lost)
          recorded += heard
          clock.now = Math.max(clock.now, recorded)
          limit.audio(heard)
        }
      }),
      { numRuns: runs(300) },
    )
  })

  it('makes no stream longer than its audio, the time that went by, and the delay', () => {
    const steps = fc.array(fc.record({ claim: fc.double({ min: 0, max: 1e15, noNaN: true }), wait: fc.nat(1000) }))
    fc.assert(
      fc.property(steps, (list) => {
        const { clock, limit } = limited()
        const start = clock.now
        let position = 0
        for (const { claim, wait } of list) {
          clock.now += wait
          const silence = Math.min(claim, limit.most)
          limit.silence(silence)
          limit.audio(20)
          position += silence + 20
        }
        expect(position).toBeLessThanOrEqual(clock.now - start + 2 * LATE + 20 * list.length + 1)
      }),
      { numRuns: runs(300) },
    )
  })
})
