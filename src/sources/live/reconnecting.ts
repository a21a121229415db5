import { Readable } from 'node:stream'
import type { DiarizeStreamError } from '../../errors.ts'
import { announce, endEarly, liveSource, type RequestedFormat, requestFormat, streamStartedAt } from '../../stage.ts'
import { abortBy } from '../../stream-helpers.ts'
import type { ReconnectSettings } from './options.ts'

/** 100 ms of 16 kHz mono, in bytes. */
const OUTPUT_BYTES = 3200

/** Why an opening ended, and whether a further one is in vain. */
export type SourceLoss = { error: DiarizeStreamError; final: boolean } | { error: Error; final: true }

/** What a {@link ReconnectingSource} opens, and how it goes on. */
export interface ReconnectingSourceOptions extends ReconnectSettings {
  /** The input as people know it, for messages; free of credentials. */
  inputName: string
  /**
   * Opens the input once more: WAV of any length; a stage that can be asked for its format by `[requestFormat]` is
   * asked, others must come back with the format they had. Destroyed when it is no longer wanted.
   *
   * @param attempt - from 1.
   * @throws what ends the source for good. What a promise rejects with is told to `explain` first.
   */
  open: (attempt: number) => Readable | Promise<Readable>
  /**
   * What an opening that ended with `error`, or in order, means: the error that is tried again, or said where no retry is
   * left; or, `final`, one that no retry mends.
   *
   * @param hadAudio - whether the source has given audio, in this opening or before.
   */
  explain: (error: Error | undefined, hadAudio: boolean) => SourceLoss
  /** Called whenever an opening gives audio. */
  onAudio?: () => void
  /**
   * When it was certain, by `now`, that the first sample of the opening had been recorded: before it came here, where what
   * decodes it was slow to begin.
   */
  knownAt?: () => number | undefined
  /** A clock in ms that never goes back. @defaultValue `performance.now` */
  now?: () => number
}

/**
 * A source that does not end with its input: WAV of one format, put together from as many openings of the input as it
 * takes. One that is lost, or stalls, is closed whole and opened again, after a delay that grows with each failure. What
 * is missing is made good for by silence, so that a sample's place in the stream stays the time at which it was recorded.
 *
 * Emits `reconnecting` ({@link SourceReconnecting}), `gap` (`SourceGap`) when the audio is there again, and what the
 * openings emit as `warning`.
 */
export class ReconnectingSource extends Readable {
  readonly [liveSource] = true
  readonly #options: ReconnectingSourceOptions
  #asked: RequestedFormat | undefined
  /** What opens the input, again and again; loaded as the stream is made. */
  #openings: import('./openings.ts').Openings | undefined
  #endsEarly = false

  constructor(options: ReconnectingSourceOptions) {
    super({ highWaterMark: OUTPUT_BYTES })
    announce(this)
    this.#options = options
    // By option the signal would act inside super(), before the fields above exist.
    abortBy(options.signal, this)
  }

  /** Asks for WAV in `format`. `false` once the source has been opened, if it was not asked for the same before. */
  [requestFormat](format: RequestedFormat): boolean {
    if (this.#openings?.hasBegun !== true) this.#asked ??= { ...format }
    const asked = this.#asked
    return asked?.sampleRate === format.sampleRate && asked.channels === format.channels
  }

  /** Wall time at which the first sample was recorded; `undefined` before it came. */
  get [streamStartedAt](): Date | undefined {
    return this.#openings?.startedAt
  }

  /** Ends in good order, as `stop` does. */
  [endEarly](): void {
    this.#endsEarly = true
    this.#openings?.finish()
  }

  override _construct(callback: (error?: Error | null) => void): void {
    import('./openings.ts').then(({ Openings }) => {
      this.#openings = new Openings(this, this.#options, () => this.#asked)
      if (this.#endsEarly) this.#openings.finish()
      callback()
    }, callback)
  }

  override _read(): void {
    this.#openings?.read()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#openings === undefined) callback(error)
    else
      this.#openings.close().then(
        () => callback(error),
        (closeError: Error) => callback(error ?? closeError),
      )
  }
}
