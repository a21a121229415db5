import { mediaBytes } from '../audio/chunks.ts'
import { type DiarizeStreamError, InputError } from '../errors.ts'
import { liveSource, onUpstream, relayEvents, streamStartedAt, type UpstreamStage } from '../stage.ts'
import { takesBytes } from '../stream-helpers.ts'
import { pipeInput } from './arguments.ts'
import { FfmpegDecoder, type FfmpegDecoderOptions } from './decoder.ts'
import type { ElementsEnd } from './bytes/elements-end.ts'
import type { FlacEnd } from './bytes/flac.ts'
import type { GivenBytes } from './bytes/given.ts'
import type { InputRepair } from './bytes/input-repair.ts'
import type { MovieIndex } from './bytes/movie-index.ts'
import type { Lack, OggEnd } from './bytes/ogg-end.ts'
import type { PartFinder } from './bytes/joined.ts'
import { encryptedInput } from './probe.ts'

/** So many of several files may follow one another that cannot be decoded: each costs a process. */
const mostUnheard = 20
/** Silence in the place of what is damaged is told as a gap from here on, in ms. */
const leastGapMs = 1000

/** What an {@link FfmpegByteDecoder} decodes. */
export type FfmpegByteDecoderOptions = Omit<FfmpegDecoderOptions, 'input' | 'missing'>

/**
 * WAV out of the bytes of any media that are written to it. What FFmpeg reads wrong in a WAV or in joined MP3s is put right
 * on the way to it, and said: `WAV_SIZE_WRONG` where a WAV is longer than its header says, `INPUT_TRUNCATED` where it is
 * shorter. Files that were joined are decoded one after the other.
 */
export class FfmpegByteDecoder extends FfmpegDecoder {
  #repair!: InputRepair
  #parts!: PartFinder
  #ogg!: OggEnd
  #index!: MovieIndex
  readonly #options: FfmpegByteDecoderOptions
  #upstream: UpstreamStage | undefined
  /** The bytes of the file at hand. */
  #bytes!: GivenBytes
  #given!: typeof import('./bytes/given.ts')
  /** Goes on with the next of several files, once the one at hand has been decoded. */
  #next: (() => void) | undefined
  /** Files in a row that could not be decoded. */
  #unheard = 0
  /** Ends the side that is written to. */
  #finish: (() => void) | undefined
  /** Where files end by what they say; absent where the input has no end of its own. */
  #elements: ElementsEnd | undefined
  #flac: FlacEnd | undefined
  readonly #isEndless: boolean
  #warned = false
  #warnedOfHoles = false

  constructor(options: FfmpegByteDecoderOptions) {
    super(options)
    relayEvents(this)
    onUpstream(this, (upstream) => (this.#upstream ??= upstream))
    this.#options = options
    this.#isEndless = options.limit !== undefined
    takesBytes(this, (chunk) => mediaBytes('decode()', chunk))
  }

  protected override async load(): Promise<void> {
    const [repair, joined, ogg, elements, flac, index, given] = await Promise.all([
      import('./bytes/input-repair.ts'),
      import('./bytes/joined.ts'),
      import('./bytes/ogg-end.ts'),
      import('./bytes/elements-end.ts'),
      import('./bytes/flac.ts'),
      import('./bytes/movie-index.ts'),
      import('./bytes/given.ts'),
      super.load(),
    ])
    this.#repair = new repair.InputRepair()
    this.#parts = new joined.PartFinder()
    this.#ogg = new ogg.OggEnd()
    this.#index = new index.MovieIndex()
    this.#given = given
    this.#bytes = new given.GivenBytes()
    if (this.#isEndless) return
    this.#elements = new elements.ElementsEnd()
    this.#flac = new flac.FlacEnd()
  }

  /** Whether the audio cannot be held back, as the stage above says; `false` for a whole file. */
  override get [liveSource](): boolean | undefined {
    return super[liveSource] ?? this.#upstream?.[liveSource]
  }

  get [streamStartedAt](): Date | undefined {
    return this.#upstream?.[streamStartedAt]
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const pieces = this.#parts.push(this.#repair.push(chunk))
    this.#warnOfSize()
    this.#warnOfHoles()
    this.#writeParts(pieces, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    const pieces = this.#parts.push(this.#repair.flush())
    this.#warnOfSize()
    this.#warnOfHoles()
    this.#warnOfLack(this.#repair.lack)
    this.#writeParts(pieces, () =>
      this.#writeParts([this.#parts.flush()], () => {
        this.#warnOfCut()
        this.#end(callback)
      }),
    )
  }

  #end(callback: (error?: Error | null) => void): void {
    this.#bytes.isEnded = true
    if (this.#bytes.received === 0) {
      const message = `${this.#options.inputName} ended without a byte; check where it comes from`
      return callback(new InputError('NO_AUDIO', message))
    }
    // Finished means understood: whoever only waits for the input side learns of a failure, too.
    this.#finish = callback
    this.#start(() => this.#endInput())
    if (this.hasAudio) this.releaseInput()
  }

  /** Writes what goes on with the file at hand, and then others. */
  #writeParts([piece = Buffer.alloc(0), ...more]: Buffer[], written: () => void): void {
    const other = this.#elements?.push(piece)
    const first = other === undefined ? piece : piece.subarray(0, Math.max(0, piece.length - other.length))
    const others = other === undefined ? more : [other, ...more]
    const next = (): void => {
      if (others.length === 0) written()
      else {
        this.#warnOfCut()
        this.#endPart(this.#parts.isChain, () => this.#writeParts(others, written))
      }
    }
    this.#index.push(first)
    if (this.#index.isEncrypted) {
      this.destroy(encryptedInput(this.#options.inputName))
      return
    }
    this.silences = this.#index.silences
    if (this.#parts.isChain) this.#ogg.push(first)
    this.#flac?.push(first)
    if (first.length === 0) next()
    else this.#accept(first, next)
  }

  #accept(chunk: Buffer, taken: () => void): void {
    this.#bytes.count(chunk)
    if (this.process !== undefined) return this.#give(chunk, taken)
    this.#bytes.hold(chunk)
    this.#start(taken)
  }

  /** Starts FFmpeg on what has come if that says how; calls `next` once FFmpeg has it, or more is needed. */
  #start(next: () => void): void {
    if (this.process !== undefined) return next()
    const { mode } = this.#bytes
    if (mode === undefined) return next()
    const head = this.#bytes.release()
    this.start(pipeInput(mode === 'spooled', { ...this.#options, begins: this.#bytes.begins }))
    this.#give(head, next)
  }

  #give(bytes: Buffer, taken: () => void): void {
    const { process } = this
    // Without one the start has failed, and this stream with it.
    if (process === undefined) return taken()
    const { given, other } = this.#bytes.take(bytes)
    process.write(given, other === undefined ? taken : () => this.#endPart(true, () => this.#accept(other, taken)))
  }

  #endInput(): void {
    const rest = this.#bytes.end()
    if (rest.length > 0) this.process?.write(rest, () => {})
    this.process?.endInput()
  }

  /**
   * Ends the file at hand: what is written once `next` has been called is another one, which an FFmpeg of its own decodes, and
   * whose sound comes right behind.
   *
   * @param isUsual - whether that is as it should be, and needs no warning.
   */
  #endPart(isUsual: boolean, next: () => void): void {
    if (isUsual) this.told.add('INPUT_JOINED')
    this.#bytes.isEnded = true
    this.#next = next
    if (this.isOver) this.beginNext()
    else this.#start(() => this.#endInput())
  }

  protected override get isLast(): boolean {
    return this.#next === undefined
  }

  protected override beginNext(): void {
    const next = this.#next
    if (next === undefined) return
    this.#next = undefined
    const { clocks } = this.#bytes
    this.#bytes = new this.#given.GivenBytes(clocks)
    this.beginFile(clocks !== undefined)
    next()
  }

  protected override get canBeginAnew(): boolean {
    return this.#bytes.kept !== undefined
  }

  protected override feedAgain(): void {
    for (const bytes of this.#bytes.kept ?? []) this.process?.write(bytes, () => {})
    if (this.#bytes.isGiven) this.process?.endInput()
  }

  protected override forgetInput(): void {
    this.#bytes?.forget()
  }

  protected override releaseInput(): void {
    const finish = this.#finish
    this.#finish = undefined
    finish?.()
  }

  protected override get missing(): number {
    return this.#bytes.missing
  }

  /** One of several files may be such that it cannot be decoded. */
  protected override isBorne(failure: DiarizeStreamError | undefined): boolean {
    this.#unheard = failure === undefined ? 0 : this.#unheard + 1
    if (failure === undefined) return true
    const isOne = this.isLast && !this.hasBegun
    if (isOne || !(failure instanceof InputError) || this.#unheard > mostUnheard) return false
    const { inputName } = this.#options
    const bytes = this.#bytes.received
    const message = `${inputName} is several files, one behind the other, and one of them, of ${bytes} bytes, is not heard: give each by itself. ${failure.message}`
    this.emit('warning', { code: 'INPUT_JOINED', message, bytes, cause: failure })
    return true
  }

  #warnOfSize(): void {
    const warning = this.#warned ? undefined : this.#repair.sizeWarning(this.#options.inputName)
    if (warning === undefined) return
    this.#warned = true
    this.emit('warning', warning)
  }

  #warnOfHoles(): void {
    for (const { at, bytes, given, start, end } of this.#repair.takeHoles()) {
      this.#bytes.received += bytes - given
      if (end - start >= leastGapMs) this.emit('gap', { start, end, missing: end - start })
      if (this.#warnedOfHoles) continue
      this.#warnedOfHoles = true
      const line = `${bytes} bytes from byte ${at} on are damaged, or something else`
      const message = `${this.#options.inputName} is not sound throughout, part of its audio may be lost: ${line}`
      this.emit('warning', { code: 'FFMPEG_WARNING', message, line })
    }
  }

  #warnOfCut(): void {
    if (this.isCutShort) return
    this.#warnOfLack(this.#elements?.end())
    this.#warnOfLack(this.#flac?.end())
    const lack = this.#ogg.end()
    if (lack === undefined) return
    const time = lack.missingMs === undefined ? 'what was in it' : `${(lack.missingMs / 1000).toFixed(1)} s`
    this.warnOfTruncation(
      lack,
      `is cut within a page of Ogg, which lacks ${lack.missing} bytes: ${time} cannot be heard`,
    )
  }

  #warnOfLack(lack: Lack | undefined): void {
    if (lack === undefined || lack.missing === 0 || this.isCutShort) return
    const time = lack.missingMs === undefined ? '' : `, ${(lack.missingMs / 1000).toFixed(1)} s,`
    const what = `lacks ${lack.missing} bytes${time} at its end, by its own header; only what is there was decoded`
    this.warnOfTruncation(lack, what)
  }
}
