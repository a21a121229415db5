import { EngineError } from '../../errors.ts'
import type { SpeakerModel, Stretch } from '../parts.ts'
import type { Lease } from './host.ts'
import { callFailure } from './recogniser.ts'

/** Longest time for the vectors of one turn, in ms. */
const callLimit = 120_000

/** A speaker model in the process. A stretch of which the model makes nothing gets a vector of zeros. */
export class SherpaSpeakers implements SpeakerModel {
  readonly size: number
  readonly threshold: number
  readonly #lease: Lease
  #closed: Promise<void> | undefined

  constructor(lease: Lease, size: number, threshold: number) {
    this.#lease = lease
    this.size = size
    this.threshold = threshold
  }

  async embed(samples: Int16Array, stretches: readonly Stretch[]): Promise<Float32Array[]> {
    if (this.#closed !== undefined) throw new EngineError('ENGINE_FAILED', 'the speaker model is closed; open another')
    if (stretches.length === 0) return []
    try {
      const plain = stretches.map(({ start, end }) => ({ start, end }))
      const vectors = await this.#lease.process.call('embed', { samples, stretches: plain }, callLimit)
      return vectors.map(toUnitLength)
    } catch (error) {
      throw callFailure(error)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#lease.release()
    return this.#closed
  }
}

/** The vector at length 1; zeros where it has no direction. */
export function toUnitLength(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length > 0 && Number.isFinite(length) ? vector.map((value) => value / length) : new Float32Array(vector.length)
}
