import { type RecognisedWord, speechFrameMs } from '../parts.ts'
import type { TokenResult } from '../process/sherpa.ts'
import { detokenise, type TokenWord } from './detokenise.ts'
import { measure, pauses } from './loudness.ts'

/**
 * Places words by the model's times (± 100 ms), the sound, and their letters, by dynamic programming; weights by trial.
 */

/** A start may lie this far from where the model has it, in frames. */
const reach = 25
/** The distance from the model's time that costs 1, in ms. */
const distanceMs = 60
/** What it costs to begin within a pause, and what it gains to begin at the end of one. */
const pauseCost = 1
const pauseGain = 1
/** Weight of the square of the logarithm of how much longer or shorter than usual a word is. */
const lengthCost = 2
/** No start follows another by fewer frames. */
const minFrames = 3
/** The detector of speech notices its beginning this much late at most, in frames: it judges windows of 32 ms. */
const noticedLate = 20
/** Quiet inside a word, as before the "g" of "background", lasts no longer than this, in frames; ... */
const closureFrames = 15
/** ... and what follows it is of the same word up to this many times the word's usual length. */
const drawnOut = 2
/** The detector of speech holds on to it for so many frames after its end; ... */
const heldOn = 15
/** ... where it does for longer, a word ends softly, in at most so many frames. */
const softFrames = 30

export interface UtteranceAudio {
  samples: Int16Array
  /** Level of speech of each 10 ms: 0 where there is none. */
  speech: readonly number[]
}

export interface Place {
  start: number
  end: number
}

/** Places words, given where the model has them begin (in ms, its usual delay taken off), in `audio`. */
function placeWords(words: readonly { text: string; tokenMs: number }[], audio: UtteranceAudio): Place[] {
  const inPause = pauses(measure(audio.samples))
  if (words.length === 0) return []
  if (inPause.length === 0) return words.map(() => ({ start: 0, end: 0 }))
  const letters = words.map(({ text }) => spokenLetters(text))
  const starts = bestStarts(words, letters, inPause, firstSpeech(audio.speech, inPause))
  return starts.map((start, index) => {
    const next = starts[index + 1] ?? inPause.length
    const sounding = soundsUntil(start, next, letters[index]!, inPause, audio.speech)
    const end = softEnd(sounding, Math.min(next, start + mostFrames(letters[index]!)), audio.speech)
    return { start: start * speechFrameMs, end: end * speechFrameMs }
  })
}

/** The frame with which speech begins: where the detector has it begin, pulled to where the sound does. */
function firstSpeech(speech: readonly number[], inPause: readonly boolean[]): number {
  const noticed = Math.min(
    Math.max(
      0,
      speech.findIndex((level) => level > 0),
    ),
    inPause.length - 1,
  )
  let frame = noticed
  if (inPause[noticed]!) {
    while (frame < inPause.length && inPause[frame]!) frame++
    return frame === inPause.length ? noticed : frame
  }
  while (frame > 0 && frame > noticed - noticedLate && !inPause[frame - 1]!) frame--
  return frame
}

function bestStarts(
  words: readonly { tokenMs: number }[],
  letters: readonly number[],
  inPause: readonly boolean[],
  first: number,
): number[] {
  const frames = inPause.length
  const quietBefore = new Uint32Array(frames + 1)
  inPause.forEach((quiet, frame) => (quietBefore[frame + 1] = quietBefore[frame]! + (quiet ? 1 : 0)))
  const columns = words.map(({ tokenMs }, index) => {
    if (index === 0) return { from: first, costs: [0], back: [0] }
    const near = Math.min(Math.max(Math.round(tokenMs / speechFrameMs), 0), frames - 1)
    const from = Math.max(0, near - reach)
    const costs = Array.from({ length: Math.min(frames - 1, near + reach) - from + 1 }, (_, at) => {
      const frame = from + at
      const away = Math.abs(frame * speechFrameMs - tokenMs) / distanceMs
      const onset = frame > 0 && !inPause[frame]! && inPause[frame - 1]!
      return (away < 1 ? away ** 2 / 2 : away - 0.5) + (inPause[frame]! ? pauseCost : 0) - (onset ? pauseGain : 0)
    })
    return { from, costs, back: costs.map(() => 0) }
  })
  for (let index = 1; index < columns.length; index++) {
    const before = columns[index - 1]!
    const here = columns[index]!
    const usual = usualMs(letters[index - 1]!)
    here.costs.forEach((local, at) => {
      const frame = here.from + at
      // Out of order costs more than anything else, but must remain possible.
      let best = { cost: Infinity, at: 0 }
      before.costs.forEach((soFar, previous) => {
        const start = before.from + previous
        const spoken = (frame - start - (quietBefore[Math.max(frame, start)]! - quietBefore[start]!)) * speechFrameMs
        const misfit = Math.log(Math.max(speechFrameMs, spoken) / usual)
        const cost = soFar + lengthCost * misfit ** 2 + (frame - start < minFrames ? 1000 : 0)
        if (cost < best.cost) best = { cost, at: previous }
      })
      here.costs[at] = local + best.cost
      here.back[at] = best.at
    })
  }
  let at = columns.at(-1)!.costs.reduce((best, cost, index, all) => (cost < all[best]! ? index : best), 0)
  const starts = words.map(() => 0)
  for (let index = columns.length - 1; index >= 0; index--) {
    starts[index] = columns[index]!.from + at
    at = columns[index]!.back[at]!
  }
  // The first word may have been heard in something long before the others.
  const second = starts[1]
  if (second !== undefined) {
    const earliest = second - Math.ceil(longestMs(letters[0]!) / speechFrameMs)
    if (starts[0]! < earliest) {
      let onset = earliest
      while (onset < second - minFrames && (inPause[onset]! || !(inPause[onset - 1] ?? true))) onset++
      starts[0] = onset < second - minFrames ? onset : second - Math.ceil(usualMs(letters[0]!) / speechFrameMs)
    }
  }
  return starts
}

const mostFrames = (letters: number): number => Math.floor(longestMs(letters) / speechFrameMs)

/**
 * The frame after the sound of a word: where the next begins, or where a pause does before that, or where no word can go
 * on. No word begins in what sounds behind a short pause in which there is speech, so that is of this one.
 */
function soundsUntil(
  start: number,
  next: number,
  letters: number,
  inPause: readonly boolean[],
  speech: readonly number[],
): number {
  const latest = Math.min(next, start + mostFrames(letters))
  const latestSound = Math.min(latest, start + Math.floor((drawnOut * usualMs(letters)) / speechFrameMs))
  const pauseFrom = (frame: number): number => {
    while (frame < latest && !inPause[frame]!) frame++
    return frame
  }
  let end = pauseFrom(Math.min(latest, start + Math.ceil(shortestMs(letters) / speechFrameMs)))
  for (;;) {
    let sound = end
    while (sound < latestSound && inPause[sound]! && (speech[sound] ?? 0) > 0) sound++
    if (sound >= latestSound || inPause[sound]! || sound - end > closureFrames) return end
    end = pauseFrom(sound)
  }
}

/** The frame after the soft end of a word whose sound ends at `end`; none behind `latest`. */
function softEnd(end: number, latest: number, speech: readonly number[]): number {
  let heard = end
  while (heard < latest && (speech[heard] ?? 0) > 0) heard++
  return Math.max(end, Math.min(heard - heldOn, end + softFrames))
}

/** How long it takes to say a word, from how it is written: a rule of thumb that holds in any language. */

/** Letters that a character stands for: a digit is said as a word, an ideograph or syllable as two or three letters. */
const weights: [RegExp, number][] = [
  [/[\p{Script=Han}]/u, 3],
  [/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u, 2],
  [/\p{N}/u, 4],
  [/\p{L}/u, 1],
]

export function spokenLetters(text: string): number {
  let letters = 0
  for (const character of text) letters += weights.find(([kind]) => kind.test(character))?.[1] ?? 0
  return Math.max(1, letters)
}

/** Length of a word of so many letters in calm speech, in ms. */
const usualMs = (letters: number): number => 30 + 50 * letters
/** No word of so many letters is shorter, in ms: even hasty speech has no more than 30 letters a second. */
const shortestMs = (letters: number): number => 30 + 15 * letters
/** Nobody draws a word of so many letters out for longer, in ms. */
const longestMs = (letters: number): number => 400 + 150 * letters

/** The least length of a word in ms, where the utterance has room. */
const minMs = 20

/** What must be known of a model to read its tokens; see `RecogniserModel`. */
export interface TokenTraits {
  /** By how many ms its token times come late, on the whole; below 0 early. */
  lateMs: number
  /** Whether its vocabulary has no small letters, so that its capitals mean nothing. */
  onlyCapitals: boolean
}

/** The words of tokens, in order, inside the utterance, each with a length; of too many, the last are left out. */
export function wordsOf(result: TokenResult, audio: UtteranceAudio, traits: TokenTraits): RecognisedWord[] {
  return placeTokenWords(tokenWordsOf(result, traits), audio, traits)
}

/** The words of tokens, with the model's usual delay taken off their times. */
export function tokenWordsOf(result: TokenResult, { lateMs }: TokenTraits): TokenWord[] {
  return detokenise(result).map((word) => ({ ...word, tokenMs: Math.max(0, word.tokenMs - lateMs) }))
}

/** @param words - from {@link tokenWordsOf}. */
export function placeTokenWords(
  words: readonly TokenWord[],
  audio: UtteranceAudio,
  { onlyCapitals }: TokenTraits,
): RecognisedWord[] {
  const lengthMs = Math.floor(audio.samples.length / 16)
  return inOrder(placeWords(words, audio), lengthMs).map((place, index) => {
    const { text, confidence } = words[index]!
    return {
      text: onlyCapitals ? text.toLowerCase() : text,
      ...place,
      ...(confidence !== undefined && { confidence }),
    }
  })
}

/** Moves places as little as it takes for each to have a length, after the one before it and inside the utterance. */
function inOrder(places: readonly Place[], lengthMs: number): Place[] {
  const count = Math.min(places.length, lengthMs)
  const least = Math.min(minMs, Math.floor(lengthMs / Math.max(1, count)))
  const starts: number[] = []
  for (let index = 0; index < count; index++) {
    const earliest = index === 0 ? 0 : starts[index - 1]! + least
    const latest = lengthMs - least * (count - index)
    starts.push(Math.min(Math.max(places[index]!.start, earliest), latest))
  }
  return starts.map((start, index) => {
    const next = starts[index + 1] ?? lengthMs
    return { start, end: Math.min(Math.max(places[index]!.end, start + least), next) }
  })
}
