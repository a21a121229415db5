import { checkInteger } from '../options.ts'
import {
  LARGEST_SPEAKER,
  LARGEST_WORD,
  TONE_RATE,
  TONE_WORD_MS,
  WORD_SAMPLES,
  writeToneWord,
  type ToneSign,
} from './tone-code.ts'

/** Milliseconds of silence that must lie between two words. */
export const TONE_MIN_GAP_MS = 20

const SAMPLES_PER_MS = TONE_RATE / 1000
/** Milliseconds of silence after the last word, where no end is named. */
const TAIL_MS = 1000

/** A word of a tone script; it lasts {@link TONE_WORD_MS}. */
export interface ToneWord extends ToneSign {
  /** Whole milliseconds of the stream at which it starts. */
  start: number
}

/** The text with which a {@link toneEngine} reports a word: `w` and its number. */
export function toneText(word: number): string {
  return `w${word}`
}

/** The number of a word from its text; `undefined` where the text is none of {@link toneText}. */
export function toneNumber(text: string): number | undefined {
  return /^w(0|[1-9]\d{0,7})$/.test(text) ? Number(text.slice(1)) : undefined
}

/**
 * The samples of one word, 240 ms of mono PCM16 at 16 kHz.
 *
 * @param word - number of the word, from 0 to 16,777,215.
 * @param speaker - number of the speaker, from 0 to 9.
 * @throws ConfigurationError (`INVALID_OPTION`) for a number out of its bounds
 */
export function toneSpeech(word: number, speaker: number): Int16Array {
  checkInteger('word', word, 0, LARGEST_WORD)
  checkInteger('speaker', speaker, 0, LARGEST_SPEAKER)
  return writeToneWord({ word, speaker })
}

/**
 * Speaks a script: mono PCM16LE at 16 kHz, whose words a {@link toneEngine} hears again exactly. Words that lie partly
 * in the range are cut at its ends. Any window of a long script is cheap, so that hours can be made a second at a time.
 *
 * @param words - in order of their starts, with at least 20 ms of silence between them.
 * @param range - whole milliseconds of the stream to make; from 0 to a second after the last word when absent.
 * @throws RangeError for words in the range that are too close; ConfigurationError (`INVALID_OPTION`) for numbers out of
 *   their bounds
 */
export function toneAudio(words: readonly ToneWord[], range: { from?: number; to?: number } = {}): Buffer {
  const last = words.at(-1)
  const { from = 0, to = (last === undefined ? 0 : last.start + TONE_WORD_MS) + TAIL_MS } = range
  checkInteger('from', from, 0)
  checkInteger('to', to, from)
  const samples = new Int16Array((to - from) * SAMPLES_PER_MS)
  let free = -Infinity
  for (let index = firstEndingAfter(words, from); index < words.length && words[index]!.start < to; index++) {
    const { word, speaker, start } = words[index]!
    checkInteger('start', start, 0)
    if (start < free) throw new RangeError(`word ${word} starts at ${start} ms, but not before ${free} ms it may`)
    free = start + TONE_WORD_MS + TONE_MIN_GAP_MS
    const at = (start - from) * SAMPLES_PER_MS
    const spoken = toneSpeech(word, speaker)
    samples.set(spoken.subarray(Math.max(-at, 0), Math.min(WORD_SAMPLES, samples.length - at)), Math.max(at, 0))
  }
  return Buffer.from(samples.buffer)
}

/** Index of the first word that has not ended at `ms`. */
function firstEndingAfter(words: readonly ToneWord[], ms: number): number {
  let low = 0
  let high = words.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (words[middle]!.start + TONE_WORD_MS <= ms) low = middle + 1
    else high = middle
  }
  return low
}
