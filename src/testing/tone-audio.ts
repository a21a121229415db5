import { checkInteger } from '../options.ts'

/*
 * One word is 16 symbols of 15 ms, each a pure tone: a sync tone that stands nowhere else, six symbols of four bits for
 * the word, one for the speaker, eight for a checksum over both. Every tone has a whole number of cycles in a symbol
 * and begins at its peak, so that a word starts with its loudest sample (its onset is exact to the sample), runs on
 * smoothly from symbol to symbol, and tones do not leak into each other's measure.
 */

/** Samples per second of tone audio, in Hz. */
export const TONE_RATE = 16_000
/** Milliseconds that every word lasts. */
export const TONE_WORD_MS = 240
export const LARGEST_WORD = 0xff_ffff
const LARGEST_SPEAKER = 9
export const WORD_SAMPLES = (TONE_WORD_MS * TONE_RATE) / 1000

const SYMBOLS = 16
const SYMBOL_SAMPLES = WORD_SAMPLES / SYMBOLS
const WORD_DIGITS = 6
const CHECK_DIGITS = 8
/** The tone of the first symbol; 0 to 15 carry bits. */
const SYNC = 16
const AMPLITUDE = 8000
/** Least mean square of the samples of a symbol. */
const LEAST_POWER = 100 ** 2
/** Share of a symbol's energy that its tone must hold. */
const LEAST_SHARE = 0.75
/** How much a word must resemble what was read from it, 1 being exactly; a shift by one sample leaves 0.95 at most. */
const LEAST_RESEMBLANCE = 0.985
/** Keeps the checksum of word 0 from being a row of the same tone. */
const SALT = 0x5eed_70be

/** Cycles of a tone in one symbol: 533 to 2667 Hz in steps of 133. */
const cycles = (tone: number): number => 8 + 2 * tone

const waves = Array.from({ length: SYNC + 1 }, (_, tone) =>
  Int16Array.from({ length: SYMBOL_SAMPLES }, (_sample, at) =>
    Math.round(AMPLITUDE * Math.cos((2 * Math.PI * cycles(tone) * at) / SYMBOL_SAMPLES)),
  ),
)
const coefficients = waves.map((_, tone) => 2 * Math.cos((2 * Math.PI * cycles(tone)) / SYMBOL_SAMPLES))

/** What one word says, and who says it. */
export interface ToneSign {
  /** From 0 to 16,777,215. */
  word: number
  /** From 0 to 9. */
  speaker: number
}

function digits(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(value / 16 ** (count - 1 - index)) % 16)
}

function number(tones: readonly number[]): number {
  return tones.reduce((sum, tone) => sum * 16 + tone, 0)
}

function checksum({ word, speaker }: ToneSign): number {
  return mix32((word * 16 + speaker) ^ SALT)
}

/** Scrambles 32 bits; different numbers stay different. */
export function mix32(value: number): number {
  let mixed = value >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** The samples of a word. The numbers must be within their bounds. */
export function writeToneWord(sign: ToneSign): Int16Array {
  const tones = [SYNC, ...digits(sign.word, WORD_DIGITS), sign.speaker, ...digits(checksum(sign), CHECK_DIGITS)]
  const samples = new Int16Array(WORD_SAMPLES)
  tones.forEach((tone, index) => samples.set(waves[tone]!, index * SYMBOL_SAMPLES))
  return samples
}

/** Reads a whole word; `undefined` unless every tone is clear, the checksum right, and no sample shifted. */
export function readToneWord(samples: Int16Array): ToneSign | undefined {
  if (samples.length !== WORD_SAMPLES || share(samples, 0, SYNC, energy(samples, 0)) < LEAST_SHARE) return undefined
  const tones: number[] = []
  for (let symbol = 1; symbol < SYMBOLS; symbol++) {
    const tone = readTone(samples, symbol * SYMBOL_SAMPLES)
    if (tone === undefined) return undefined
    tones.push(tone)
  }
  const sign = { word: number(tones.slice(0, WORD_DIGITS)), speaker: tones[WORD_DIGITS]! }
  const right = sign.speaker <= LARGEST_SPEAKER && number(tones.slice(WORD_DIGITS + 1)) === checksum(sign)
  return right && resemblance(samples, writeToneWord(sign)) >= LEAST_RESEMBLANCE ? sign : undefined
}

function readTone(samples: Int16Array, from: number): number | undefined {
  const whole = energy(samples, from)
  for (let tone = 0; tone < SYNC; tone++) if (share(samples, from, tone, whole) >= LEAST_SHARE) return tone
  return undefined
}

/** The correlation of two stretches of sound, from -1 to 1. */
function resemblance(one: Int16Array, other: Int16Array): number {
  let product = 0
  let oneSquared = 0
  let otherSquared = 0
  for (let at = 0; at < one.length; at++) {
    product += one[at]! * other[at]!
    oneSquared += one[at]! ** 2
    otherSquared += other[at]! ** 2
  }
  return product / Math.sqrt(oneSquared * otherSquared)
}

function energy(samples: Int16Array, from: number): number {
  let sum = 0
  for (let at = from; at < from + SYMBOL_SAMPLES; at++) sum += samples[at]! ** 2
  return sum
}

/** Share from 0 to 1 of a symbol's energy that one tone holds, by the Goertzel algorithm. */
function share(samples: Int16Array, from: number, tone: number, whole: number): number {
  if (whole < LEAST_POWER * SYMBOL_SAMPLES) return 0
  const coefficient = coefficients[tone]!
  let last = 0
  let before = 0
  for (let at = from; at < from + SYMBOL_SAMPLES; at++) {
    const next = samples[at]! + coefficient * last - before
    before = last
    last = next
  }
  const power = last * last + before * before - coefficient * last * before
  return (2 * power) / (SYMBOL_SAMPLES * whole)
}

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
