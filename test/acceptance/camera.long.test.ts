import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import {
  diarize,
  frame,
  resample,
  rtspSource,
  run,
  type SessionRecord,
  type SourceGap,
  type Turn,
} from 'diarize-stream'
import { serve } from 'diarize-stream/server'
import { rtspFaultServer, type RtspFaultServer, toneAudio, toneEngine, toneNumber } from 'diarize-stream/testing'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { ToneFinder } from '../../src/testing/tone-engine.ts'
import { noChildLeft } from '../helpers/processes.ts'

/** What may lie between the clock and the captions, in ms. */
const TRUE_WITHIN = 100

let camera: RtspFaultServer | undefined

afterEach(async () => {
  await camera?.close()
  await noChildLeft()
})

// One word every 400 ms, whose number tells when it was spoken.
const words = Array.from({ length: 60 }, (_, word) => ({ word, speaker: word % 2, start: 50 + word * 400 }))
const spokenAt = (word: number): number => words[word]!.start

async function outages(server: RtspFaultServer): Promise<void> {
  await delay(2500)
  await server.close()
  await delay(1300)
  await server.listen()
  await delay(3500)
  for (const connection of server.connections) connection.stall()
}

it('puts what was said at known times, before and after outages, where it belongs in the stream', async () => {
  camera = await rtspFaultServer({ fault: 'none' }, { pcm: toneAudio(words) })
  const source = rtspSource(camera.url, { retryDelay: 100, stallTimeout: 1000, maxDuration: 14_000 })
  const gaps: SourceGap[] = []
  source.on('gap', (gap: SourceGap) => gaps.push(gap))
  const reader = new WavReader()
  const finder = new ToneFinder()
  const heard: { word: number; at: number }[] = []
  const trouble = outages(camera)
  for await (const chunk of source.pipe(resample()) as AsyncIterable<Buffer>) {
    const audio = reader.push(chunk)
    const samples = new Int16Array(audio.buffer.slice(audio.byteOffset, audio.byteOffset + audio.length))
    for (const { word, onset } of finder.push(samples)) heard.push({ word, at: onset / 16 })
  }
  await trouble
  const began = camera.connections[0]!.playedFrom!
  const off = heard.map(({ word, at }) => at - (spokenAt(word) - began))
  expect(heard.length).toBeGreaterThan(15)
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(TRUE_WITHIN)
  expect(gaps).toHaveLength(2)
  // From the last word before a gap to the first after it, and at least as long as the camera was away.
  for (const { start, end, missing } of gaps) {
    expect(end - start).toBe(missing)
    expect(missing).toBeGreaterThan(1000)
    expect(heard.filter(({ at }) => at > start - 200 && at < end - 20)).toEqual([])
  }
  expect(camera.connections).toHaveLength(3)
})

it('captions a camera that goes away twice, through a strict server, with every word at its time', async () => {
  const server = await serve({ engine: toneEngine(), authentication: false })
  camera = await rtspFaultServer({ fault: 'none' }, { pcm: toneAudio(words) })
  const turns: Turn[] = []
  const sessions: SessionRecord[] = []
  const gaps = new Set<unknown>()
  const sink = new Writable({
    objectMode: true,
    write(turn: Turn, _encoding, next) {
      turns.push(turn)
      next()
    },
  })
  const source = rtspSource(camera.url, { retryDelay: 100, stallTimeout: 1000, maxDuration: 12_000 })
  const stage = diarize({ url: server.url })
  stage.on('session', (session) => sessions.push(session))
  stage.on('gap', (gap) => gaps.add(gap))
  const trouble = outages(camera)
  const summary = await run(source, resample(), frame(), stage, sink)
  await trouble
  await server.close()
  const began = camera.connections[0]!.playedFrom!
  const heard = turns.flatMap((turn) => turn.words)
  const off = heard.map(({ text, start }) => start - (spokenAt(toneNumber(text)!) - began))
  expect(heard.length).toBeGreaterThan(10)
  expect(Math.max(...off.map(Math.abs))).toBeLessThan(TRUE_WITHIN)
  expect(new Set(heard.map(({ text }) => text)).size).toBe(heard.length)
  expect(summary.gaps).toHaveLength(2)
  expect(gaps.size).toBe(2)
  expect(summary.reconnects).toBeGreaterThanOrEqual(2)
  // By the clock on the wall, too.
  const wall = Date.parse(sessions[0]!.streamStartedAt!)
  const expected = Date.now() - camera.clipMs + began
  expect(Math.abs(wall - expected)).toBeLessThan(TRUE_WITHIN)
})
