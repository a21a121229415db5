import { type RecognisedWord, speechFrameMs } from '../parts.ts'
import { measure } from '../words/loudness.ts'

/** Where to end an utterance before the 29 s that a recogniser hears, and not inside a word. */

/** How far back from the end of a turn that has become too long a cut may lie, in ms. */
const lookBackMs = 8000
/** A sentence that ends counts as this much pause, in ms: what follows is heard best from its own beginning. */
const sentenceMs = 200
/** The least silence that is a pause, by the detector of speech, in frames (60 ms): it judges windows of 32 ms. */
const minSilence = 6
/** The length of a dip in the sound that can be a pause, in frames (120 ms). */
const dipFrames = 12
/** How far such a dip lies below the speech around it, at least, in dB: within the words of flite it is 19 at most. */
const dipDepth = 20

/** A place to end an utterance at. */
export interface QuietPlace {
  /** In ms from the first sample. */
  ms: number
  /** Whether nobody speaks there; else there may be a word across it. */
  isPause: boolean
}

/**
 * The quietest place of a stretch: in the middle of the longest silence (the later of two), else of the quietest 120
 * ms.
 */
export function quietestPlace(
  samples: Int16Array,
  speech: readonly number[],
  fromMs: number,
  toMs: number,
): QuietPlace {
  const frames = Math.floor(samples.length / (speechFrameMs * 16))
  const from = Math.min(Math.max(0, Math.floor(fromMs / speechFrameMs)), frames)
  const to = Math.min(Math.max(from, Math.floor(toMs / speechFrameMs)), frames)
  const silence = longestSilence(speech, from, Math.min(to, speech.length))
  if (silence.length >= minSilence) return { ms: (silence.start + silence.length / 2) * speechFrameMs, isPause: true }
  if (to - from < dipFrames) return { ms: to * speechFrameMs, isPause: false }
  const { levels } = measure(samples.subarray(from * speechFrameMs * 16, to * speechFrameMs * 16))
  // The loudest of each dip counts: a click in it is the beginning of something.
  let dip = { at: 0, level: Infinity }
  for (let at = 0; at + dipFrames <= levels.length; at++) {
    const level = Math.max(...levels.subarray(at, at + dipFrames))
    if (level <= dip.level) dip = { at, level }
  }
  const spoken = levels.toSorted()[Math.floor(levels.length * 0.75)]!
  return {
    ms: (from + dip.at + dipFrames / 2) * speechFrameMs,
    isPause: dip.level <= spoken - dipDepth,
  }
}

function longestSilence(speech: readonly number[], from: number, to: number): { start: number; length: number } {
  let best = { start: to, length: 0 }
  let start = from
  for (let frame = from; frame <= to; frame++) {
    if (frame < to && speech[frame] === 0) continue
    if (frame - start >= Math.max(1, best.length)) best = { start, length: frame - start }
    start = frame + 1
  }
  return best
}

/**
 * Where to cut a turn that has become too long: after how many of its `words` (in order of time, up to the moment
 * `endMs`). The cut lies in the longest pause between two words of the last seconds, rather after a sentence than in
 * one, never inside a word; what follows it is heard again as the beginning of the next turn. All words are kept where the speech has already stopped
 * or there is nothing to cut between.
 */
export function cutAfter(words: readonly RecognisedWord[], endMs: number): number {
  let best = words.length
  let longest = -1
  for (let count = 1; count <= words.length; count++) {
    const { end, text } = words[count - 1]!
    if (end < endMs - lookBackMs) continue
    const next = words[count]
    // The last word may be half a word, so the end of the audio is a good place only after a clear pause.
    if (next === undefined && endMs - end < 150) continue
    const pause = (next?.start ?? endMs) - end + (/[.?!。？！]['"”’)]*$/u.test(text) ? sentenceMs : 0)
    if (pause >= longest) {
      longest = pause
      best = count
    }
  }
  return best
}
