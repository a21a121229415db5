import { addAbortSignal, Readable } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import { BlockAligner } from '../../audio/framer.ts'
import { type AudioFormat, blockSize, bytesToMs, msToBytes, sameFormat } from '../../audio/format.ts'
import { WavReader, writeWavHeader } from '../../audio/wav.ts'
import { type DiarizeStreamError, InputError, type Warning } from '../../errors.ts'
import { announce, liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../../stage.ts'
import type { SourceReconnecting } from './options.ts'
import type { SourceGap } from './timeline.ts'

/** 100 ms of 16 kHz mono, in bytes; also the most that is handed on at once. */
const OUTPUT_BYTES = 3200

/** Pieces of silence that are made before everything else in the process gets its turn. */
const PIECES_PER_TURN = 64

/** Ms by which a part may stand beside its place: less than anybody hears, and than is worth a cut. */
const TOLERANCE = 10

/** Most audio past the end of a part, in ms, that is held until it is known whether it belongs to it. */
const MOST_HELD = 10_000

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
}

/** Silence of so many ms; up to `end`, in ms of the joined stream, where that is given. */
export interface SilentPart {
  silence: number
  end?: number
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
  #format: AudioFormat | undefined
  #bytes = 0
  #running: Promise<void> | undefined
  #part: UpstreamStage | undefined
  #full = false
  #resume: (() => void) | undefined
  #startedAt: Date | undefined
  #silentPieces = 0
  readonly #stop = (): void => {
    this.#part?.destroy()
    this.#options.close()
    this.#resume?.()
  }

  constructor(options: JoinedSourceOptions) {
    super({ highWaterMark: OUTPUT_BYTES })
    announce(this)
    this.#options = options
    options.stop?.addEventListener('abort', this.#stop)
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
  }

  /** Length of all audio in ms, where it is known by now. */
  duration: number | undefined

  /** Where it begins, in ms of what it reads, when that is not at its beginning. */
  beginsAt = 0

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
      for await (const part of this.#options.parts()) {
        const more = 'silence' in part ? await this.#pushGap(part) : await this.#pushAll(part)
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

  /** Before the first audio nobody knows its format: what that is placed at is all there is to know of silence before it. */
  async #pushGap({ silence, end }: SilentPart): Promise<boolean> {
    const format = this.#format
    if (format === undefined) return true
    return this.#pushSilence(end === undefined ? msToBytes(silence, format) : this.#bytesUntil(end, format), format)
  }

  async #pushSilence(bytes: number, format: AudioFormat): Promise<boolean> {
    for (let left = bytes; left > 0; left -= OUTPUT_BYTES) {
      // Whoever reads may take all of it at once: then nothing else here is waited for.
      this.#silentPieces += 1
      if (this.#silentPieces % PIECES_PER_TURN === 0) await immediate()
      if (!(await this.#pushAudio(Buffer.alloc(Math.min(left, OUTPUT_BYTES)), format))) return false
    }
    return true
  }

  /** Bytes from here to a place in ms of this stream; negative where it is past that. */
  #bytesUntil(ms: number, format: AudioFormat): number {
    return ms < 0 ? -msToBytes(-ms, format) - this.#bytes : msToBytes(ms, format) - this.#bytes
  }

  /** Hands on all of a part; resolves when nothing of it is left, with whether more audio may follow. */
  async #pushAll(part: AudioPart): Promise<boolean> {
    const { stream } = part
    const reader = new WavReader()
    let cut: PartCut | undefined
    this.#part = stream
    if (this.destroyed) stream.destroy()
    const wanted = this.#format ?? this.#target
    if (wanted !== undefined) stream[requestFormat]?.(wanted)
    this.#relayEvents(part)
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const audio = reader.push(chunk)
        if (reader.header === undefined) continue
        const { format } = reader.header
        this.#begin(format)
        if (cut === undefined) {
          const ahead = part.at === undefined ? 0 : this.#bytesUntil(part.at(), format)
          const isPlaced = Math.abs(ahead) <= msToBytes(TOLERANCE, format)
          if (!isPlaced && !(await this.#pushSilence(ahead, format))) return false
          const skip = msToBytes(part.skip ?? 0, format)
          cut = new PartCut(part, format, isPlaced ? skip : Math.max(0, -ahead))
        }
        if (!(await this.#pushAudio(cut.push(audio, this.#bytes), format))) return false
      }
      const format = reader.header?.format
      if (cut === undefined || format === undefined) return true
      if (!(await this.#pushAudio(cut.push(reader.flush(), this.#bytes), format))) return false
      return await this.#pushAudio(cut.flush(this.#bytes), format)
    } finally {
      await destroyed(stream)
      // Of the first of them; it is asked for when all have ended, too.
      this.#startedAt ??= stream[streamStartedAt]
      this.#part = undefined
    }
  }

  #relayEvents({ stream, at }: AudioPart): void {
    const start = this.position
    stream.on('gap', (gap: SourceGap) => {
      const from = Math.round(at?.() ?? start)
      this.emit('gap', { ...gap, start: from + gap.start, end: from + gap.end })
    })
    stream.on('reconnecting', (record: SourceReconnecting) => void this.emit('reconnecting', record))
    stream.on('warning', (warning: Warning) => {
      // Some warnings are reason enough for whoever made the part to end it by an error.
      if (!stream.destroyed) this.emit('warning', warning)
    })
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
    const room = msToBytes(this.#options.maxDuration - this.beginsAt, format) - this.#bytes
    const allowed = audio.length > room ? audio.subarray(0, room) : audio
    for (let at = 0; at < allowed.length; at += OUTPUT_BYTES) {
      if (this.destroyed || this.#options.stop?.aborted === true) return false
      const piece = allowed.subarray(at, at + OUTPUT_BYTES)
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

/** The samples of a part that belong into the joined stream: those between its place and its end. */
class PartCut {
  readonly #part: AudioPart
  readonly #format: AudioFormat
  readonly #aligner: BlockAligner
  /** Bytes at the beginning that are left out. */
  #skip: number
  /** What is past the end, as far as that is known. */
  #held: Buffer[] = []
  #heldBytes = 0

  constructor(part: AudioPart, format: AudioFormat, skip: number) {
    this.#part = part
    this.#format = format
    this.#aligner = new BlockAligner(blockSize(format))
    this.#skip = skip
  }

  /** What of a chunk is to be handed on now, after `position` bytes of the joined stream. */
  push(chunk: Buffer, position: number): Buffer {
    const aligned = this.#aligner.push(chunk)
    const audio = aligned.subarray(Math.min(this.#skip, aligned.length))
    this.#skip -= aligned.length - audio.length
    const room = this.#heldBytes > 0 ? 0 : this.#room(position, audio.length, false)
    if (audio.length > room) this.#hold(audio.subarray(room))
    return audio.subarray(0, Math.min(room, audio.length))
  }

  /** What was held and belongs to the part after all. */
  flush(position: number): Buffer {
    const room = this.#room(position, this.#heldBytes, true)
    return Buffer.concat(this.#held).subarray(0, room)
  }

  /** Bytes between `position` and the end of the part; with `length` bytes all of its audio that is known is there. */
  #room(position: number, length: number, finished: boolean): number {
    const end = this.#part.end?.(bytesToMs(position + length, this.#format), finished)
    return end === undefined ? Infinity : Math.max(0, msToBytes(Math.max(0, end), this.#format) - position)
  }

  #hold(audio: Buffer): void {
    if (this.#heldBytes >= msToBytes(MOST_HELD, this.#format)) return
    this.#held.push(audio)
    this.#heldBytes += audio.length
  }
}

/** Destroys a stream; resolves when it has closed. What it may still say about its end concerns nobody. */
export async function destroyed(stream: Readable): Promise<void> {
  if (stream.closed) return
  await new Promise<void>((resolve) => {
    stream.once('close', () => resolve())
    stream.on('error', () => {})
    stream.destroy()
  })
}
