import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OggReader } from '../../src/audio/ogg.ts'
import { opusSamples, readOpusHead } from '../../src/audio/opus.ts'
import { OPUS_STEP, OpusFramer, OpusPages, opusWire, silentOpus, silentOpusFrame } from '../../src/audio/opus-frames.ts'

const FRAME = 5760

/** Packets of all durations, each with bytes of its own. */
const packets = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 31 }), fc.constantFrom(1, 2, 3, 700)), { maxLength: 60 })
  .map((all) =>
    all.map(([configuration, length], index) => {
      const packet = Buffer.alloc(1 + length, index)
      packet[0] = configuration << 3
      return packet
    }),
  )

const lengthOf = (all: readonly Buffer[]): number => all.reduce((sum, packet) => sum + opusSamples(packet)!, 0)

function read(bytes: Buffer): { preSkip: number; packets: Buffer[] } {
  const [head, tags, ...rest] = new OggReader(61_440).push(bytes).flatMap((page) => page.packets)
  expect(tags!.toString('latin1', 0, 8)).toBe('OpusTags')
  return { preSkip: readOpusHead(head!)!.preSkip, packets: rest }
}

it('frames hold every packet once and in order, each in the frame in which it begins', () => {
  fc.assert(
    fc.property(packets, fc.integer({ min: 1, max: 2000 }), fc.nat(60), (all, size, from) => {
      const bytes = new OpusPages(312).add(all)
      const framer = new OpusFramer()
      const frames: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size) frames.push(...framer.push(bytes.subarray(at, at + size)))
      frames.push(...framer.flush())
      expect(framer.preSkip).toBe(312)
      const lastBegins = lengthOf(all.slice(0, -1))
      expect(frames).toHaveLength(all.length === 0 ? 0 : Math.floor(lastBegins / FRAME) + 1)

      const first = Math.min(from, frames.length)
      if (first === frames.length) return
      // Whichever frame a session begins with, its first packet is where it is in the stream.
      const write = opusWire(312)
      const heard = read(Buffer.concat(frames.slice(first).map((frame) => write(frame))))
      expect(heard.preSkip).toBe(312)
      const own = heard.packets.slice(heard.packets.findIndex((packet) => all.some((one) => one.equals(packet))))
      const late = lengthOf(heard.packets.slice(0, heard.packets.length - own.length))
      let position = 0
      const expected = all.filter((packet) => {
        const begins = position
        position += opusSamples(packet)!
        return begins >= first * FRAME
      })
      expect(own.slice(0, expected.length)).toEqual(expected)
      const begins = lengthOf(all) - lengthOf(expected)
      expect(expected.length === 0 ? begins : first * FRAME + late).toBe(begins)
    }),
  )
})

it('silence lasts as long as is asked for', () => {
  for (let steps = 0; steps <= 100; steps += 1) expect(lengthOf(silentOpus(steps * OPUS_STEP))).toBe(steps * OPUS_STEP)
  expect(lengthOf(read(opusWire(0)(silentOpusFrame)).packets)).toBe(FRAME)
})

it('pages that would be too large are several', () => {
  const large = Array.from({ length: 48 }, () => Buffer.alloc(1276, 0xe0))
  expect(read(new OpusPages(0).add(large)).packets).toEqual(large)
})
