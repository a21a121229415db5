import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { serve } from '../../src/server/index.ts'
import { run, type SessionRecord } from '../../src/index.ts'
import { faultServer, toneAudio, toneEngine, toneText } from '../../src/testing/index.ts'
import { relabelled } from '../helpers/relabelled.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import { Collector } from '../trials/collector.ts'
import { dialogue } from '../trials/dialogue.ts'
import { imprecise } from '../trials/faults/imprecise.ts'
import { judge, type Stretch } from '../trials/judge.ts'
import { leftovers, openResources } from '../trials/leftovers.ts'
import { Random } from '../trials/random.ts'
import { ToneSource } from '../trials/tone-source.ts'

/** `PARALLEL_MINUTES=60 npm run test:long -- transforms/parallel` hears an hour. */
const MINUTES = Number(process.env['PARALLEL_MINUTES'] ?? 10)

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

// Turns follow each other closely, so that there is no pause to cut in; labels are corrected in mid-session.
it.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'has every word once from a server as rough as the service, whose sessions break, %i',
  async (seed) => {
    const random = new Random(seed)
    const duration = 120_000
    const words = toneScript({
      seed,
      duration: duration - 1000,
      turnWords: [1, 9],
      turnGap: [20, 90],
      wordGap: [20, 90],
    })
    const engine = toneEngine({ unattributedWords: 3, mistakenWords: 2, reviseEvery: 5000 })
    const server = await faultServer(
      () => ({
        fault: random.chance(0.6) ? 'none' : random.pick(['drop', 'reset', 'close'] as const),
        afterMs: random.integer(1, 20_000),
      }),
      { engine: imprecise(relabelled(engine, seed), seed) },
    )
    const sink = new Collector()
    try {
      const options = { parallel: 6, voices: false, reconnect: { attempts: 30, delay: 3 }, replay: { context: 10_000 } }
      const stage = diarize({ url: server.url, apiKey: 'key', ...options })
      await run(new ToneSource({ words, duration, stamped: false }), stage, sink)
    } finally {
      await server.close()
    }
    expect(sink.complaints).toEqual([])
    const heard = sink.turns().flatMap((turn) => turn.words.map(({ text }) => text.replace(/^x\d(?=w)/, '')))
    expect(heard).toEqual(words.map(({ word }) => toneText(word)))
  },
)

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

it(
  `hears ${MINUTES} minutes in 8 parts at real pace in an eighth of the time and 90 s at most`,
  { timeout: 1_200_000 },
  async () => {
    const before = openResources()
    const duration = MINUTES * 60_000
    const script = [...dialogue({ seed: 11, duration, speakers: 4 })]
    const engine = relabelled(toneEngine({ fasterThanRealTime: false }), 11)
    const sink = new Collector()
    const sessions: SessionRecord[] = []
    const gaps: Stretch[] = []
    const began = performance.now()
    {
      await using server = await serve({ engine, apiKeys: ['key'] })
      const stage = diarize({ url: server.url, apiKey: 'key', parallel: 8, voices: false })
      stage.on('session', (session) => sessions.push(session))
      stage.on('gap', (gap) => gaps.push(gap))
      await run(new ToneSource({ words: script, duration, stamped: false }), stage, sink)
    }
    const seconds = (performance.now() - began) / 1000
    const inOrder = sessions.toSorted((one, other) => one.offset - other.offset)
    const verdict = judge(script, { turns: sink.turns(), sessions: inOrder, gaps, uncertain: new Set(), blindWords: 0 })
    console.info(
      `${MINUTES} minutes in ${seconds.toFixed(0)} s by ${sessions.length} sessions: ${verdict.words} words, ` +
        `${verdict.newLetters} new letters of speakers who were silent before a cut`,
    )
    expect(sink.complaints).toEqual([])
    const right = { lost: 0, doubled: 0, disordered: 0, invented: 0, timeError: 0, wrongSpeaker: 0, examples: [] }
    expect(verdict).toMatchObject({ words: script.length, ...right })
    expect(sessions).toHaveLength(8)
    // What a part hears before and behind itself, and the end of a session, are in the rest. Of real pace, not of speed.
    expect(seconds).toBeLessThan(duration / 8000 + 90)
    expect(await leftovers(before)).toEqual([])
  },
)
