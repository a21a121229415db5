import { describe, expect, it } from 'vitest'
import { clockCorrector } from '../../../src/ffmpeg/program/corrector.ts'
import { programOf, programs, second, tableId, timed, timesIn, type Track } from './transport.ts'

describe('clockCorrector', () => {
  it('is for transport and program streams only', () => {
    for (const head of [Buffer.alloc(0), Buffer.alloc(1000), Buffer.from('GGGG'.repeat(10))]) {
      expect(clockCorrector(head)).toBeUndefined()
    }
    const packets = Buffer.concat(
      Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([0x47]), Buffer.alloc(187)])),
    )
    expect(clockCorrector(packets)).toBeDefined()
  })

  it('gives every byte back, in order, of whatever is no packet', () => {
    const packet = Buffer.concat([Buffer.from([0x47]), Buffer.alloc(187, 3)])
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 251))
    const pack = Buffer.from('000001ba21000100018000010000', 'hex')
    for (const input of [
      Buffer.concat([...Array<Buffer>(8).fill(packet), noise, packet, packet, packet, noise]),
      Buffer.concat([pack, noise, pack, noise]),
    ]) {
      for (const size of [1, 100, 188, 5000, 100_000]) {
        const corrector = clockCorrector(input)!
        const parts: Buffer[] = []
        for (let at = 0; at < input.length; at += size) parts.push(corrector.push(input.subarray(at, at + size)))
        parts.push(corrector.end())
        expect(Buffer.concat(parts).equals(input)).toBe(true)
      }
    }
  })

  /** What a corrector makes of a stream that comes in pieces. */
  const corrected = (stream: Buffer, size: number): Buffer => {
    const corrector = clockCorrector(stream.subarray(0, 1880))!
    const parts: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) parts.push(corrector.push(stream.subarray(at, at + size)))
    return Buffer.concat([...parts, corrector.end()])
  }
  const [picture, sound] = [0x100, 0x101]
  const [mpeg2, mp2] = [2, 3]
  const steps = (from: number, to: number, step: number): number[] =>
    Array.from({ length: Math.round((to - from) / step) }, (_, index) => from + index * step)

  it.each([100, 188, 100_000])(
    'leaves the time out of a packet of sound in which it is damaged, in pieces of %d bytes',
    (size) => {
      const damaged = steps(10, 14, 0.04).flatMap((time, index) => [
        timed(picture, time, 0xe0),
        // A bit of one is wrong; it is sent a second behind the picture.
        timed(sound, time - 1 + (index === 60 ? 2 ** 31 / second : 0)),
      ])
      const right = steps(10, 14, 0.04)
      const stream = corrected(Buffer.concat(damaged), size)
      const shown = timesIn(stream, sound).map((time) => time && time - 50 + 1)
      expect(shown[60]).toBeUndefined()
      const others = (times: readonly unknown[]): unknown[] => times.toSpliced(60, 1)
      expect(others(shown)).toEqual(others(right.map((time) => expect.closeTo(time, 4) as unknown)))
      expect(timesIn(stream, picture).map((time) => time! - 50)).toEqual(
        right.map((time) => expect.closeTo(time, 4) as unknown),
      )
    },
  )

  it('puts a picture of which one time or both are damaged between its neighbours', () => {
    const far = 2 ** 31 / second
    const times = steps(10, 14, 0.04)
    const of = (time: number, index: number): Buffer =>
      timed(
        picture,
        time + 0.08 + (index === 30 || index === 90 ? far : 0),
        0xe0,
        time + (index === 60 || index === 90 ? far : 0),
      )
    const shown = timesIn(corrected(Buffer.concat(times.map(of)), 1000), picture).map((time) => time! - 50)
    for (const [index, time] of shown.entries()) expect(Math.abs(time - times[index]! - 0.08)).toBeLessThan(0.09)
  })

  it('keeps back no more than a little until it knows of a packet whether it leaps', () => {
    const tables = Buffer.concat([programs(tableId), programOf([[sound, mp2]]), programs(tableId)])
    const corrector = clockCorrector(tables)!
    let given = corrector.push(tables).length
    for (const time of steps(10, 12, 0.04)) given += corrector.push(timed(sound, time)).length
    given += corrector.push(timed(sound, 500)).length
    const pictures = Buffer.concat(Array<Buffer>(500).fill(timed(picture, 500, 0xe0)))
    for (let pieces = 0; pieces < 10; pieces++) given += corrector.push(pictures).length
    expect(given).toBeGreaterThan(52 * 188 + 9 * pictures.length)
  })

  describe('of several programmes', () => {
    const [picture2, sound2] = [0x200, 0x201]
    const first = programOf([
      [picture, mpeg2],
      [sound, mp2],
    ])
    const rest = Array.from({ length: 40 }, (_, index): Track => [0x300 + index, mp2])
    // It takes more than a packet.
    const second2 = programOf([...rest, [picture2, mpeg2], [sound2, mp2]], { pid: 0x1001, of: 2, ticks: picture2 })
    const tables = [programs(tableId, 0x1001), first, second2]
    const sent = steps(0, 4, 0.04).flatMap((time) => [
      timed(sound2, 50_000 + time),
      timed(picture, 1000 + time, 0xe0),
      timed(picture2, 50_000.02 + time, 0xe0),
      timed(sound, 1000.01 + time),
    ])
    const right = (from: number): unknown[] =>
      steps(from, from + 4, 0.04).map((time) => expect.closeTo(time, 4) as unknown)

    it.each([
      ['tables first', 0],
      ['tables behind the first packets', 9],
    ])('gives each a clock of its own: %s', (_what, at) => {
      const stream = Buffer.concat([...sent.slice(0, at), ...tables, ...sent.slice(at)])
      for (const size of [100, 1000, 1_000_000]) {
        const made = corrected(stream, size)
        expect(timesIn(made, picture)).toEqual(right(60))
        expect(timesIn(made, sound)).toEqual(right(60.01))
        expect(timesIn(made, sound2)).toEqual(right(60))
        expect(timesIn(made, picture2)).toEqual(right(60.02))
      }
    })

    it('begins each with the earliest of its tracks, though that is sent later', () => {
      const late = steps(0, 4, 0.04).flatMap((time) => [
        timed(picture, 1000 + time, 0xe0),
        timed(picture2, 1.2 + time, 0xe0),
        timed(sound2, time),
        timed(sound, 999 + time),
      ])
      for (const size of [100, 1_000_000]) {
        const made = corrected(Buffer.concat([...tables, ...late]), size)
        expect(timesIn(made, sound)).toEqual(right(60))
        expect(timesIn(made, picture)).toEqual(right(61))
        expect(timesIn(made, sound2)).toEqual(right(60))
        expect(timesIn(made, picture2)).toEqual(right(61.2))
      }
    })

    it('waits for tables that do not come, but not without end', () => {
      const corrector = clockCorrector(Buffer.concat(sent))!
      const all = Buffer.concat(Array<Buffer>(40).fill(Buffer.concat(sent)))
      let given = 0
      for (let at = 0; at < all.length; at += 65_536) given += corrector.push(all.subarray(at, at + 65_536)).length
      expect(given).toBeGreaterThan(0.9 * all.length)
    })
  })
})
