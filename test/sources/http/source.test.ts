import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../../../src/stage.ts'
import { httpSource } from '../../../src/sources/http/source.ts'
import { decode } from '../../../src/transforms/decode.ts'
import {
  type HttpFaultPlan,
  type HttpFaultServer,
  type HttpFaultServerOptions,
  type HttpServed,
} from '../../../src/testing/http-fault-server.ts'
import { certificate } from '../../helpers/certificate.ts'
import { createMedia, type Media } from '../../helpers/media.ts'
import { childProcesses, childStarted, closed } from '../../helpers/processes.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import { mono16k, quick, read, useServers } from './helpers.ts'

let media: Media
let mp3: Buffer
let expected: Buffer
const served = useServers()

beforeAll(async () => {
  media = await createMedia()
  mp3 = await readFile(media.mp3)
  expected = await decoded(mp3)
})
afterAll(() => media.remove())

/** What any bytes give that come by a pipe. */
function decoded(bytes: Buffer): Promise<Buffer> {
  return buffer(Readable.from([bytes]).pipe(decode()))
}

function serve(
  plan: HttpFaultPlan = [],
  body: HttpServed = mp3,
  options: HttpFaultServerOptions = {},
): Promise<HttpFaultServer> {
  return served(body, plan, options)
}

describe('files', () => {
  it.each(['wav', 'mp3', 'm4a', 'fastM4a', 'flac', 'ogg', 'webm', 'video'] as const)(
    'give the same as their bytes through decode(): %s',
    async (kind) => {
      const file = await readFile(media[kind])
      const server = await serve([], file)
      const { bytes, warnings } = await read(server.url(`/${kind}`))
      const local = await decoded(file)
      expect(shapeOf(bytes)).toEqual(shapeOf(local))
      expect(bytes.equals(local)).toBe(true)
      expect(warnings).toEqual([])
      expect(server.requests.length).toBe(1)
    },
  )

  it('are heard to their end where a WAV header says too little', async () => {
    const file = await readFile(media.wav)
    file.writeUInt32LE(8000, file.indexOf('data') + 4)
    const server = await serve([], file)
    const { bytes, warnings } = await read(server.url())
    expect(shapeOf(bytes).samples).toBe(88_200)
    expect(warnings).toMatchObject([{ code: 'WAV_SIZE_WRONG', declared: 8000 }])
  })

  it('come out in the format that is asked for', async () => {
    const server = await serve([], await readFile(media.wav))
    const { bytes } = await read(server.url(), { target: mono16k })
    expect(shapeOf(bytes)).toEqual({ rate: 16_000, channels: 1, samples: 32_000 })
  })

  it('are not opened before somebody reads, and ask for no compression and no ICY titles', async () => {
    const server = await serve()
    const source = httpSource(server.url('/a'), { userAgent: 'tester/1', headers: { 'X-Key': 'geheim' } })
    await new Promise(setImmediate)
    expect(server.requests).toEqual([])
    await buffer(source)
    const [{ headers } = { headers: {} }] = server.requests
    expect(headers).toMatchObject({ 'user-agent': 'tester/1', 'x-key': 'geheim', 'accept-encoding': 'identity' })
    expect(headers).not.toHaveProperty('icy-metadata')
    expect(headers).not.toHaveProperty('range')
  })

  it.each(['chunked', 'unsized'] as const)('come whole without a length: %s', async (fault) => {
    const server = await serve({ fault })
    expect((await read(server.url())).bytes.equals(expected)).toBe(true)
  })

  it('say how long they are, once they have begun', async () => {
    for (const kind of ['wav', 'mp3', 'fastM4a', 'flac', 'webm'] as const) {
      const server = await serve([], await readFile(media[kind]))
      const source = httpSource(server.url())
      await buffer(source)
      expect(Math.abs((source.duration ?? 0) - 2000)).toBeLessThanOrEqual(100)
    }
  })

  it('send user and password of the address to its host, and show them to nobody', async () => {
    const server = await serve([{ fault: 'none' }, { fault: 'status', status: 401 }])
    const address = server.url('/a?token=geheim').replace('//', '//alice:geh%40eim@')
    await read(address)
    const login = Buffer.from('alice:geh@eim').toString('base64')
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${login}`)
    const failure = read(address)
    await expect(failure).rejects.toMatchObject({ code: 'INPUT_REFUSED', status: 401, retryable: false })
    await expect(failure).rejects.not.toThrow(/geh|alice/)
  })
})

describe('lost connections', () => {
  it.each(['drop', 'truncate'] as const)('are resumed where they were: %s', async (fault) => {
    const server = await serve([
      { fault, afterBytes: 3000 },
      { fault, afterBytes: 1 },
      { fault, afterBytes: 4000 },
    ])
    const { bytes, attempts } = await read(server.url())
    expect(bytes.equals(expected)).toBe(true)
    expect(attempts.length).toBe(3)
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=3000-',
      'bytes=3001-',
      'bytes=7001-',
    ])
    expect(server.requests[1]?.headers['if-range']).toBe(`"${mp3.length}"`)
  })

  it('are resumed when they stall', async () => {
    const server = await serve([{ fault: 'stall', afterBytes: 3000 }])
    const { bytes, attempts } = await read(server.url(), { stallTimeout: 100 })
    expect(bytes.equals(expected)).toBe(true)
    expect(attempts).toMatchObject([{ attempt: 1, error: { code: 'INPUT_STALLED' } }])
  })

  it('are made good for where the server knows no ranges', async () => {
    const server = await serve([{ fault: 'drop', afterBytes: 3000 }, { fault: 'ignoreRange' }])
    expect((await read(server.url())).bytes.equals(expected)).toBe(true)
  })

  it.each(['none', 'ignoreRange', 'chunked', 'dropChunked'] as const)(
    'are made good for where the server says no length, and then: %s',
    async (fault) => {
      const server = await serve([
        { fault: 'dropChunked', afterBytes: 3000 },
        { fault, afterBytes: 2000 },
      ])
      const { bytes, attempts } = await read(server.url())
      expect(bytes.equals(expected)).toBe(true)
      expect(attempts[0]).toMatchObject({ attempt: 1, error: { code: 'INPUT_TRUNCATED' } })
      expect(server.requests[1]?.headers).toMatchObject({ range: 'bytes=3000-', 'if-range': `"${mp3.length}"` })
    },
  )

  it('are an error where the content has changed meanwhile', async () => {
    const server = await serve([{ fault: 'drop', afterBytes: 3000 }, { fault: 'changed' }])
    await expect(read(server.url(), { retries: 1 })).rejects.toMatchObject({ code: 'INPUT_TRUNCATED', retryable: true })
    const unsized = await serve([{ fault: 'dropChunked', afterBytes: 3000 }, { fault: 'changed' }])
    await expect(read(unsized.url(), { retries: 1 })).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  })

  it.each(['truncate', 'drop', 'dropChunked'] as const)('are never a shorter success: %s', async (fault) => {
    const server = await serve({ fault, afterBytes: 5000 })
    const failure = read(server.url(), { retries: 0 })
    await expect(failure).rejects.toMatchObject({ name: 'InputError', code: 'INPUT_TRUNCATED', retryable: true })
    await expect(failure).rejects.toThrow('5000 of')
  })

  it('are known by the file itself where the server says no length', async () => {
    const wav = await readFile(media.wav)
    const server = await serve({ fault: 'unsized' }, wav.subarray(0, wav.length / 2))
    await expect(read(server.url())).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  })

  it.each(['none', 'chunked'] as const)('are no reason of files that are short themselves: %s', async (fault) => {
    const [wav, mp4] = [await readFile(media.wav), await readFile(media.fastM4a)]
    const mp3WithIndex = Buffer.from(mp3)
    const index = Math.max(mp3.indexOf('Info'), mp3.indexOf('Xing'))
    // Behind the number of frames: the number of bytes.
    mp3WithIndex.writeUInt32BE(mp3.length + 5000, index + 12)
    for (const file of [wav.subarray(0, wav.length / 2), mp4.subarray(0, -1000), mp3WithIndex]) {
      const { bytes, warnings, attempts } = await read((await serve({ fault }, file)).url())
      expect(shapeOf(bytes).samples).toBeGreaterThan(30_000)
      expect(warnings.filter(({ code }) => code === 'INPUT_TRUNCATED')).toHaveLength(1)
      expect(attempts).toEqual([])
    }
    expect(index).toBeGreaterThan(0)
  })

  it('are known where they are reset, though the server says no length', async () => {
    const server = await serve({ fault: 'drop', afterBytes: 5000 }, mp3, { endless: true })
    await expect(read(server.url(), { retries: 0 })).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  })

  it('give up after so many attempts without a byte', async () => {
    const server = await serve((index) => (index === 0 ? { fault: 'drop', afterBytes: 3000 } : { fault: 'refuse' }))
    await expect(read(server.url(), { retries: 3 })).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
    expect(server.requests.length).toBe(4)
  })

  it('hold while nobody reads: a paused reader is no stall', async () => {
    const wav = await readFile(media.wav)
    const server = await serve([], Buffer.concat([wav, wav, wav, wav, wav, wav, wav, wav]))
    const source = httpSource(server.url(), { ...quick, stallTimeout: 100 })
    const attempts: unknown[] = []
    source.on('reconnecting', (record) => attempts.push(record))
    await once(source, 'readable')
    // Meanwhile a source of a server that does stall, with the same time to wait, is given up on four times.
    const stalling = await serve(Array.from({ length: 4 }, () => ({ fault: 'stall' as const, afterBytes: 3000 })))
    expect((await read(stalling.url(), { stallTimeout: 100 })).attempts).toHaveLength(4)
    expect(attempts).toEqual([])
    await buffer(source)
  })
})

describe('servers that do not answer', () => {
  it('are asked again: 503, then fine', async () => {
    const server = await serve([{ fault: 'status' }, { fault: 'refuse' }, { fault: 'hang' }])
    // Only the last of them is waited for: what answers must do so in that time on a busy machine, too.
    const { bytes, attempts } = await read(server.url(), { connectTimeout: 1000 })
    expect(bytes.equals(expected)).toBe(true)
    const codes = attempts.map(({ error }) => (error as Error & { code: string }).code)
    expect(codes).toEqual(['INPUT_UNREACHABLE', 'INPUT_UNREACHABLE', 'INPUT_STALLED'])
  })

  it.each([
    [404, 'INPUT_NOT_FOUND'],
    [410, 'INPUT_NOT_FOUND'],
    [401, 'INPUT_REFUSED'],
    [403, 'INPUT_REFUSED'],
    [418, 'INPUT_REFUSED'],
  ])('are not asked again after %i', async (status, code) => {
    const server = await serve({ fault: 'status', status })
    await expect(read(server.url())).rejects.toMatchObject({ code, status, retryable: false })
    expect(server.requests.length).toBe(1)
  })

  it('are an error with a code', async () => {
    const server = await serve()
    const address = server.url()
    await server.close()
    await expect(read(address, { retries: 1 })).rejects.toMatchObject({ code: 'INPUT_UNREACHABLE', retryable: true })
    await expect(read('http://nowhere.invalid/')).rejects.toMatchObject({ code: 'INPUT_UNREACHABLE' })
  })

  it('or have nothing to give', async () => {
    const server = await serve([], Buffer.alloc(0))
    const failure = read(server.url('/a'))
    await expect(failure).rejects.toMatchObject({ code: 'NO_AUDIO' })
    // Nothing is piped into it.
    await expect(failure).rejects.toThrow(`${server.url('/a')} ended without a byte; check where it comes from`)
  })

  it.each([
    ['garbage', 'INPUT_UNREADABLE'],
    ['compressed', 'INPUT_UNREADABLE'],
    ['endlessHeaders', 'INPUT_UNREADABLE'],
  ] as const)('or answer in another way: %s', async (fault, code) => {
    const server = await serve({ fault })
    await expect(read(server.url())).rejects.toMatchObject({ code })
    expect(server.requests.length).toBe(1)
  })
})

describe('https', () => {
  it('is checked unless told otherwise', async () => {
    const { key, cert } = await certificate()
    const server = await serve([], mp3, { tls: { key, cert } })
    await expect(read(server.url())).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', retryable: false })
    expect((await read(server.url(), { ca: cert })).bytes.equals(expected)).toBe(true)
    expect((await read(server.url(), { verifyCertificate: false })).bytes.equals(expected)).toBe(true)
  })
})

describe('radio', () => {
  const station = { headers: { 'icy-name': 'Test' }, endless: true, bytesPerSecond: 40_000 }

  it('is known by its headers, opened again when it drops, and ends after maxDuration', async () => {
    const server = await serve([{ fault: 'drop', afterBytes: 20_000 }], mp3, station)
    const source: UpstreamStage = httpSource(server.url(), { ...quick, maxDuration: 4000 })
    source[requestFormat]?.(mono16k)
    const attempts: unknown[] = []
    source.on('reconnecting', (record) => attempts.push(record))
    const bytes = await buffer(source)
    expect(source[liveSource]).toBe(true)
    expect(shapeOf(bytes)).toEqual({ rate: 16_000, channels: 1, samples: 64_000 })
    expect(attempts.length).toBe(1)
  })

  it('is opened again for ever, also after 404', async () => {
    const plan = (index: number) =>
      index === 0
        ? ({ fault: 'drop', afterBytes: 12_000 } as const)
        : index < 9
          ? ({ fault: 'status', status: 404 } as const)
          : ({ fault: 'none' } as const)
    const server = await serve(plan, mp3, station)
    const { bytes, attempts } = await read(server.url(), { maxDuration: 3000, target: mono16k })
    expect(shapeOf(bytes).samples).toBe(48_000)
    expect(attempts.length).toBe(9)
  })

  it('says what is missing where it ends while it is off the air', async () => {
    const plan = (index: number) =>
      index === 0 ? ({ fault: 'drop', afterBytes: 20_000 } as const) : ({ fault: 'status', status: 503 } as const)
    const server = await serve(plan, mp3, station)
    const { bytes, gaps } = await read(server.url(), { maxDuration: 4000, target: mono16k })
    expect(shapeOf(bytes).samples).toBe(64_000)
    expect(gaps).toMatchObject([{ end: 4000 }])
    const [{ start, missing } = { start: 0, missing: 0 }] = gaps
    expect(start + missing).toBe(4000)
    expect(bytes.subarray(44 + (start + 1) * 32).every((byte) => byte === 0)).toBe(true)
  })

  it('is not one where the first answer refuses', async () => {
    const server = await serve({ fault: 'status', status: 403 }, mp3, station)
    await expect(read(server.url(), { live: true })).rejects.toMatchObject({ code: 'INPUT_REFUSED' })
  })

  it('may be said to be one', async () => {
    const server = await serve({ fault: 'none' })
    const { attempts, bytes } = await read(server.url(), { live: true, maxDuration: 3000, gaps: 'skip' })
    expect(attempts.length).toBeGreaterThan(0)
    expect(shapeOf(bytes).samples).toBe(3 * 44_100)
  })

  it('may be old: ICY 200 OK', async () => {
    const server = await serve({ fault: 'icy' })
    const { bytes } = await read(server.url(), { maxDuration: 1000 })
    expect(shapeOf(bytes).samples).toBe(44_100)
  })

  it('has no titles in its sound, which some send unasked', async () => {
    const every = 1000
    const titled: Buffer[] = []
    for (let at = 0; at + every <= mp3.length; at += every) {
      const title = at % 3000 === 0 ? `StreamTitle='song ${at}';`.padEnd(48, '\0') : ''
      titled.push(mp3.subarray(at, at + every), Buffer.from([title.length / 16]), Buffer.from(title))
    }
    const headers = { 'icy-name': 'Test', 'icy-metaint': String(every) }
    const whole = Buffer.concat(titled)
    const server = await serve({ fault: 'unsized' }, whole, { headers })
    const { bytes } = await read(server.url(), { live: true, maxDuration: 1000 })
    const plain = await serve({ fault: 'unsized' }, mp3.subarray(0, Math.floor(mp3.length / every) * every))
    const { bytes: same } = await read(plain.url(), { live: true, maxDuration: 1000 })
    expect(bytes.equals(same)).toBe(true)
  })

  it('began when its bytes came, however long FFmpeg takes to begin, and knows it when it has ended', async () => {
    const server = await serve([], mp3, station)
    const [slow, go] = ['slow-ffmpeg', 'go'].map((name) => join(media.directory, name)) as [string, string]
    const wait = `case "$*" in *pipe:0*) while [ ! -e '${go}' ]; do sleep 0.05; done;; esac`
    await writeFile(slow, `#!/bin/sh\n${wait}\nexec ffmpeg "$@"\n`, { mode: 0o755 })
    const source: UpstreamStage = httpSource(server.url(), { ffmpegPath: slow, maxDuration: 100 })
    const audio = buffer(source)
    await childStarted()
    await delay(1000)
    const asked = Date.now()
    await writeFile(go, '')
    await audio
    expect(source[streamStartedAt]!.getTime()).toBeLessThan(asked - 500)
  })

  it('ends in good order when it is told to stop', async () => {
    const server = await serve([], mp3, station)
    const stop = new AbortController()
    const source = httpSource(server.url(), { stop: stop.signal })
    source.once('data', () => stop.abort())
    await once(source, 'end')
    await closed(source)
    expect(childProcesses()).toEqual([])
  })
})

describe('limits', () => {
  it('hold for the size that the server says, before anything is taken', async () => {
    const server = await serve()
    await expect(read(server.url(), { maxBytes: 1000 })).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
  })

  it('hold for what comes without a length', async () => {
    const server = await serve({ fault: 'endlessBody' })
    await expect(read(server.url(), { maxBytes: 1_000_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/INPUT_TOO_LARGE|INPUT_NOT_MEDIA/),
    })
  })

  it('hold for the length of the audio', async () => {
    const server = await serve()
    await expect(read(server.url(), { maxDuration: 500 })).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
    await expect(read(server.url(), { maxDuration: 5000 })).resolves.toBeDefined()
  })
})

describe('destroyed', () => {
  it.each([
    ['before it has begun', 'none', 0],
    ['while nothing answers', 'hang', 1],
    ['within the body', 'stall', 2],
  ] as const)('%s, it leaves nothing', async (_when, fault, phase) => {
    const server = await serve({ fault, afterBytes: 10_000 })
    const source = httpSource(server.url())
    source.on('error', () => {})
    if (phase > 0) {
      source.resume()
      await vi.waitUntil(() => server.requests.length === 1)
    }
    if (phase > 1) await childStarted()
    source.destroy()
    await closed(source)
    expect(childProcesses()).toEqual([])
    await expect.poll(() => server.open).toBe(0)
  })

  it.each(['destroy', 'stop'] as const)('by %s in its first moments, it opens nothing more', async (how) => {
    const server = await serve({ fault: 'hang' })
    const all = Array.from({ length: 40 }, async (_, turns) => {
      const stop = new AbortController()
      const source = httpSource(server.url(), { connectTimeout: 600_000, stop: stop.signal })
      source.on('error', () => {}).resume()
      // Its parts are loaded in between.
      for (let turn = 0; turn < turns; turn++) await (turn % 4 === 3 ? immediate() : undefined)
      if (how === 'stop') stop.abort()
      else source.destroy()
      await closed(source)
    })
    await Promise.all(all)
    await expect.poll(() => server.open).toBe(0)
  })

  it('while it waits for another attempt, or for allowUrl', async () => {
    const server = await serve({ fault: 'status' })
    const waiting = httpSource(server.url(), { retryDelay: 60_000 })
    waiting.resume()
    await once(waiting, 'reconnecting')
    waiting.destroy()
    await closed(waiting)
    let asked = (): void => {}
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const allowUrl = (): Promise<boolean> => {
      asked()
      return new Promise(() => {})
    }
    const held = httpSource(server.url(), { allowUrl })
    held.resume()
    await isAsked
    held.destroy()
    await closed(held)
    expect(server.requests.length).toBe(1)
  })

  it('by a signal', async () => {
    const server = await serve({ fault: 'stall' })
    const controller = new AbortController()
    const failed = read(server.url(), { signal: controller.signal })
    await expect.poll(() => server.requests.length).toBe(1)
    controller.abort()
    await expect(failed).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('wrong calls', () => {
  it.each([
    ['ftp://h/a'],
    ['file:///etc/passwd'],
    ['gopher://h/'],
    ['talk.mp3'],
    ['-i'],
    [''],
    [42],
    [undefined],
    ['http://'],
  ])('refuse %j', (url) => {
    expect(() => httpSource(url as string)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it.each([
    [{ headers: { range: 'bytes=0-' } }],
    [{ headers: { 'a\nb': 'c' } }],
    [{ headers: { a: 'b\r\nc: d' } }],
    [{ headers: 'a: b' }],
    [{ userAgent: 'a\r\nb: c' }],
    [{ userAgent: '' }],
    [{ connectTimeout: 0 }],
    [{ stallTimeout: 1.5 }],
    [{ retries: -1 }],
    [{ maxBytes: 0 }],
    [{ maxDuration: 0 }],
    [{ allowUrl: 'no' }],
    [{ ca: 5 }],
    [{ verifyCertificate: 'no' }],
    [{ ca: 'a certificate', verifyCertificate: false }],
    [{ live: 1 }],
    [{ gaps: 'fill' }],
    [{ timeout: 5 }],
  ])('refuse %j', (options) => {
    expect(() => httpSource('http://127.0.0.1/', options as object)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
  })
})
