import type { Engine, EngineListener, EngineWord } from '../../../src/engine/engine.ts'
import type { Turn } from '../../../src/index.ts'
import { TONE_WORD_MS, toneNumber, type ToneWord } from '../../../src/testing/index.ts'
import { Random } from '../random.ts'

/** How far the service errs, as it was measured. */
const EARLY_ONSET_MS = 990
const LATE_END_MS = 1344
const JITTER_MS = 45
const HEARD_DIFFERENTLY = 0.1

/**
 * The same engine, as imprecise as the service: in every session anew, the first word of a turn may begin early, the last
 * one end late, and one word of ten is another.
 */
export function imprecise(engine: Engine, seed: number): Engine {
  let sessions = 0
  return {
    name: engine.name,
    ...(engine.model === undefined ? {} : { model: engine.model }),
    sampleRate: engine.sampleRate,
    fasterThanRealTime: engine.fasterThanRealTime,
    open: (settings, listener) => engine.open(settings, blurring(listener, seed * 1000 + sessions++)),
  }
}

function blurring(listener: EngineListener, seed: number): EngineListener {
  const blur = (words: EngineWord[]): EngineWord[] =>
    words.map((word, index) => blurred(word, index, words.length, seed))
  return {
    speechStarted: (atMs, confidence) => listener.speechStarted(atMs, confidence),
    turn(turn) {
      const words = blur(turn.words)
      listener.turn({ ...turn, words, transcript: words.map(({ text }) => text).join(' ') })
    },
    revision: (revisions) =>
      listener.revision(revisions.map((revision) => ({ ...revision, words: blur(revision.words) }))),
    failed: (error) => listener.failed(error),
  }
}

/** The same for the same word of a session, however often it is told. */
function blurred(word: EngineWord, index: number, count: number, seed: number): EngineWord {
  const random = new Random(seed * 10_007 + (toneNumber(word.text) ?? 0))
  const text = random.chance(HEARD_DIFFERENTLY) ? word.text.replace('w', `x${random.integer(0, 9)}w`) : word.text
  const early = random.integer(-JITTER_MS, JITTER_MS) + (index === 0 ? random.integer(0, EARLY_ONSET_MS) : 0)
  const late = random.integer(-JITTER_MS, JITTER_MS) + (index === count - 1 ? random.integer(0, LATE_END_MS) : 0)
  const start = Math.max(0, word.start - early)
  return { ...word, text, start, end: Math.max(start, word.end + late) }
}

/** The turns with the words and times that were meant, where they are within the errors of the service. */
export function sharpened(turns: readonly Turn[], script: readonly ToneWord[]): Turn[] {
  const said = new Map(script.map((word) => [word.word, word]))
  return turns.map((turn) => {
    const words = turn.words.map((word) => {
      const text = word.text.replace(/^x\dw/, 'w')
      const meant = said.get(toneNumber(text) ?? -1)
      if (meant === undefined) return word
      const [start, end] = [meant.start, meant.start + TONE_WORD_MS]
      const near =
        word.start <= start + JITTER_MS + 1 &&
        word.start >= start - EARLY_ONSET_MS - JITTER_MS - 1 &&
        word.end >= end - JITTER_MS - 1 &&
        word.end <= end + LATE_END_MS + JITTER_MS + 1
      return near ? { ...word, text, start, end } : { ...word, text }
    })
    return { ...turn, words, start: words[0]?.start ?? turn.start, end: words.at(-1)?.end ?? turn.end }
  })
}
