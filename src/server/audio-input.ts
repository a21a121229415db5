import { BlockAligner } from '../audio/framer.ts'
import { blockSize, bytesToMs, type AudioFormat } from '../audio/format.ts'
import { Resampler } from '../audio/resampler.ts'
import { floatToInt16 } from '../audio/chunks.ts'
import { decodeSamples } from '../audio/pcm.ts'
import { Refusal } from '../protocol/close-codes.ts'

/** Longest audio message in ms, inclusive. */
const LONGEST = 1000
/** Shortest audio message in ms that counts as full, inclusive. */
const SHORTEST = 50
/** Milliseconds that messages shorter than that may add up to: a short tail does no harm. The service takes 49 of 20 ms. */
const SHORT_ALLOWANCE = 1000

/**
 * The audio messages of one client, judged by length and pace, as samples for an engine. They may end inside a sample.
 */
export class AudioInput {
  readonly #format: AudioFormat
  readonly #aligner: BlockAligner
  readonly #resampler: Resampler
  readonly #pace: PaceLimit
  #bytes = 0
  #shortMs = 0

  /** @param maxAheadMs - audio that may have come beyond the time since the first message. */
  constructor(
    settings: { encoding: 'pcm_s16le' | 'pcm_mulaw'; sampleRate: number },
    engineRate: number,
    maxAheadMs: number,
  ) {
    this.#format = {
      sampleRate: settings.sampleRate,
      channels: 1,
      encoding: settings.encoding === 'pcm_mulaw' ? 'mulaw' : 's16le',
    }
    this.#aligner = new BlockAligner(blockSize(this.#format))
    this.#resampler = new Resampler(settings.sampleRate, engineRate)
    this.#pace = new PaceLimit(maxAheadMs)
  }

  get receivedMs(): number {
    return bytesToMs(this.#bytes, this.#format)
  }

  duration(bytes: number): number {
    return bytesToMs(bytes, this.#format)
  }

  /** The samples that a message completes at `now`. @throws Refusal (3007) where it ends the session. */
  push(message: Buffer, now: number): Int16Array {
    const ms = this.duration(message.length)
    this.#checkLength(ms)
    this.#pace.check(this.receivedMs + ms, now)
    this.#bytes += message.length
    const samples = decodeSamples(this.#aligner.push(message), this.#format.encoding)
    return floatToInt16(this.#resampler.process(samples))
  }

  /** The samples still due when no more messages come. */
  flush(): Int16Array {
    return floatToInt16(this.#resampler.flush())
  }

  #checkLength(ms: number): void {
    // An empty message lasts no time, yet must not be free.
    if (ms < SHORTEST) this.#shortMs += Math.max(ms, 1)
    if (ms <= LONGEST && (ms >= SHORTEST || this.#shortMs < SHORT_ALLOWANCE)) return
    const text = `Input Duration Violation: ${ms.toFixed(1)} ms. Expected between ${SHORTEST} and ${LONGEST} ms`
    throw new Refusal(3007, `Input Duration Error: ${text}`)
  }
}

/** Refuses audio that comes too fast. */
export class PaceLimit {
  readonly #maxAheadMs: number
  #startedAt: number | undefined

  /** @param maxAheadMs - audio that may have come beyond the time since the first message. */
  constructor(maxAheadMs: number) {
    this.#maxAheadMs = maxAheadMs
  }

  /** @throws Refusal (3007) where `receivedMs` of audio, in all, is too much at `now`. */
  check(receivedMs: number, now: number): void {
    this.#startedAt ??= now
    const elapsed = now - this.#startedAt
    if (receivedMs - elapsed <= this.#maxAheadMs) return
    const seconds = `${(receivedMs / 1000).toFixed(1)} sec. audio in ${(elapsed / 1000).toFixed(6)} sec`
    throw new Refusal(3007, `Audio Transmission Rate Exceeded: Received ${seconds}`)
  }
}
