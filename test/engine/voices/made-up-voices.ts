import type { TrackedUtterance, SpeakerModel, Stretch } from '../../../src/engine/parts.ts'
import { join16, silence } from '../../helpers/flite.ts'

/** Audio in which a voice is a loudness, and a speaker model that hears it. */

const loudest = 20_000
/** Each voice is so much softer than the one before: far enough to be known by, when noise has been taken out. */
const softer = 0.8
/** What is left of silence where noise has been taken out. */
const silent = 1000

/** `ms` of the voice of that number, 0 to 9: a square wave, the softer the higher the number. */
export function said(voice: number, ms: number): Int16Array {
  const loudness = Math.round(loudest * softer ** voice)
  return Int16Array.from({ length: ms * 16 }, (_, at) => (at % 2 === 0 ? loudness : -loudness))
}

/**
 * Vectors in which each voice has a direction of its own beside one that all share: two voices have a cosine of 0.5, and
 * a stretch of several lies between them.
 */
export class LoudnessModel implements SpeakerModel {
  /** Stretches asked for, by call. */
  readonly calls: Stretch[][] = []

  embed(samples: Int16Array, stretches: readonly Stretch[]): Promise<Float32Array[]> {
    this.calls.push([...stretches])
    return Promise.resolve(stretches.map(({ start, end }) => vectorOf(samples.subarray(start * 160, end * 160))))
  }
}

function vectorOf(samples: Int16Array): Float32Array {
  const vector = new Float32Array(11)
  for (let at = 0; at < samples.length; at += 2) {
    if (samples[at]! < silent) continue
    const voice = Math.max(0, Math.min(9, Math.round(Math.log(samples[at]! / loudest) / Math.log(softer))))
    vector[voice] = vector[voice]! + 1
    vector[10] = vector[10]! + 1
  }
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}

/** An utterance of `parts`, with a word in every 300 ms of speech and 200 ms of silence around it. */
export function utterance(id: number, ...parts: readonly Int16Array[]): TrackedUtterance {
  const samples = join16([silence(200), ...parts, silence(200)])
  const offset = id * 40_000
  const speech = Array.from({ length: samples.length / 160 }, (_, frame) => samples[frame * 160] !== 0)
  const words: { start: number; end: number }[] = []
  let at = 200
  for (const part of parts) {
    const ms = part.length / 16
    const count = part[0] === 0 ? 0 : Math.max(1, Math.floor(ms / 300))
    for (let word = 0; word < count; word++) {
      words.push({ start: offset + at + (word * ms) / count, end: offset + at + ((word + 1) * ms) / count })
    }
    at += ms
  }
  return { id, offset, samples, speech, words }
}
