import { mediaBytes } from '../audio/chunks.ts'
import { announce } from '../stage.ts'
import { takesBytes } from '../stream-helpers.ts'
import { FfmpegDecoder, type FfmpegDecoderOptions } from './decoder.ts'
import type { ElementsEnd } from './bytes/elements-end.ts'
import type { FlacEnd } from './bytes/flac.ts'
import type { MovieIndex } from './bytes/movie-index.ts'
import type { OggEnd } from './bytes/ogg-end.ts'
import type { PartFinder } from './joined.ts'
import { encryptedInput } from './probe.ts'
import type { InputRepair } from './bytes/input-repair.ts'

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
  #oggEnd!: typeof OggEnd
  #index!: MovieIndex
  readonly #inputName: string
  #ogg: OggEnd | undefined
  /** Where files end by what they say; none where the input has no end of its own. */
  #ends: readonly (ElementsEnd | FlacEnd)[] = []
  readonly #isEndless: boolean
  #warned = false

  constructor(options: FfmpegByteDecoderOptions) {
    super(options)
    announce(this)
    this.#inputName = options.inputName
    this.#isEndless = options.limit !== undefined
    takesBytes(this, (chunk) => mediaBytes('decode()', chunk))
  }

  protected override async load(): Promise<void> {
    const [{ InputRepair: Repair }, { PartFinder: Parts }, { OggEnd: End }, elements, flac, index] = await Promise.all([
      import('./bytes/input-repair.ts'),
      import('./joined.ts'),
      import('./bytes/ogg-end.ts'),
      import('./bytes/elements-end.ts'),
      import('./bytes/flac.ts'),
      import('./bytes/movie-index.ts'),
      super.load(),
    ])
    this.#repair = new Repair()
    this.#parts = new Parts()
    this.#oggEnd = End
    this.#index = new index.MovieIndex()
    if (!this.#isEndless) this.#ends = [new elements.ElementsEnd(), new flac.FlacEnd()]
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: () => void): void {
    const pieces = this.#parts.push(this.#repair.push(chunk))
    this.#warnOfSize()
    this.#writeParts(pieces, encoding, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    const pieces = this.#parts.push(this.#repair.flush())
    this.#warnOfSize()
    this.#warnOfMissing()
    this.#writeParts(pieces, 'binary', () =>
      this.#writeParts([this.#parts.flush()], 'binary', () => {
        this.#warnOfCut()
        super._final(callback)
      }),
    )
  }

  /** Writes what goes on with the file at hand, and then others. */
  #writeParts([first, ...others]: Buffer[], encoding: BufferEncoding, written: () => void): void {
    const next = (): void => {
      if (others.length === 0) written()
      else {
        this.#warnOfCut()
        this.endPart(this.#parts.isChain, () => this.#writeParts(others, encoding, written))
      }
    }
    if (first !== undefined) this.#index.push(first)
    if (this.#index.isEncrypted) {
      this.destroy(encryptedInput(this.#inputName))
      return
    }
    this.silences = this.#index.silences
    if (this.#parts.isChain && first !== undefined) (this.#ogg ??= new this.#oggEnd()).push(first)
    if (first !== undefined) for (const end of this.#ends) end.push(first)
    if (first === undefined || first.length === 0) next()
    else super._write(first, encoding, next)
  }

  #warnOfSize(): void {
    const warning = this.#warned ? undefined : this.#repair.sizeWarning(this.#inputName)
    if (warning === undefined) return
    this.#warned = true
    this.emit('warning', warning)
  }

  #warnOfCut(): void {
    if (this.isCutShort) return
    for (const end of this.#ends) this.#warnOfLack(end.end())
    const { missing, missingMs } = this.#ogg?.end() ?? {}
    if (missing === undefined) return
    const time = missingMs === undefined ? 'what was in it' : `${(missingMs / 1000).toFixed(1)} s`
    const message = `${this.#inputName} is cut within a page of Ogg, which lacks ${missing} bytes: ${time} cannot be heard`
    this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing, ...(missingMs !== undefined && { missingMs }) })
  }

  #warnOfMissing(): void {
    const { missingBytes = 0, missingMs } = this.#repair.wav ?? {}
    this.#warnOfLack({ missing: missingBytes, missingMs })
  }

  #warnOfLack({ missing, missingMs }: { missing: number; missingMs?: number | undefined } = { missing: 0 }): void {
    if (missing === 0 || this.isCutShort) return
    const time = missingMs === undefined ? '' : `, ${(missingMs / 1000).toFixed(1)} s,`
    const message = `${this.#inputName} lacks ${missing} bytes${time} at its end, by its own header; only what is there was decoded`
    this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing, ...(missingMs !== undefined && { missingMs }) })
  }
}
