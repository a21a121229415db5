import { Readable } from 'node:stream'
import { type AudioFormat, sameFormat } from '../../audio/format.ts'
import type { DiarizeStreamError } from '../../errors.ts'
import { Moment } from '../../moment.ts'
import { announce, endEarly, liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../../stage.ts'
import { abortBy } from '../../stream-helpers.ts'

/** 100 ms of 16 kHz mono, in bytes. */
const OUTPUT_BYTES = 3200

/** What a joined stream is made of, one after the other. */
export type Part = AudioPart | SilentPart

/** Audio. */
export interface AudioPart {
  /** A WAV byte stream; asked for the format of the parts before, or the one that is wanted, it must come in that. */
  stream: UpstreamStage
  /**
   * Where its first sample stands, in ms of the joined stream; after the part before if absent. Where that has not come so
   * far there is silence, where it is past it the beginning is left out. Asked when the first sample is there.
   */
  at?: () => number
  /** Ms of its audio at its beginning that are left out; times of its events are counted from there all the same. */
  skip?: number
  /**
   * Where it ends at the latest, in ms of the joined stream: what comes later is left out. `undefined` while that is not
   * known, and where it ends by itself.
   *
   * @param reached - how far its audio goes by now, in ms of the joined stream.
   * @param finished - whether that is all; till then audio past the end is only held.
   */
  end?: (reached: number, finished: boolean) => number | undefined
  /** Whether an error ends this part only, and what follows is to be heard. Any does not if absent. */
  lose?: (error: unknown) => boolean
}

/** Silence up to a place in ms of the joined stream. */
export interface SilentPart {
  silentUntil: number
}

/** What a {@link JoinedSource} is made of, and how. */
export interface JoinedSourceOptions {
  /** Gives the parts, each when the one before is done. Called when somebody first asks for audio. */
  parts: () => AsyncIterable<Part>
  /** Makes everything that {@link parts} waits for fail at once. */
  close: () => void
  /** Most audio in ms. */
  maxDuration: number
  /** The error of audio that is longer; a stream that has none ends there. */
  tooLong: () => DiarizeStreamError | undefined
  /** Whether the source cannot be held back. */
  isLive: () => boolean
  /** Ends the stream in good order when it fires. */
  stop: AbortSignal | undefined
  signal: AbortSignal | undefined
}

/**
 * WAV streams, and silence between them, as one WAV stream. It ends only after its last part has, fails with what a part
 * fails with, and closes only after everything of its parts is gone.
 *
 * Emits what its parts emit as `warning`, `reconnecting`, and, at its place in the joined stream, as `gap`.
 */
export class JoinedSource extends Readable {
  readonly #options: JoinedSourceOptions
  #target: AudioFormat | undefined
  /** What joins the parts; loaded as the stream is made. */
  #joint: import('./joint.ts').Joint | undefined
  #startedAt: Moment | undefined
  #endsEarly = false

  constructor(options: JoinedSourceOptions) {
    super({ highWaterMark: OUTPUT_BYTES })
    announce(this)
    this.#options = options
    abortBy(options.signal, this)
  }

  /** Length of all audio in ms, where it is known by now. */
  duration: number | undefined

  /** Where it begins, in ms of what it reads, when that is not at its beginning. */
  beginsAt = 0

  /** Audio handed on so far, in ms of the stream. */
  get position(): number {
    return this.#joint?.position ?? 0
  }

  get [liveSource](): boolean {
    return this.#options.isLive()
  }

  /** Wall time at which the first sample was recorded; `undefined` before it came, and where that is no live one. */
  get [streamStartedAt](): Date | undefined {
    return this.#startedAt === undefined ? this.#joint?.startedAt : new Date(this.#startedAt.wall)
  }

  /** Says when the first sample was recorded. */
  set [streamStartedAt](date: Date | undefined) {
    this.#startedAt = date && new Moment(date.getTime())
  }

  /** Asks for WAV in `format`. `false` once it runs, or if somebody else has asked for something different. */
  [requestFormat](format: AudioFormat): boolean {
    if (format.encoding !== 's16le' || this.#joint?.isRunning === true || this.destroyed) return false
    this.#target ??= { ...format }
    return sameFormat(this.#target, format)
  }

  /** Ends in good order, as {@link JoinedSourceOptions.stop} does. */
  [endEarly](): void {
    this.#endsEarly = true
    this.#joint?.endEarly()
  }

  override _construct(callback: (error?: Error | null) => void): void {
    import('./joint.ts').then(({ Joint }) => {
      this.#joint = new Joint(this, this.#options)
      if (this.#endsEarly) this.#joint.endEarly()
      callback()
    }, callback)
  }

  override _read(): void {
    this.#joint?.read(this.#target)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#options.close()
    if (this.#joint === undefined) callback(error)
    else void this.#joint.close().then(() => callback(error))
  }
}
