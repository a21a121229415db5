import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import path from 'node:path'
import { Transform } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { diarize, fanOut, httpSource, jsonlSink, resample, run, type RunOptions, srtSink } from '../../src/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { ffmpeg } from '../helpers/media.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { wordsOf, writeTalk } from './talk.ts'

const directory = temporaryDirectories()
const DURATION = 300_000
const words = toneScript({ seed: 31, duration: DURATION, speakers: 2, turnWords: [1, 12] })

interface Served {
  body: Buffer
  etag?: string
  /** Whether parts are given. */
  ranges?: boolean
}

/** A server that counts the parts that it is asked for, and the bytes that are read from it: the system takes more off its hands. */
async function countingServer(served: Served) {
  const starts: number[] = []
  const clients: { socket: Socket; before: number }[] = []
  const onClient = (message: unknown): void =>
    void clients.push({ socket: (message as { socket: Socket }).socket, before: 0 })
  subscribe('net.client.socket', onClient)
  onTestFinished(() => void unsubscribe('net.client.socket', onClient))
  const server = createServer((request, response) => {
    const { body, etag = '"one"', ranges = true } = served
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec((ranges && request.headers.range) || '') ?? []
    const isPart = ranges && request.headers.range !== undefined
    const [start, end] = [Number(from), to === '' ? body.length : Math.min(Number(to) + 1, body.length)]
    starts.push(start)
    response.writeHead(isPart ? 206 : 200, {
      etag,
      'content-length': end - start,
      ...(isPart && { 'content-range': `bytes ${start}-${end - 1}/${body.length}` }),
    })
    let at = start
    const give = (): void => {
      while (at < end && !response.destroyed) {
        const piece = body.subarray(at, Math.min(end, at + 16_384))
        at += piece.length
        if (!response.write(piece)) return void response.once('drain', give)
      }
      response.end()
    }
    response.on('error', () => {})
    give()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/talk`,
    from: starts,
    get bytes() {
      return clients.reduce((sum, { socket, before }) => sum + socket.bytesRead - before, 0)
    },
    countAnew(): void {
      starts.length = 0
      for (const client of clients) client.before = client.socket.bytesRead
    },
  }
}

const seen: string[] = []

/** Hears what is at `url`; of what comes behind `until`, in ms of what came, nothing is heard, and no end. */
function hear(url: string, folder: string, name: string, options: RunOptions, until = Infinity) {
  let bytes = 0
  const gate = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length
      if (bytes / 32 < until) done(null, chunk)
    },
  })
  const allowUrl = (address: URL): boolean => {
    seen.push(address.host)
    return true
  }
  const sinks = fanOut(srtSink(path.join(folder, `${name}.srt`)), jsonlSink(path.join(folder, `${name}.jsonl`)))
  const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false })
  return run([httpSource(url, { allowUrl }), resample(), gate, hearing, sinks], options)
}

/** A run that is cut off at 240 s of 300, of what `make` makes of the talk. */
async function cutOff(ending: string) {
  const folder = directory()
  const [wav, talk] = [path.join(folder, 'talk.wav'), path.join(folder, `talk.${ending}`)]
  writeTalk(wav, words)
  // Without loss, so that an engine hears the same wherever it begins.
  if (ending !== 'wav') await ffmpeg('-i', wav, '-c:a', ending === 'm4a' ? 'alac' : 'flac', talk)
  const served: Served = { body: readFileSync(talk) }
  const server = await countingServer(served)
  const checkpoint = path.join(folder, 'checkpoint')
  const controller = new AbortController()
  const broken = hear(server.url, folder, 'parts', { checkpoint, signal: controller.signal }, 240_000)
  broken.catch(() => {})
  while (((await readCheckpoint(checkpoint))?.reachedMs ?? 0) < 220_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  controller.abort()
  await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  server.countAnew()
  return { folder, served, server, checkpoint }
}

/** Whether all words of the talk are there, once each, at their times. */
function expectWhole(folder: string): void {
  const heard = wordsOf(path.join(folder, 'parts.jsonl')).map(({ word, start }) => ({ word, start }))
  expect(heard).toEqual(words.map(({ word, start }) => ({ word, start })))
  expect(wordsIn(path.join(folder, 'parts.srt'))).toEqual(words.map(({ word }) => word))
}

it.each(['wav', 'm4a', 'mka'])(
  'begins in the middle of a %s on a server, of which it loads no more',
  async (ending) => {
    const { folder, served, server, checkpoint } = await cutOff(ending)
    const state = await readCheckpoint(checkpoint)
    expect(state?.canSeek).toBe(true)
    // The index of an MP4 lies at its end; what FFmpeg looks at first is at the beginning.
    const summary = await hear(server.url, folder, 'parts', { checkpoint })
    expectWhole(folder)
    expect(summary.gaps).toEqual([])
    // Heard again from some time before 240 s on, with what is on its way in buffers.
    expect(server.bytes).toBeLessThan(0.75 * served.body.length)
    expect(server.from.filter((from) => from > 0.3 * served.body.length).length).toBeGreaterThan(0)
    // FFmpeg asks this process, and this process asks nobody else.
    expect(new Set(seen)).toEqual(new Set([new URL(server.url).host]))
    seen.length = 0
  },
  60_000,
)

it('reads from the beginning where a server gives no parts any more, at the same times', async () => {
  const { folder, served, server, checkpoint } = await cutOff('wav')
  served.ranges = false
  await hear(server.url, folder, 'parts', { checkpoint })
  expectWhole(folder)
  expect(server.bytes).toBeGreaterThanOrEqual(served.body.length)
})

it('refuses a file that has changed on its server', async () => {
  const { folder, served, server, checkpoint } = await cutOff('wav')
  served.etag = '"two"'
  const before = readFileSync(checkpoint, 'utf8')
  const mismatch = { code: 'CHECKPOINT_MISMATCH', difference: 'input' }
  await expect(hear(server.url, folder, 'parts', { checkpoint })).rejects.toMatchObject(mismatch)
  expect(readFileSync(checkpoint, 'utf8')).toBe(before)
  expect(server.bytes).toBeLessThan(65_536)
})
