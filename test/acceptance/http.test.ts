import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import { diarize, frame, httpSource, resample, run, type SourceGap, type Turn } from 'diarize-stream'
import { serve } from 'diarize-stream/server'
import { httpFaultServer, toneAudio, toneEngine, toneNumber } from 'diarize-stream/testing'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { ToneFinder } from '../../src/testing/tone-engine.ts'
import { noChildLeft } from '../helpers/processes.ts'

/** What may lie between the clock and the captions, in ms. */
const TRUE_WITHIN = 100

afterEach(() => noChildLeft())

// One word every 400 ms, whose number tells when it was spoken.
const words = Array.from({ length: 60 }, (_, word) => ({ word, speaker: word % 2, start: 50 + word * 400 }))
const pcm = toneAudio(words)
const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const

it('captions a file over a server that fails in every way, with every word once and at its time', async () => {
  const engine = await serve({ engine: toneEngine(), authentication: false })
  const server = await httpFaultServer(Buffer.concat([writeWavHeader(format, pcm.length), pcm]), [
    { fault: 'status', status: 503 },
    { fault: 'drop', afterBytes: 100_001 },
    { fault: 'refuse' },
    { fault: 'truncate', afterBytes: 100_003 },
    { fault: 'stall', afterBytes: 50_000 },
    { fault: 'ignoreRange' },
  ])
  const turns: Turn[] = []
  const sink = new Writable({
    objectMode: true,
    write(turn: Turn, _encoding, next) {
      turns.push(turn)
      next()
    },
  })
  const source = httpSource(server.url('/talk.wav'), { retryDelay: 5, maxRetryDelay: 20, stallTimeout: 200 })
  const summary = await run(source, resample(), frame(), diarize({ url: engine.url }), sink)
  const heard = turns.flatMap((turn) => turn.words).map(({ text, start }) => ({ word: toneNumber(text), start }))
  expect(heard.map(({ word }) => word)).toEqual(words.map(({ word }) => word))
  const off = heard.map(({ start }, at) => Math.abs(start - (words[at]?.start ?? 0)))
  expect(Math.max(...off)).toBeLessThan(TRUE_WITHIN)
  expect(summary.gaps).toEqual([])
  expect(server.requests.length).toBeGreaterThanOrEqual(6)
  await server.close()
  await engine.close()
})

/** The header of a Sun audio file of unknown length; of WAV, FFmpeg wants to see four seconds before it gives any. */
function sunHeader(): Buffer {
  const header = Buffer.alloc(28)
  header.write('.snd')
  for (const [at, value] of [28, 0xffff_ffff, 3, format.sampleRate, 1].entries())
    header.writeUInt32BE(value, 4 + at * 4)
  return header
}

/** A station that is on the air whoever listens, drops everybody after 2.5 s, and is then away for 1.3 s. */
async function station(): Promise<{ server: Server; url: string; began: () => number }> {
  const onAir = performance.now()
  let first: number | undefined
  const server = createServer((_request, response) => {
    const position = (): number => performance.now() - onAir
    if (first !== undefined && position() < first + 3800) return void response.writeHead(503).end()
    const isFirst = first === undefined
    first ??= position()
    response.writeHead(200, { 'content-type': 'audio/basic', 'icy-name': 'Test', connection: 'close' })
    response.write(sunHeader())
    let sent = Math.round(position() * 16) * 2
    const end = isFirst ? first + 2500 : Infinity
    const timer = setInterval(() => {
      const until = Math.round(position() * 16) * 2
      response.write(Buffer.from(pcm.subarray(sent, until)).swap16())
      sent = until
      if (position() > end) response.socket?.resetAndDestroy()
    }, 20)
    response.on('close', () => clearInterval(timer)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}/radio`, began: () => first ?? 0 }
}

it('puts what a station said before and after an outage where it belongs in the stream', async () => {
  const { server, url, began } = await station()
  const source = httpSource(url, { retryDelay: 100, maxRetryDelay: 200, maxDuration: 9000 })
  const gaps: SourceGap[] = []
  source.on('gap', (gap: SourceGap) => gaps.push(gap))
  const reader = new WavReader()
  const finder = new ToneFinder()
  const heard: { word: number; at: number }[] = []
  for await (const chunk of source.pipe(resample()) as AsyncIterable<Buffer>) {
    const audio = reader.push(chunk)
    const samples = new Int16Array(audio.buffer.slice(audio.byteOffset, audio.byteOffset + audio.length))
    for (const { word, onset } of finder.push(samples)) heard.push({ word, at: onset / 16 })
  }
  const off = heard.map(({ word, at }) => at - ((words[word]?.start ?? 0) - began()))
  expect(heard.length).toBeGreaterThan(12)
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(TRUE_WITHIN)
  expect(gaps).toHaveLength(1)
  expect(gaps[0]?.missing).toBeGreaterThan(1000)
  await new Promise((resolve) => server.close(resolve))
})
