import { type RecognisedWord, speechFrameMs, type Stretch, sureSpeech } from '../parts.ts'

/** Speech that a model passed over, as Whisper does around pauses and voices; it is heard when given alone. */

/** Speech without a word from which on something was not heard, in ms. */
const missedMs = 700
/** Audio before and behind the speech of a stretch that is heard with it, in ms. */
const aroundMs = 200

/** Where there is no word; in ms, of whole frames. */
interface Gap extends Stretch {
  /** From the first frame of speech in it to the last. */
  speech: Stretch
  /** Length of the speech in it. */
  speechMs: number
}

/** The gaps between two words, before the first and behind the last. */
function gaps(words: readonly RecognisedWord[], speech: readonly number[]): Gap[] {
  const ends = [0, ...words.map(({ end }) => end)]
  const starts = [...words.map(({ start }) => start), speech.length * speechFrameMs]
  return starts.map((start, index) => {
    const from = Math.ceil(ends[index]! / speechFrameMs)
    const to = Math.floor(start / speechFrameMs)
    const spoken = speech.slice(from, to).flatMap((level, frame) => (level > 0 ? [from + frame] : []))
    const [first, last] = [spoken[0] ?? from, spoken.at(-1) ?? from]
    return {
      start: from * speechFrameMs,
      end: to * speechFrameMs,
      speech: { start: first * speechFrameMs, end: (last + 1) * speechFrameMs },
      speechMs: spoken.length * speechFrameMs,
    }
  })
}

export function longestMissed(words: readonly RecognisedWord[], speech: readonly number[]): number {
  return Math.max(...gaps(words, speech).map(({ speechMs }) => speechMs))
}

/**
 * Where the detector is sure of speech, and nobody knows a word: between two words, or in the whole of an utterance that has
 * none. From its first frame to its last, in ms.
 */
export function unrecognizedStretches(words: readonly RecognisedWord[], speech: readonly number[]): Stretch[] {
  const sure = speech.map((level) => (level >= sureSpeech ? level : 0))
  return gaps(words, sure).flatMap((gap) => (gap.speechMs >= missedMs ? [gap.speech] : []))
}

/** The stretches of an utterance in which there is speech and no word, where there are words around them. */
export function missedStretches(words: readonly RecognisedWord[], speech: readonly number[]): Stretch[] {
  if (words.length === 0) return []
  return gaps(words, speech)
    .filter(({ speechMs }) => speechMs >= missedMs)
    .map(({ start, end, speech: spoken }) => ({
      start: Math.max(start, spoken.start - aroundMs),
      end: Math.min(end, spoken.end + aroundMs),
    }))
}

/** Puts what was heard in a stretch, timed from its start, to the words around it. */
export function withRecovered(
  words: readonly RecognisedWord[],
  { start: from, end: to }: Stretch,
  found: readonly RecognisedWord[],
): RecognisedWord[] {
  const before = words.filter(({ start }) => start < from)
  const behind = words.slice(before.length)
  const between = found.map(({ start, end, ...word }) => ({
    ...word,
    start: Math.min(from + start, to),
    end: Math.min(from + end, to),
  }))
  // The end of the word before, or the beginning of the one behind, may have been heard once more.
  if (between[0] !== undefined && isSameWord(between[0], before.at(-1))) between.shift()
  if (between.length > 0 && isSameWord(between.at(-1)!, behind[0])) between.pop()
  return [...before, ...between, ...behind]
}

/** Whether two words are the same but for capitals and punctuation. */
export function isSameWord(word: RecognisedWord, other: RecognisedWord | undefined): boolean {
  const letters = ({ text }: RecognisedWord): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
  return other !== undefined && letters(word) === letters(other)
}
