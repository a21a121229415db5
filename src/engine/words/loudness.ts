import { speechFrameMs } from '../parts.ts'

/** Samples in a frame of {@link speechFrameMs} at 16 kHz. */
const frameSamples = 160
/** The least number of quiet frames that make a pause (80 ms): the closure of a "t" is shorter. */
const minPause = 80 / speechFrameMs

export interface Loudness {
  /** Level of each frame of 10 ms, in dB; 0 is a mean amplitude of one step of 16 bits. */
  levels: Float64Array
  /** Level of the background: what 5 % of the frames do not reach. */
  floor: number
  /** Level of the speech: what 10 % of the frames exceed. */
  peak: number
  quietBelow: number
}

/**
 * Measures each 10 ms over the 20 ms around it, high frequencies raised: hum counts for little, "s" and "f" for more.
 */
export function measure(samples: Int16Array): Loudness {
  const levels = Float64Array.from({ length: Math.floor(samples.length / frameSamples) }, (_, frame) => {
    const from = Math.max(1, frame * frameSamples - frameSamples / 2)
    const to = Math.min(samples.length, (frame + 1) * frameSamples + frameSamples / 2)
    let energy = 0
    for (let at = from; at < to; at++) energy += (samples[at]! - 0.9 * samples[at - 1]!) ** 2
    return 10 * Math.log10(energy / Math.max(1, to - from) + 1)
  })
  const sorted = [...levels].toSorted((a, b) => a - b)
  const floor = sorted[Math.floor(sorted.length * 0.05)] ?? 0
  const peak = sorted[Math.floor(sorted.length * 0.9)] ?? 0
  return { levels, floor, peak, quietBelow: Math.min(Math.max(floor + 6, peak - 30), peak - 9) }
}

/** Whether each frame lies in a pause: in at least 80 ms of quiet, or at an end of the audio in any. */
export function pauses({ levels, quietBelow }: Loudness): boolean[] {
  const inPause = Array.from(levels, () => false)
  let from = 0
  for (let frame = 0; frame <= levels.length; frame++) {
    if (frame < levels.length && levels[frame]! < quietBelow) continue
    if (frame - from >= minPause || (from === 0 && frame > 0) || frame === levels.length)
      inPause.fill(true, from, frame)
    from = frame + 1
  }
  return inPause
}

/** How far the level falls between two syllables, in dB. */
const dip = 2
/** Frames that are averaged before syllables are counted. */
const smoothing = 5

/** Counts the bursts of sound in frames `from` to `to`: about one for each syllable. */
export function bursts({ levels, quietBelow }: Loudness, from: number, to: number): number {
  let count = 0
  let low = -Infinity
  let high = -Infinity
  let rising = true
  for (let frame = Math.max(0, Math.floor(from)); frame < Math.min(levels.length, to); frame++) {
    let sum = 0
    let summed = 0
    for (let near = frame - (smoothing - 1) / 2; near <= frame + (smoothing - 1) / 2; near++) {
      if (levels[near] === undefined) continue
      sum += levels[near]!
      summed++
    }
    const level = sum / summed
    if (rising) {
      high = Math.max(high, level)
      if (high - level < dip) continue
      if (high >= quietBelow) count++
      rising = false
      low = level
    } else {
      low = Math.min(low, level)
      if (level - low < dip) continue
      rising = true
      high = level
    }
  }
  return rising && high >= quietBelow && high - low >= dip ? count + 1 : count
}
