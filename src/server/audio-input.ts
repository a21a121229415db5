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

/** Whom samples go to. */
export interface SampleTaker {
  write(samples: Int16Array): Promise<void> | void
}

/** The audio messages of one client, as samples. What is to be done with a taker is done in the order it was asked for. */
export interface ClientAudio {
  /** Milliseconds of audio received. */
  readonly receivedMs: number
  /**
   * Takes a message that comes at `now`.
   *
   * @returns what hands its samples to a taker, when that can take them.
   * @throws Refusal (3006) for what cannot be decoded, (3007) for what is too long, or comes too fast.
   */
  accept(message: Buffer, now: number): (taker: SampleTaker) => Promise<void> | void
  /** Waits until what was handed over has come out, as far as it can: what is asked for now is asked for behind that. */
  catchUp(taker: SampleTaker): Promise<void>
  /** No more will come: hands on all that is left. */
  finish(taker: SampleTaker): Promise<void>
  /** Frees everything; resolves when nothing is left running. */
  destroy(): Promise<void>
}

/** PCM, judged by length and pace. Messages may end inside a sample. */
export class AudioInput implements ClientAudio {
  readonly #format: AudioFormat
  readonly #aligner: BlockAligner
  readonly #resampler: Resampler
  readonly #checkPace: PaceCheck
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
    this.#checkPace = paceCheck(maxAheadMs)
  }

  get receivedMs(): number {
    return bytesToMs(this.#bytes, this.#format)
  }

  accept(message: Buffer, now: number): (taker: SampleTaker) => Promise<void> | void {
    const ms = bytesToMs(message.length, this.#format)
    this.#checkLength(ms)
    this.#checkPace(this.receivedMs + ms, now)
    this.#bytes += message.length
    const decoded = decodeSamples(this.#aligner.push(message), this.#format.encoding)
    const samples = floatToInt16(this.#resampler.process(decoded))
    return (taker) => taker.write(samples)
  }

  async catchUp(): Promise<void> {}

  async finish(taker: SampleTaker): Promise<void> {
    const tail = floatToInt16(this.#resampler.flush())
    if (tail.length > 0) await taker.write(tail)
  }

  async destroy(): Promise<void> {}

  #checkLength(ms: number): void {
    // An empty message lasts no time, yet must not be free.
    if (ms < SHORTEST) this.#shortMs += Math.max(ms, 1)
    if (ms <= LONGEST && (ms >= SHORTEST || this.#shortMs < SHORT_ALLOWANCE)) return
    const text = `Input Duration Violation: ${ms.toFixed(1)} ms. Expected between ${SHORTEST} and ${LONGEST} ms`
    throw new Refusal(3007, `Input Duration Error: ${text}`)
  }
}

/** What refuses audio that comes too fast. @throws Refusal (3007) where `receivedMs`, in all, is too much at `now`. */
export type PaceCheck = (receivedMs: number, now: number) => void

/** @param maxAheadMs - audio that may have come beyond the time since the first message. */
export function paceCheck(maxAheadMs: number): PaceCheck {
  let startedAt: number | undefined
  return (receivedMs, now) => {
    startedAt ??= now
    const elapsed = now - startedAt
    if (receivedMs - elapsed <= maxAheadMs) return
    const seconds = `${(receivedMs / 1000).toFixed(1)} sec. audio in ${(elapsed / 1000).toFixed(6)} sec`
    throw new Refusal(3007, `Audio Transmission Rate Exceeded: Received ${seconds}`)
  }
}
