import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { serve } from '../../src/server/index.ts'
import { toneAudio, toneEngine, toneScript, toneText } from '../../src/testing/index.ts'
import { diarize } from '../../src/transforms/diarize.ts'

it('hears 80 s in 8 parts at real pace, every word once', { timeout: 120_000 }, async () => {
  const engine = toneEngine({ fasterThanRealTime: false })
  await using server = await serve({ engine, apiKeys: ['key'] })
  const script = toneScript({ seed: 7, duration: 79_000 })
  const stage = diarize({ url: server.url, apiKey: 'key', parallel: 8, replay: { context: 10_000 } })
  const audio = Readable.from([toneAudio(script, { to: 40_000 }), toneAudio(script, { from: 40_000, to: 80_000 })])
  const words: string[] = []
  for await (const turn of audio.pipe(stage)) {
    if (turn.revision === 0) words.push(...turn.words.map(({ text, start }) => `${text}@${start}`))
  }
  expect(words).toEqual(script.map(({ word, start }) => `${toneText(word)}@${start}`))
  expect(engine.opened).toBe(8)
})

// As many begin in a minute as the first refusal lets expect.
it('goes on with as many sessions as it can have', { timeout: 400_000 }, async () => {
  const engine = toneEngine()
  await using server = await serve({ engine, apiKeys: ['key'], maxSessions: 2 })
  const script = toneScript({ seed: 8, duration: 39_000 })
  const options = { parallel: 4, reconnect: { attempts: 1, delay: 1 }, replay: { context: 10_000 } }
  const stage = diarize({ url: server.url, apiKey: 'key', ...options })
  const words: string[] = []
  for await (const turn of Readable.from([toneAudio(script, { to: 40_000 })]).pipe(stage)) {
    if (turn.revision === 0) words.push(...turn.words.map(({ text, start }) => `${text}@${start}`))
  }
  expect(words).toEqual(script.map(({ word, start }) => `${toneText(word)}@${start}`))
  expect(engine.opened).toBe(4)
})
