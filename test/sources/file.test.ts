import { once } from 'node:events'
import { chmod, copyFile, mkdir, readdir, readFile, rename, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import type { Warning } from '../../src/errors.ts'
import { fileSource, type FileSourceOptions } from '../../src/sources/file.ts'
import { requestFormat, type UpstreamStage } from '../../src/stage.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'
import { childProcesses, closed, noChildLeft } from '../helpers/processes.ts'
import { shapeOf } from '../helpers/wav-shape.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())
afterEach(() => noChildLeft())

async function read(
  file: string | URL,
  options: FileSourceOptions & { target?: AudioFormat } = {},
): Promise<{ bytes: Buffer; warnings: Warning[] }> {
  const { target, ...rest } = options
  const source: Readable & UpstreamStage = fileSource(file, rest)
  const warnings: Warning[] = []
  source.on('warning', (warning: Warning) => warnings.push(warning))
  const agreed = target === undefined || source[requestFormat]?.(target)
  expect(agreed).toBe(true)
  return { bytes: await buffer(source), warnings }
}

const mono16k: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

describe('good files', () => {
  it('come out as they are, without a request', async () => {
    const { bytes, warnings } = await read(media.wav)
    expect(shapeOf(bytes)).toEqual({ rate: 44_100, channels: 2, samples: 88_200 })
    expect(bytes.subarray(44).equals((await readFile(media.wav)).subarray(-88_200 * 4))).toBe(true)
    expect(warnings).toEqual([])
  })

  it.each(['wav', 'mp3', 'm4a', 'fastM4a', 'flac', 'ogg', 'webm', 'video'] as const)(
    'come out in the format that is asked for: %s',
    async (kind) => {
      const { bytes, warnings } = await read(media[kind], { target: mono16k })
      const { rate, channels, samples } = shapeOf(bytes)
      expect({ rate, channels }).toEqual({ rate: 16_000, channels: 1 })
      // Encoders round up to whole frames.
      expect(samples).toBeGreaterThanOrEqual(32_000 - 160)
      expect(samples).toBeLessThanOrEqual(32_000 + 1024)
      expect(warnings).toEqual([])
    },
  )

  const picture = ['-f', 'lavfi', '-i', 'testsrc=s=720x576:r=25:d=2']
  it.each([
    ['dv', [...picture, '-target', 'pal-dv', '-ac', '2', '-shortest']],
    ['gxf', [...picture, '-c:v', 'mpeg2video', '-ar', '48000', '-ac', '1', '-shortest']],
    ['nut', ['-c:a', 'pcm_s16le']],
    ['wtv', ['-c:a', 'mp2']],
    ['thd', ['-c:a', 'truehd', '-strict', '-2']],
    ['mlp', ['-c:a', 'mlp', '-strict', '-2']],
    ['aptx', ['-ar', '48000']],
    ['sbc', ['-ar', '48000']],
    ['g722', ['-ar', '16000', '-ac', '1']],
    ['ircam', []],
  ])('may be of a kind that few programs know: %s', async (ending, how) => {
    const path = join(media.directory, `rare.${ending}`)
    await ffmpeg('-i', media.wav, ...how, path)
    const { samples } = shapeOf((await read(path, { target: mono16k })).bytes)
    expect(samples).toBeGreaterThanOrEqual(32_000 - 160)
    // GXF counts in fields of a picture, and fills up the last ones.
    expect(samples).toBeLessThanOrEqual(32_000 + 6400)
  })

  it('may be what recorders of cameras write, each frame with its date', async () => {
    const raw = join(media.directory, 'camera.al')
    await ffmpeg('-i', media.wav, '-f', 'alaw', '-ar', '8000', '-ac', '1', raw)
    const sound = await readFile(raw)
    const frames = Array.from({ length: sound.length / 320 }, (_, index) => {
      const head = Buffer.alloc(28)
      head.write('DHAV\xf0', 'latin1')
      // Date and time of day in whole seconds, and a time in ms; behind them what the sound is: A-law of 8 kHz.
      const date = (26 << 26) + (12 << 22) + (1 << 17) + (10 << 12) + (5 << 6) + Math.floor(index / 25)
      for (const [at, value] of [36 + 320, date, index * 40].entries()) head.writeUInt32LE(value, 12 + 4 * at)
      head.set([4, 0, 0x83, 1, 14, 2], 22)
      return Buffer.concat([head, sound.subarray(320 * index, 320 * index + 320), Buffer.from('dhav\0\0\0\0')])
    })
    const path = raw.replace('.al', '.dav')
    await writeFile(path, Buffer.concat(frames))
    const { bytes, warnings } = await read(path, { target: mono16k })
    expect([shapeOf(bytes).samples, warnings]).toEqual([32_000, []])
  })

  it('give exactly their length, and a tone of the right pitch', async () => {
    const { bytes } = await read(media.wav, { target: mono16k })
    expect(shapeOf(bytes).samples).toBe(32_000)
    let crossings = 0
    for (let at = 46; at < bytes.length; at += 2) {
      if (bytes.readInt16LE(at - 2) < 0 && bytes.readInt16LE(at) >= 0) crossings++
    }
    expect(Math.abs(crossings - 880)).toBeLessThanOrEqual(2)
  })

  it('are mixed down without clipping, also where both channels are at full scale', async () => {
    const loud = join(media.directory, 'loud.m4a')
    const tone = 'aevalsrc=sin(440*2*PI*t)|sin(440*2*PI*t):s=48000:d=1'
    await ffmpeg('-f', 'lavfi', '-i', tone, '-c:a', 'aac', '-b:a', '256k', loud)
    const { bytes } = await read(loud, { target: mono16k })
    let atLimit = 0
    for (let at = 44; at < bytes.length; at += 2) if (Math.abs(bytes.readInt16LE(at)) >= 32_766) atLimit++
    // A clipped sine stays at the limit for much of each of its 440 periods.
    expect(atLimit).toBeLessThan(440)
  })

  it('may be asked for with their channels apart', async () => {
    const { bytes } = await read(media.wav, { target: { ...mono16k, channels: 2 } })
    expect(shapeOf(bytes)).toEqual({ rate: 16_000, channels: 2, samples: 32_000 })
  })

  it('keep the time of audio that starts after the picture', async () => {
    const { bytes } = await read(media.lateAudio, { target: mono16k })
    const { samples } = shapeOf(bytes)
    expect(Math.abs(samples - 48_000)).toBeLessThanOrEqual(160)
    let first = 44
    while (first < bytes.length && Math.abs(bytes.readInt16LE(first)) < 200) first += 2
    expect(Math.abs((first - 44) / 2 - 16_000)).toBeLessThanOrEqual(160)
  })

  it('give the audio track that is asked for', async () => {
    const { bytes } = await read(media.twoTracks, { audioTrack: 1 })
    expect(shapeOf(bytes)).toEqual({ rate: 48_000, channels: 1, samples: 48_000 })
  })

  it('may be given as file: URL, as text of one, and relative', async () => {
    const expected = (await read(media.mp3)).bytes
    const url = pathToFileURL(media.mp3)
    for (const file of [url, url.href, relative(process.cwd(), media.mp3)]) {
      expect((await read(file)).bytes.equals(expected)).toBe(true)
    }
  })

  it('say how long they are, where that is cheap to know', async () => {
    for (const kind of ['wav', 'mp3', 'm4a', 'fastM4a', 'flac', 'webm', 'video'] as const) {
      const source = fileSource(media[kind])
      expect(Math.abs((source.duration ?? 0) - 2000)).toBeLessThanOrEqual(100)
      source.destroy()
    }
    expect(fileSource(media.corrupt)).toHaveProperty('duration', undefined)
  })

  it('may be links', async () => {
    const link = join(media.directory, 'link.wav')
    await symlink(media.wav, link)
    expect(shapeOf((await read(link)).bytes).samples).toBe(88_200)
  })
})

describe('names', () => {
  it.each([
    '-i.wav',
    '-version',
    'a:b.wav',
    'http:x.wav',
    'with space.wav',
    'a|b.wav',
    'frame%03d.wav',
    'concat:a|b.wav',
    'subfile,,start,0,end,100,,:tone.wav',
    'quote\'"$(id)`id`.wav',
    'new\nline.wav',
    '100% ünïcødé – 話.wav',
    'question?#hash.wav',
  ])('are taken literally: %j', async (name) => {
    const path = join(media.directory, name)
    await copyFile(media.wav, path)
    expect(shapeOf((await read(path)).bytes).samples).toBe(88_200)
    expect(shapeOf((await read(pathToFileURL(path))).bytes).samples).toBe(88_200)
  })

  it('do not make FFmpeg open another protocol', async () => {
    const trick = `subfile,,start,0,end,0,,:${media.wav}`
    await expect(read(trick)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  })
})

describe('wrong calls', () => {
  it.each(['http://host/a.mp3', 'https://host/a.mp3', 'rtsp://user:geheim@host/1', 'HTTP://HOST/a', 's3://b/c'])(
    'refuse an address: %s',
    (address) => {
      expect(() => fileSource(address)).toThrow(/fileSource takes files, not/)
      expect(() => fileSource(address)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
      expect(() => fileSource(address)).not.toThrow(/geheim/)
      expect(() => fileSource(new URL(address))).toThrow(/fileSource takes files, not/)
    },
  )

  it.each([[undefined], [null], [42], [''], ['a\0b'], [{}], ['file://elsewhere/a.wav'], ['file://[']])(
    'refuse %j',
    (file) => {
      expect(() => fileSource(file as string)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )

  it('refuse options that are wrong or unknown', () => {
    const refused = (options: object, words: string): void => {
      expect(() => fileSource(media.wav, options)).toThrow(words)
    }
    refused({ audioTrack: -1 }, 'audioTrack')
    refused({ audioTrack: '0' }, 'audioTrack')
    refused({ ffmpegPath: 7 }, 'ffmpegPath')
    refused({ signal: {} }, 'signal')
    refused({ track: 1 }, 'fileSource has no option track')
  })

  it('take explicit undefined as absent', async () => {
    const options = { audioTrack: undefined, ffmpegPath: undefined, signal: undefined } as object
    expect(shapeOf((await read(media.wav, options)).bytes).samples).toBe(88_200)
  })
})

describe('bad files', () => {
  it('are refused before FFmpeg is even looked for', async () => {
    const options = { ffmpegPath: join(media.directory, 'no-ffmpeg-here') }
    const missing = join(media.directory, 'missing.wav')
    await expect(read(missing, options)).rejects.toMatchObject({ name: 'InputError', code: 'INPUT_NOT_FOUND' })
    await expect(read(missing, options)).rejects.toThrow(missing)
    await expect(read(join(media.wav, 'below'), options)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    await expect(read(media.directory, options)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await expect(read(media.empty, options)).rejects.toMatchObject({ code: 'NO_AUDIO' })
  })

  it.skipIf(process.platform !== 'linux')(
    'say that a name is not UTF-8, by which Node cannot open a file',
    async () => {
      const folder = join(media.directory, 'latin-1')
      await mkdir(folder)
      await copyFile(media.wav, Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9]), Buffer.from('.wav')]))
      const [name = ''] = await readdir(folder)
      await expect(read(join(folder, name))).rejects.toMatchObject({
        code: 'INPUT_NOT_FOUND',
        message: expect.stringMatching(/does not exist, or has a name that is not UTF-8; rename it$/) as string,
      })
    },
  )

  it('are told apart also where Error is not that of Node, as in the contexts of Jest', async () => {
    vi.stubGlobal('Error', runInNewContext('Error'))
    try {
      await expect(read(join(media.directory, 'missing.wav'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('reject a pipeline before its sink gets anything', async () => {
    const got: unknown[] = []
    const sink = new Writable({
      write(chunk, _encoding, callback) {
        got.push(chunk)
        callback()
      },
    })
    const done = pipeline(fileSource(join(media.directory, 'missing.wav')), sink)
    await expect(done).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    expect(got).toEqual([])
  })

  const root = process.getuid?.() === 0
  if (root) console.warn('skipped: a file without read permission (the superuser may read every file)')
  it.skipIf(root || process.platform === 'win32')('are refused if they may not be read', async () => {
    const path = join(media.directory, 'secret.wav')
    await copyFile(media.wav, path)
    await chmod(path, 0o000)
    await expect(read(path)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })

  it.each([
    ['corrupt', 'INPUT_NOT_MEDIA'],
    ['cutM4a', 'INPUT_NOT_MEDIA'],
    ['silentVideo', 'NO_AUDIO'],
    ['headerOnly', 'NO_AUDIO'],
  ] as const)('fail: %s is %s', async (kind, code) => {
    await expect(read(media[kind])).rejects.toMatchObject({ name: 'InputError', code })
    await expect(read(media[kind])).rejects.toThrow(media[kind])
  })

  it('fail if they lack the track that is asked for', async () => {
    await expect(read(media.wav, { audioTrack: 1 })).rejects.toMatchObject({ code: 'NO_AUDIO' })
    await expect(read(media.wav, { audioTrack: 1 })).rejects.toThrow('no audio track 1')
  })

  it.each(['cutWav', 'cutMp3', 'cutFastM4a', 'damagedMp3'] as const)(
    'are not silent about damage: %s',
    async (kind) => {
      const { bytes, warnings } = await read(media[kind], { target: mono16k })
      expect(shapeOf(bytes).samples).toBeGreaterThan(10_000)
      expect(warnings).not.toEqual([])
      for (const warning of warnings) expect(['FFMPEG_WARNING', 'INPUT_TRUNCATED']).toContain(warning.code)
    },
  )

  it.each([
    ['PCM', 'pcm_s16le', []],
    ['ADPCM', 'adpcm_ima_wav', []],
    ['RF64', 'pcm_s16le', ['-rf64', 'always']],
  ])('are read to the end where a WAV header says too little: %s', async (_what, codec, more) => {
    const path = join(media.directory, 'stale.wav')
    await ffmpeg('-i', media.wav, '-c:a', codec, ...more, path)
    const whole = shapeOf((await read(path)).bytes)
    const bytes = await readFile(path)
    const isLong = more.length > 0
    if (isLong) bytes.writeBigUInt64LE(8192n, 28)
    else bytes.writeUInt32LE(8192, bytes.indexOf('data') + 4)
    await writeFile(path, bytes)
    const { bytes: heard, warnings } = await read(path)
    expect(shapeOf(heard)).toEqual(whole)
    expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: 8192 }])
    const { duration } = fileSource(path) as Readable & { duration?: number }
    expect(Math.abs((duration ?? 0) - 2000)).toBeLessThanOrEqual(60)
  })

  it('are read as far as their samples go: a WAV with titles at its end, and one of unknown length', async () => {
    const path = join(media.directory, 'titles.wav')
    const wav = await readFile(media.wav)
    const titles = Buffer.from('LIST\x0e\0\0\0INFOISFT\x02\0\0\0ab', 'latin1')
    for (const size of [wav.readUInt32LE(wav.indexOf('data') + 4), 0xffff_ffff, 0]) {
      wav.writeUInt32LE(size, wav.indexOf('data') + 4)
      if (size === 0) wav.writeUInt32LE(0, 4)
      await writeFile(path, Buffer.concat([wav, titles]))
      const { bytes, warnings } = await read(path)
      expect(shapeOf(bytes).samples).toBe(88_200)
      expect(warnings).toEqual([])
    }
  })

  it('are heard to their end where a WAV has its samples in two chunks, as by a pipe', async () => {
    const path = join(media.directory, 'two chunks.wav')
    const wav = await readFile(media.wav)
    const at = wav.indexOf('data')
    const [head, all] = [wav.subarray(0, at), wav.subarray(at + 8)]
    const chunks = [all.subarray(0, 100_000), all.subarray(100_000)].flatMap((samples) => {
      const size = Buffer.alloc(4)
      size.writeUInt32LE(samples.length)
      return [Buffer.from('data'), size, samples]
    })
    head.writeUInt32LE(head.length + all.length + 8, 4)
    await writeFile(path, Buffer.concat([head, ...chunks]))
    const { bytes, warnings } = await read(path)
    expect(bytes.subarray(44).equals(all)).toBe(true)
    expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: 100_000 }])
  })

  it('lack nothing where only the outer size of a WAV says so', async () => {
    const path = join(media.directory, 'outer.wav')
    const wav = await readFile(media.wav)
    wav.writeUInt32LE(wav.length + 1000, 4)
    await writeFile(path, wav)
    expect((await read(path)).warnings).toEqual([])
  })

  it('say nothing of loss in MP3s that were joined, and hear them all', async () => {
    const path = join(media.directory, 'joined.mp3')
    const one = await readFile(media.mp3)
    await writeFile(path, Buffer.concat([one, one]))
    const { bytes, warnings } = await read(path, { target: mono16k })
    expect(warnings).toEqual([])
    expect(Math.abs(shapeOf(bytes).samples - 64_000)).toBeLessThanOrEqual(2 * 1024)
  })

  it('say nothing of loss in an MP3 with a long tag at its end', async () => {
    const path = join(media.directory, 'tag-last.mp3')
    const tag = Buffer.alloc(20_010, 0xff)
    tag.write('ID3\x04\0\0\0\x01\x1c\x20', 'latin1')
    await writeFile(path, Buffer.concat([await readFile(media.mp3), tag]))
    const { bytes, warnings } = await read(path, { target: mono16k })
    expect(warnings).toEqual([])
    expect(Math.abs(shapeOf(bytes).samples - 32_000)).toBeLessThanOrEqual(1024)
  })

  it('say nothing of loss in a video that begins in mid-picture', async () => {
    const path = join(media.directory, 'middle.ts')
    const picture = ['-f', 'lavfi', '-i', 'testsrc=s=160x120:r=25:d=4']
    await ffmpeg(...picture, '-i', media.wav, '-c:v', 'libx264', '-g', '250', '-c:a', 'aac', path)
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(188 * Math.floor(bytes.length / 188 / 4)))
    expect((await read(path)).warnings).toEqual([])
  })

  it.each([
    ['mp4', ['-c:a', 'aac', '-movflags', '+faststart']],
    ['mp4', ['-c:a', 'aac', '-movflags', 'empty_moov', '-frag_duration', '500000']],
    ['mkv', ['-c:a', 'aac']],
    ['webm', ['-c:a', 'libopus']],
    ['flv', ['-c:a', 'aac', '-ar', '44100']],
    ['wma', []],
    ['tta', []],
    ['mxf', ['-f', 'lavfi', '-i', 'testsrc=d=2:s=64x48:r=25', '-c:v', 'mpeg2video', '-ar', '48000']],
  ])('say how much of a cut %s is missing (%j), and nothing of a whole one', async (kind, how) => {
    const [whole, cut] = [join(media.directory, `whole.${kind}`), join(media.directory, `cut.${kind}`)]
    await ffmpeg('-i', media.wav, ...how, whole)
    expect((await read(whole)).warnings).toEqual([])
    const bytes = await readFile(whole)
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * 0.6)))
    const told = (await read(cut)).warnings.filter(({ code }) => code === 'INPUT_TRUNCATED')
    expect(told).toHaveLength(1)
    // Up to the end of the element that is cut: what a fragmented MP4 has behind it is not known.
    const missing = bytes.length - Math.floor(bytes.length * 0.6)
    expect(told[0]!['missing']).toBeLessThanOrEqual(missing)
    expect(told[0]!['missing']).toBeGreaterThan(how.includes('empty_moov') ? 0 : missing * 0.8)
  })

  it('take what is behind an MP4 for no part of it that is missing', async () => {
    const path = join(media.directory, 'junk.m4a')
    await ffmpeg('-i', media.wav, '-c:a', 'aac', path)
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from('Ask for more at the desk.')]))
    expect((await read(path)).warnings.filter(({ code }) => code === 'INPUT_TRUNCATED')).toEqual([])
  })

  it('say of a FLAC that is cut within its head what is wrong with it', async () => {
    const path = join(media.directory, 'head.flac')
    await ffmpeg('-i', media.wav, path)
    await writeFile(path, (await readFile(path)).subarray(0, 1000))
    await expect(read(path)).rejects.toMatchObject({ code: expect.not.stringMatching('INPUT_UNREADABLE') })
  })

  it('say how much of an MP3 is missing behind a tag with a picture', async () => {
    const path = join(media.directory, 'cover.mp3')
    const tag = Buffer.alloc(10 + 2 ** 17)
    tag.write('ID3\x04\0\0\0\x08\0\0', 'latin1')
    await writeFile(path, Buffer.concat([tag, await readFile(media.mp3)]).subarray(0, -9000))
    const { warnings } = await read(path)
    expect(warnings.map(({ code }) => code)).toEqual(['INPUT_TRUNCATED'])
  })

  it('say how much of a WAV is missing', async () => {
    const { warnings } = await read(media.cutWav)
    const missing = (await readFile(media.wav)).length - (await readFile(media.cutWav)).length
    expect(warnings.find(({ code }) => code === 'INPUT_TRUNCATED')).toMatchObject({ missing })
  })

  it.each(['wav', 'mpegts'])(
    'say what a file of %s has lost while it was read, and not that another is in its place',
    async (format) => {
      const path = join(media.directory, `shrinking.${format}`)
      const make = () => ffmpeg('-f', 'lavfi', '-i', 'sine=r=16000:d=120', '-f', format, path)
      const whileRead = async (act: () => Promise<unknown>): Promise<unknown[]> => {
        await make()
        const source = fileSource(path)
        const told: Warning[] = []
        source.on('warning', (warning: Warning) => told.push(warning))
        await once(source, 'readable')
        await act()
        await buffer(source)
        return told.filter(({ code }) => code === 'INPUT_TRUNCATED').map(({ missing }) => missing)
      }
      const cut = async (): Promise<void> => truncate(path, (await stat(path)).size - 1000)
      expect(await whileRead(cut)).toEqual([1000])
      const exchange = async (): Promise<void> => {
        await writeFile(`${path}.other`, 'shorter')
        await rename(`${path}.other`, path)
      }
      expect(await whileRead(exchange)).toEqual([])
    },
  )

  it.each([
    ['ffconcat', "ffconcat version 1.0\nfile 'tone.wav'\n"],
    ['a playlist', '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ntone.wav\n#EXT-X-ENDLIST\n'],
    [
      'a session description',
      'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n',
    ],
  ])('cannot make FFmpeg read their neighbours: %s', async (_what, content) => {
    for (const name of ['hostile.wav', 'hostile.m3u8', 'hostile.sdp', 'hostile']) {
      const path = join(media.directory, name)
      await writeFile(path, content)
      await expect(read(path)).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
    }
  })
})

describe('signal', () => {
  it('ends the source and its process', async () => {
    const controller = new AbortController()
    const source = fileSource(media.wav, { signal: controller.signal })
    const failed = once(source, 'error')
    await once(source, 'readable')
    controller.abort()
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' })
    await closed(source)
    expect(childProcesses()).toEqual([])
  })
})
