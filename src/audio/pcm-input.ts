import { ConfigurationError, type Warning } from '../errors.ts'
import { BlockAligner } from './block-aligner.ts'
import { blockSize, describeFormat, sameFormat, type AudioFormat } from './format.ts'
import { WavReader, wavSizeWarning } from './wav-reader.ts'

/**
 * Guards a stage that takes headerless PCM of one format: a WAV header of exactly that format is taken off, and what
 * cannot be such PCM (WAV of another format, a media file) is refused, instead of being sent on as noise. Whole blocks
 * come out.
 */
export class PcmInput {
  readonly #stage: string
  readonly #expected: AudioFormat
  readonly #reader = new WavReader()
  readonly #aligner: BlockAligner
  readonly #otherChannels: ((expected: number, channels: number) => Error) | undefined
  #checked = false

  /**
   * @param stage - Name of the stage for messages, e.g. `frame()`.
   * @param expected - What the stage takes.
   * @param otherChannels - The error for WAV that differs from it in its channels.
   */
  constructor(stage: string, expected: AudioFormat, otherChannels?: (expected: number, channels: number) => Error) {
    this.#stage = stage
    this.#expected = expected
    this.#otherChannels = otherChannels
    this.#aligner = new BlockAligner(blockSize(expected))
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** Bytes of audio that a WAV header promised and that have not come. */
  get missingBytes(): number {
    return this.#reader.missingBytes
  }

  /** The warning on a WAV header that says too little, once it is known to. */
  get sizeWarning(): Warning | undefined {
    return wavSizeWarning(this.#reader)
  }

  /**
   * The PCM in `chunk` and what was held before it; may be empty.
   *
   * @throws ConfigurationError `INVALID_PIPELINE` when the input is something else
   * @throws InputError `UNSUPPORTED_AUDIO` when it is a WAV file the library does not read
   */
  push(chunk: Buffer): Buffer {
    const audio = this.#reader.push(chunk)
    this.#check()
    return this.#aligner.push(audio)
  }

  /** To be called at the end of the stream: the rest of the PCM. */
  flush(): Buffer {
    return this.#aligner.push(this.#reader.flush())
  }

  #check(): void {
    const { kind, header, container } = this.#reader
    if (this.#checked || kind === undefined || (kind === 'wav' && header === undefined)) return
    this.#checked = true
    const takes = `${this.#stage} takes PCM of ${describeFormat(this.#expected)}`
    if (header !== undefined && header.format.channels !== this.#expected.channels && this.#otherChannels) {
      throw this.#otherChannels(this.#expected.channels, header.format.channels)
    }
    if (header !== undefined && !sameFormat(header.format, this.#expected)) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        `${takes}, but was given WAV of ${describeFormat(header.format)}: put resample() between`,
      )
    }
    if (container !== undefined) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        `${takes}, but was given what looks like ${container}: put decode() and resample() between`,
      )
    }
  }
}
