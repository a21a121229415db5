import type { Readable } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import { BlockAligner } from '../../audio/framer.ts'
import { type AudioFormat, blockSize, bytesToMs, msToBytes, sameFormat } from '../../audio/format.ts'
import { WavReader } from '../../audio/wav-reader.ts'
import { writeWavHeader } from '../../audio/wav.ts'
import { InputError, type Warning } from '../../errors.ts'
import { Moment } from '../../moment.ts'
import { onceAborted, toError } from '../../stream-helpers.ts'
import { endEarly, liveSource, requestFormat, streamStartedAt, type UpstreamStage } from '../../stage.ts'
import type { SourceReconnecting } from './options.ts'
import type { AudioPart, JoinedSource, JoinedSourceOptions, SilentPart } from './parts.ts'
import type { SourceGap } from './timeline.ts'

/** 100 ms of 16 kHz mono, in bytes; also the most that is handed on at once. */
const OUTPUT_BYTES = 3200

/** Pieces of silence that are made before everything else in the process gets its turn. */
const PIECES_PER_TURN = 64

/** Ms by which a part may stand beside its place: less than anybody hears, and than is worth a cut. */
const TOLERANCE = 10

/** Most audio past the end of a part, in ms, that is held until it is known whether it belongs to it. */
const MOST_HELD = 10_000

/** The work of a {@link JoinedSource}: its parts, one behind the other. */
export class Joint {
  readonly #source: JoinedSource
  readonly #options: JoinedSourceOptions
  #format: AudioFormat | undefined
  #startedAt: Moment | undefined
  #bytes = 0
  #running: Promise<void> | undefined
  #part: UpstreamStage | undefined
  #full = false
  #resume: (() => void) | undefined
  #silentPieces = 0
  /** Whether it ends before its parts do; and whether that is at once, whatever the part at hand still gives. */
  #endsEarly = false
  #isCut = false
  readonly #ignoreStop: () => void

  constructor(source: JoinedSource, options: JoinedSourceOptions) {
    this.#source = source
    this.#options = options
    this.#ignoreStop = onceAborted(options.stop, () => this.endEarly())
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Audio handed on so far, in ms of the stream. */
  get position(): number {
    return this.#format === undefined ? 0 : bytesToMs(this.#bytes, this.#format)
  }

  /** When the first sample was recorded, by the first of its parts that knows. */
  get startedAt(): Date | undefined {
    return this.#startedAt === undefined ? this.#part?.[streamStartedAt] : new Date(this.#startedAt.wall)
  }

  /** Somebody wants audio, in the format `target` where that was asked for before the first. */
  read(target: AudioFormat | undefined): void {
    this.#full = false
    this.#resume?.()
    this.#running ??= this.#run(target)
  }

  /** Ends the stream in good order: of a live part after what that holds, and with what it says is missing. */
  endEarly(): void {
    if (this.#endsEarly) return
    this.#endsEarly = true
    const part = this.#part
    this.#isCut = part?.[liveSource] !== true
    if (this.#isCut) part?.destroy()
    else part?.[endEarly]?.()
    this.#options.close()
    this.#resume?.()
  }

  /** Gives up; resolves when all parts are gone. */
  async close(): Promise<void> {
    this.#ignoreStop()
    this.#part?.destroy()
    this.#resume?.()
    await this.#running
  }

  /** Never rejects: what goes wrong is the error of the stream. */
  async #run(target: AudioFormat | undefined): Promise<void> {
    try {
      for await (const part of this.#options.parts()) {
        const more = 'silentUntil' in part ? await this.#pushGap(part) : await this.#pushAll(part, target)
        if (!more || this.#endsEarly) break
      }
      if (!this.#source.destroyed) this.#source.push(null)
    } catch (error) {
      if (this.#endsEarly && !this.#source.destroyed) {
        this.#source.push(null)
        return
      }
      // destroy() waits for this very promise, by way of _destroy().
      this.#source.destroy(toError(error))
    }
  }

  /** Before the first audio nobody knows its format: what that is placed at is all there is to know of silence before it. */
  async #pushGap({ silentUntil }: SilentPart): Promise<boolean> {
    const format = this.#format
    return format === undefined || this.#pushSilence(this.#bytesUntil(silentUntil, format), format)
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
  async #pushAll(part: AudioPart, target: AudioFormat | undefined): Promise<boolean> {
    const { stream } = part
    const reader = new WavReader()
    let cut: PartCut | undefined
    this.#part = stream
    if (this.#source.destroyed) stream.destroy()
    const wanted = this.#format ?? target
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
    } catch (error) {
      if (this.#source.destroyed || part.lose?.(error) !== true) throw error
      return true
    } finally {
      await destroyed(stream)
      // It is asked for when all have ended, too.
      const { [streamStartedAt]: startedAt } = stream
      if (startedAt !== undefined) this.#startedAt ??= new Moment(startedAt.getTime())
      this.#part = undefined
    }
  }

  #relayEvents({ stream, at }: AudioPart): void {
    const start = this.position
    stream.on('gap', (gap: SourceGap) => {
      const from = Math.round(at?.() ?? start)
      this.#source.emit('gap', { ...gap, start: from + gap.start, end: from + gap.end })
    })
    stream.on('reconnecting', (record: SourceReconnecting) => void this.#source.emit('reconnecting', record))
    stream.on('warning', (warning: Warning) => {
      // Some warnings are reason enough for whoever made the part to end it by an error.
      if (!stream.destroyed) this.#source.emit('warning', warning)
    })
  }

  #begin(format: AudioFormat): void {
    if (this.#format === undefined) {
      this.#format = format
      this.#source.push(writeWavHeader(format))
    } else if (!sameFormat(this.#format, format)) {
      throw new InputError('UNSUPPORTED_AUDIO', 'the audio changed its format in the middle')
    }
  }

  /** @returns whether more audio may follow. */
  async #pushAudio(audio: Buffer, format: AudioFormat): Promise<boolean> {
    const room = msToBytes(this.#options.maxDuration - this.#source.beginsAt, format) - this.#bytes
    const allowed = audio.length > room ? audio.subarray(0, room) : audio
    for (let at = 0; at < allowed.length; at += OUTPUT_BYTES) {
      if (this.#source.destroyed || this.#isCut) return false
      const piece = allowed.subarray(at, at + OUTPUT_BYTES)
      this.#bytes += piece.length
      this.#full = !this.#source.push(piece)
      if (this.#full) await this.#wanted()
    }
    if (audio.length <= room) return !this.#source.destroyed
    const error = this.#options.tooLong()
    if (error !== undefined) throw error
    return false
  }

  async #wanted(): Promise<void> {
    while (this.#full && !this.#source.destroyed && !this.#isCut) {
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
