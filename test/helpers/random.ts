import { mix32 } from '../../src/testing/tone-audio.ts'

/**
 * Random numbers that a seed repeats: even in `[0, 1)`, good enough to draw test cases, useless for secrets.
 *
 * @param seed - any integer; the low 32 bits count.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e37_79b9) >>> 0
    return mix32(state) / 0x1_0000_0000
  }
}

/** An integer from `min` to `max`, both included. */
export function randomInteger(random: () => number, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1))
}
