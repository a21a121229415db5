import { describe, expect, it } from 'vitest'
import { OggReader } from '../../src/audio/ogg.ts'
import { opusSamples } from '../../src/audio/opus.ts'
import type { NutRun } from '../../src/ffmpeg/nut.ts'
import { OpusOutput, passThroughRefusal } from '../../src/ffmpeg/opus-output.ts'

const PRE_SKIP = 312
const packet = (mark: number): Buffer => Buffer.from([0xf8, mark])
/** Packets of 20 ms that begin to be decoded at these times, in ms after the first. */
const at = (...times: number[]) =>
  times.map((ms, index) => ({ track: 0, at: ms * 48 - PRE_SKIP, samples: packet(index) }))

function through(start: number, container: string, packets: NutRun[]) {
  const output = new OpusOutput({ container, start }, PRE_SKIP)
  const events = output.take(packets)
  const pieces: Buffer[] = []
  for (let piece = output.shift(); piece !== undefined; piece = output.shift()) pieces.push(piece)
  const [, , ...out] = new OggReader(61_440).push(Buffer.concat(pieces)).flatMap((page) => page.packets)
  let position = 0
  const places: number[] = []
  for (const one of out) {
    if (one.length === 2) places.push(position / 48)
    position += opusSamples(one)!
  }
  return { events, places, ms: position / 48, largest: Math.max(...pieces.map(({ length }) => length)) }
}

describe('OpusOutput', () => {
  it('puts packets where their times say', () => {
    const { events, places } = through(0, 'matroska,webm', at(0, 20, 40))
    expect({ events, places }).toEqual({ events: { gaps: [], damaged: 0 }, places: [0, 20, 40] })
  })

  it('has silence before what begins late, to 2.5 ms', () => {
    expect(through(0, 'matroska,webm', at(1234, 1254)).places).toEqual([1235, 1255])
    expect(through(-0.007, 'matroska,webm', at(0, 20)).places).toEqual([7.5, 27.5])
  })

  it('has silence for what is missing, and says so where it is long', () => {
    const { events, places } = through(0, 'matroska,webm', at(0, 20, 540, 7560, 7580))
    expect(places).toEqual([0, 20, 540, 7560, 7580])
    expect(events.gaps).toEqual([{ start: 554, end: 7554 }])
  })

  it('believes no leap that cannot be, and makes no more of silence at once than a second', () => {
    expect(through(0, 'matroska,webm', at(0, 20, 1e9)).events.leap).toBeGreaterThan(900_000)
    const { ms, largest } = through(0, 'matroska,webm', at(0, 3_600_000))
    expect(ms).toBe(3_600_020)
    expect(largest).toBeLessThan(1000)
  })

  it('leaves out what is before the beginning, and plays what comes twice', () => {
    expect(through(0.1, 'matroska,webm', at(0, 20, 40, 60, 80, 100)).places).toHaveLength(1)
    expect(through(0, 'ogg', at(0, 20, 0, 20)).places).toEqual([0, 20, 40, 60])
  })

  it('has silence in place of what is no packet', () => {
    const [first, second, third] = at(0, 20, 40)
    const { events, places } = through(0, 'ogg', [first!, { ...second!, samples: Buffer.from([0xfb]) }, third!])
    expect({ places, damaged: events.damaged }).toEqual({ places: [0, 40], damaged: 1 })
  })
})

it.each([
  ['opus, 48000 Hz, mono, fltp', undefined],
  ['opus, 48000 Hz, mono, fltp (default)', undefined],
  ['opus, 48000 Hz, stereo, fltp', 'the track has several channels, which must be mixed'],
  ['aac (LC) (mp4a / 0x6134706D), 44100 Hz, mono, fltp', 'the track is aac, not Opus'],
])('%s', (about, refusal) => {
  expect(passThroughRefusal({ stream: 0, isDefault: true, about })).toBe(refusal)
})
