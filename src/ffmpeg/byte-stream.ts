import { mediaBytes } from '../audio/samples.ts'
import { sizeWarning } from '../audio/wav-reader.ts'
import { takesBytes } from '../stream-helpers.ts'
import { InputRepair } from './repair.ts'
import { FfmpegStream, type FfmpegStreamOptions } from './stream.ts'

/** What an {@link FfmpegByteStream} decodes. */
export type FfmpegByteStreamOptions = Omit<FfmpegStreamOptions, 'input' | 'missing'>

/**
 * WAV out of the bytes of any media that are written to it. What FFmpeg reads wrong in a WAV or in joined MP3s is put right
 * on the way to it, and said: `WAV_SIZE_WRONG` where a WAV is longer than its header says, `INPUT_TRUNCATED` where it is
 * shorter.
 */
export class FfmpegByteStream extends FfmpegStream {
  readonly #repair = new InputRepair()
  readonly #inputName: string
  #warned = false

  constructor(options: FfmpegByteStreamOptions) {
    super(options)
    this.#inputName = options.inputName
    takesBytes(this, (chunk) => mediaBytes('decode()', chunk))
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: () => void): void {
    const bytes = this.#repair.push(chunk)
    this.#warnOfSize()
    if (bytes.length === 0) callback()
    else super._write(bytes, encoding, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    const rest = this.#repair.flush()
    this.#warnOfSize()
    this.#warnOfMissing()
    if (rest.length === 0) super._final(callback)
    else super._write(rest, 'binary', () => super._final(callback))
  }

  #warnOfSize(): void {
    const { wav } = this.#repair
    if (this.#warned || wav?.declared === undefined || !wav.goesOn) return
    this.#warned = true
    this.emit('warning', sizeWarning(this.#inputName, wav.declared))
  }

  #warnOfMissing(): void {
    const { missingBytes: missing = 0, missingMs } = this.#repair.wav ?? {}
    if (missing === 0) return
    const time = missingMs === undefined ? '' : `, ${(missingMs / 1000).toFixed(1)} s,`
    const message = `${this.#inputName} lacks ${missing} bytes${time} at its end, by its own header; only what is there was decoded`
    this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing, ...(missingMs !== undefined && { missingMs }) })
  }
}
