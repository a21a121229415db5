import { describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { GivenBytes } from '../../../src/ffmpeg/bytes/given.ts'
import { timed } from '../program/transport.ts'

const wav = (bytes: number): Buffer => writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, bytes)
const come = (bytes: GivenBytes, chunk: Buffer): void => {
  bytes.count(chunk)
  bytes.hold(chunk)
}

describe('the bytes of a file', () => {
  it('are held until they say how they are to be read, or there are no more', () => {
    const bytes = new GivenBytes()
    come(bytes, Buffer.from('RI'))
    expect(bytes.mode).toBeUndefined()
    bytes.isEnded = true
    expect(bytes.mode).toBe('inOrder')
    expect(bytes.release()).toEqual(Buffer.from('RI'))
    const movie = new GivenBytes()
    come(movie, Buffer.from('00000010667479706d70343200000000000000106d646174', 'hex'))
    expect(movie.mode).toBe('spooled')
  })

  it('are spooled where so much of an MP4 has come that its index will be behind its sound', () => {
    const bytes = new GivenBytes()
    const [head, free] = [Buffer.alloc(16), Buffer.alloc(65_536)]
    head.writeUInt32BE(16)
    head.write('ftyp', 4)
    free.writeUInt32BE(10_000_000)
    free.write('free', 4)
    come(bytes, head)
    expect(bytes.mode).toBeUndefined()
    come(bytes, free)
    expect(bytes.mode).toBe('spooled')
  })

  it('lack what their header promises, once they have ended', () => {
    const bytes = new GivenBytes()
    bytes.count(wav(1000))
    bytes.count(Buffer.alloc(900))
    expect(bytes.missing).toBe(0)
    bytes.isEnded = true
    expect(bytes.missing).toBe(100)
    // Those that are left out on the way have come, too.
    bytes.received += 100
    expect(bytes.missing).toBe(0)
  })

  it('are kept for another FFmpeg, until that will not come or they are too many', () => {
    const given = (): GivenBytes => {
      const bytes = new GivenBytes()
      bytes.take(bytes.release())
      for (let at = 0; at < 3; at++) bytes.take(Buffer.alloc(10, at))
      return bytes
    }
    const bytes = given()
    expect(Buffer.concat(bytes.kept!)).toHaveLength(30)
    expect(bytes.isGiven).toBe(false)
    bytes.end()
    expect(bytes.isGiven).toBe(true)
    bytes.forget()
    expect(bytes.kept).toBeUndefined()
    const many = given()
    many.take(Buffer.alloc(8_388_608))
    expect(many.kept).toBeUndefined()
  })

  it('of a clock that leaps are all given, those that were kept back at the end', () => {
    const stream = Buffer.concat(Array.from({ length: 50 }, (_, at) => timed(0x101, at)))
    const bytes = new GivenBytes()
    come(bytes, stream)
    const { given, other } = bytes.take(bytes.release())
    const rest = bytes.end()
    expect([given.length + rest.length, other, bytes.clocks]).toEqual([stream.length, undefined, undefined])
    expect(Buffer.concat(bytes.kept!)).toHaveLength(stream.length)
  })
})
