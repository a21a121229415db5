import { describe, expect, it } from 'vitest'
import { clockCorrector } from '../../../src/ffmpeg/program/corrector.ts'
import { clockMayLeap, isClockUnknown } from '../../../src/ffmpeg/program/packets.ts'
import { packet, timed, timesIn } from './transport.ts'

const sound = 0x101
/** Of each second of a stream, with the numbers that packets of a track have. */
const seconds = Array.from({ length: 40 }, (_, second) => second)
const numbered = (bytes: Buffer, number: number): Buffer => {
  bytes[3] = 0x10 | (number & 15)
  return bytes
}
const transport = (size: 188 | 192 | 204): Buffer =>
  Buffer.concat(
    seconds.map((second) => {
      const time = second < 20 ? 10 + second / 10 : 5000 + second / 10
      const bytes = numbered(timed(sound, time), second)
      return Buffer.concat([Buffer.alloc(size === 192 ? 4 : 0, 1), bytes, Buffer.alloc(size === 204 ? 16 : 0, 2)])
    }),
  )
const packHead = Buffer.from('000001ba44000400040100017bf8', 'hex')
/** A pack of sound, of 2048 bytes. */
const pack = (time: number): Buffer => {
  const sent = Buffer.concat([timed(sound, time).subarray(4), Buffer.alloc(2048 - 14 - 184, 0x55)])
  sent.writeUInt16BE(sent.length - 6, 4)
  return Buffer.concat([packHead, sent])
}
const program = Buffer.concat(seconds.map((second) => pack(second < 20 ? 10 + second / 10 : 5000 + second / 10)))

const corrected = (bytes: Buffer): Buffer => {
  const corrector = clockCorrector(bytes)!
  return Buffer.concat([corrector.push(bytes), corrector.end()])
}

describe('packets that begin anywhere in the head', () => {
  it.each([188, 192, 204] as const)('are those of a transport stream, of %d bytes', (size) => {
    const stream = transport(size)
    for (let cut = 0; cut < size; cut++) {
      const head = stream.subarray(cut)
      expect(clockMayLeap(head)).toBe(true)
      const out = corrected(head)
      const before = size === 192 ? 4 : 0
      const whole = Array.from({ length: Math.floor(out.length / size) }, (_, at) =>
        out.subarray(size * at + before, size * at + before + 188),
      )
      const times = timesIn(Buffer.concat(whole), sound).map(Number)
      expect(times.length).toBeGreaterThan(37)
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(10)
    }
  })

  it('are those of a program stream', () => {
    for (const before of [program.subarray(1), program.subarray(14), program.subarray(1500), Buffer.alloc(40_000)]) {
      const bytes = before.length === 40_000 ? Buffer.concat([before, program]) : before
      expect(clockMayLeap(bytes.subarray(0, 65_536))).toBe(true)
      const out = corrected(bytes)
      expect(out).toHaveLength(bytes.length)
      const times: number[] = []
      for (let at = out.indexOf('000001c0', 0, 'hex'); at >= 0; at = out.indexOf('000001c0', at + 1, 'hex')) {
        times.push(Number(timesIn(Buffer.concat([packet(sound).subarray(0, 4), out.subarray(at, at + 184)]), sound)[0]))
      }
      expect(times.length).toBeGreaterThan(37)
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(10)
    }
  })

  it('may be damaged, but for a few', () => {
    const stream = transport(188)
    for (const at of [1, 4]) stream[188 * at]! ^= 0x10
    expect(clockMayLeap(stream)).toBe(true)
    // The one before a damaged one is one.
    const times = timesIn(corrected(stream), sound).filter((_, index) => index !== 1 && index !== 4)
    expect(Math.max(...times.map(Number)) - Math.min(...times.map(Number))).toBeLessThan(10)
    for (let at = 0; at < 40; at += 3) stream[188 * at]! ^= 0x20
    expect(clockMayLeap(stream)).toBe(false)
  })

  it('are not seen in what is as regular, nor in files of other kinds', () => {
    const same = Buffer.concat(Array<Buffer>(340).fill(timed(sound, 1))).subarray(100)
    expect(clockMayLeap(same)).toBe(false)
    expect(clockMayLeap(Buffer.alloc(65_536, 0x47).fill(0, 0, 5))).toBe(false)
    expect(clockMayLeap(Buffer.alloc(65_536))).toBe(false)
    for (const kind of [
      'RIFF\x24\x08\0\0WAVE',
      '\0\0\0\x18ftypisom',
      '\0\0\0\x08mdat',
      'ID3\x04\0\0\0\0\x01\x01',
      'fLaC',
    ]) {
      for (const stream of [transport(188), program]) {
        expect(clockMayLeap(Buffer.concat([Buffer.from(kind, 'latin1'), stream]))).toBe(false)
      }
    }
    // A pack by chance, which no other follows.
    expect(clockMayLeap(Buffer.concat([Buffer.alloc(999, 3), packHead, Buffer.alloc(30_000, 5)]))).toBe(false)
  })

  it('are waited for where they may still come, and nowhere else', () => {
    for (const stream of [transport(188), transport(204)]) {
      for (const length of [8, 1000, 3000]) expect(isClockUnknown(stream.subarray(100, 100 + length))).toBe(true)
      expect(isClockUnknown(stream.subarray(100, 4196))).toBe(false)
    }
    for (const length of [100, 40_000]) expect(isClockUnknown(Buffer.alloc(length))).toBe(false)
    expect(isClockUnknown(program.subarray(100, 4200))).toBe(false)
    expect(isClockUnknown(program.subarray(100, 3000))).toBe(true)
    expect(isClockUnknown(Buffer.alloc(5000, 3))).toBe(false)
    for (const kind of ['RIFF\x24\x08\0\0WAVE', 'OggS\0\x02\0\0\0\0\0\0\0\0', '\x1a\x45\xdf\xa3', 'fLaC\0\0\0\x22']) {
      expect(isClockUnknown(Buffer.from(kind, 'latin1'))).toBe(false)
    }
    // A frame of MP3, and one of ADTS: radio is not kept waiting.
    expect(isClockUnknown(Buffer.from('fffb90c400000000000000000000', 'hex'))).toBe(false)
    expect(isClockUnknown(Buffer.from('fff15080021ffc00000000000000', 'hex'))).toBe(false)
  })
})
