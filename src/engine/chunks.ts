import { deltaBic, Gaussian } from './gaussian.ts'
import { mfccSize } from './mfcc.ts'

/** A stretch of one turn that is taken to be of one speaker; times in 10 ms frames of the turn, `end` exclusive. */
export interface Chunk {
  start: number
  end: number
  /** The speech frames in it. */
  voice: Gaussian
}

/** How strict the BIC is; see `deltaBic`. */
const bicStrictness = 1.7

/** A pause of this many frames separates chunks. */
const pauseFrames = 12
/** The least number of frames on each side of a change of speaker without a pause. */
const changeFrames = 80
/** Places of a possible change are tried this many frames apart. */
const changeStride = 5
/** Frames on each side of a possible change that are compared. */
const surroundings = 150
/** Chunks with fewer frames are glued to a neighbour. */
const glueFrames = 50

const merge = (a: Chunk, b: Chunk): Chunk => ({ start: a.start, end: b.end, voice: a.voice.plus(b.voice) })

/** Runs of speech frames with pauses shorter than {@link pauseFrames} in them. */
function runs(speech: readonly boolean[]): { start: number; end: number }[] {
  const result: { start: number; end: number }[] = []
  speech.forEach((is, frame) => {
    if (!is) return
    const last = result.at(-1)
    if (last !== undefined && frame - last.end < pauseFrames) last.end = frame + 1
    else result.push({ start: frame, end: frame + 1 })
  })
  return result
}

/** Cuts a run where the voice changes without a pause, as often as it does. */
function splitAtChanges(start: number, end: number, voiceOf: (start: number, end: number) => Gaussian): Chunk[] {
  let best = { at: 0, delta: 0 }
  for (let at = start + changeFrames; at <= end - changeFrames; at += changeStride) {
    // Only the surroundings are compared: over the whole run a voice that comes back would hide the one in between.
    const left = voiceOf(Math.max(start, at - surroundings), at)
    const right = voiceOf(at, Math.min(end, at + surroundings))
    if (left.count < changeFrames / 2 || right.count < changeFrames / 2) continue
    const delta = deltaBic(left, right, bicStrictness)
    if (delta > best.delta) best = { at, delta }
  }
  if (best.delta <= 0) return [{ start, end, voice: voiceOf(start, end) }]
  return [...splitAtChanges(start, best.at, voiceOf), ...splitAtChanges(best.at, end, voiceOf)]
}

/** Joins every short chunk to the neighbour that is nearer in time. */
function glue(chunks: Chunk[]): Chunk[] {
  const result = [...chunks]
  for (;;) {
    const index = result.findIndex((chunk) => chunk.end - chunk.start < glueFrames)
    if (index < 0 || result.length === 1) return result
    const before = index > 0 ? result[index]!.start - result[index - 1]!.end : Infinity
    const after = index < result.length - 1 ? result[index + 1]!.start - result[index]!.end : Infinity
    const first = before <= after ? index - 1 : index
    result.splice(first, 2, merge(result[first]!, result[first + 1]!))
  }
}

/**
 * Cuts a turn into stretches of one speaker each: at pauses and where the voice changes, then joins what is too short
 * to judge. `frames` and `speech` describe the same 10 ms frames.
 */
export function splitTurn(frames: readonly Float64Array[], speech: readonly boolean[]): Chunk[] {
  const voiceOf = (start: number, end: number): Gaussian =>
    Gaussian.of(
      mfccSize,
      frames.slice(start, end).filter((_, index) => speech[start + index] === true),
    )
  const length = Math.min(frames.length, speech.length)
  const chunks = runs(speech.slice(0, length)).flatMap(({ start, end }) => splitAtChanges(start, end, voiceOf))
  return glue(chunks)
}
