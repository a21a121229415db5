import { Readable, Writable } from 'node:stream'
import { diarize, run, type Turn } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import { type Span, type Talk, talkEngine, WORD_MS, wordsOf } from '../../test/helpers/talk-engine.ts'

/** What became of the speakers of one talk. */
export interface TalkResult {
  /** Ms of words. */
  wordMs: number
  /** Of them, those with the letter that their speaker has mostly, which is mostly his. */
  rightMs: number
  /** And those with a letter that is mostly somebody else's. */
  sharedMs: number
  letters: number
  speakers: number
  sessions: number
  revisions: number
  /** Words that were lost, or came twice. */
  lost: number
  doubled: number
}

/** Hears a talk through sessions that are cut off, by the strict server. */
export async function hear(talk: Talk, cuts: readonly number[], seed: number, options: object): Promise<TalkResult> {
  const server = await serve({ engine: talkEngine(talk, cuts, seed), authentication: false, pacing: 'off' })
  const turns = new Map<number, Turn>()
  let revisions = 0
  const ids = new Set<string>()
  try {
    const stage = diarize({ url: server.url, reconnect: { delay: 5 }, ...options })
    stage.on('session', ({ sessionId }) => ids.add(sessionId))
    stage.on('revision', () => (revisions += 1))
    stage.on('warning', ({ message }) => console.log(message))
    const sink = new Writable({
      objectMode: true,
      write(turn: Turn, _encoding, done) {
        turns.set(turn.order, turn)
        done()
      },
    })
    await run(Readable.from(pieces(talk.samples)), stage, sink)
  } finally {
    await server.close()
  }
  return { ...judge(talk.spans, [...turns.values()]), sessions: ids.size, revisions }
}

function* pieces(samples: Int16Array): Generator<Buffer> {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  for (let at = 0; at < bytes.length; at += 32_000) yield bytes.subarray(at, at + 32_000)
}

/** Judges each word of the talk, which says itself when it was said. */
function judge(spans: readonly Span[], turns: readonly Turn[]): Omit<TalkResult, 'sessions' | 'revisions'> {
  const said = new Map<string, string>()
  for (const span of spans) for (const start of wordsOf(span)) said.set(`w${start}`, span.speaker)
  const words = turns.flatMap((turn) => turn.words)
  const counts = new Map<string, Map<string, number>>()
  for (const { text, speaker: letter = '' } of words) {
    const speaker = said.get(text) ?? 'nobody'
    const of = counts.get(letter) ?? new Map<string, number>()
    counts.set(letter, of.set(speaker, (of.get(speaker) ?? 0) + 1))
  }
  /** Whose each letter is: that of him who has most of it. */
  const owner = new Map([...counts].map(([letter, of]) => [letter, [...of].toSorted((a, b) => b[1] - a[1])[0]![0]]))
  let right = 0
  let shared = 0
  for (const speaker of new Set(said.values())) {
    const own = [...counts].filter(([letter]) => owner.get(letter) === speaker)
    right += Math.max(0, ...own.map(([, of]) => of.get(speaker) ?? 0))
    for (const [letter, of] of counts) if (owner.get(letter) !== speaker) shared += of.get(speaker) ?? 0
  }
  const heard = new Set(words.map(({ text }) => text))
  return {
    wordMs: said.size * WORD_MS,
    rightMs: right * WORD_MS,
    sharedMs: shared * WORD_MS,
    letters: counts.size,
    speakers: new Set(said.values()).size,
    lost: said.size - heard.size,
    doubled: words.length - heard.size,
  }
}
