import type { Readable } from 'node:stream'
import { BlockAligner } from '../audio/block-aligner.ts'
import { type AudioFormat, blockSize, bytesToMs, describeFormat, sameFormat } from '../audio/format.ts'
import { WavReader } from '../audio/wav-reader.ts'
import { InputError } from '../errors.ts'
import { within } from '../within.ts'
import { ArrivalClock } from './arrival-clock.ts'

/** How long an opening that is no longer wanted is waited for, in ms. */
const OPENING_WAIT_MS = 2000

/** One opening of an input that may be lost: reads its WAV, and notes when the audio came. */
export class SourceAttempt {
  readonly clock = new ArrivalClock()
  readonly #pending: Promise<Readable>
  readonly #wanted: AudioFormat | undefined
  readonly #now: () => number
  readonly #reader = new WavReader()
  #aligner: BlockAligner | undefined
  #format: AudioFormat | undefined
  #bytes = 0
  #firstAt: number | undefined
  #settledOrigin: number | undefined
  #over = false
  #stream: Readable | undefined

  /**
   * @param stream - gives WAV.
   * @param wanted - what the WAV must hold; any where `undefined`.
   * @param now - a clock in ms that never goes back.
   */
  constructor(stream: Promise<Readable>, wanted: AudioFormat | undefined, now: () => number) {
    this.#pending = stream
    this.#wanted = wanted
    this.#now = now
  }

  /** What the audio is, once the first of it has come. */
  get format(): AudioFormat | undefined {
    return this.#format
  }

  /** When the first audio came; `undefined` until then. */
  get firstAt(): number | undefined {
    return this.#firstAt
  }

  /** Ms by which the audio ran ahead of the clock since {@link settle}. */
  get lead(): number {
    return this.#settledOrigin === undefined ? 0 : Math.max(0, this.#settledOrigin - this.clock.origin)
  }

  /** Says that the first burst is over. */
  settle(): void {
    this.#settledOrigin = this.clock.origin
  }

  /**
   * Begins to read. `onOpened` is called with the stream, before anything is read; `onReadable` is called when there may be something to {@link read}; `onOver` once, when no more
   * will come: with the error, or without one if the stream ended.
   */
  start(onOpened: (stream: Readable) => void, onReadable: () => void, onOver: (error?: Error) => void): void {
    const over = (error?: Error): void => {
      if (this.#over) return
      this.#over = true
      onOver(error)
    }
    this.#pending.then((stream) => {
      if (this.#over) return
      this.#stream = stream
      onOpened(stream)
      stream.on('error', over)
      stream.on('end', () => over())
      stream.on('close', () => over())
      stream.on('readable', onReadable)
    }, over)
  }

  /**
   * The next audio, whole samples only; `undefined` where nothing has come.
   *
   * @throws InputError `UNSUPPORTED_AUDIO` where it is no WAV, or not of the format that is wanted.
   */
  read(): Buffer | undefined {
    for (;;) {
      const chunk: unknown = this.#stream?.read()
      if (!Buffer.isBuffer(chunk)) return undefined
      const audio = this.#take(chunk)
      if (audio.length > 0) return audio
    }
  }

  /** Ends it without a word; resolves when everything that belongs to it is gone. */
  async close(): Promise<void> {
    this.#over = true
    const gone = this.#pending.then(
      (stream) =>
        new Promise<void>((resolve) => {
          if (stream.closed) return resolve()
          // What it may still say about its end concerns nobody.
          stream.on('error', () => {})
          stream.once('close', () => resolve())
          stream.destroy()
        }),
      () => {},
    )
    // One that is open is waited for. What opens it may be a function of the user, which need not come to an end.
    await (this.#stream === undefined ? within(OPENING_WAIT_MS, gone) : gone)
  }

  #take(chunk: Buffer): Buffer {
    const audio = this.#reader.push(chunk)
    if (this.#reader.kind === 'other') {
      throw new InputError('UNSUPPORTED_AUDIO', 'the input of a live source must be WAV; put decode() behind it')
    }
    const found = this.#reader.header?.format
    if (found === undefined) return audio
    this.#format ??= found
    if (this.#wanted !== undefined && !sameFormat(found, this.#wanted)) {
      const message = `the live source came back with ${describeFormat(found)} instead of ${describeFormat(this.#wanted)}`
      throw new InputError('UNSUPPORTED_AUDIO', message)
    }
    this.#aligner ??= new BlockAligner(blockSize(found))
    const whole = this.#aligner.push(audio)
    if (whole.length === 0) return whole
    const now = this.#now()
    this.#firstAt ??= now
    this.#bytes += whole.length
    this.clock.note(now, bytesToMs(this.#bytes, found))
    return whole
  }
}
