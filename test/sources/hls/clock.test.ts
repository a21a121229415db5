import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { MediaClock, type MediaTime, runLength, timeBetween } from '../../../src/sources/hls/clock.ts'
import { createTimedHls, type TimedHls, transportTag } from './media.ts'
import { runs } from '../../helpers/runs.ts'

let media: TimedHls
beforeAll(async () => {
  media = await createTimedHls()
})

function clockOf(names: readonly string[], piece = Infinity): MediaClock {
  const clock = new MediaClock()
  for (const name of names) {
    const bytes = media.files[name] ?? Buffer.alloc(0)
    for (let at = 0; at < bytes.length; at += piece) clock.push(bytes.subarray(at, Math.min(bytes.length, at + piece)))
  }
  return clock
}

/** How far sound is after the picture, in ms. */
function late(sound: MediaClock, picture: MediaClock): number {
  if (sound.firstSound === undefined || picture.firstPicture === undefined) throw new Error('no time')
  return timeBetween(sound.firstSound, picture.firstPicture)
}

describe('MediaClock', () => {
  // FFmpeg puts the priming of AAC, 23 ms, before the first sample.
  it.each([Infinity, 1000, 7, 1])('reads MPEG-TS and fragmented MP4 in pieces of %d bytes', (piece) => {
    for (const names of [['/even.ts'], ['/even.mp4', '/even0.m4s']]) {
      const clock = clockOf(names, piece)
      expect(Math.abs(late(clock, clock) + 23)).toBeLessThan(5)
    }
    const picture = { ts: ['/ts/0_0.seg'], mp4: ['/mp4/init0.mp4', '/mp4/0_0.seg'] }
    const sound = { ts: ['/ts/1_0.seg'], mp4: ['/mp4/init1.mp4', '/mp4/1_0.seg'] }
    for (const type of ['ts', 'mp4'] as const) {
      expect(Math.abs(late(clockOf(sound[type], piece), clockOf(picture[type], piece)) - 977)).toBeLessThan(5)
    }
  })

  it('reads the tag of packed audio', () => {
    const clock = new MediaClock()
    for (const byte of transportTag(12.5)) clock.push(Buffer.of(byte))
    expect(clock.beginning).toEqual(clock.firstSound)
    expect(clock.firstSound).toEqual({ ms: 12_500, wraps: true })
    expect(clock.firstPicture).toBeUndefined()
  })

  it('knows how long a picture is, whatever its sound', () => {
    const cut = [0, 1, 2, 3].map((at) => `/cut${at}.ts`)
    for (const [names, length] of [
      [['/even.ts'], 1000],
      [['/short.ts'], 2000],
      [cut, 3200],
    ] as const) {
      expect(clockOf(names).lengths.map(Math.round)).toEqual([length])
    }
    expect(clockOf(['/long.ts']).lengths[0]).toBeCloseTo(1000)
    expect(clockOf(['/long.ts']).lengths[1]).toBeGreaterThan(1700)
  })

  it('knows no length of sound alone, nor of a clock that jumps', () => {
    expect(clockOf(['/ts/1_0.seg']).lengths).toEqual([])
    const clock = clockOf(['/even.ts'])
    clock.push(moved(media.files['/even.ts'] ?? Buffer.alloc(0), 60_000))
    expect(clock.lengths).toEqual([])
  })

  it('goes on where the clock of MPEG-TS begins again', () => {
    const even = media.files['/even.ts'] ?? Buffer.alloc(0)
    const clock = new MediaClock()
    clock.push(moved(even, 2 ** 33 / 90 - 2000))
    expect(clock.lengths.map(Math.round)).toEqual([1000])
    expect(Math.abs(late(clock, clock) + 23)).toBeLessThan(5)
  })

  it('takes any bytes', () => {
    const files = Object.values(media.files).filter((bytes) => bytes.length > 200)
    const damaged = fc.record({
      file: fc.nat(files.length - 1),
      changes: fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 30 }),
      cut: fc.nat(4000),
    })
    const details = fc.check(
      fc.property(damaged, ({ file, changes, cut }) => {
        const bytes = Buffer.from((files[file] ?? Buffer.alloc(0)).subarray(0, 4000))
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        const clock = new MediaClock()
        clock.push(bytes.subarray(0, cut))
        clock.push(bytes.subarray(cut))
        const times = [clock.firstPicture, clock.firstSound].flatMap((time) => time?.ms ?? [])
        return [...times, ...clock.lengths].every(Number.isFinite)
      }),
      { numRuns: runs(1000) },
    )
    expect(details).toMatchObject({ failed: false })
  })
})

describe('timeBetween', () => {
  const ticks = (ms: number, wraps = true): MediaTime => ({ ms, wraps })
  const wrap = 2 ** 33 / 90

  it('is the shortest way around a clock that begins again', () => {
    expect(timeBetween(ticks(500), ticks(wrap - 500))).toBeCloseTo(1000)
    expect(timeBetween(ticks(wrap - 500), ticks(500))).toBeCloseTo(-1000)
    expect(timeBetween(ticks(3000), ticks(1000))).toBe(2000)
    expect(timeBetween(ticks(wrap, false), ticks(0, false))).toBe(wrap)
  })
})

describe('runLength', () => {
  const exact = { unit: 0.001, isWhole: false, clock: [], hasPicture: true }
  const rounded = { ...exact, unit: 1000 }

  it.each([
    ['padding of the audio', { ...exact, declared: 2000, decoded: 2043 }, 2000],
    ['sound that is too short', { ...exact, declared: 7000, decoded: 4032 }, 7000],
    ['sound that is too long', { ...exact, declared: 2000, decoded: 5000 }, 2000],
    ['sound without a picture that is longer', { ...exact, declared: 500, decoded: 1020, hasPicture: false }, 1020],
    ['sound without a picture, with its padding', { ...exact, declared: 500, decoded: 660, hasPicture: false }, 500],
    ['sound that is too long, by the picture', { ...exact, declared: 2000, decoded: 5000, clock: [2000, 5000] }, 2000],
    ['a picture that ends before its sound', { ...exact, declared: 7000, decoded: 7020, clock: [4000, 7000] }, 7000],
    ['a picture and a sound that are longer', { ...exact, declared: 500, decoded: 1020, clock: [1000] }, 1000],
    [
      'lengths of three digits, by the picture',
      { ...exact, unit: 1000, declared: 2_002_000, decoded: 0, clock: [2_002_083] },
      2_002_083,
    ],
    ['the same, by the sound', { ...exact, unit: 1000, declared: 2_002_000, decoded: 2_002_300 }, 2_002_300],
    ['rounded lengths, by the picture', { ...rounded, declared: 2000, decoded: 1700, clock: [2000] }, 2000],
    ['a thousand rounded lengths', { ...rounded, unit: 1e6, declared: 1e7, decoded: 9_600_020 }, 9_600_020],
    [
      'a thousand of a version with fractions',
      { ...rounded, unit: 1e6, isWhole: true, declared: 1e7, decoded: 9_600_020 },
      1e7,
    ],
    ['rounded lengths that are none', { ...rounded, declared: 2000, decoded: 2043 }, 2000],
    ['rounded lengths with sound that is far shorter', { ...rounded, declared: 7000, decoded: 4032 }, 7000],
    ['no length at all', { ...rounded, declared: 0, decoded: 4032 }, 4032],
  ])('of %s', (_what, lengths, expected) => {
    expect(runLength(lengths)).toBe(expected)
  })
})

/** MPEG-TS whose presentation times are later by `ms`. */
function moved(transport: Buffer, ms: number): Buffer {
  const bytes = Buffer.from(transport)
  for (let at = 0; at + 188 <= bytes.length; at += 188) {
    const start = at + ((bytes.readUInt8(at + 3) & 0x20) === 0 ? 4 : 5 + bytes.readUInt8(at + 4))
    const isUnit = (bytes.readUInt8(at + 1) & 0x40) !== 0 && start + 14 <= at + 188 && bytes.readUIntBE(start, 3) === 1
    if (!isUnit || (bytes.readUInt8(start + 7) & 0x80) === 0) continue
    const pts = start + 9
    const high = (bytes.readUInt8(pts) >> 1) & 7
    const old = high * 2 ** 30 + (bytes.readUInt16BE(pts + 1) >> 1) * 2 ** 15 + (bytes.readUInt16BE(pts + 3) >> 1)
    const time = (old + Math.round(ms * 90)) % 2 ** 33
    bytes.writeUInt8((bytes.readUInt8(pts) & 0xf1) | (Math.floor(time / 2 ** 30) << 1), pts)
    bytes.writeUInt16BE(((Math.floor(time / 2 ** 15) % 2 ** 15) << 1) | 1, pts + 1)
    bytes.writeUInt16BE(((time % 2 ** 15) << 1) | 1, pts + 3)
  }
  return bytes
}
