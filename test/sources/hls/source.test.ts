import { createCipheriv } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { httpSource } from '../../../src/sources/http/source.ts'
import { liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../../../src/stage.ts'
import type { HttpServed } from '../../../src/testing/http-fault-server.ts'
import { decode } from '../../../src/transforms/decode.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { childProcesses, closed } from '../../helpers/processes.ts'
import { runs } from '../../helpers/runs.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import {
  createHls,
  createTimedHls,
  type HlsMedia,
  ONSET,
  onsetsOf,
  SECONDS,
  type TimedHls,
  transportTag,
} from './media.ts'
import { mono16k, quick, read, useServers } from '../http/helpers.ts'

let media: HlsMedia
let timed: TimedHls
const serve = useServers()

beforeAll(async () => {
  media = await createHls()
  timed = await createTimedHls()
})

/** Tones of segments that begin there, within 50 ms. */
const tones = (places: readonly number[]): unknown[] => places.map((place) => expect.closeTo(place + ONSET, -2))

/** The audio of some segments as one. */
function whole(...names: string[]): Promise<Buffer> {
  const bytes = Buffer.concat(names.map((name) => media.files[name] ?? Buffer.alloc(0)))
  const stage = decode()
  ;(stage as UpstreamStage)[requestFormat]?.(mono16k)
  return buffer(Readable.from([bytes]).pipe(stage))
}

const segments = (count: number): string[] => Array.from({ length: count }, (_, at) => `/ts${at}.ts`)

/** A playlist of segments whose names are given. */
function playlist(names: readonly string[], { first = 0, ended = true, target = 1 } = {}): string {
  const head = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${target}`, `#EXT-X-MEDIA-SEQUENCE:${first}`]
  const lines = names.map((name) => (name.startsWith('#') ? name : `#EXTINF:1.0,\n${name}`))
  return [...head, ...lines, ...(ended ? ['#EXT-X-ENDLIST'] : []), ''].join('\n')
}

/** Bytes of media as FFmpeg makes them of others. */
async function converted(bytes: Buffer, ...output: string[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-convert-'))
  await writeFile(join(folder, 'in'), bytes)
  await ffmpeg('-i', join(folder, 'in'), ...output, join(folder, 'out'))
  const made = await readFile(join(folder, 'out'))
  await rm(folder, { recursive: true })
  return made
}

describe('finished playlists', () => {
  it.each(['/ts.m3u8', '/fmp4.m3u8', '/ranges.m3u8', '/aes.m3u8'])('come whole, as one stream: %s', async (path) => {
    const server = await serve(media.files)
    const { bytes, gaps, warnings } = await read(server.url(path), { target: mono16k })
    const { rate, channels, samples } = shapeOf(bytes)
    expect({ rate, channels }).toEqual({ rate: 16_000, channels: 1 })
    expect(Math.abs(samples - SECONDS * 16_000)).toBeLessThanOrEqual(2048)
    expect({ gaps, warnings }).toEqual({ gaps: [], warnings: [] })
  })

  it('come sample by sample as their segments in a row', async () => {
    const server = await serve(media.files)
    const { bytes } = await read(server.url('/ts.m3u8'), { target: mono16k })
    expect(bytes.equals(await whole(...segments(SECONDS + 1)))).toBe(true)
  })

  it('say how long they are', async () => {
    const server = await serve(media.files)
    const source = httpSource(server.url('/ts.m3u8'))
    await buffer(source)
    expect(Math.abs((source.duration ?? 0) - SECONDS * 1000)).toBeLessThanOrEqual(150)
  })

  it('keep their own format where none is asked for', async () => {
    const server = await serve(media.files)
    expect(shapeOf((await read(server.url('/ts.m3u8'))).bytes)).toMatchObject({ rate: 16_000, channels: 1 })
  })

  it('come whole over every fault', async () => {
    const faults = ['drop', 'status', 'truncate', 'none', 'refuse', 'ignoreRange', 'stall'] as const
    const plan = (index: number) => ({ fault: faults[index % faults.length] ?? 'none' })
    const server = await serve(media.files, plan)
    const { bytes } = await read(server.url('/ts.m3u8'), { target: mono16k, stallTimeout: 150 })
    expect(bytes.equals(await whole(...segments(SECONDS + 1)))).toBe(true)
  })

  it('fail where a segment is missing', async () => {
    const { '/ts3.ts': _missing, ...files } = media.files
    const server = await serve(files)
    await expect(read(server.url('/ts.m3u8'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
  })

  it('fail where a segment is cut', async () => {
    const server = await serve(media.files, (_index, path) => ({ fault: path === '/ts3.ts' ? 'dropChunked' : 'none' }))
    const failure = read(server.url('/ts.m3u8'), { retries: 0 })
    await expect(failure).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  })

  it('go on over a discontinuity, with what follows in its place', async () => {
    const text = playlist(['/ts0.ts', '/ts1.ts', '#EXT-X-DISCONTINUITY', '/ts0.ts', '#EXT-X-DISCONTINUITY', '/ts4.ts'])
    const server = await serve({ ...media.files, '/p.m3u8': text })
    const { bytes } = await read(server.url('/p.m3u8'), { target: mono16k })
    const parts = [await whole('/ts0.ts', '/ts1.ts'), await whole('/ts0.ts'), await whole('/ts4.ts')]
    // Each has some audio more than the second that its playlist gives it, which only the last one keeps.
    const kept = parts.map((part, at) => part.subarray(44, at === 2 ? undefined : 44 + [64_000, 32_000][at]!))
    expect(bytes.subarray(44).equals(Buffer.concat(kept))).toBe(true)
  })

  it('have silence where a segment is said to be missing', async () => {
    const server = await serve({
      ...media.files,
      '/p.m3u8': playlist(['/ts0.ts', '#EXT-X-GAP', '/none.ts', '/ts2.ts']),
    })
    const { bytes, gaps } = await read(server.url('/p.m3u8'), { target: mono16k })
    const after = shapeOf(await whole('/ts2.ts')).samples
    expect(shapeOf(bytes).samples).toBe(2 * 16_000 + after)
    expect(gaps).toEqual([{ start: 1000, end: 2000, missing: 1000 }])
  })

  it('of several variants the cheapest with audio is taken, or its audio rendition', async () => {
    const rendition = [
      '#EXTM3U',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",LANGUAGE="en",URI="other.m3u8"',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="de",DEFAULT=YES,URI="ts.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="a"',
      'high.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=200000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="a"',
      'low.m3u8',
    ]
    const muxed = [
      '#EXTM3U',
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.4d401f,mp4a.40.2"',
      'high.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=200,CODECS="avc1.4d401f"',
      'mute.m3u8',
      '#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"',
      'ts.m3u8',
    ]
    for (const lines of [rendition, muxed]) {
      const server = await serve({ ...media.files, '/main.m3u8': lines.join('\n') })
      const { bytes } = await read(server.url('/main.m3u8'), { target: mono16k })
      expect(bytes.equals(await whole(...segments(SECONDS + 1)))).toBe(true)
      expect(server.requests.map(({ path }) => path).slice(0, 2)).toEqual(['/main.m3u8', '/ts.m3u8'])
    }
  })

  it('of several renditions that is heard which is wished, as of the tracks of a file', async () => {
    const main = [
      '#EXTM3U',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="other.m3u8"',
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",URI="ts.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="a"',
      'high.m3u8',
    ]
    const server = await serve({ ...media.files, '/main.m3u8': main.join('\n') })
    const expected = await whole(...segments(SECONDS + 1))
    for (const wish of [{ audioTrack: 1 }, { audioTrack: 'de' }, { language: 'de' }]) {
      const { bytes, warnings } = await read(server.url('/main.m3u8'), { target: mono16k, ...wish })
      expect(bytes.equals(expected)).toBe(true)
      expect(warnings.map(({ code }) => code)).toEqual('language' in wish ? ['SEVERAL_AUDIO_TRACKS'] : [])
    }
  })

  it('that are only a list of stations lead to the first', async () => {
    const server = await serve({ ...media.files, '/radio.m3u': '#EXTM3U\n#EXTINF:-1,Test\nts0.ts\nts1.ts\n' })
    const { bytes } = await read(server.url('/radio.m3u'), { target: mono16k })
    expect(bytes.equals(await whole('/ts0.ts'))).toBe(true)
  })

  it('that are only addresses, without a first line that says so, say what to do', async () => {
    const server = await serve({ '/radio.m3u': 'http://radio.example/live\r\n' })
    const failure = read(server.url('/radio.m3u'))
    await expect(failure).rejects.toMatchObject({
      code: 'INPUT_NOT_MEDIA',
      message: expect.stringMatching(/give one of those/),
    })
  })

  it.each([
    ['no entries', playlist([]), 'INPUT_NOT_MEDIA'],
    ['no audio variant', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.4d401f"\nts.m3u8\n', 'NO_AUDIO'],
    ['itself', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\np.m3u8\n', 'INPUT_TOO_LARGE'],
    ['its own address', '#EXTM3U\n#EXTINF:-1,\np.m3u8\n', 'INPUT_TOO_LARGE'],
    ['protection', playlist(['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"', '/ts0.ts']), 'INPUT_UNREADABLE'],
    ['a key of other length', playlist(['#EXT-X-KEY:METHOD=AES-128,URI="ts0.ts"', '/ts0.ts']), 'INPUT_UNREADABLE'],
    ['another key', playlist(['#EXT-X-KEY:METHOD=AES-128,URI="wrong.bin"', '/aes0.ts']), /INPUT_/],
    ['segments that are no media', playlist(['/key.info']), 'INPUT_NOT_MEDIA'],
    // Between others FFmpeg passes over what is none, or ends there without an error.
    ['a web page among its segments', playlist(['/ts0.ts', '/page', '/ts2.ts']), 'INPUT_NOT_MEDIA'],
    ['a message among its segments', playlist(['/ts0.ts', '/message', '/ts2.ts']), 'INPUT_NOT_MEDIA'],
    ['a playlist among its segments', playlist(['/ts0.ts', '/p.m3u8', '/ts2.ts']), 'INPUT_NOT_MEDIA'],
  ])('with %s fail', async (_what, text, code) => {
    const wrong = Buffer.from('abcdefghijklmnop')
    const page = Buffer.from('<!DOCTYPE html><title>Zugang abgelaufen – bitte anmelden</title>')
    const message = Buffer.from('{"error":"expired"}')
    const answers = { '/page': page, '/message': message }
    const server = await serve({ ...media.files, ...answers, '/p.m3u8': text, '/wrong.bin': wrong })
    const failure = read(server.url('/p.m3u8'))
    await expect(failure).rejects.toMatchObject({
      code: expect.stringMatching(code),
    })
  })
})

describe('what follows a discontinuity', () => {
  /** Where the tones of a playlist are; each entry is a discontinuity, then lines as they are. */
  async function heard(runs: readonly string[], { head = '', live = false } = {}): Promise<number[]> {
    const lines = runs.map((run) => `#EXT-X-DISCONTINUITY\n${run}`)
    let asked = 0
    const server = await serve((path) => {
      if (path !== '/p.m3u8') return timed.files[path.replace(/\?.*/, '')]
      asked += 1
      const [there, end] = !live || asked > runs.length ? [runs.length, '#EXT-X-ENDLIST'] : [asked, '']
      return `#EXTM3U\n#EXT-X-TARGETDURATION:${live ? '0.05' : '2'}\n${head}\n${lines.slice(0, there).join('\n')}\n${end}`
    })
    return onsetsOf((await read(server.url('/p.m3u8'), { target: mono16k })).bytes)
  }

  const even = '#EXTINF:1.0,\neven.ts'
  const seconds = (count: number): number[] => Array.from({ length: count }, (_, at) => 1000 * at)

  it('stands where the playlist says, after any number', async () => {
    const count = runs(30)
    expect(await heard(Array.from({ length: count }, () => even))).toEqual(tones(seconds(count)))
  }, 60_000)

  it.each([
    ['fragmented MP4', '#EXT-X-MAP:URI="even.mp4"\n#EXTINF:1.0,\neven0.m4s', '#EXT-X-VERSION:7'],
    ['lengths in whole seconds', '#EXTINF:1,\neven.ts', ''],
  ])('does so with %s', async (_what, run, head) => {
    expect(await heard([run, run, run, run, run], { head })).toEqual(tones(seconds(5)))
  })

  it('is not pulled forward by sound that is shorter than its picture', async () => {
    const short = '#EXTINF:2.0,\nshort.ts'
    expect(await heard([short, short, even])).toEqual(tones([0, 2000, 4000]))
    expect(await heard(['#EXTINF:2,\nshort.ts', '#EXTINF:2,\nshort.ts', even.replace('1.0', '1')])).toEqual(
      tones([0, 2000, 4000]),
    )
  })

  it('is not pushed back, nor cut, by sound that is longer than its picture', async () => {
    const long = '#EXTINF:1.0,\nlong.ts'
    expect(await heard([long, even, long])).toEqual(tones([0, 1000, 2000, 3000]))
  })

  it('loses nothing where the playlist says too little', async () => {
    const half = '#EXTINF:0.5,\neven.ts'
    expect(await heard([half, half, half])).toEqual(tones(seconds(3)))
  })

  it('stands by the picture where lengths are rounded to seconds', async () => {
    const run = [0, 1, 2, 3].map((at) => `#EXTINF:1,\ncut${at}.ts`).join('\n')
    expect(await heard([run, run])).toEqual(tones([0, 1000, 2000, 3200, 4200, 5200]))
  })

  it('stands after a gap, also the first thing of all', async () => {
    const gap = '#EXT-X-GAP\n#EXTINF:1.0,\nnone.ts'
    expect(await heard([gap, even, `${gap}\n${even}`, even])).toEqual(tones([1000, 3000, 4000]))
  })

  it('stands where it should in a live playlist, too', async () => {
    const short = '#EXTINF:2.0,\nshort.ts'
    expect(await heard([even, short, even, even], { live: true })).toEqual(tones([0, 1000, 3000, 4000]))
  })

  describe('audio in a playlist of its own', () => {
    const onsets = async (files: Record<string, Buffer | string>, requests: string[] = []): Promise<number[]> => {
      const server = await serve(files)
      const { bytes, warnings, attempts } = await read(server.url('/main.m3u8'), { target: mono16k, retries: 0 })
      expect({ warnings, attempts }).toEqual({ warnings: [], attempts: [] })
      requests.push(...server.requests.map(({ path }) => path))
      return onsetsOf(bytes)
    }
    /** The files of one kind of rendition. */
    const rendition = (type: string): Record<string, Buffer> =>
      Object.fromEntries(
        Object.entries(timed.files).flatMap(([path, file]) =>
          path.startsWith(`/${type}/`) ? [[path.slice(type.length + 1), file]] : [],
        ),
      )
    /** A playlist whose runs of segments are given as lines. */
    const list = (...lines: string[]): string =>
      ['#EXTM3U', '#EXT-X-TARGETDURATION:2', '#EXT-X-VERSION:7', ...lines, '#EXT-X-ENDLIST'].join('\n')

    it.each(['ts', 'mp4'])('begins as late as its clock says: %s', async (type) => {
      const requests: string[] = []
      expect(await onsets(rendition(type), requests)).toEqual(tones([1000]))
      expect(new Set(requests).size).toBe(requests.length)
    })

    it('says how long all is', async () => {
      const server = await serve(rendition('ts'))
      const source = httpSource(server.url('/main.m3u8'))
      await buffer(source)
      expect(source.duration).toBe(2000)
    })

    it('is read without its picture where that cannot be had', async () => {
      const files = rendition('ts')
      for (const broken of [{ '/0_0.seg': '' }, { '/0_0.seg': 'nothing'.repeat(99) }, { '/0.m3u8': 'nothing' }]) {
        expect(await onsets({ ...files, ...broken })).toEqual(tones([0]))
      }
      const { '/0_0.seg': _segment, ...others } = files
      expect(await onsets(others)).toEqual(tones([0]))
    })

    it('is read without a picture that allowUrl refuses', async () => {
      const server = await serve(rendition('ts'))
      const allowUrl = (url: URL): boolean => !url.pathname.startsWith('/0')
      const { bytes } = await read(server.url('/main.m3u8'), { target: mono16k, allowUrl })
      expect(onsetsOf(bytes)).toEqual(tones([0]))
      expect(server.requests.map(({ path }) => path)).not.toContain('/0.m3u8')
    })

    it.each(['/0.m3u8', '/0_0.seg'])('ends at once while %s is waited for', async (path) => {
      const server = await serve(rendition('ts'), (_index, asked) => ({ fault: asked === path ? 'hang' : 'none' }))
      const source = httpSource(server.url('/main.m3u8'))
      source.resume()
      await expect.poll(() => server.requests.map((request) => request.path)).toContain(path)
      source.destroy()
      await closed(source)
      await expect.poll(() => server.open).toBe(0)
    })

    it('leaves out what is before the picture', async () => {
      // The sound of these is a second late; now the picture is so by 1.3 s.
      const later = [
        '-map',
        '0:v',
        '-c',
        'copy',
        '-copyts',
        '-muxdelay',
        '0',
        '-muxpreload',
        '0',
        '-output_ts_offset',
        '1.3',
        '-f',
        'mpegts',
      ]
      const picture = await converted(timed.files['/ts/0_0.seg']!, ...later)
      expect(await onsets({ ...rendition('ts'), '/0_0.seg': picture })).toEqual(tones([-300]))
    })

    it('is placed beside its picture after each discontinuity', async () => {
      const run = (name: string, length: string): string => `#EXT-X-DISCONTINUITY\n#EXTINF:${length},\n${name}`
      const files = {
        ...rendition('ts'),
        '/0.m3u8': list(run('0_0.seg', '2.0'), run('0_0.seg', '2.0'), run('0_0.seg', '2.0')),
        '/1.m3u8': list(run('1_0.seg', '1.02'), run('1_0.seg', '1.02'), run('1_0.seg', '1.02')),
      }
      expect(await onsets(files)).toEqual(tones([1000, 3000, 5000]))
    })

    it('is placed beside a picture that is encrypted', async () => {
      const key = Buffer.from('0123456789abcdef')
      const cipher = createCipheriv('aes-128-cbc', key, Buffer.alloc(16))
      const picture = Buffer.concat([cipher.update(timed.files['/ts/0_0.seg']!), cipher.final()])
      const text = list('#EXT-X-KEY:METHOD=AES-128,URI="key"', '#EXTINF:2.0,', '0_0.seg')
      expect(await onsets({ ...rendition('ts'), '/0.m3u8': text, '/key': key, '/0_0.seg': picture })).toEqual(
        tones([1000]),
      )
    })

    it('of fragmented MP4 begins when its first fragment does', async () => {
      const files = rendition('mp4')
      for (const [path, bytes] of Object.entries(files)) {
        const at = bytes.indexOf('tfdt')
        if (!path.startsWith('/1_') || at < 0) continue
        const later = Buffer.from(bytes)
        later.writeBigUInt64BE(bytes.readBigUInt64BE(at + 8) + 22_050n, at + 8)
        files[path] = later
      }
      expect(await onsets(files)).toEqual(tones([1500]))
    })

    it('packed with ID3 tags is placed by these', async () => {
      const adts = await converted(timed.files['/even.ts']!, '-map', '0:a', '-c', 'copy', '-f', 'adts')
      // FFmpeg gives the first picture 1.48 s in these files.
      const tag = transportTag(1.48 + 0.7)
      const files = {
        ...rendition('ts'),
        '/1.m3u8': list('#EXTINF:1.0,', 'a.aac'),
        '/a.aac': Buffer.concat([tag, adts]),
      }
      expect(await onsets(files)).toEqual(tones([700]))
    })

    describe('that is live', () => {
      /** Where sound is while the playlist of it, and that of its picture, have no end when they are read first. */
      const live = async (files: Record<string, Buffer | string>): Promise<number[]> => {
        const asked: Record<string, number> = {}
        const server = await serve((path) => {
          const file = files[path]
          if (file === undefined || !/\/[01]\.m3u8$/.test(path)) return file
          asked[path] = (asked[path] ?? 0) + 1
          const text = String(file).replace(/TARGETDURATION:\d+/, 'TARGETDURATION:1')
          return path === '/0.m3u8' || asked[path] === 1 ? text.replace('#EXT-X-ENDLIST', '') : text
        })
        return onsetsOf((await read(server.url('/main.m3u8'), { target: mono16k })).bytes)
      }

      it.each(['ts', 'mp4'])('begins as late after its picture as its clock says: %s', async (type) => {
        expect(await live(rendition(type))).toEqual(tones([1000]))
      })

      it('begins at once where its picture cannot be had', async () => {
        const { '/0.m3u8': _picture, ...files } = rendition('ts')
        expect(await live(files)).toEqual(tones([0]))
        expect(await live({ ...files, '/0.m3u8': list('#EXTINF:2.0,', 'gone.seg') })).toEqual(tones([0]))
        const other = String(rendition('ts')['/0.m3u8']).replace(/(MEDIA-SEQUENCE:)\d+/, '$1700')
        expect(await live({ ...files, '/0.m3u8': other })).toEqual(tones([0]))
      })

      it('is placed beside its picture after each discontinuity', async () => {
        const run = (name: string, length: string): string => `#EXT-X-DISCONTINUITY\n#EXTINF:${length},\n${name}`
        const numbered = '#EXT-X-DISCONTINUITY-SEQUENCE:7'
        const files = {
          ...rendition('ts'),
          '/0.m3u8': list(numbered, run('0_0.seg', '2.0'), run('0_0.seg', '2.0'), run('0_0.seg', '2.0')),
          '/1.m3u8': list(numbered, run('1_0.seg', '1.02'), run('1_0.seg', '1.02'), run('1_0.seg', '1.02')),
        }
        expect(await live(files)).toEqual(tones([1000, 3000, 5000]))
      })
    })
  })
})

describe('live playlists', () => {
  it('as FFmpeg makes them are followed to their end', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-live-'))
    const tone = 'sine=f=440:r=16000:d=7'
    const list = ['-f', 'hls', '-hls_time', '1', '-hls_list_size', '4', '-hls_flags', 'temp_file']
    const making = ffmpeg('-re', '-f', 'lavfi', '-i', tone, '-c:a', 'aac', ...list, join(folder, 'live.m3u8'))
    const file = (path: string): Buffer | undefined => {
      const name = join(folder, basename(path))
      return existsSync(name) ? readFileSync(name) : undefined
    }
    await vi.waitUntil(() => file('live.m3u8') !== undefined, { timeout: 20_000 })
    const server = await serve(file)
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    expect(gaps).toEqual([])
    expect(Math.abs(shapeOf(bytes).samples - 7 * 16_000)).toBeLessThanOrEqual(2048)
    await making
    await rm(folder, { recursive: true })
  })

  /** A server whose playlist grows by a segment each `interval` ms. */
  function growing({
    names = segments(SECONDS),
    begin = 3,
    window = 4,
    interval = 60,
    ended = true,
  }: { names?: string[]; begin?: number; window?: number; interval?: number; ended?: boolean } = {}): HttpServed {
    let since: number | undefined
    return (path) => {
      if (path !== '/live.m3u8') return media.files[path]
      since ??= Date.now()
      const there = Math.min(names.length, begin + Math.floor((Date.now() - since) / interval))
      const first = Math.max(0, there - window)
      const options = { first, ended: ended && there === names.length, target: 0.1 }
      return playlist(names.slice(first, there), options)
    }
  }

  it('are followed to their end', async () => {
    const server = await serve(growing())
    const source: UpstreamStage = httpSource(server.url('/live.m3u8'), quick)
    source[requestFormat]?.(mono16k)
    const gaps: unknown[] = []
    source.on('gap', (gap) => gaps.push(gap))
    const bytes = await buffer(source)
    expect(source[liveSource]).toBe(true)
    expect(source[streamStartedAt]).toBeInstanceOf(Date)
    expect(gaps).toEqual([])
    expect(bytes.equals(await whole(...segments(SECONDS)))).toBe(true)
  })

  it('begin three segments before their end', async () => {
    const server = await serve(growing({ begin: SECONDS - 1, window: 10 }))
    const { bytes } = await read(server.url('/live.m3u8'), { target: mono16k })
    const [, , ...last] = segments(SECONDS)
    expect(bytes.equals(await whole(...last))).toBe(true)
  })

  it('are followed over failures of their playlist', async () => {
    const faults = ['none', 'status', 'drop', 'none', 'refuse', 'truncate'] as const
    let asked = 0
    const plan = (_index: number, path: string) => ({
      fault: path === '/live.m3u8' ? (faults[asked++ % faults.length] ?? 'none') : 'none',
    })
    const server = await serve(growing({ window: 10 }), plan)
    const { bytes, attempts, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    expect(bytes.equals(await whole(...segments(SECONDS)))).toBe(true)
    expect(attempts.length).toBeGreaterThan(0)
    expect(gaps).toEqual([])
  })

  it('have silence for segments that went by unseen', async () => {
    let asked = 0
    const server = await serve((path) => {
      if (path !== '/live.m3u8') return media.files[path]
      asked += 1
      return asked === 1
        ? playlist(['/ts0.ts'], { ended: false, target: 0.1 })
        : playlist(['/ts3.ts'], { first: 3, target: 0.1 })
    })
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    const after = shapeOf(await whole('/ts3.ts')).samples
    expect(shapeOf(bytes).samples).toBe(3 * 16_000 + after)
    expect(gaps).toEqual([{ start: 1000, end: 3000, missing: 2000 }])
  })

  it('have silence for segments that are gone, whatever follows', async () => {
    const { '/ts0.ts': _first, '/ts2.ts': _gone, '/ts3.ts': _next, ...files } = media.files
    let asked = 0
    const server = await serve((path) => {
      if (path !== '/live.m3u8') return files[path]
      asked += 1
      const names = [...segments(2), '#EXT-X-DISCONTINUITY', '/ts2.ts', '/ts3.ts', '#EXT-X-DISCONTINUITY', '/ts4.ts']
      return asked === 1 ? playlist(segments(2), { ended: false, target: 0.1 }) : playlist(names, { target: 0.1 })
    })
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    expect(shapeOf(bytes).samples).toBe(4 * 16_000 + shapeOf(await whole('/ts4.ts')).samples)
    expect(gaps.map(({ start, missing }) => [start, missing])).toEqual([0, 2000, 3000].map((start) => [start, 1000]))
  })

  it('keep their time over a segment that breaks off', async () => {
    const path = (at: number): string => `/ts${at}.ts`
    const server = await serve(growing({ interval: 20 }), (_index, asked) =>
      asked === path(1) ? { fault: 'drop', afterBytes: 6000 } : { fault: 'none' },
    )
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k, retries: 0 })
    const [{ start, end } = { start: 0, end: 0 }] = gaps
    expect(start).toBeGreaterThan(1000)
    expect(end).toBe(2000)
    expect(Math.abs(shapeOf(bytes).samples - SECONDS * 16_000)).toBeLessThan(2048)
  })

  it('have silence for a segment that is gone when it is asked for', async () => {
    const { '/ts1.ts': _gone, ...files } = media.files
    let asked = 0
    const server = await serve((path) => {
      if (path !== '/live.m3u8') return files[path]
      asked += 1
      return playlist(['/ts0.ts', '/ts1.ts', '/ts2.ts'], { ended: asked > 1, target: 0.1 })
    })
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    expect(shapeOf(bytes).samples).toBe(2 * 16_000 + shapeOf(await whole('/ts2.ts')).samples)
    expect(gaps).toMatchObject([{ missing: 1000 }])
  })

  describe('whose lengths are rounded', () => {
    const cuts = (...numbers: number[]): string[] => numbers.map((at) => `#EXTINF:1,\n/cut${at}.ts`)

    it('stand by their clock after segments that went by unseen', async () => {
      let asked = 0
      const server = await serve((path) => {
        if (path !== '/live.m3u8') return timed.files[path]
        asked += 1
        return asked === 1 ? playlist(cuts(0), { ended: false, target: 1 }) : playlist(cuts(3), { first: 3, target: 1 })
      })
      const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
      expect(onsetsOf(bytes)).toEqual(tones([0, 2000]))
      expect(gaps).toHaveLength(1)
    })

    it('stand by their clock after a segment that is gone', async () => {
      const { '/cut1.ts': _gone, ...files } = timed.files
      let asked = 0
      const server = await serve((path) => {
        if (path !== '/live.m3u8') return files[path]
        asked += 1
        return playlist(asked > 1 ? cuts(0, 1, 2, 3) : cuts(0, 1, 2), { ended: asked > 1, target: 1 })
      })
      const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
      expect(onsetsOf(bytes)).toEqual(tones([0, 2000]))
      expect(gaps).toHaveLength(1)
    })
  })

  it('are an error once no attempt is left', async () => {
    let asked = 0
    const server = await serve(
      (path) => (path === '/live.m3u8' ? playlist(['/ts0.ts'], { ended: false, target: 0.1 }) : media.files[path]),
      (_index, path) => ({ fault: path === '/live.m3u8' && asked++ > 0 ? 'status' : 'none' }),
    )
    const failure = read(server.url('/live.m3u8'), { retries: 3 })
    await expect(failure).rejects.toMatchObject({ code: 'INPUT_UNREACHABLE' })
  })

  it('leave nothing when they are destroyed', async () => {
    const server = await serve(growing({ ended: false }))
    const source = httpSource(server.url('/live.m3u8'), quick)
    source.resume()
    await once(source, 'data')
    source.destroy()
    await closed(source)
    expect(childProcesses()).toEqual([])
    await expect.poll(() => server.open).toBe(0)
  })
})

describe('what a playlist says is missing', () => {
  /** Reads a live playlist, told by a function of how often it was asked for, to its end; also how long that took, in ms. */
  async function follow(text: (asked: number) => string) {
    const began = performance.now()
    let asked = 0
    const server = await serve((path) => (path === '/live.m3u8' ? text(++asked) : media.files[path]))
    const { bytes, gaps } = await read(server.url('/live.m3u8'), { target: mono16k })
    return { ms: shapeOf(bytes).samples / 16, gaps, wall: performance.now() - began }
  }

  /** Ms by which a segment may come late, and by which its audio is longer than it says. */
  const DELAY = 2000 + 200
  const live = (first: number, names: readonly string[], more: { ended?: boolean; target?: number } = {}): string =>
    playlist(names, { first, ended: false, target: 0.1, ...more })

  it.each([
    ['number', (asked: number) => live(asked < 2 ? 1 : 1e12, ['/ts0.ts', '/ts1.ts'], { ended: asked > 2 }), 4],
    [
      'number goes to and fro',
      (asked: number) => live(asked % 2 === 0 ? 9e15 : 1, ['/ts0.ts'], { ended: asked === 6 }),
      6,
    ],
    [
      'length, before a discontinuity',
      (asked: number) =>
        live(1, ['#EXTINF:1000000000,', '/ts0.ts', '#EXT-X-DISCONTINUITY', '/ts1.ts'], { ended: asked > 1 }).replace(
          /(#EXTINF:1000000000,)\n#EXTINF:1.0,/,
          '$1',
        ),
      2,
    ],
    [
      'gap',
      (asked: number) => live(1, ['/ts0.ts', '#EXT-X-GAP\n#EXTINF:1e9,\nnone.ts', '/ts1.ts'], { ended: asked > 1 }),
      2,
    ],
    [
      'gap at its beginning',
      (asked: number) => live(1, ['#EXT-X-GAP\n#EXTINF:1e9,\nnone.ts', '/ts1.ts'], { ended: asked > 1 }),
      1,
    ],
    [
      'date',
      (asked: number) =>
        live(asked, [`#EXT-X-PROGRAM-DATE-TIME:${2000 + 500 * asked}-01-01T00:00:00Z`, '/ts0.ts'], {
          ended: asked > 3,
        }),
      4,
    ],
    [
      'count of discontinuities',
      (asked: number) =>
        live(asked, [`#EXT-X-DISCONTINUITY-SEQUENCE:${asked * 1e9}`, '#EXT-X-DISCONTINUITY', '/ts0.ts'], {
          ended: asked > 3,
        }),
      4,
    ],
  ])('is bounded by the time that went by, whatever its %s', async (_what, text, seconds) => {
    const { ms, wall } = await follow(text)
    expect(ms).toBeGreaterThanOrEqual(1000)
    expect(ms).toBeLessThanOrEqual(1000 * seconds + wall + DELAY)
  })

  it('lets everything else in the process go on, and is no longer than a week', async () => {
    const files = (count: number): string =>
      playlist(
        Array.from({ length: count }, () => '#EXT-X-GAP\n#EXTINF:86400,\nnone.ts').flatMap((gap) => ['/ts0.ts', gap]),
      )
    const server = await serve({ ...media.files, '/day.m3u8': files(1), '/weeks.m3u8': files(9) })
    const source: Readable & UpstreamStage = httpSource(server.url('/day.m3u8'), quick)
    source[requestFormat]?.(mono16k)
    // Takes all at once: only a pause of the source lets this very timer fire.
    source.on('data', () => {})
    await once(source, 'gap')
    await new Promise((resolve) => setTimeout(resolve, 1))
    source.destroy()
    await closed(source)
    await expect(read(server.url('/weeks.m3u8'))).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
  })
})
