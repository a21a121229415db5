import { levelsOf } from './segmentation.ts'

/*
 * The hum of the mains, and what else drones below all voices, sounds the same in whatever is said, and so makes all voices one.
 */

const sampleRate = 16_000
/** Hz below which everything is taken out: the hum at 50 or 60, and what is twice that. By telephone voices have no less. */
const cutoff = 150
const samplesPerFrame = 160
/** Speech that is no more than this above what drones in its pauses, dB, is told by what the hum is, too. */
const heardWithin = 20
/** What is softer is the noise of 16 bits, dB: 1000 of 32768 are 60. */
const leastDrone = 10

/** The quality of each section of two poles that make a Butterworth filter of four. */
const sections = [0.541_196_1, 1.306_562_96].map((quality) => {
  const angle = (2 * Math.PI * cutoff) / sampleRate
  const alpha = Math.sin(angle) / (2 * quality)
  return {
    gain: (1 + Math.cos(angle)) / 2 / (1 + alpha),
    a1: (-2 * Math.cos(angle)) / (1 + alpha),
    a2: (1 - alpha) / (1 + alpha),
  }
})

/** Mono PCM16 at 16 kHz without what is below 150 Hz. */
export function withoutHum(samples: Int16Array): Int16Array {
  const values = Float64Array.from(samples)
  for (const { gain, a1, a2 } of sections) {
    // Begins as if what comes first had been there for ever, or a drone would begin with a click.
    let [x1, x2, y1, y2] = [values[0] ?? 0, values[0] ?? 0, 0, 0]
    for (let at = 0; at < values.length; at++) {
      const x = values[at]!
      const y = gain * (x - 2 * x1 + x2) - a1 * y1 - a2 * y2
      ;[x2, x1, y2, y1] = [x1, x, y1, y]
      values[at] = y
    }
  }
  return Int16Array.from(values, (value) => Math.max(-32_768, Math.min(32_767, Math.round(value))))
}

/** Whether something drones below the voices in mono PCM16 at 16 kHz, loud enough to be taken for a part of them. */
export function hums(samples: Int16Array): boolean {
  const rest = withoutHum(samples)
  const level = (of: Int16Array, share: number): number => {
    const levels = levelsOf(of, Math.floor(of.length / samplesPerFrame)).toSorted((a, b) => a - b)
    return levels[Math.floor((levels.length - 1) * share)] ?? 0
  }
  // A deep voice has something there, too, but not in its pauses.
  const drone = level(
    samples.map((value, at) => value - rest[at]!),
    0.1,
  )
  return drone > Math.max(leastDrone, level(rest, 0.9) - heardWithin)
}
