import { mediaBytes } from '../audio/chunks.ts'
import { announce } from '../stage.ts'
import { takesBytes } from '../stream-helpers.ts'
import { FfmpegDecoder, type FfmpegDecoderOptions } from './decoder.ts'
import type { ElementsEnd } from './bytes/elements-end.ts'
import type { FlacEnd } from './bytes/flac.ts'
import type { InputRepair } from './bytes/input-repair.ts'
import type { MovieIndex } from './bytes/movie-index.ts'
import type { Lack, OggEnd } from './bytes/ogg-end.ts'
import type { PartFinder } from './joined.ts'
import { encryptedInput } from './probe.ts'

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
  readonly #inputName: string
  /** Where files end by what they say; none where the input has no end of its own. */
  #ends: readonly (ElementsEnd | FlacEnd)[] = []
  readonly #isEndless: boolean
  #warned = false
  #warnedOfHoles = false

  constructor(options: FfmpegByteDecoderOptions) {
    super(options)
    announce(this)
    this.#inputName = options.inputName
    this.#isEndless = options.limit !== undefined
    takesBytes(this, (chunk) => mediaBytes('decode()', chunk))
  }

  protected override async load(): Promise<void> {
    const [repair, joined, ogg, elements, flac, index] = await Promise.all([
      import('./bytes/input-repair.ts'),
      import('./joined.ts'),
      import('./bytes/ogg-end.ts'),
      import('./bytes/elements-end.ts'),
      import('./bytes/flac.ts'),
      import('./bytes/movie-index.ts'),
      super.load(),
    ])
    this.#repair = new repair.InputRepair()
    this.#parts = new joined.PartFinder()
    this.#ogg = new ogg.OggEnd()
    this.#index = new index.MovieIndex()
    if (!this.#isEndless) this.#ends = [new elements.ElementsEnd(), new flac.FlacEnd()]
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: () => void): void {
    const pieces = this.#parts.push(this.#repair.push(chunk))
    this.#warnOfSize()
    this.#warnOfHoles()
    this.#writeParts(pieces, encoding, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    const pieces = this.#parts.push(this.#repair.flush())
    this.#warnOfSize()
    this.#warnOfHoles()
    this.#warnOfLack(this.#repair.lack)
    this.#writeParts(pieces, 'binary', () =>
      this.#writeParts([this.#parts.flush()], 'binary', () => {
        this.#warnOfCut()
        super._final(callback)
      }),
    )
  }

  /** Writes what goes on with the file at hand, and then others. */
  #writeParts([first = Buffer.alloc(0), ...others]: Buffer[], encoding: BufferEncoding, written: () => void): void {
    const next = (): void => {
      if (others.length === 0) written()
      else {
        this.#warnOfCut()
        this.endPart(this.#parts.isChain, () => this.#writeParts(others, encoding, written))
      }
    }
    this.#index.push(first)
    if (this.#index.isEncrypted) {
      this.destroy(encryptedInput(this.#inputName))
      return
    }
    this.silences = this.#index.silences
    if (this.#parts.isChain) this.#ogg.push(first)
    for (const end of this.#ends) end.push(first)
    if (first.length === 0) next()
    else super._write(first, encoding, next)
  }

  #warnOfSize(): void {
    const warning = this.#warned ? undefined : this.#repair.sizeWarning(this.#inputName)
    if (warning === undefined) return
    this.#warned = true
    this.emit('warning', warning)
  }

  #warnOfHoles(): void {
    for (const { at, bytes, given, start, end } of this.#repair.takeHoles()) {
      this.countOthers(bytes - given)
      if (end - start >= leastGapMs) this.emit('gap', { start, end, missing: end - start })
      if (this.#warnedOfHoles) continue
      this.#warnedOfHoles = true
      const line = `${bytes} bytes from byte ${at} on are damaged, or something else`
      const message = `${this.#inputName} is not sound throughout, part of its audio may be lost: ${line}`
      this.emit('warning', { code: 'FFMPEG_WARNING', message, line })
    }
  }

  #warnOfCut(): void {
    if (this.isCutShort) return
    for (const end of this.#ends) this.#warnOfLack(end.end())
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
