import { speechFrameMs, type Stretch } from '../parts.ts'

/** Where an utterance may be cut, in frames of 10 ms; which cuts are changes of voice is for the voices to say. */

const samplesPerFrame = 16 * speechFrameMs

/** A frame is quiet where it is this far below the loud speech, dB, or less than that above the noise. */
const belowLoud = 32
const aboveNoise = 5
/** Speech and noise are never taken to be nearer than this, dB. */
const minRange = 12

export function levelsOf(samples: Int16Array, count: number): number[] {
  return Array.from({ length: count }, (_, frame) => {
    let sum = 0
    for (let i = frame * samplesPerFrame; i < (frame + 1) * samplesPerFrame; i++) sum += (samples[i] ?? 0) ** 2
    return 10 * Math.log10(sum / samplesPerFrame + 1)
  })
}

/** Which frames hold speech: of those that the detector takes for it, which lags behind, the ones that are not quiet. */
export function audibleSpeech(levels: readonly number[], speech: readonly boolean[]): boolean[] {
  const sorted = levels.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  const loud = at(0.9)
  const least = Math.max(loud - belowLoud, Math.min(at(0.05) + aboveNoise, loud - minRange))
  return speech.map((is, frame) => is && levels[frame]! >= least)
}

/** A run of speech may be cut at a pause of this many frames ... */
const pauseFrames = 6
/** ... if as many are left on each side, or fewer where the pause is long. */
const minFrames = { short: 60, long: 30 }
const longPause = 15

interface Run extends Stretch {
  /** Speech frames up to its beginning and to its end. */
  before: number
  until: number
}

/** Pieces as short as a voice can be told by, cut at the longest pauses first; they hold all speech. */
export function piecesOf(audible: readonly boolean[]): Stretch[] {
  const runs: Run[] = []
  let count = 0
  audible.forEach((is, frame) => {
    if (!is) return
    const last = runs.at(-1)
    if (last !== undefined && frame - last.end < pauseFrames) {
      last.end = frame + 1
      last.until = ++count
    } else runs.push({ start: frame, end: frame + 1, before: count, until: ++count })
  })
  return split(runs)
}

function split(runs: readonly Run[]): Stretch[] {
  const [first, last] = [runs[0], runs.at(-1)]
  if (first === undefined || last === undefined) return []
  let best = { at: 0, pause: 0 }
  for (let at = 1; at < runs.length; at++) {
    const pause = runs[at]!.start - runs[at - 1]!.end
    const least = pause >= longPause ? minFrames.long : minFrames.short
    const sides = Math.min(runs[at - 1]!.until - first.before, last.until - runs[at]!.before)
    if (sides >= least && pause > best.pause) best = { at, pause }
  }
  if (best.at === 0) return [{ start: first.start, end: last.end }]
  return [...split(runs.slice(0, best.at)), ...split(runs.slice(best.at))]
}

/** The speech of an utterance in pieces, each short enough to be of one voice. */
export function speechPieces(levels: readonly number[], speech: readonly boolean[]): Stretch[] {
  return piecesOf(audibleSpeech(levels, speech)).flatMap((piece) => cutAtDips(piece, levels))
}

/** A piece longer than this is cut where it is softest, ... */
const maxFrames = 200
/** ... at least this far from its ends, ... */
const marginFrames = 70
/** ... as a mean over so many frames on each side. */
const smoothing = 3

/** Cuts `piece` until it is short enough to be of one voice as a rule, where its `levels` are lowest. */
export function cutAtDips(piece: Stretch, levels: readonly number[]): Stretch[] {
  const { start, end } = piece
  if (end - start <= maxFrames) return [piece]
  let best = { at: 0, level: Infinity }
  for (let at = start + marginFrames; at <= end - marginFrames; at++) {
    let level = 0
    for (let frame = at - smoothing; frame < at + smoothing; frame++) level += levels[frame]!
    if (level < best.level) best = { at, level }
  }
  return [
    { start, end: best.at },
    { start: best.at, end },
  ].flatMap((part) => cutAtDips(part, levels))
}

/** Length of what a speaker model hears at a time, and how far apart these windows may be, in frames. */
const windowFrames = 160
const windowStride = 80

/** The fewest windows that hold most of `piece`: half the work, and nearly as good where much is heard of one voice. */
export function sparseWindowsOf({ start, end }: Stretch): Stretch[] {
  const count = Math.max(1, Math.round((end - start) / windowFrames))
  const length = (end - start) / count
  return Array.from({ length: count }, (_, index) => {
    const middle = start + (index + 0.5) * length
    const half = Math.min(length, windowFrames) / 2
    return { start: Math.round(middle - half), end: Math.round(middle + half) }
  })
}

/** Windows that cover `piece`, the last of them up to its end; a short piece is one window. */
export function windowsOf({ start, end }: Stretch): Stretch[] {
  if (end - start <= windowFrames) return [{ start, end }]
  const count = Math.ceil((end - start - windowFrames) / windowStride) + 1
  const stride = (end - start - windowFrames) / (count - 1)
  return Array.from({ length: count }, (_, index) => {
    const from = Math.round(start + index * stride)
    return { start: from, end: from + windowFrames }
  })
}
