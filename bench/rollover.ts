import { diarize, run, type Word } from '../src/index.ts'
import { serve } from '../src/server/index.ts'
import { relabelled, toneEngine } from '../src/testing/index.ts'
import { Collector } from './collector.ts'
import { dialogue, type DialogueOptions } from './dialogue.ts'
import { leftovers, openResources } from './leftovers.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'
import { ToneSource } from './tone-source.ts'

/** Milliseconds that a session may last. */
const SESSION_MS = 3000
/** Times as fast as real time. */
const PACE = 30
/** Milliseconds of audio that one session takes at most, and so what a number of roll-overs takes. */
const AUDIO_PER_SESSION = SESSION_MS * PACE

interface Outcome {
  words: Word[]
  /** Sessions that began. */
  sessions: number
  complaints: string[]
}

/** `npm run bench -- rollover`: the words of a run through 30 planned changes of session are those of one session. */
export async function benchRollover(options: BenchOptions): Promise<boolean> {
  const rollovers = options.quick ? 4 : 30
  const seed = options.seed ?? 1
  const duration = Math.ceil(rollovers * AUDIO_PER_SESSION)
  const script = { seed, duration, speakers: 3, lively: true }
  const before = openResources()
  const settings = { pace: PACE, rollOverBefore: SESSION_MS / 4 }
  const [whole, parts] = await Promise.all([
    transcribe(script, undefined, { pace: PACE }),
    transcribe(script, SESSION_MS, settings),
  ])
  const differences = compare(whole.words, parts.words)
  const complaints = [...whole.complaints, ...parts.complaints, ...differences]
  for (const left of await leftovers(before)) complaints.push(`leaves a ${left} open`)
  if (whole.sessions !== 1) complaints.push(`the run to compare with took ${whole.sessions} sessions`)
  if (parts.sessions <= rollovers) complaints.push(`${parts.sessions - 1} roll-overs instead of ${rollovers}`)
  console.log(`seed ${seed}, ${duration / 1000} s of audio, ${whole.words.length} words`)
  console.log(`${parts.sessions - 1} roll-overs, ${differences.length} differences`)
  for (const complaint of complaints.slice(0, 20)) console.log(`  ! ${complaint}`)
  if (options.save) {
    saveResults('rollover', { seed, duration, words: whole.words.length, rollovers: parts.sessions - 1, complaints })
  }
  return complaints.length === 0
}

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

/** What differs between two lists of words. */
function compare(whole: readonly Word[], parts: readonly Word[]): string[] {
  const differences: string[] = []
  for (let index = 0; index < Math.max(whole.length, parts.length); index++) {
    const [a, b] = [show(whole[index]), show(parts[index])]
    if (a !== b) differences.push(`word ${index}: ${a} without roll-over, ${b} with`)
  }
  return differences
}

function show(word: Word | undefined): string {
  return word ? `${word.text} ${word.start}-${word.end} ${word.speaker}` : 'nothing'
}
