import { DiarizeStreamError } from '../../errors.ts'
import type { HlsAccess } from './feed.ts'

/** Codes of errors that are refusals of ours, and no matter of one segment. */
const refusals = new Set(['ADDRESS_REFUSED', 'INPUT_TOO_LARGE', 'INVALID_OPTION'])

/** Codes of errors of what decodes a run of segments that are a matter of these. */
const undecodable = new Set(['NO_AUDIO', 'INPUT_NOT_MEDIA', 'INPUT_UNREADABLE', 'FFMPEG_FAILED'])

/** Which errors cost a live playlist a segment only: once it was heard, all that the next segment may not have. */
export class LossRule {
  readonly #access: Pick<HlsAccess, 'source' | 'settings'>
  readonly #isLive: boolean
  #wasHeard = false
  #inRow = 0

  constructor(access: Pick<HlsAccess, 'source' | 'settings'>, isLive: boolean) {
    this.#access = access
    this.#isLive = isLive
  }

  /** Says that there is audio. */
  heard(): void {
    this.#wasHeard = true
    this.#inRow = 0
  }

  /** Whether what a segment, or its key, was not read for costs it alone. */
  ofReading(error: unknown): boolean {
    if (!this.#isLive || !(error instanceof DiarizeStreamError)) return false
    if (error.retryable || error.code === 'INPUT_NOT_FOUND') return true
    return !refusals.has(error.code) && this.#isBearable(error)
  }

  /** Whether what decoding failed with costs the segments alone that were decoded. */
  ofDecoding(error: unknown): boolean {
    if (!this.#isLive || !(error instanceof DiarizeStreamError) || !undecodable.has(error.code)) return false
    return this.#isBearable(error)
  }

  /** As many in a row as there may be attempts; says what the first of them was. */
  #isBearable(error: DiarizeStreamError): boolean {
    const { source, settings } = this.#access
    if (!this.#wasHeard || this.#inRow >= settings.retries) return false
    this.#inRow += 1
    if (this.#inRow === 1) {
      const message = `part of the live playlist is lost, and silence in its place: ${error.message}`
      source.emit('warning', { code: 'SEGMENT_LOST', message, reason: error.code })
    }
    return true
  }
}
