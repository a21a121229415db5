import { createCipheriv } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { httpSource } from '../../../src/sources/http/source.ts'
import { endEarly, requestFormat, type UpstreamStage } from '../../../src/stage.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { noChildLeft } from '../../helpers/processes.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import { mono16k, read } from '../http/helpers.ts'
import { createHls, createTimedHls } from './media.ts'

let media: Record<string, Buffer>
/** Segments of half a second, of a tone whose pitch tells its second; `c…` of all, `d…` by a clock of its own. */
let short: { c: Segment[]; d: Segment[] }
const servers: Server[] = []

interface Segment {
  seconds: number
  /** When it ends, in ms of what is played. */
  end: number
  bytes: Buffer
}

beforeAll(async () => {
  media = { ...(await createHls()).files, ...(await createTimedHls()).files }
  const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-live-'))
  const tone = 'aevalsrc=0.5*sin(2*PI*(200+50*t)*t):s=16000:d=14'
  const hls = ['-c:a', 'aac', '-b:a', '64k', '-f', 'hls', '-hls_time', '0.5', '-hls_playlist_type', 'vod']
  const make = async (name: string, ...input: string[]): Promise<Segment[]> => {
    await ffmpeg(...input, ...hls, '-hls_segment_filename', join(folder, `${name}%d.ts`), join(folder, `${name}.m3u8`))
    const list = await readFile(join(folder, `${name}.m3u8`), 'utf8')
    const lengths = [...list.matchAll(/#EXTINF:([\d.]+)/g)].map(([, length]) => Number(length))
    let end = 0
    return Promise.all(
      lengths.map(async (seconds, at) => {
        end += seconds * 1000
        return { seconds, end, bytes: await readFile(join(folder, `${name}${at}.ts`)) }
      }),
    )
  }
  short = {
    c: await make('c', '-f', 'lavfi', '-i', tone),
    d: await make('d', '-f', 'lavfi', '-i', 'sine=f=3000:r=16000:d=3'),
  }
  expect(await readdir(folder)).toContain('c0.ts')
  await rm(folder, { recursive: true })
}, 60_000)

afterEach(async () => {
  await noChildLeft()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

type Answer = (path: string, response: ServerResponse) => Buffer | string | undefined

/** Serves what a function gives; 404 for what it does not, unless it has answered by itself. Gives the address of `/live.m3u8`. */
async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    const body = answer((request.url ?? '/').replace(/\?.*/, ''), response)
    if (response.headersSent || response.destroyed) return
    if (body === undefined) response.writeHead(404)
    response.end(body)
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/live.m3u8`
}

/** A playlist of lines, or of names of segments of a second. */
function playlist(lines: readonly string[], { first = 0, ended = false, target = 0.1 } = {}): string {
  const head = ['#EXTM3U', '#EXT-X-VERSION:6', `#EXT-X-TARGETDURATION:${target}`, `#EXT-X-MEDIA-SEQUENCE:${first}`]
  const entries = lines.map((line) => (line.startsWith('#') ? line : `#EXTINF:1.0,\n${line}`))
  return [...head, ...entries, ...(ended ? ['#EXT-X-ENDLIST'] : []), ''].join('\n')
}

/** Which ms of the tone is heard at a place of WAV of 16 kHz mono, by its pitch over 400 ms. */
function heardAt(wav: Buffer, ms: number): number {
  const audio = wav.subarray(44 + Math.round(ms) * 32, 44 + Math.round(ms + 400) * 32)
  let crossings = 0
  for (let at = 2; at < audio.length; at += 2) {
    if (audio.readInt16LE(at - 2) < 0 && audio.readInt16LE(at) >= 0) crossings += 1
  }
  // The pitch of (200 + 50 t) t is 200 + 100 t; that over the whole is that in its middle.
  return ((crossings / 0.4 - 200) / 100) * 1000 - 200
}

/** By how much what is heard stands apart from what its time in the stream says, at some places. */
function shifts(wav: Buffer, places: readonly number[]): number[] {
  const [first = 0, ...others] = places.map((place) => heardAt(wav, place) - place)
  return others.map((shift) => shift - first)
}

/** A segment of a list that is made as time goes by: in the list from `ready` ms on. */
interface Listed extends Segment {
  ready: number
  name: string
  number: number
  discontinuity?: boolean
}

/**
 * Plays segments by the clock, from when `begin` ms of them are there; `fault` may answer in place of the list. Gives what is
 * heard, until all are played.
 */
async function play(
  segments: readonly Listed[],
  {
    begin = 2000,
    window = 4,
    fault,
  }: { begin?: number; window?: number; fault?: (ms: number) => number | undefined } = {},
) {
  let since: number | undefined
  const end = Math.max(...segments.map(({ ready }) => ready))
  const url = await serve((path, response) => {
    if (path !== '/live.m3u8') return segments.find(({ name }) => path === `/${name}`)?.bytes
    since ??= performance.now() - begin
    const now = performance.now() - since
    const status = fault?.(now)
    if (status !== undefined) {
      response.writeHead(status).end()
      return undefined
    }
    const there = segments.filter(({ ready }) => ready <= now)
    const newest = there.at(-1)?.number ?? 0
    // Numbers that begin again make another list.
    const listed = there.slice(
      there.findLastIndex(({ number }, at) => at === 0 || number < (there[at - 1]?.number ?? 0)),
    )
    const shown = listed.filter(({ number }) => number > newest - window)
    const lines = shown.flatMap(({ discontinuity, seconds, name }) => [
      ...(discontinuity === true ? ['#EXT-X-DISCONTINUITY'] : []),
      `#EXTINF:${seconds},\n${name}`.replace('\n', '\n#\n'),
    ])
    const text = playlist([], { first: shown[0]?.number ?? 0, target: 0.5 })
    return `${text}${lines.join('\n')}\n${now >= end ? '#EXT-X-ENDLIST\n' : ''}`
  })
  return read(url, { target: mono16k, retryDelay: 50, maxRetryDelay: 100 })
}

/** Segments of the tone as they are listed, from one on up to another; `later` ms after they could be. */
function tone(
  from: number,
  to: number,
  more: { number?: number; later?: number; discontinuity?: boolean } = {},
): Listed[] {
  const { number = from, later = 0, discontinuity = false } = more
  return short.c.slice(from, to).map((segment, at) => ({
    ...segment,
    ready: segment.end + later,
    name: `c${from + at}.ts`,
    number: number + at,
    discontinuity: discontinuity && at === 0,
  }))
}

describe('a live playlist keeps its times', () => {
  it('over an outage that is longer than itself', async () => {
    const { bytes, gaps } = await play(tone(0, short.c.length), {
      begin: 3000,
      fault: (ms) => (ms > 4000 && ms < 10_000 ? 503 : undefined),
    })
    const ms = shapeOf(bytes).samples / 16
    const [gap = { start: 0, end: 0, missing: 0 }] = gaps
    expect(gaps).toHaveLength(1)
    expect(gap.missing).toBeGreaterThan(3000)
    expect(gap.end - gap.start).toBe(gap.missing)
    for (const shift of shifts(bytes, [500, gap.end + 200, ms - 600])) expect(Math.abs(shift)).toBeLessThan(100)
    // What is told is what is silent.
    const silent = bytes.subarray(44 + (gap.start + 100) * 32, 44 + (gap.end - 100) * 32)
    expect(silent.every((byte) => byte === 0)).toBe(true)
    expect(heardAt(bytes, gap.end + 100)).toBeGreaterThan(0)
  }, 60_000)

  it.each([
    ['goes on with its clock and its numbers', {}],
    ['numbers its segments anew', { number: 0 }],
  ])(
    'over an encoder that was away, and %s',
    async (_what, more) => {
      const after = tone(12, 20, { number: 6, discontinuity: true, ...more })
      const { bytes, gaps } = await play([...tone(0, 6), ...after])
      const ms = shapeOf(bytes).samples / 16
      const [gap = { start: 0, end: 0, missing: 0 }] = gaps
      expect(gaps).toHaveLength(1)
      expect(gap.missing).toBeGreaterThan(2000)
      for (const shift of shifts(bytes, [200, gap.end + 200, ms - 600])) expect(Math.abs(shift)).toBeLessThan(100)
    },
    60_000,
  )

  it('over an encoder that was away, and begins its clock anew', async () => {
    const away = 4000
    const after = short.d.map((segment, at) => ({
      ...segment,
      name: `d${at}.ts`,
      number: 6 + at,
      discontinuity: at === 0,
      ready: (short.c[5]?.end ?? 0) + away + segment.end,
    }))
    const { bytes, gaps } = await play([...tone(0, 6), ...after])
    expect(gaps).toHaveLength(1)
    // When it is seen depends on when the list is read: within the 0.5 s of its target duration.
    expect(gaps[0]?.missing).toBeGreaterThanOrEqual(away - 500)
    const heard = shapeOf(bytes).samples / 16 - (gaps[0]?.missing ?? 0)
    expect(Math.abs(heard - 6 * 512 - 3000)).toBeLessThan(1200)
  }, 60_000)

  it('over an advert that comes in its time', async () => {
    const from = short.c[5]?.end ?? 0
    const advert = short.d.map((segment, at) => ({
      ...segment,
      name: `d${at}.ts`,
      number: 6 + at,
      discontinuity: at === 0,
      ready: from + segment.end,
    }))
    const long = advert.at(-1)?.ready ?? 0
    const later = long - (short.c[11]?.end ?? 0)
    const after = tone(12, 16, { number: 6 + advert.length, discontinuity: true, later })
    const { gaps, warnings } = await play([...tone(0, 6), ...advert, ...after])
    expect({ gaps, warnings }).toEqual({ gaps: [], warnings: [] })
  }, 60_000)
})

describe('a live playlist', () => {
  const names = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, at) => `/ts${from + at}.ts`)

  it('that is an old copy for once is not heard again', async () => {
    let asked = 0
    const lists = [
      playlist(names(0, 3)),
      playlist(names(0, 5)),
      playlist(names(0, 1)),
      playlist(names(0, 5)),
      playlist(names(0, 6), { ended: true }),
    ]
    const url = await serve((path) => (path === '/live.m3u8' ? lists[asked++] : media[path]))
    const { bytes, gaps } = await read(url, { target: mono16k })
    expect(gaps).toEqual([])
    for (const shift of shifts(bytes, [500, 2500, 5000])) expect(Math.abs(shift)).toBeLessThan(100)
  })

  it('may use variables of the list that leads to it, each time it is read', async () => {
    let asked = 0
    const url = await serve((path) => {
      if (path === '/live.m3u8')
        return '#EXTM3U\n#EXT-X-DEFINE:NAME="at",VALUE="x"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$at}.m3u8\n'
      if (path !== '/x.m3u8') return media[path.replace('/x/', '/')]
      asked += 1
      const names = ['ts0.ts', 'ts1.ts', 'ts2.ts', 'ts3.ts'].slice(0, asked + 2)
      const lines = names.map((name) => `{$at}/${name}`)
      return playlist(['#EXT-X-DEFINE:IMPORT="at"', ...lines], { ended: asked === 2 })
    })
    const { bytes } = await read(url, { target: mono16k })
    expect(Math.abs(shapeOf(bytes).samples - 4 * 16_000)).toBeLessThanOrEqual(2048)
  })

  it('loses nothing where later lists leave out what was listed before', async () => {
    let asked = 0
    const url = await serve((path) => {
      if (path !== '/live.m3u8') return media[path]
      asked += 1
      if (asked === 1) return playlist(['ts0.ts', 'ts1.ts'])
      return playlist(['#EXT-X-SKIP:SKIPPED-SEGMENTS=2', 'ts2.ts', 'ts3.ts'], { ended: true })
    })
    const { bytes, gaps } = await read(url, { target: mono16k })
    expect(gaps).toEqual([])
    expect(Math.abs(shapeOf(bytes).samples - 4 * 16_000)).toBeLessThanOrEqual(2048)
  })

  it('whose address has run out is looked for by the first one', async () => {
    let asked = 0
    const url = await serve((path, response) => {
      const session = asked < 2 ? 'a' : 'b'
      if (path === '/live.m3u8') return `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000\n/${session}.m3u8\n`
      if (!path.endsWith('.m3u8')) return media[path]
      asked += 1
      if (path === '/b.m3u8') return playlist(names(0, 5), { ended: asked > 3 })
      if (asked === 1) return playlist(names(0, 2))
      response.writeHead(403).end()
      return undefined
    })
    const { bytes, gaps, attempts } = await read(url, { target: mono16k })
    expect(gaps).toEqual([])
    expect(attempts).toMatchObject([{ error: { code: 'INPUT_REFUSED' } }])
    for (const shift of shifts(bytes, [500, 2500, 4000])) expect(Math.abs(shift)).toBeLessThan(100)
  })

  it('that comes to be redirected names what is where it leads', async () => {
    let asked = 0
    const url = await serve((path, response) => {
      if (path === '/live.m3u8') {
        asked += 1
        if (asked === 1) return playlist(['ts0.ts', 'ts1.ts'])
        response.writeHead(302, { location: '/edge/live.m3u8' }).end()
        return undefined
      }
      if (path === '/edge/live.m3u8') return playlist(['ts0.ts', 'ts1.ts', 'ts2.ts', 'ts3.ts'], { ended: true })
      return /^\/(?:ts[01]|edge\/)/.test(path) ? media[path.replace('/edge', '')] : undefined
    })
    const { bytes, gaps } = await read(url, { target: mono16k })
    expect(gaps).toEqual([])
    expect(Math.abs(shapeOf(bytes).samples - 4 * 16_000)).toBeLessThanOrEqual(2048)
  })
})

describe('of a live playlist that is heard, one segment costs no more than itself', () => {
  const key = Buffer.from('0123456789abcdef')
  const refused =
    (status: number): Answer =>
    (_path, response) =>
      void response.writeHead(status).end('no')

  /** Reads two segments, one at `/bad.ts`, and two more. */
  const around = async (lines: readonly string[], answer: Answer, options = {}) => {
    const list = [
      '/ts0.ts',
      '/ts1.ts',
      '#EXT-X-DISCONTINUITY',
      ...lines,
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-KEY:METHOD=NONE',
      '/ts3.ts',
      '/ts4.ts',
    ]
    let asked = 0
    const url = await serve((path, response) => {
      if (path === '/live.m3u8')
        return asked++ === 0 ? playlist(['/ts0.ts', '/ts1.ts']) : playlist(list, { ended: true })
      return /^\/(?:bad|key)/.test(path) ? answer(path, response) : media[path]
    })
    return read(url, { target: mono16k, ...options })
  }

  const encrypted = (): Buffer => {
    const cipher = createCipheriv('aes-128-cbc', key, Buffer.alloc(16))
    return Buffer.concat([cipher.update(media['/ts2.ts'] ?? ''), cipher.final()])
  }
  const locked = ['#EXT-X-KEY:METHOD=AES-128,URI="/key",IV=0x0', '/bad.ts']
  const behindKey =
    (answer: Answer): Answer =>
    (path, response) =>
      path === '/key' ? answer(path, response) : encrypted()

  it.each<[string, string[], Answer, string]>([
    ['is refused', ['/bad.ts'], refused(403), 'INPUT_REFUSED'],
    ['has no such part', ['/bad.ts'], refused(416), 'INPUT_REFUSED'],
    [
      'comes compressed',
      ['/bad.ts'],
      (_path, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'INPUT_UNREADABLE',
    ],
    ['is no media', ['/bad.ts'], () => '<html>busy</html>'.repeat(200), 'INPUT_NOT_MEDIA'],
    ['has no sound', ['/bad.ts'], () => media['/mute.ts'], 'NO_AUDIO'],
    ['has a key that is refused', locked, behindKey(refused(403)), 'INPUT_REFUSED'],
    ['has a key that is none', locked, behindKey(() => '<html>busy</html>'), 'INPUT_UNREADABLE'],
    ['has another key', locked, behindKey(() => Buffer.alloc(16, 99)), 'INPUT_UNREADABLE'],
  ])('which %s', async (_what, lines, answer, reason) => {
    if (media['/mute.ts'] === undefined) {
      const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-mute-'))
      const picture = ['-f', 'lavfi', '-i', 'testsrc=d=1:s=64x48:r=25', '-c:v', 'libx264', '-preset', 'ultrafast']
      await ffmpeg(...picture, join(folder, 'mute.ts'))
      media['/mute.ts'] = await readFile(join(folder, 'mute.ts'))
      await rm(folder, { recursive: true })
    }
    const { bytes, gaps, warnings } = await around(lines, answer)
    expect(gaps).toEqual([{ start: 2000, end: 3000, missing: 1000 }])
    expect(warnings.filter(({ code }) => code === 'SEGMENT_LOST')).toMatchObject([{ reason }])
    for (const shift of shifts(bytes, [500, 3300, 4300])) expect(Math.abs(shift)).toBeLessThan(100)
  })

  it('which begins another key at the same address, as of an encoder that was started again', async () => {
    const keys = [Buffer.alloc(16, 99), key]
    const next = ['#EXT-X-DISCONTINUITY', '/bad.ts']
    const answer = behindKey(() => keys.shift())
    const { bytes, gaps } = await around([...locked, ...next, ...next], answer)
    expect(gaps).toEqual([{ start: 2000, end: 3000, missing: 1000 }])
    expect(keys).toEqual([])
    for (const shift of shifts(bytes, [500, 5300, 6300])) expect(Math.abs(shift - -2000)).toBeLessThan(100)
  })

  it('which is told, also where the stream is ended before anything comes again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diarize-stream-plain-'))
    // Without a clock in it nobody knows better how much of it is missing.
    await ffmpeg('-f', 'lavfi', '-i', 'sine=f=300:r=16000:d=1', '-c:a', 'aac', join(folder, 'plain.aac'))
    const plain = await readFile(join(folder, 'plain.aac'))
    await rm(folder, { recursive: true })
    const url = await serve((path) => {
      if (path === '/live.m3u8') return playlist(['/plain.aac', '/bad.aac'], { target: 60 })
      return path === '/plain.aac' ? plain : undefined
    })
    for (const by of ['stop', 'run']) {
      const stop = new AbortController()
      const source: Readable & UpstreamStage = httpSource(url, { stop: stop.signal })
      source[requestFormat]?.(mono16k)
      const gaps: { start: number; end: number; missing: number }[] = []
      source.on('gap', (gap: (typeof gaps)[number]) => gaps.push(gap))
      let length = -44
      for await (const chunk of source as AsyncIterable<Buffer>) {
        length += chunk.length
        if (length < 48_000) continue
        expect(gaps).toEqual([])
        if (by === 'stop') stop.abort()
        else source[endEarly]?.()
      }
      const end = Math.round(length / 32)
      expect(gaps).toEqual([{ start: expect.any(Number) as number, end, missing: expect.any(Number) as number }])
      expect(gaps[0]!.start + gaps[0]!.missing).toBe(end)
      expect(gaps[0]!.missing).toBeGreaterThan(400)
    }
  })

  it('which hangs, though it may be tried again for long', async () => {
    const options = { connectTimeout: 20_000, retries: 9 }
    const { gaps, attempts } = await around(
      ['/bad.ts'],
      (_path, response) => {
        response.writeHead(200).flushHeaders()
        return undefined
      },
      options,
    )
    expect(gaps).toEqual([{ start: 2000, end: 3000, missing: 1000 }])
    expect(attempts).toEqual([])
  })

  it('until none is heard for as many as there may be attempts', async () => {
    const lines = ['/bad1.ts', '#EXT-X-DISCONTINUITY', '/bad2.ts', '#EXT-X-DISCONTINUITY', '/bad3.ts']
    await expect(around(lines, refused(403), { retries: 2 })).rejects.toMatchObject({ code: 'INPUT_REFUSED' })
    expect((await around(lines, refused(403), { retries: 3 })).warnings).toHaveLength(1)
  })

  it('nor does one reading of its list', async () => {
    let asked = 0
    const url = await serve((path, response) => {
      if (path !== '/live.m3u8') return media[path]
      asked += 1
      if (asked !== 2) return playlist(['/ts0.ts', '/ts1.ts'], { ended: asked > 2 })
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
      return undefined
    })
    expect((await read(url, { target: mono16k })).attempts).toMatchObject([{ error: { code: 'INPUT_UNREADABLE' } }])
    asked = 0
    const list = playlist(['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"', '/ts0.ts'])
    const other = await serve((path) => {
      if (path !== '/live.m3u8') return media[path]
      return asked++ === 0 ? playlist(['/ts0.ts']) : list
    })
    await expect(read(other)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })

  it('but not what is refused here', async () => {
    const refuse = { allowUrl: (url: URL) => !url.pathname.startsWith('/bad') }
    await expect(around(['/bad.ts'], () => '', refuse)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
  })

  it('but not before it is', async () => {
    const url = await serve((path, response) =>
      path === '/live.m3u8' ? playlist(['/bad.ts', '/ts1.ts']) : refused(403)(path, response),
    )
    await expect(read(url)).rejects.toMatchObject({ code: 'INPUT_REFUSED' })
  })
})
