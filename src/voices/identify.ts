import type { KnownVoice } from './book.ts'
import type { VoiceProfile } from './profile.ts'
import { cosine, jointLength, type Voice } from './voice.ts'

/** Somebody who speaks in a stream, as far as he was heard. */
export interface HeardVoice {
  /** Label in the stream. */
  label: string
  profile: VoiceProfile
}

/** Who somebody is. */
export interface Identification {
  name: string
  /** How sure that is, from 0 to 1. */
  confidence: number
}

/** Chance that somebody is not in the book, before anything was heard; all who are in it are as likely as each other. */
const strangers = 0.5
/** From which confidence on somebody has the name, ... */
export const namedFrom = 0.9
/** ... and down to which he keeps it. */
const keptFrom = 0.5
/** From which on his speech is taken for that of the voice in the book. */
export const learnedFrom = 0.97
/** It is never said to be more: rooms, microphones and colds differ more than what it was measured on. */
const surest = 0.99
/** Speech of fewer frames of 10 ms tells nothing. */
const minFrames = 100

/**
 * Says who of those who were heard is who of the book; those who are not in it, or not surely, are left out. No two of
 * them are one, so what is heard on several channels is to be asked for by channel.
 *
 * @param before - the names they had so far: nobody loses one to another without a reason.
 */
export function identify(
  heard: readonly HeardVoice[],
  known: readonly Pick<KnownVoice, 'name' | 'profile'>[],
  before: ReadonlyMap<string, string> = new Map(),
): Map<string, Identification> {
  const claims = heard.flatMap(({ label, profile }) => {
    const claim = likeliest(profile, known, before.get(label))
    return claim === undefined ? [] : [{ label, ...claim, isHolder: before.get(label) === claim.name }]
  })
  // Whoever has the name keeps it; else it is his who is likelier to be that one.
  claims.sort((a, b) => Number(b.isHolder) - Number(a.isHolder) || b.weight - a.weight || (a.label < b.label ? -1 : 1))
  const names = new Set<string>()
  const result = new Map<string, Identification>()
  for (const { label, name, confidence } of claims) {
    if (names.has(name)) continue
    names.add(name)
    result.set(label, { name, confidence })
  }
  return result
}

/** Who a voice is, and how sure that is; `undefined` where it is nobody of the book, or not surely. */
function likeliest(
  profile: VoiceProfile,
  known: readonly Pick<KnownVoice, 'name' | 'profile'>[],
  holds: string | undefined,
): (Identification & { weight: number }) | undefined {
  const odds = known.map((voice) => oddsOfKnown(profile, voice.profile))
  const prior = Math.log((1 - strangers) / known.length / strangers)
  const weights = odds.map((value) => (value === undefined ? 0 : Math.exp(prior + value)))
  const sum = weights.reduce((total, weight) => total + weight, 1)
  let best = 0
  for (let index = 1; index < weights.length; index++) if (weights[index]! > weights[best]!) best = index
  const { name } = known[best] ?? {}
  if (name === undefined) return undefined
  const confidence = Math.min(surest, weights[best]! / sum)
  return confidence >= (name === holds ? keptFrom : namedFrom)
    ? { name, confidence: Math.round(confidence * 100) / 100, weight: weights[best]! }
    : undefined
}

/**
 * A voice that nobody who is known is as likely to be as this, log odds, is a new one. Of five readers of LibriSpeech no
 * stretch of 5 s and more was below -4 with another of the same reader; in other rooms and moods one voice differs more. Of
 * 126 strangers 0.5 % were not below this with one of them, by telephone 1 to 5 %: they are learned another time.
 */
const NEW_BELOW = -10
/**
 * The same for the cosine of one by telephone and one as recorded, which says too little to be odds: of one voice it was 0.58
 * to 0.85, of two mostly less than this. Who may be known by the other band is not learned a second time.
 */
const APART_BELOW = 0.57

/** Whether what was heard is surely the voice of none of those who are known. */
export function isStranger(heard: VoiceProfile, known: readonly Pick<KnownVoice, 'profile'>[]): boolean {
  return known.every(({ profile }) => {
    const odds = oddsOfKnown(heard, profile)
    return odds === undefined ? cosineBetweenBands(heard, profile) < APART_BELOW : odds <= NEW_BELOW
  })
}

/** The greatest, -1 where there is none. */
function cosineBetweenBands(one: VoiceProfile, other: VoiceProfile): number {
  const pairs = [
    [one.wideband, other.narrowband],
    [one.narrowband, other.wideband],
  ] as const
  return Math.max(-1, ...pairs.map(([a, b]) => (a && b && cosine(a, b)) ?? -1))
}

/**
 * Natural logarithm of the odds that what was heard is a known voice, by the band in which both were heard longest;
 * `undefined` where that is too little. What was heard by telephone says nothing of what was recorded, and the other way.
 */
export function oddsOfKnown(heard: VoiceProfile, known: VoiceProfile): number | undefined {
  let best: { a: Voice; b: Voice; frames: number } | undefined
  for (const band of ['wideband', 'narrowband'] as const) {
    const [a, b] = [heard[band], known[band]]
    if (a === undefined || b === undefined) continue
    const frames = Math.min(a.frames, b.frames)
    if (frames >= minFrames && frames > (best?.frames ?? 0)) best = { a, b, frames }
  }
  const angle = best && cosine(best.a, best.b)
  if (best === undefined || angle === undefined) return undefined
  const band = best.a.narrowband ? fitted.narrowband : fitted.wideband
  const doubt = band.doubt * Math.max(0, 1 - best.b.frames / enoughKnown)
  return oddsOfWhole(angle, Math.min(maxExact, jointLength(best.a.frames, best.b.frames)), band) - doubt
}

/** Beyond so many frames a voice changes by itself as much as it becomes more exact. */
const maxExact = 1500
/**
 * What is wrong in a vector of few frames stays wrong, however much is heard afterwards: below so many in the book there is
 * a doubt, which was fitted to the same five readers and the strangers beside them.
 */
const enoughKnown = 500

/**
 * How the cosines of two vectors lie that are each made of several sentences, by the length of both: of one voice, and of
 * two. Fitted to five readers of LibriSpeech and 126 more whose voices are not theirs, 2 to 30 s against 1 to 15 s, as
 * recorded and by telephone; checked with five other readers and 125 other strangers. How far two voices lie apart is taken
 * from those that are most alike (one in 200), since these are what is mistaken.
 */
const fitted = {
  wideband: {
    doubt: 1,
    apart: 21.5,
    power: -0.876,
    spread: 0.33,
    two: { least: 0.18, rise: 0.45, half: 73, deviation: 0.078 },
  },
  narrowband: {
    doubt: 0.5,
    apart: 19.7,
    power: -0.878,
    spread: 0.27,
    two: { least: 0.34, rise: 0.4, half: 90, deviation: 0.078 },
  },
} as const
type Fitted = (typeof fitted)[keyof typeof fitted]
/** One voice never scatters less than this. */
const leastSpread = 0.012

function oddsOfWhole(angle: number, frames: number, { apart, power, spread, two }: Fitted): number {
  const distance = apart * (frames + 30) ** power
  const deviation = Math.hypot(spread * distance, leastSpread)
  const other = two.least + (two.rise * frames) / (frames + two.half)
  // Beyond the mean of either a cosine tells no more.
  const heard = Math.max(other, Math.min(angle, 1 - distance))
  return (
    0.5 * ((heard - other) / two.deviation) ** 2 -
    0.5 * ((heard - (1 - distance)) / deviation) ** 2 +
    Math.log(two.deviation / deviation)
  )
}
