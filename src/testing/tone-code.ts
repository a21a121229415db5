import { mix32 } from './random.ts'

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
/** Largest word number. */
export const LARGEST_WORD = 0xff_ffff
/** Largest speaker number. */
export const LARGEST_SPEAKER = 9
/** Samples of a word. */
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

/** The samples of a word. The numbers must be within their bounds. */
export function writeToneWord(sign: ToneSign): Int16Array {
  const tones = [SYNC, ...digits(sign.word, WORD_DIGITS), sign.speaker, ...digits(checksum(sign), CHECK_DIGITS)]
  const samples = new Int16Array(WORD_SAMPLES)
  tones.forEach((tone, index) => samples.set(waves[tone]!, index * SYMBOL_SAMPLES))
  return samples
}

/**
 * Reads the samples of a whole word; `undefined` unless every tone is clear, the checksum agrees, and the samples are
 * those of the word from the first to the last: a shift by one sample is too much.
 */
export function readToneWord(samples: Int16Array): ToneSign | undefined {
  if (samples.length !== WORD_SAMPLES || readSync(samples) === undefined) return undefined
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

function readSync(samples: Int16Array): number | undefined {
  return share(samples, 0, SYNC, energy(samples, 0)) >= LEAST_SHARE ? SYNC : undefined
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
