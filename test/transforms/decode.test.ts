import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import type { Warning } from '../../src/errors.ts'
import { requestFormat, type UpstreamStage } from '../../src/stage.ts'
import { decode, type DecodeOptions } from '../../src/transforms/decode.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'
import { childProcesses, noChildLeft, closed } from '../helpers/processes.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())
afterEach(() => noChildLeft())

const mono16k: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

/** Decodes bytes to 16 kHz mono; returns the number of samples and the warnings. */
async function decoded(
  input: Readable,
  options: DecodeOptions = {},
): Promise<{ samples: number; bytes: Buffer; warnings: Warning[] }> {
  const through = decode(options)
  const warnings: Warning[] = []
  through.on('warning', (warning: Warning) => warnings.push(warning))
  expect((through as UpstreamStage)[requestFormat]?.(mono16k)).toBe(true)
  const [bytes] = await Promise.all([buffer(through), pipeline(input, through)])
  expect(bytes.readUInt32LE(24)).toBe(16_000)
  return { samples: (bytes.length - 44) / 2, bytes, warnings }
}

/** The bytes in pieces of `length`. */
function pieces(bytes: Buffer, length: number): Readable {
  const count = Math.ceil(bytes.length / length)
  return Readable.from(Array.from({ length: count }, (_, i) => bytes.subarray(i * length, (i + 1) * length)))
}

describe('good input', () => {
  it.each(['wav', 'mp3', 'm4a', 'fastM4a', 'flac', 'ogg', 'webm', 'video'] as const)('is decoded: %s', async (kind) => {
    const { samples, warnings } = await decoded(createReadStream(media[kind]))
    expect(samples).toBeGreaterThanOrEqual(32_000 - 160)
    // From a pipe FFmpeg does not cut off the padding of an MP3.
    expect(samples).toBeLessThanOrEqual(32_000 + 1024)
    expect(warnings).toEqual([])
  })

  it.each(['libopus', 'alac'])('is decoded where its table of packets comes last: a CAF of %s', async (codec) => {
    const path = join(media.directory, `${codec}.caf`)
    await ffmpeg('-i', media.wav, '-c:a', codec, path)
    const { samples, warnings } = await decoded(pieces(await readFile(path), 1000))
    expect(Math.abs(samples - 32_000)).toBeLessThan(1024)
    expect(warnings).toEqual([])
  })

  it('is decoded where it is read by an index, or says at its end what it is', async () => {
    const [wtv, aiff] = ['wtv', 'aiff'].map((kind) => join(media.directory, `indexed.${kind}`)) as [string, string]
    await ffmpeg('-i', media.wav, '-c:a', 'mp2', wtv)
    await ffmpeg('-i', media.wav, aiff)
    const bytes = await readFile(aiff)
    // Before the samples stand 12 bytes, and then 26 that say what they are.
    const late = Buffer.concat([bytes.subarray(0, 12), bytes.subarray(38), bytes.subarray(12, 38)])
    expect(late.toString('latin1', 12, 16)).toBe('SSND')
    for (const input of [await readFile(wtv), late]) {
      const { samples } = await decoded(pieces(input, 1000))
      expect(Math.abs(samples - 32_000)).toBeLessThan(1500)
    }
  })

  it('is a WAV of unknown length, of which nothing is said to be lost', async () => {
    const bytes = await readFile(media.wav)
    const data = bytes.indexOf('data')
    bytes.writeUInt32LE(0xffff_ffff, 4)
    bytes.writeUInt32LE(0xffff_ffff, data + 4)
    // FFmpeg reads 4096 bytes at a time: the last packet is a short one.
    const { samples, warnings } = await decoded(pieces(bytes.subarray(0, data + 8 + 30_000 * 4), 4096))
    expect(samples).toBe(Math.ceil((30_000 * 16_000) / 44_100))
    expect(warnings).toEqual([])
  })

  it.each([
    ['8000 bytes', 8000],
    ['an odd number', 8001],
    ['none, although the outer size is right', 0],
  ])('is a WAV whose header says %s', async (_what, size) => {
    const bytes = await readFile(media.wav)
    bytes.writeUInt32LE(size, bytes.indexOf('data') + 4)
    const titles = Buffer.from('LIST\x0e\0\0\0INFOISFT\x02\0\0\0ab', 'latin1')
    const { samples, warnings } = await decoded(pieces(Buffer.concat([bytes, titles]), 5000))
    expect(samples).toBe(32_000)
    expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: size }])
  })

  it('are MP3s that were joined, with tags and pictures', async () => {
    const cover = join(media.directory, 'cover.png')
    const tagged = join(media.directory, 'tagged.mp3')
    await ffmpeg('-f', 'lavfi', '-i', 'testsrc=s=320x240:d=1', '-frames:v', '1', cover)
    const streams = ['-map', '0:a', '-map', '1:v', '-c', 'copy', '-disposition:v', 'attached_pic']
    await ffmpeg('-i', media.mp3, '-i', cover, ...streams, '-write_id3v1', '1', '-metadata', 'title=A', tagged)
    const one = await readFile(tagged)
    const { samples, warnings } = await decoded(pieces(Buffer.concat([one, one, one]), 5000))
    expect(Math.abs(samples - 96_000)).toBeLessThanOrEqual(3 * 1024)
    expect(warnings).toEqual([])
  })

  it.each(['wav', 'm4a', 'fastM4a'] as const)('may come in pieces of any size: %s', async (kind) => {
    const bytes = await readFile(media[kind])
    const whole = await decoded(Readable.from([bytes]))
    for (const length of [1, 7, 4093]) {
      const head = length === 1 ? 300 : bytes.length
      const parts = Readable.from([
        ...(await pieces(bytes.subarray(0, head), length).toArray()),
        bytes.subarray(head),
      ] as Buffer[])
      expect((await decoded(parts)).bytes.equals(whole.bytes)).toBe(true)
    }
  })

  it('is decoded where the index of an MP4 follows megabytes of other data', async () => {
    const large = join(media.directory, 'large.mp4')
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25:d=10']
    await ffmpeg(...picture, '-i', media.wav, '-c:v', 'mpeg4', '-q:v', '2', '-c:a', 'aac', large)
    expect((await readFile(large)).length).toBeGreaterThan(1_000_000)
    const { samples, warnings } = await decoded(createReadStream(large))
    expect(samples).toBeGreaterThanOrEqual(32_000)
    expect(warnings).toEqual([])
  })

  it('gives its own sample rate and channels without a request', async () => {
    const through = createReadStream(media.wav).pipe(decode())
    const bytes = await buffer(through)
    expect([bytes.readUInt16LE(22), bytes.readUInt32LE(24), bytes.length]).toEqual([2, 44_100, 44 + 88_200 * 4])
  })

  it('gives the audio track that is asked for', async () => {
    const { samples } = await decoded(createReadStream(media.twoTracks), { audioTrack: 1 })
    expect(samples).toBe(16_000)
  })

  it('comes out while it is still coming in', async () => {
    const tenSeconds = join(media.directory, 'ten-seconds.wav')
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=44100:d=10', tenSeconds)
    const bytes = await readFile(tenSeconds)
    const through = decode()
    through.write(bytes.subarray(0, 600_000))
    await once(through, 'readable')
    expect(through.writableEnded).toBe(false)
    through.end(bytes.subarray(600_000))
    expect(await buffer(through)).toHaveLength(44 + 441_000 * 2)
  })
})

describe('bad input', () => {
  it.each([
    ['corrupt', 'INPUT_NOT_MEDIA'],
    ['cutM4a', 'INPUT_NOT_MEDIA'],
    ['silentVideo', 'NO_AUDIO'],
    ['headerOnly', 'NO_AUDIO'],
    ['empty', 'NO_AUDIO'],
  ] as const)('fails: %s is %s', async (kind, code) => {
    await expect(decoded(createReadStream(media[kind]))).rejects.toMatchObject({ name: 'InputError', code })
    // Also for somebody who does not read what comes out.
    await expect(pipeline(createReadStream(media[kind]), decode())).rejects.toMatchObject({ code })
  })

  it('fails if it is a few bytes', async () => {
    for (const bytes of ['x', 'RIFF', '....ftyp', 'ID3']) {
      await expect(decoded(Readable.from([Buffer.from(bytes)]))).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
    }
  })

  it.each(['cutWav', 'cutMp3', 'cutFastM4a', 'damagedMp3'] as const)('is not silent about damage: %s', async (kind) => {
    const { samples, warnings } = await decoded(createReadStream(media[kind]))
    expect(samples).toBeGreaterThan(10_000)
    expect(warnings).not.toEqual([])
    for (const warning of warnings) expect(['FFMPEG_WARNING', 'INPUT_TRUNCATED']).toContain(warning.code)
  })

  it('is not silent about a FLAC that is cut between two frames', async () => {
    const whole = await readFile(media.flac)
    // Frames of this kind begin with these two bytes, and each has its number.
    const at = whole.indexOf(Buffer.from([0xff, 0xf8]), Math.floor(whole.length / 2))
    const { samples, warnings } = await decoded(Readable.from([whole.subarray(0, at)]))
    expect(warnings).toMatchObject([{ code: 'INPUT_TRUNCATED', missing: expect.any(Number) }])
    expect(Math.abs(samples / 16 + Number(warnings[0]!['missingMs']) - 2000)).toBeLessThan(5)
  })

  it('says how much is missing by a header that comes in pieces, also behind a tag with a picture', async () => {
    const tag = Buffer.alloc(10 + 2 ** 17)
    tag.write('ID3\x04\0\0\0\x08\0\0', 'latin1')
    const tta = join(media.directory, 'cut.tta')
    await ffmpeg('-i', media.wav, tta)
    const mp3 = Buffer.concat([tag, await readFile(media.mp3)])
    for (const whole of [mp3, await readFile(tta)]) {
      expect((await decoded(pieces(whole, 13))).warnings).toEqual([])
      const { warnings } = await decoded(pieces(whole.subarray(0, -9000), 13))
      const told = warnings.filter(({ code }) => code === 'INPUT_TRUNCATED')
      expect(told).toHaveLength(1)
      expect(told[0]!['missing']).toBeGreaterThan(9000 - 1500)
      expect(told[0]!['missing']).toBeLessThanOrEqual(9000)
    }
  })

  it('says how much of a cut MP4 is missing, also where others follow', async () => {
    const whole = await readFile(media.fastM4a)
    const told = async (...files: Buffer[]) => {
      const { warnings } = await decoded(Readable.from(files))
      return warnings.filter(({ code }) => code === 'INPUT_TRUNCATED').map(({ missing }) => missing)
    }
    expect(await told(whole)).toEqual([])
    expect(await told(whole.subarray(0, -1000))).toEqual([1000])
    expect(await told(whole.subarray(0, -1000), whole, whole.subarray(0, -2000))).toEqual([1000, 2000])
  })

  it.each([
    ['ffconcat', "ffconcat version 1.0\nfile '%s'\n"],
    ['ffconcat of a protocol', "ffconcat version 1.0\nfile 'file:%s'\n"],
    ['a playlist', '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:%s\n#EXT-X-ENDLIST\n'],
    [
      'a session description',
      'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n',
    ],
  ])('cannot make FFmpeg read files: %s', async (_what, content) => {
    const bytes = Buffer.from(content.replace('%s', media.wav))
    await expect(decoded(Readable.from([bytes]))).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
  })

  it('passes on the error of the stream above', async () => {
    const above = createReadStream(join(media.directory, 'missing'))
    await expect(pipeline(above, decode(), buffer)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('wrong calls', () => {
  it('are refused', () => {
    expect(() => decode({ audioTrack: 1.5 })).toThrow('audioTrack, when given, must be an integer')
    expect(() => decode({ format: 'mp3' } as object)).toThrow('decode has no option format')
    expect(() => decode({ signal: 'now' } as object)).toThrow('AbortSignal')
  })

  it('name an FFmpeg that does not run', async () => {
    const ffmpegPath = join(media.directory, 'not-executable')
    await writeFile(ffmpegPath, '', { mode: 0o644 })
    await expect(decoded(createReadStream(media.wav), { ffmpegPath })).rejects.toMatchObject({
      name: 'FfmpegError',
      code: 'FFMPEG_NOT_FOUND',
    })
  })
})

describe('signal', () => {
  it('ends a stream that waits for bytes, and its process', async () => {
    const tenSeconds = join(media.directory, 'ten-seconds-more.wav')
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=44100:d=10', tenSeconds)
    const controller = new AbortController()
    const through = decode({ signal: controller.signal })
    const failed = once(through, 'error')
    through.resume()
    through.write((await readFile(tenSeconds)).subarray(0, 600_000))
    await once(through, 'data')
    expect(childProcesses()).toHaveLength(1)
    controller.abort()
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' })
    await closed(through)
    expect(childProcesses()).toEqual([])
  })
})
