import { oddsOfOneVoice } from './odds.ts'

/** A voice as it was heard in some speech: the vectors of a speaker model, added up. */
export interface Voice {
  /** Frames of speech of 10 ms behind it. */
  readonly frames: number
  /** Sum of the vectors, each times the frames behind it; and how long that is. */
  readonly sum: Float32Array
  readonly length: number
  /** Whether that speech came by telephone. */
  readonly narrowband: boolean
}

function voice(frames: number, sum: Float32Array, narrowband: boolean): Voice {
  return { frames, sum, length: Math.sqrt(product(sum, sum)), narrowband }
}

function product(a: Float32Array, b: Float32Array): number {
  let result = 0
  for (let i = 0; i < a.length; i++) result += a[i]! * b[i]!
  return result
}

/** The voice in `frames` of speech that a model made `vector` of. */
export function voiceOf(vector: ArrayLike<number>, frames: number, narrowband: boolean): Voice {
  return voice(
    frames,
    Float32Array.from(vector, (value) => value * frames),
    narrowband,
  )
}

/** The voice of the speech behind all of `voices`, of which there is at least one. */
export function joinedVoice(voices: readonly Voice[]): Voice {
  const frames = voices.reduce((total, one) => total + one.frames, 0)
  const narrow = voices.reduce((total, one) => total + (one.narrowband ? one.frames : 0), 0)
  const sum = new Float32Array(voices[0]!.sum.length)
  for (const one of voices) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + one.sum[i]!
  return voice(frames, sum, 2 * narrow > frames)
}

/** `whole` without the speech of `part`, which is part of it. */
export function withoutVoice(whole: Voice, part: Voice): Voice {
  const sum = whole.sum.map((value, index) => value - part.sum[index]!)
  return voice(Math.max(0, whole.frames - part.frames), sum, whole.narrowband)
}

/** Cosine of the angle between two voices; undefined where one of them is nothing but zeros. */
export function cosine(a: Voice, b: Voice): number | undefined {
  const lengths = a.length * b.length
  return lengths > 0 ? product(a.sum, b.sum) / lengths : undefined
}

/**
 * Natural logarithm of the odds that two voices are one: above 0 one is likelier than two. `scatter` is how much the vectors
 * of one voice scatter, as a multiple of what is usual.
 */
export function logOdds(a: Voice, b: Voice, scatter: number): number {
  const angle = cosine(a, b)
  return angle === undefined ? 0 : oddsOfOneVoice(angle, a.frames, b.frames, a.narrowband || b.narrowband, scatter)
}
