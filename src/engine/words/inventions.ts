import { type RecognisedWord, speechFrameMs } from '../parts.ts'
import type { TokenResult } from '../sherpa/messages.ts'
import { annotated } from './annotations.ts'
import { spokenLetters } from './lengths.ts'
import { repetitions } from './loops.ts'
import { measure } from './loudness.ts'
import { spell } from './pieces.ts'
import type { UtteranceAudio } from './times.ts'
import { longestUnheard } from './unheard.ts'
import { placeSpelled, type TokenHabits } from './words.ts'

/**
 * What a model made up: where nobody speaks, models write sounds in brackets, polite phrases of films, or the same words
 * over and over. Words stay where the audio speaks for them: the speech the detector heard, the time it takes to say
 * them, their syllables. What is doubtful is best heard again with silence behind it ({@link withSilence}), since with
 * little behind it a model loops most; of the two, {@link better} is taken.
 */

/** What was made of an utterance, and what speaks against it. */
export interface Judgement {
  /** The words that the audio speaks for. */
  words: RecognisedWord[]
  /** Where the audio as a whole speaks for none: the words that it would have been. */
  unsure: RecognisedWord[]
  /** Whether it is worth another try with silence behind the utterance. */
  suspicious: boolean
  /** Whether the model reached its limit, so that words may be missing at the end. */
  cutOff: boolean
  /** How much is wrong with it: words cut, and half seconds of speech without any. */
  doubt: number
}

/** Level of speech from which on the detector is sure. */
const sure = 0.7
/** The library ends a text at this many tokens for each second of audio. */
const tokensPerSecond = 6
/** Speech without a word from which on the whole is heard again, in ms; shorter stretches are heard alone. */
const unheardMs = 1500
/** Sure speech from which on there should be a word, in ms. */
const wordMs = 300
/** A word lies at least this near to speech, in ms: the detector notices its beginning late and loses its end early. */
const nearMs = 300
/**
 * Speech of which less than this is sure may be a sound that only resembles it, in ms. Of 165 utterances of meetings,
 * reading and calls two had less and a word in them, and of the corpus of noises none had more.
 */
const leastSureMs = 100
/** The same for what models write most where nobody speaks. */
const leastSurePoliteMs = 200
/** Less speech than this is none, in ms. */
const leastSpeechMs = 100
/** Letters a second that nobody says, over a whole utterance. */
const hastyLetters = 30

/** Phrases of films that models have learnt to write in noise and silence. */
const polite =
  /^(?:(?:okay|ok|so|oh|you|bye|thank you|thanks|thank you (?:so|very) much|thank you for watching|thanks for watching|please subscribe|see you(?: next time)?|in the end|the end|what|i'?m sorry|i don'?t know|um|uh|hmm|mm)[ ]?){1,2}$/

/**
 * Judges what a recogniser gave for an utterance.
 *
 * @param decoded - number of samples that it was given: more than `audio` has where there was silence behind it.
 */
export function judge(
  result: TokenResult,
  audio: UtteranceAudio,
  habits: TokenHabits,
  decoded = audio.samples.length,
): Judgement {
  const spelled = spell(result)
  const { speech } = audio
  const loudness = measure(audio.samples)
  const speechEnd = (speech.findLastIndex((level) => level > 0) + 1) * speechFrameMs
  const loops = repetitions(
    spelled.map(({ text, said }) => ({ text, said: Math.max(0, said - habits.lateMs) })),
    loudness,
    speechEnd,
  )
  const cut = new Set<number>()
  for (const { first, length, credible, end, copies } of loops) {
    if (credible < copies) for (let index = first + credible * length; index < end; index++) cut.add(index)
  }
  const placed = placeSpelled(
    spelled.filter((_, index) => !cut.has(index)),
    audio,
    habits,
  )
  const near = nearSpeech(placed, speech)
  const words = isSpeech(near, speech) ? near : []
  const unsure = words.length === 0 ? near : []
  const sureMs = count(speech, sure)
  const speechMs = count(speech, Number.MIN_VALUE)
  const letters = spelled.reduce((sum, { text }) => sum + spokenLetters(text), 0)
  const cutOff = result.tokens.length >= Math.max(2, Math.floor((decoded / 16_000) * tokensPerSecond))
  const missing = longestUnheard(words, speech)
  const longLoop = loops.some(({ length, copies }) => copies >= (length === 1 ? 4 : length === 2 ? 3 : 2))
  const unlikely = speechMs < leastSpeechMs || (sureMs < leastSureMs && unsure.length === 0)
  const suspicious =
    !unlikely &&
    (cutOff ||
      longLoop ||
      cut.size > 0 ||
      unsure.length > 0 ||
      (sureMs >= wordMs && (words.length === 0 || annotated(result.tokens.join('')).includes(true))) ||
      missing >= unheardMs ||
      letters > hastyLetters * (speechMs / 1000 + 0.5))
  const doubt = cut.size + (placed.length - words.length) + Math.floor(missing / 500) + (cutOff ? 1 : 0)
  return { words, unsure, suspicious, cutOff, doubt }
}

/** Whether an utterance should be decoded again, with silence behind it. */
export function needsAnotherTry(result: TokenResult, audio: UtteranceAudio, habits: TokenHabits): boolean {
  return judge(result, audio, habits).suspicious
}

/**
 * Leaves out the words that lie where nobody speaks, and all of them where the audio as a whole does not speak for any:
 * what is left where there is no time for another try.
 */
export function withoutInventions(
  words: readonly RecognisedWord[],
  { speech }: Pick<UtteranceAudio, 'speech'>,
): RecognisedWord[] {
  const near = nearSpeech(words, speech)
  return isSpeech(near, speech) ? near : []
}

/** Whether there is as much speech that the detector is sure of as it takes to believe in `words`. */
function isSpeech(words: readonly RecognisedWord[], speech: readonly number[]): boolean {
  return count(speech, sure) >= (isPolite(words) ? leastSurePoliteMs : leastSureMs)
}

function nearSpeech(words: readonly RecognisedWord[], speech: readonly number[]): RecognisedWord[] {
  const near = nearMs / speechFrameMs
  return words.filter(({ start, end }) =>
    speech
      .slice(Math.max(0, Math.floor(start / speechFrameMs) - near), Math.ceil(end / speechFrameMs) + near)
      .some((level) => level > 0),
  )
}

/** The samples of an utterance with as much silence behind them as makes 29 s, the most that is heard at a time. */
export function withSilence(samples: Int16Array): Int16Array {
  const padded = new Int16Array(Math.max(samples.length, 29 * 16_000))
  padded.set(samples)
  return padded
}

/**
 * Of two judgements of the same utterance the better one; `second` was heard with silence behind it. What the audio
 * alone does not speak for counts where something was heard both times.
 */
export function better(first: Judgement, second: Judgement): Judgement {
  if (first.words.length === 0 && second.words.length === 0) {
    return first.unsure.length > 0 && second.unsure.length > 0
      ? { ...second, words: second.unsure, unsure: [] }
      : second
  }
  if (second.words.length === 0) return isPolite(first.words) ? second : first
  if (first.words.length === 0) return second
  return first.doubt < second.doubt ? first : second
}

function isPolite(words: readonly RecognisedWord[]): boolean {
  const text = words.map((word) => word.text.toLowerCase().replace(/[^\p{L}\p{N}']/gu, '')).join(' ')
  return polite.test(text)
}

/** Length of the frames of at least `level`, in ms. */
function count(speech: readonly number[], level: number): number {
  return speech.reduce((sum, here) => sum + (here >= level ? speechFrameMs : 0), 0)
}
