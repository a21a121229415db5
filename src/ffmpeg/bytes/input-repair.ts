import { BlockAligner } from '../../audio/framer.ts'
import { convertSamples } from '../../audio/pcm.ts'
import { sampleFormats, type WavLayout } from '../../audio/wav-layout.ts'
import { sizeWarning, WavReader, wavSizeWarning } from '../../audio/wav-reader.ts'
import type { Warning } from '../../errors.ts'
import { isMovieStart } from '../probe.ts'
import { fragmentKind, frameKind, kindBytes } from './frames.ts'
import type { Lack } from './ogg-end.ts'
import { FrameRepair, type Hole } from './frame-repair.ts'
import { SizedSamples } from './sized-samples.ts'

const nothing = Buffer.alloc(0)

/**
 * Makes of an input's bytes, in chunks of any length, what FFmpeg reads to its end without complaint. A WAV gets a header
 * without sizes, since FFmpeg believes one that says too little, and loses what follows its samples, and so do AIFF, CAF and Wave64; formats that are frames one
 * behind the other lose what is none. All else stays as it is.
 */
export class InputRepair {
  readonly #reader = new WavReader(true, convertSamples)
  #begun = false
  /** Bytes that are too few to tell what they begin. */
  #start: Buffer = nothing
  #frames: FrameRepair | undefined
  #aligner: BlockAligner | undefined
  readonly #sized = new SizedSamples()

  /** What has not come of the samples that the header of a WAV, or the like, promised; `undefined` before that, and for all else. */
  get lack(): Lack | undefined {
    const { layout, missingBytes: missing } = this.#reader
    if (layout === undefined) return this.#sized.missing > 0 ? { missing: this.#sized.missing } : undefined
    const byteRate = formatOf(layout)?.readUInt32LE(8) ?? 0
    return { missing, ...(byteRate > 0 && { missingMs: Math.round((missing / byteRate) * 1000) }) }
  }

  /** The warning on a WAV or the like, `input` for people, that is longer than its header says, once it is known to be. */
  sizeWarning(input: string): Warning | undefined {
    const { exceeded } = this.#sized
    return exceeded === undefined ? wavSizeWarning(this.#reader, input) : sizeWarning(input, exceeded)
  }

  /** Stretches that are no frames, of a format that is nothing else, found since this was last asked. */
  takeHoles(): Hole[] {
    return this.#frames?.takeHoles() ?? []
  }

  /** What FFmpeg is to be given of `bytes`; may be empty, or more than came. */
  push(bytes: Buffer): Buffer {
    return this.#repair(this.#reader.push(bytes))
  }

  /** To be called at the end of the input: the rest. */
  flush(): Buffer {
    const rest = this.#repair(this.#reader.flush(), true)
    return Buffer.concat([rest, this.#frames?.flush() ?? this.#sized.flush()])
  }

  /** Makes of what the reader has let out what FFmpeg is to be given. */
  #repair(more: Buffer, isLast = false): Buffer {
    const { kind, layout } = this.#reader
    const bytes = this.#start.length === 0 ? more : Buffer.concat([this.#start, more])
    const isFirst = !this.#begun && (layout !== undefined || kind === 'other')
    const isUnknown = isFirst && layout === undefined && bytes.length < kindBytes && !isLast
    this.#start = isUnknown ? bytes : nothing
    if (isUnknown) return nothing
    this.#begun ||= isFirst
    if (layout === undefined) {
      const frames = !isFirst ? undefined : isMovieStart(bytes) ? fragmentKind() : frameKind(bytes)
      if (frames !== undefined) this.#frames = new FrameRepair(frames)
      return this.#frames?.push(bytes) ?? this.#sized.push(bytes)
    }
    this.#aligner ??= new BlockAligner(blockBytesOf(layout))
    const samples = this.#aligner.push(bytes)
    return isFirst ? Buffer.concat([withoutSizes(this.#reader.headerBytes), samples]) : samples
  }
}

function formatOf({ formatChunk }: WavLayout): Buffer | undefined {
  return formatChunk !== undefined && formatChunk.length >= 16 ? formatChunk : undefined
}

/** Bytes of a sample of all channels; 1 where blocks are of another kind. */
function blockBytesOf(layout: WavLayout): number {
  const format = formatOf(layout)
  const isPlain = format !== undefined && sampleFormats.has(format.readUInt16LE(0))
  return Math.max(1, isPlain ? format.readUInt16LE(12) : 1)
}

/** A WAV header, up to its samples, that says of no length what it is. */
function withoutSizes(header: Buffer): Buffer {
  const changed = Buffer.from(header)
  changed.write('RIFF', 0, 'latin1')
  changed.writeUInt32LE(0xffff_ffff, 4)
  // FFmpeg would go by the sizes of 64 bits.
  if (changed.toString('latin1', 12, 16) === 'ds64') changed.write('JUNK', 12, 'latin1')
  changed.writeUInt32LE(0, changed.length - 4)
  return changed
}
