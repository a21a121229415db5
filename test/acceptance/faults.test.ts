import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type DiarizeOptions,
  type Gap,
  diarize,
  fanOut,
  fileSource,
  jsonlSink,
  resample,
  run,
  srtSink,
  vttSink,
} from 'diarize-stream'
import { type Fault, type FaultServer, faultServer } from 'diarize-stream/testing'
import { childProcesses, noChildLeft } from '../helpers/processes.ts'
import { makeMedia } from './make-media.ts'

let folder: string
let video: string
let server: FaultServer
let stalled: boolean

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-faults-'))
  video = await makeMedia(folder)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

afterEach(async () => {
  // Nothing of the client may be left, whatever went wrong.
  await noChildLeft()
  // A server that has stopped reading cannot see that the client is gone.
  if (!stalled) {
    await vi.waitFor(() => expect(server.connections.every(({ closeCode }) => closeCode !== undefined)).toBe(true))
  }
  await server.close()
})

let count = 0

/** The whole chain against a server with `fault`: what it rejected with, and the captions that were written. */
async function caption(fault: Fault, options: DiarizeOptions = {}, signal?: AbortSignal) {
  server = await faultServer(fault)
  stalled = fault.fault === 'stall'
  const name = join(folder, `talk-${(count += 1)}`)
  const files = { srt: `${name}.srt`, vtt: `${name}.vtt`, jsonl: `${name}.jsonl` }
  const source = fileSource(video)
  const turns = diarize({
    url: server.url,
    apiKey: 'k-secret',
    timeouts: { connect: 2000, termination: 500 },
    reconnect: { attempts: 0 },
    ...options,
  })
  const sinks = fanOut(srtSink(files.srt), vttSink(files.vtt), jsonlSink(files.jsonl))
  let error: unknown
  try {
    await run(source, resample(), turns, sinks, signal ? { signal } : {})
  } catch (caught) {
    error = caught
  }
  expect([source.closed, turns.closed, sinks.closed]).toEqual([true, true, true])
  expect(childProcesses()).toEqual([])
  const read = async (path: string): Promise<string | undefined> =>
    existsSync(path) ? readFile(path, 'utf8') : undefined
  return { error, srt: await read(files.srt), vtt: await read(files.vtt), jsonl: await read(files.jsonl) }
}

const first = 'Speaker A: Good morning, how are you?'
const second = 'Speaker B: Very well, thank you.'

describe('a server that is only unusual', () => {
  it.each<Fault>([
    { fault: 'none' },
    { fault: 'late-begin', delayMs: 800 },
    { fault: 'garbage', afterMs: 500 },
    { fault: 'unknown-message', afterMs: 500 },
    { fault: 'binary', afterMs: 500 },
    { fault: 'double-final' },
    { fault: 'empty-final' },
  ])('loses no word and repeats none: $fault', async (fault) => {
    const { error, srt, vtt, jsonl } = await caption(fault)
    expect(error).toBeUndefined()
    expect(srt?.match(/Speaker .*/g)).toEqual([first, second])
    expect(vtt?.match(/<v .*/g)).toHaveLength(2)
    expect(jsonl?.trimEnd().split('\n').length).toBeGreaterThanOrEqual(3)
  })
})

describe('a server that fails', () => {
  it.each<[Fault, string]>([
    [{ fault: 'no-upgrade' }, 'CONNECT_TIMEOUT'],
    [{ fault: 'http-error' }, 'UNAUTHORIZED'],
    [{ fault: 'http-error', status: 503 }, 'CONNECT_FAILED'],
    [{ fault: 'no-begin' }, 'CONNECT_TIMEOUT'],
    [{ fault: 'refuse' }, 'TOO_MANY_SESSIONS'],
    [{ fault: 'refuse', code: 1008, text: 'Unauthorized Connection: Invalid API key' }, 'UNAUTHORIZED'],
  ])('before the session begins: $fault is %s, and no file is left', async (fault, code) => {
    const { error, srt, vtt, jsonl } = await caption(fault)
    expect(error).toMatchObject({ name: 'SessionError', code })
    expect((error as Error).message).not.toContain('k-secret')
    expect([srt, vtt, jsonl]).toEqual([undefined, undefined, undefined])
  })

  it.each<[Fault, string]>([
    [{ fault: 'drop', afterFinals: 1 }, 'CONNECTION_LOST'],
    [{ fault: 'error', afterFinals: 1 }, 'SERVER_ERROR'],
    [{ fault: 'error', afterFinals: 1, code: 3007 }, 'AUDIO_REJECTED'],
    [{ fault: 'error', afterFinals: 1, code: 3008 }, 'SESSION_EXPIRED'],
    [{ fault: 'close', afterFinals: 1 }, 'SERVER_ERROR'],
    [{ fault: 'unasked-termination', afterFinals: 1 }, 'CONNECTION_LOST'],
    [{ fault: 'oversized', afterFinals: 1 }, 'CONNECTION_LOST'],
  ])('midway: $fault is %s, and what was captioned stays, valid', async (fault, code) => {
    const { error, srt, vtt, jsonl } = await caption(fault)
    expect(error).toMatchObject({ name: 'SessionError', code })
    expect(srt).toMatch(/^1\n00:00:00,200 --> 00:00:01,\d{3}\n/)
    expect(srt?.endsWith('\n\n')).toBe(true)
    expect(vtt?.startsWith('WEBVTT\n\n')).toBe(true)
    for (const line of jsonl?.trimEnd().split('\n') ?? []) expect(() => JSON.parse(line) as unknown).not.toThrow()
    expect(srt).not.toContain(second)
  })

  it.each<[Fault, string]>([
    [{ fault: 'no-termination' }, 'TERMINATION_MISSING'],
    [{ fault: 'close-without-termination' }, 'TERMINATION_MISSING'],
    [{ fault: 'silence', afterMs: 3000 }, 'TERMINATION_MISSING'],
  ])('at the end: $fault is %s, never a success', async (fault, code) => {
    const { error, srt } = await caption(fault)
    expect(error).toMatchObject({ name: 'SessionError', code })
    expect(srt).toContain(first)
  })

  it('by no longer reading: noticed by unanswered pings', async () => {
    const { error } = await caption({ fault: 'stall', afterMs: 100 }, { timeouts: { ping: 100, termination: 60_000 } })
    expect(error).toMatchObject({ code: 'SESSION_STALLED' })
  })
})

describe('abort', () => {
  it.each<Fault>([{ fault: 'no-upgrade' }, { fault: 'no-begin' }, { fault: 'stall' }, { fault: 'no-termination' }])(
    'ends at once against $fault',
    async (fault) => {
      const controller = new AbortController()
      const waiting = caption(fault, { timeouts: { connect: 60_000, termination: 60_000 } }, controller.signal)
      await vi.waitFor(() => expect(server.attempts).toBe(1), { timeout: 10_000 })
      setImmediate(() => controller.abort(new Error('enough')))
      expect((await waiting).error).toMatchObject({ name: 'AbortError' })
    },
  )
})

it('says that nothing listens there', async () => {
  server = await faultServer({ fault: 'none' })
  stalled = false
  const closed = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => closed.once('listening', resolve))
  const { port } = closed.address() as { port: number }
  await new Promise((resolve) => closed.close(resolve))
  const output = join(folder, 'nobody.srt')
  await expect(
    run(
      fileSource(video),
      resample(),
      diarize({ url: `ws://127.0.0.1:${port}`, reconnect: { delay: 10 } }),
      srtSink(output),
    ),
  ).rejects.toMatchObject({ code: 'CONNECT_FAILED', retryable: true })
  expect(existsSync(output)).toBe(false)
})

it('says in the event, the JSONL file and the summary which milliseconds no session heard', async () => {
  stalled = false
  // The first session breaks, and none can be had until the source has long gone on.
  server = await faultServer((index) =>
    index === 0 ? { fault: 'drop', afterMs: 500 } : index < 4 ? { fault: 'refuse', code: 3005 } : { fault: 'none' },
  )
  const output = join(folder, 'gap.jsonl')
  const live = Readable.from(Array.from({ length: 400 }, () => Buffer.alloc(1600)))
  const turns = diarize({ url: server.url, live: true, replay: { max: 1000 }, reconnect: { delay: 10 } })
  const gaps: Gap[] = []
  turns.on('gap', (gap) => gaps.push(gap))
  const summary = await run(live, turns, jsonlSink(output))
  expect(gaps).toHaveLength(1)
  const [gap] = gaps as [Gap]
  expect(gap.start).toBe(0)
  expect(gap.end).toBeGreaterThan(1000)
  expect(gap.end % 50).toBe(0)
  expect(summary).toMatchObject({ audioMs: 20_000, gaps, reconnects: 4 })
  const records = (await readFile(output, 'utf8')).split('\n')
  expect(records).toContainEqual(expect.stringMatching(/"type":"gap"/))
  expect(JSON.parse(records.find((line) => line.includes('"gap"')) ?? '{}')).toMatchObject({ type: 'gap', ...gap })
})
