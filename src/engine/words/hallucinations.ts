import { type RecognisedWord, speechFrameMs, sureSpeech } from '../parts.ts'
import type { TokenResult } from '../process/sherpa.ts'
import { annotationMask, type TokenWord } from './detokenise.ts'
import { bursts, type Loudness, measure } from './loudness.ts'
import { longestMissed } from './missed-speech.ts'
import { placeTokenWords, spokenLetters, tokenWordsOf, type TokenTraits, type UtteranceAudio } from './word-times.ts'

/**
 * What a model made up: where nobody speaks, models write sounds in brackets, polite phrases of films, or the same words
 * over and over. Words stay where the audio speaks for them: the speech the detector heard, the time it takes to say
 * them, their syllables. What is doubtful is best heard again with silence behind it ({@link withSilence}), since with
 * little behind it a model loops most; of the two, {@link chooseBetter} is taken.
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
  /** Words of repetitions that were cut, since the audio has no room for them. */
  repeatedWords: number
  /** How much is wrong with it: words cut, and half seconds of speech without any. */
  doubt: number
}

/** The library ends a text at this many tokens for each second of audio. */
const tokensPerSecond = 6
/** Speech without a word from which on the whole is heard again, in ms; shorter stretches are heard alone. */
const missedMs = 1500
/** Sure speech from which on there should be a word, in ms. */
const wordMs = 300
/** A word lies at least this near to speech, in ms: the detector notices its beginning late and loses its end early. */
const nearMs = 300
/**
 * Speech of which less than this is sure may be a mere sound, in ms: of 165 utterances two had less and a word in them.
 */
const minSureMs = 100
/** The same for what models write most where nobody speaks. */
const minSureStockPhraseMs = 200
/** Less speech than this is none, in ms. */
const minSpeechMs = 100
/** Letters a second that nobody says, over a whole utterance. */
const hastyLetters = 30

/** Phrases of films that models have learnt to write in noise and silence. */
const stockPhrase =
  /^(?:(?:okay|ok|so|oh|you|bye|thank you|thanks|thank you (?:so|very) much|thank you for watching|thanks for watching|please subscribe|see you(?: next time)?|in the end|the end|what|i'?m sorry|i don'?t know|um|uh|hmm|mm)[ ]?){1,2}$/

/** Judges what a recogniser gave for an utterance; `decoded` is more than `audio` where silence was put behind it. */
export function judge(
  result: TokenResult,
  audio: UtteranceAudio,
  traits: TokenTraits,
  decoded = audio.samples.length,
): Judgement {
  const tokenWords = tokenWordsOf(result, traits)
  const { speech } = audio
  const loudness = measure(audio.samples)
  const speechEnd = (speech.findLastIndex((level) => level > 0) + 1) * speechFrameMs
  const loops = repetitions(tokenWords, loudness, speechEnd)
  const cut = new Set<number>()
  for (const { first, length, credible, end, copies } of loops) {
    if (credible < copies) for (let index = first + credible * length; index < end; index++) cut.add(index)
  }
  const placed = placeTokenWords(
    tokenWords.filter((_, index) => !cut.has(index)),
    audio,
    traits,
  )
  const near = nearSpeech(placed, speech)
  const words = isSpeech(near, speech) ? near : []
  const unsure = words.length === 0 ? near : []
  const sureMs = count(speech, sureSpeech)
  const speechMs = count(speech, Number.MIN_VALUE)
  const letters = tokenWords.reduce((sum, { text }) => sum + spokenLetters(text), 0)
  const cutOff = result.tokens.length >= Math.max(2, Math.floor((decoded / 16_000) * tokensPerSecond))
  const missing = longestMissed(words, speech)
  const longLoop = loops.some(({ length, copies }) => copies >= (length === 1 ? 4 : length === 2 ? 3 : 2))
  const unlikely = speechMs < minSpeechMs || (sureMs < minSureMs && unsure.length === 0)
  const suspicious =
    !unlikely &&
    (cutOff ||
      longLoop ||
      cut.size > 0 ||
      unsure.length > 0 ||
      (sureMs >= wordMs && (words.length === 0 || annotationMask(result.tokens.join('')).includes(true))) ||
      missing >= missedMs ||
      letters > hastyLetters * (speechMs / 1000 + 0.5))
  const doubt = cut.size + (placed.length - words.length) + Math.floor(missing / 500) + (cutOff ? 1 : 0)
  return { words, unsure, suspicious, cutOff, repeatedWords: cut.size, doubt }
}

function isSpeech(words: readonly RecognisedWord[], speech: readonly number[]): boolean {
  return count(speech, sureSpeech) >= (isStockPhrase(words) ? minSureStockPhraseMs : minSureMs)
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

/** The better of two judgements, the second heard with silence behind it; what was heard both times counts. */
export function chooseBetter(first: Judgement, second: Judgement): Judgement {
  if (first.words.length === 0 && second.words.length === 0) {
    return first.unsure.length > 0 && second.unsure.length > 0
      ? { ...second, words: second.unsure, unsure: [] }
      : second
  }
  if (second.words.length === 0) return isStockPhrase(first.words) ? second : first
  if (first.words.length === 0) return second
  return first.doubt < second.doubt ? first : second
}

function isStockPhrase(words: readonly RecognisedWord[]): boolean {
  const text = words.map((word) => word.text.toLowerCase().replace(/[^\p{L}\p{N}']/gu, '')).join(' ')
  return stockPhrase.test(text)
}

/** Length of the frames of at least `level`, in ms. */
function count(speech: readonly number[], level: number): number {
  return speech.reduce((sum, here) => sum + (here >= level ? speechFrameMs : 0), 0)
}

/** "No, no, no" is said; endless copies are a model that has lost its place: more than there are syllables, or time. */

/** Words in the longest phrase that is looked for. */
const longestPhrase = 12
/** Nobody repeats a word faster than this, in ms for each: seven a second. */
const minMsEach = 140
/** Words that follow faster than this, in ms for each, need a syllable each that can be heard. */
const hastyMsEach = 200
const lettersPerSecond = 30
/** A whole phrase that takes less than this by the model's times has no place of its own, in ms a word. */
const bunchedMs = 25

/** The detector of speech may lose its end by this much, in ms. */
const unnoticedMs = 150

/** A phrase and its copies behind one another. */
interface Repetition {
  first: number
  length: number
  /** How many times it stands there in whole, from 2 on. */
  copies: number
  /** Index after the last word, with a beginning of one more copy at the end of the text. */
  end: number
  /** How many copies the audio has room for, from 1 to `copies`. */
  credible: number
}

/** Finds all repetitions in `words`, and how many copies of each can have been said before `speechEndMs`. */
function repetitions(words: readonly TokenWord[], loudness: Loudness, speechEndMs: number): Repetition[] {
  const keys = words.map(({ text }) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''))
  const found: Repetition[] = []
  let first = 0
  while (first < keys.length) {
    const best = longestRun(keys, first)
    if (best === undefined) {
      first++
      continue
    }
    found.push({ ...best, credible: credibleCopies(words, best, loudness, speechEndMs) })
    first = best.end
  }
  return found
}

/** The repetition that begins with word `first` and covers most words; of equals the one with the shortest phrase. */
function longestRun(keys: readonly string[], first: number): Omit<Repetition, 'credible'> | undefined {
  let best: Omit<Repetition, 'credible'> | undefined
  for (let length = 1; length <= Math.min(longestPhrase, (keys.length - first) / 2); length++) {
    let end = first + length
    while (end < keys.length && keys[end] === keys[end - length]) end++
    const copies = Math.floor((end - first) / length)
    // What follows a whole copy may only look like the beginning of another.
    if (end < keys.length) end = first + copies * length
    if (copies >= 2 && end - first > (best === undefined ? 0 : best.end - best.first))
      best = { first, length, copies, end }
  }
  return best
}

function credibleCopies(
  words: readonly TokenWord[],
  { first, length, copies, end }: Omit<Repetition, 'credible'>,
  loudness: Loudness,
  speechEndMs: number,
): number {
  const from = words[first]!.tokenMs
  const to = Math.max(from, words[end]?.tokenMs ?? speechEndMs)
  const letters = words.slice(first, first + length).reduce((sum, { text }) => sum + spokenLetters(text), 0)
  let credible = Math.min(copies, (to - from) / Math.max(minMsEach * length, (letters / lettersPerSecond) * 1000))
  if ((to - from) / copies < hastyMsEach * length) {
    // A copy has a syllable for each word at least; a fifth of the syllables may run together.
    const around = hastyMsEach / 2
    const syllables = bursts(loudness, (from - around) / speechFrameMs, (to + around) / speechFrameMs)
    credible = Math.min(credible, (syllables * 1.25) / length)
  }
  let placed = copies
  const at = (copy: number): number => words[first + copy * length]!.tokenMs
  const lasts = (copy: number): number => words[first + copy * length + length - 1]!.tokenMs - at(copy)
  const isLong = length >= 3 || letters >= 10
  while (
    placed > 1 &&
    (at(placed - 1) > speechEndMs + unnoticedMs || (isLong && lasts(placed - 1) < bunchedMs * (length - 1)))
  )
    placed--
  return Math.max(1, Math.min(placed, Math.round(credible)))
}
