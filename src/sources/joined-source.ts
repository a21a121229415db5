import { addAbortSignal, Readable } from 'node:stream'
import { BlockAligner } from '../audio/block-aligner.ts'
import { type AudioFormat, blockSize, bytesToMs, msToBytes, sameFormat } from '../audio/format.ts'
import { writeWavHeader } from '../audio/wav.ts'
import { WavReader } from '../audio/wav-reader.ts'
import { type DiarizeStreamError, InputError } from '../errors.ts'
import { liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../stage.ts'

/** 100 ms of 16 kHz mono, in bytes; also the most that is handed on at once. */
const outputHighWaterMark = 3200

/** What a joined stream is made of, one after the other. */
export type Part =
  /** Audio: a WAV byte stream, its format that of the parts before. */
  { stream: Readable } | { silence: number }

/** What a {@link JoinedSource} is made of, and how. */
export interface JoinedSourceOptions {
  /**
   * Gives the parts, each when the one before is done. Called when somebody first asks for audio.
   *
   * @param format - the format of the parts before; of the first part the one that was asked for, if any.
   */
  parts: (format: () => AudioFormat | undefined) => AsyncIterable<Part>
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
 */
export class JoinedSource extends Readable {
  readonly #options: JoinedSourceOptions
  #target: AudioFormat | undefined
  #format: AudioFormat | undefined
  #bytes = 0
  #running: Promise<void> | undefined
  #part: UpstreamStage | undefined
  #full = false
  #resume: (() => void) | undefined
  #startedAt: Date | undefined
  readonly #stop = (): void => {
    this.#part?.destroy()
    this.#options.close()
    this.#resume?.()
  }

  constructor(options: JoinedSourceOptions) {
    super({ highWaterMark: outputHighWaterMark })
    this.#options = options
    options.stop?.addEventListener('abort', this.#stop)
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
  }

  /** Length of all audio in ms, where it is known by now. */
  duration: number | undefined

  /** Audio handed on so far, in ms of the stream. */
  get position(): number {
    return this.#format === undefined ? 0 : bytesToMs(this.#bytes, this.#format)
  }

  get [liveSource](): boolean {
    return this.#options.isLive()
  }

  /** Wall time at which the first sample was recorded; `undefined` before it came, and where that is no live one. */
  get [streamStartedAt](): Date | undefined {
    return this.#startedAt ?? this.#part?.[streamStartedAt]
  }

  /** Says when the first sample was recorded. */
  set [streamStartedAt](date: Date | undefined) {
    this.#startedAt = date
  }

  /** Asks for WAV in `format`. `false` once it runs, or if somebody else has asked for something different. */
  [requestFormat](format: AudioFormat): boolean {
    if (format.encoding !== 's16le' || this.#running !== undefined || this.destroyed) return false
    this.#target ??= { ...format }
    return sameFormat(this.#target, format)
  }

  override _read(): void {
    this.#full = false
    this.#resume?.()
    this.#running ??= this.#run()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#options.stop?.removeEventListener('abort', this.#stop)
    this.#options.close()
    this.#part?.destroy()
    this.#resume?.()
    if (this.#running === undefined) callback(error)
    else void this.#running.then(() => callback(error))
  }

  /** Never rejects: what goes wrong is the error of the stream. */
  async #run(): Promise<void> {
    if (this.#options.stop?.aborted === true) this.#options.close()
    try {
      for await (const part of this.#options.parts(() => this.#format ?? this.#target)) {
        const more = 'silence' in part ? await this.#pushSilence(part.silence) : await this.#pushAll(part.stream)
        if (!more) break
      }
      if (!this.destroyed) this.push(null)
    } catch (error) {
      if (this.#options.stop?.aborted === true && !this.destroyed) {
        this.push(null)
        return
      }
      // destroy() waits for this very promise, by way of _destroy().
      this.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #pushSilence(ms: number): Promise<boolean> {
    const format = this.#format
    if (format === undefined) return true
    for (let left = msToBytes(ms, format); left > 0; left -= outputHighWaterMark) {
      if (!(await this.#pushAudio(Buffer.alloc(Math.min(left, outputHighWaterMark)), format))) return false
    }
    return true
  }

  /** Hands on all of a part; resolves when nothing of it is left, with whether more audio may follow. */
  async #pushAll(stream: Readable): Promise<boolean> {
    const reader = new WavReader()
    let aligner: BlockAligner | undefined
    this.#part = stream
    if (this.destroyed) stream.destroy()
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const audio = reader.push(chunk)
        if (reader.header === undefined) continue
        const { format } = reader.header
        this.#begin(format)
        aligner ??= new BlockAligner(blockSize(format))
        if (!(await this.#pushAudio(aligner.push(audio), format))) return false
      }
      const format = reader.header?.format
      return (
        format === undefined || aligner === undefined || (await this.#pushAudio(aligner.push(reader.flush()), format))
      )
    } finally {
      await destroyed(stream)
      this.#part = undefined
    }
  }

  #begin(format: AudioFormat): void {
    if (this.#format === undefined) {
      this.#format = format
      this.push(writeWavHeader(format))
    } else if (!sameFormat(this.#format, format)) {
      throw new InputError('UNSUPPORTED_AUDIO', 'the audio changed its format in the middle')
    }
  }

  /** @returns whether more audio may follow. */
  async #pushAudio(audio: Buffer, format: AudioFormat): Promise<boolean> {
    const room = msToBytes(this.#options.maxDuration, format) - this.#bytes
    const allowed = audio.length > room ? audio.subarray(0, room) : audio
    for (let at = 0; at < allowed.length; at += outputHighWaterMark) {
      if (this.destroyed || this.#options.stop?.aborted === true) return false
      const piece = allowed.subarray(at, at + outputHighWaterMark)
      this.#bytes += piece.length
      this.#full = !this.push(piece)
      if (this.#full) await this.#wanted()
    }
    if (audio.length <= room) return !this.destroyed
    const error = this.#options.tooLong()
    if (error !== undefined) throw error
    return false
  }

  async #wanted(): Promise<void> {
    while (this.#full && !this.destroyed && this.#options.stop?.aborted !== true) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
    }
    this.#resume = undefined
  }
}

/** Resolves when a stream has closed. */
async function destroyed(stream: Readable): Promise<void> {
  if (stream.closed) return
  await new Promise<void>((resolve) => {
    stream.once('close', () => resolve())
    stream.on('error', () => {})
    stream.destroy()
  })
}
