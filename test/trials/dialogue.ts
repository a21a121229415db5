import { TONE_MIN_GAP_MS, TONE_WORD_MS, type ToneWord } from '../../src/testing/index.ts'
import { Random } from './random.ts'

/** What a {@link dialogue} is drawn from. */
export interface DialogueOptions {
  seed: number
  /** Milliseconds of the stream; no word ends later than half a second before. */
  duration: number
  /** Number of speakers. */
  speakers: number
  /** Whether stretches of 30 to 100 s without a word come up now and then. */
  longSilences?: boolean
  /** Whether the speakers take turns of two or three words, so that ten seconds hold them all. */
  lively?: boolean
}

/** Milliseconds of silence at the end of a dialogue. */
const TAIL_MS = 500

/**
 * Draws a random conversation, word by word, so that a day of it takes no memory. Words are numbered from 0. Turns have
 * one word or dozens, pauses are anything from 20 ms to many seconds, and turns of different speakers may follow each
 * other as closely as words do.
 */
export function* dialogue(options: DialogueOptions): Generator<ToneWord, void> {
  const { seed, duration, speakers, longSilences = false, lively = false } = options
  const random = new Random(seed)
  const end = duration - TAIL_MS - TONE_WORD_MS
  let start = random.integer(0, 3000)
  let speaker = random.integer(0, speakers - 1)
  for (let word = 0; ;) {
    const count = lively ? random.integer(2, 3) : random.spread(1, 40)
    for (let spoken = 0; spoken < count; spoken++) {
      if (start > end) return
      yield { word: word++, speaker, start }
      start += TONE_WORD_MS + (random.chance(0.3) ? TONE_MIN_GAP_MS : random.spread(TONE_MIN_GAP_MS, 600))
    }
    start +=
      longSilences && random.chance(0.04) ? random.integer(30_000, 100_000) : random.spread(1, lively ? 900 : 8000)
    speaker = (speaker + (lively ? 1 : random.integer(0, speakers - 1))) % speakers
  }
}
