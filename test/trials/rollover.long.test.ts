import { expect, it } from 'vitest'
import { diarize, run, type Word } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { relabelled } from '../helpers/relabelled.ts'
import { Collector } from './collector.ts'
import { dialogue, type DialogueOptions } from './dialogue.ts'
import { leftovers, openResources } from './leftovers.ts'
import { ToneSource } from './tone-source.ts'

/** Seconds that a session may last. */
const SESSION_SECONDS = 3
/** Times as fast as real time. */
const PACE = 30
/** Milliseconds of audio that one session takes at most, and so what a number of roll-overs takes. */
const AUDIO_PER_SESSION = SESSION_SECONDS * PACE * 1000

interface Outcome {
  words: Word[]
  /** Sessions that began. */
  sessions: number
  complaints: string[]
}

it('the words of a run through 30 planned changes of session are those of one session', async () => {
  const rollovers = 30
  const duration = rollovers * AUDIO_PER_SESSION
  const script = { seed: 1, duration, speakers: 3, lively: true }
  const before = openResources()
  const settings = { pace: PACE, reconnect: { beforeExpiry: (SESSION_SECONDS * 1000) / 4 } }
  const [whole, parts] = await Promise.all([
    transcribe(script, undefined, { pace: PACE }),
    transcribe(script, SESSION_SECONDS * 1000, settings),
  ])
  expect([...whole.complaints, ...parts.complaints]).toEqual([])
  expect(parts.words.map(show)).toEqual(whole.words.map(show))
  expect(whole.sessions).toBe(1)
  expect(parts.sessions).toBeGreaterThan(rollovers)
  expect(await leftovers(before)).toEqual([])
}, 400_000)

async function transcribe(
  script: DialogueOptions,
  maxSessionDuration: number | undefined,
  options: object,
): Promise<Outcome> {
  const engine = relabelled(toneEngine(), script.seed)
  const server = await serve({ engine, ...(maxSessionDuration === undefined ? {} : { maxSessionDuration }) })
  const collector = new Collector()
  const complaints: string[] = []
  const sessions = new Set<string>()
  try {
    const stage = diarize({ url: server.url, apiKey: 'key', ...options })
    stage.on('session', ({ sessionId }) => sessions.add(sessionId))
    stage.on('reconnecting', ({ error }) => complaints.push(`reconnecting: ${error.message}`))
    stage.on('gap', ({ start, end }) => complaints.push(`gap from ${start} to ${end} ms`))
    await run(new ToneSource({ words: dialogue(script), duration: script.duration }), stage, collector)
  } finally {
    await server.close()
  }
  const words = collector.turns().flatMap((turn) => turn.words)
  return { words, sessions: sessions.size, complaints: [...collector.complaints, ...complaints] }
}

const show = ({ text, start, end, speaker }: Word): string => `${text} ${start}-${end} ${speaker}`
