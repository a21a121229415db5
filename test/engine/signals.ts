import { speechFrameMs } from '../../src/engine/parts.ts'

/** Made-up signals for tests of the engine: all from a seed, so that every run sees the same. */

/** Numbers from 0 to 1. */
export function randoms(seed: number): () => number {
  let state = (seed >>> 0) + 1
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Normally distributed numbers of mean 0 and deviation 1. */
export function normals(seed: number): () => number {
  const next = randoms(seed)
  return () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next())
}

/** White noise at 16 kHz; `level` is its deviation. */
export function noise(ms: number, level: number, seed = 1): Int16Array {
  const next = normals(seed)
  return Int16Array.from({ length: ms * 16 }, () => Math.max(-32_768, Math.min(32_767, level * next())))
}

/** A steady "voice": noise with two resonances, which stand for a speaker. */
export function voice(resonances: readonly [number, number], ms: number, seed = 1, level = 3000): Int16Array {
  const next = normals(seed)
  const filters = resonances.map((hz) => {
    const radius = 0.97
    return { a: 2 * radius * Math.cos((2 * Math.PI * hz) / 16_000), b: radius * radius, y1: 0, y2: 0 }
  })
  const raw = Float64Array.from({ length: ms * 16 }, () => {
    const x = next()
    let sum = 0
    for (const filter of filters) {
      const y = x + filter.a * filter.y1 - filter.b * filter.y2
      filter.y2 = filter.y1
      filter.y1 = y
      sum += y
    }
    return sum
  })
  const deviation = Math.sqrt(raw.reduce((sum, value) => sum + value * value, 0) / raw.length)
  return Int16Array.from(raw, (value) => Math.max(-32_768, Math.min(32_767, (value / deviation) * level)))
}

/** Speech probability 1 for every frame of `samples` that is not silent, else 0. */
export function speechOf(samples: Int16Array): number[] {
  const size = speechFrameMs * 16
  return Array.from({ length: Math.floor(samples.length / size) }, (_, i) =>
    samples.subarray(i * size, (i + 1) * size).some((sample) => Math.abs(sample) > 50) ? 1 : 0,
  )
}
