import { BlockAligner } from '../audio/block-aligner.ts'
import { type AudioFormat, blockSize, bytesToMs } from '../audio/format.ts'
import { Resampler } from '../audio/polyphase.ts'
import { decodeSamples, floatToInt16 } from '../audio/samples.ts'
import { Refusal } from './refusal.ts'
import type { SessionSettings } from './settings.ts'

/** Turns audio messages of a client into the samples an engine takes. Messages may end in the middle of a sample. */
export class AudioInput {
  readonly #format: AudioFormat
  readonly #aligner: BlockAligner
  readonly #resampler: Resampler
  #bytes = 0

  /** @param engineRate - samples per second the engine wants, in Hz. */
  constructor(settings: Pick<SessionSettings, 'encoding' | 'sampleRate'>, engineRate: number) {
    this.#format = {
      sampleRate: settings.sampleRate,
      channels: 1,
      encoding: settings.encoding === 'pcm_mulaw' ? 'mulaw' : 's16le',
    }
    this.#aligner = new BlockAligner(blockSize(this.#format))
    this.#resampler = new Resampler(settings.sampleRate, engineRate)
  }

  /** Milliseconds of audio taken so far. */
  get receivedMs(): number {
    return bytesToMs(this.#bytes, this.#format)
  }

  /** Milliseconds that a message of `bytes` bytes lasts. */
  duration(bytes: number): number {
    return bytesToMs(bytes, this.#format)
  }

  /** The samples that a message completes; may be none. */
  push(message: Buffer): Int16Array {
    this.#bytes += message.length
    const samples = decodeSamples(this.#aligner.push(message), this.#format.encoding)
    return floatToInt16(this.#resampler.process(samples))
  }

  /** The samples still due when no more messages come. */
  flush(): Int16Array {
    return floatToInt16(this.#resampler.flush())
  }
}

/** Longest audio message in ms, inclusive. */
const LONGEST = 1000
/** Shortest audio message in ms that counts as full, inclusive. */
const SHORTEST = 50
/** Milliseconds of short messages at which the server loses patience. */
const PATIENCE = 1000

/**
 * Judges the length of audio messages: 50 to 1000 ms. A longer one is refused at once. Shorter ones are let pass until
 * they add up to a second, so that a short tail does no harm (the service was seen to take 49 messages of 20 ms).
 */
export class FrameCheck {
  #shortMs = 0

  /** Takes the length of the next message in ms; throws a {@link Refusal} where it ends the session. */
  accept(ms: number): void {
    if (ms > LONGEST) throw violation(ms)
    if (ms >= SHORTEST) return
    // An empty message lasts no time, yet must not be free.
    this.#shortMs += Math.max(ms, 1)
    if (this.#shortMs >= PATIENCE) throw violation(ms)
  }
}

function violation(ms: number): Refusal {
  const text = `Input Duration Violation: ${ms.toFixed(1)} ms. Expected between ${SHORTEST} and ${LONGEST} ms`
  return new Refusal(3007, `Input Duration Error: ${text}`)
}

/**
 * Judges whether audio comes too fast: it may be ahead of the clock by so much and no more. The clock starts with the
 * first audio message.
 */
export class PacingCheck {
  readonly #maxAheadMs: number
  #startedAt: number | undefined
  #receivedMs = 0

  /** @param maxAheadMs - audio in ms that may have come beyond the time passed; `Infinity` turns the check off. */
  constructor(maxAheadMs: number) {
    this.#maxAheadMs = maxAheadMs
  }

  /** Takes the length in ms of audio that came at `now` (ms of any steady clock); throws a {@link Refusal}. */
  accept(ms: number, now: number): void {
    this.#startedAt ??= now
    this.#receivedMs += ms
    const elapsed = now - this.#startedAt
    if (this.#receivedMs - elapsed <= this.#maxAheadMs) return
    const received = (this.#receivedMs / 1000).toFixed(1)
    const passed = (elapsed / 1000).toFixed(6)
    throw new Refusal(3007, `Audio Transmission Rate Exceeded: Received ${received} sec. audio in ${passed} sec`)
  }
}
