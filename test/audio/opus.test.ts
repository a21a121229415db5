import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OggReader } from '../../src/audio/ogg.ts'
import { opusHead, opusSamples, opusTags, readOpusHead } from '../../src/audio/opus.ts'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'

const packet = (...bytes: number[]): Buffer => Buffer.from(bytes)
const toc = (configuration: number, code: number): number => (configuration << 3) | code

describe('opusSamples', () => {
  it.each(['2.5', '5', '10', '20', '40', '60'])('counts packets of %s ms as the encoder made them', (ms) => {
    const sound = ['-v', 'error', '-f', 'lavfi', '-i', 'sine=440:d=1']
    const codec = ['-c:a', 'libopus', '-frame_duration', ms, '-application', 'audio', '-f', 'ogg', 'pipe:1']
    const bytes = execFileSync(findFfmpeg(), [...sound, ...codec])
    const [head, tags, ...packets] = new OggReader(2 ** 20).push(bytes).flatMap((page) => page.packets)
    expect(readOpusHead(head!)).toEqual({ channels: 1, preSkip: expect.any(Number) })
    expect(tags!.toString('latin1', 0, 8)).toBe('OpusTags')
    expect(new Set(packets.map(opusSamples))).toEqual(new Set([Number(ms) * 48]))
  })

  it.each([
    ['one frame of 10 ms', packet(toc(0, 0), 1), 480],
    ['one of 60 ms', packet(toc(3, 0), 1, 2), 2880],
    ['one of 20 ms, hybrid', packet(toc(13, 0), 1), 960],
    ['two of 2.5 ms, alike', packet(toc(16, 1), 1, 2, 3, 4), 240],
    ['two, with a length', packet(toc(31, 2), 1, 9, 8, 8), 1920],
    ['two, with a length of two bytes', Buffer.concat([packet(toc(31, 2), 252, 1), Buffer.alloc(256 + 3)]), 1920],
    ['three alike', packet(toc(31, 3), 3, 1, 2, 3), 2880],
    ['two with lengths and padding', packet(toc(31, 3), 2 | 192, 1, 1, 7, 8, 0), 1920],
    ['none, which stands for silence', packet(toc(31, 0)), 960],
    ['120 ms', packet(toc(3, 3), 2, 1, 2), 5760],
  ])('counts %s', (_what, bytes, samples) => {
    expect(opusSamples(bytes)).toBe(samples)
  })

  it.each([
    ['nothing', packet()],
    ['two alike of an odd length', packet(toc(31, 1), 1, 2, 3)],
    ['a length beyond the end', packet(toc(31, 2), 9, 1)],
    ['no length where one must be', packet(toc(31, 2))],
    ['half a length', packet(toc(31, 2), 252)],
    ['no count', packet(toc(31, 3))],
    ['a count of 0', packet(toc(31, 3), 0, 1)],
    ['more than 120 ms', packet(toc(3, 3), 3, 1, 2, 3)],
    ['three alike that do not fill it', packet(toc(31, 3), 3, 1, 2)],
    ['padding beyond the end', packet(toc(31, 3), 1 | 64, 9, 1)],
    ['padding without an end', packet(toc(31, 3), 1 | 64, 255)],
    ['a frame that is too long', Buffer.alloc(1277)],
  ])('refuses %s', (_what, bytes) => {
    expect(opusSamples(bytes)).toBeUndefined()
  })

  it('says something possible of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        const samples = opusSamples(bytes)
        if (samples === undefined) return
        expect(samples % 120).toBe(0)
        expect(samples).toBeGreaterThanOrEqual(120)
        expect(samples).toBeLessThanOrEqual(5760)
      }),
    )
  })
})

describe('readOpusHead', () => {
  it('reads what opusHead writes', () => {
    for (const head of [
      { channels: 1, preSkip: 312 },
      { channels: 2, preSkip: 65_535 },
    ])
      expect(readOpusHead(opusHead(head))).toEqual(head)
  })

  it('refuses what is none, or has more channels', () => {
    expect(readOpusHead(opusTags())).toBeUndefined()
    expect(readOpusHead(opusHead({ channels: 1, preSkip: 0 }).subarray(0, 18))).toBeUndefined()
    expect(readOpusHead(opusHead({ channels: 6, preSkip: 0 }))).toBeUndefined()
    const newer = opusHead({ channels: 1, preSkip: 0 })
    newer[8] = 16
    expect(readOpusHead(newer)).toBeUndefined()
  })
})
