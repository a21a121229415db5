import { BlockAligner } from '../audio/framer.ts'
import { findWavData, sampleFormats, type WavLayout, WavSamples } from '../audio/wav.ts'
import { mp3Index, mp3IndexBytes, mpegFrame, tagLength } from './probe.ts'

const nothing = Buffer.alloc(0)

/** Bytes, in pieces, as FFmpeg is to be given them. */
interface Repair {
  push: (bytes: Buffer) => Buffer
  flush: () => Buffer
}

/**
 * Makes of an input's bytes, in chunks of any length, what FFmpeg reads to its end without complaint. A WAV gets a header
 * without sizes, since FFmpeg believes one that says too little, and loses what follows its samples; MP3s that were joined
 * lose the tags and pictures between them, which FFmpeg takes for damaged sound. All else stays as it is.
 */
export class InputRepair {
  #held: Buffer[] | undefined = []
  #heldBytes = 0
  /** Bytes to wait for before the next look; doubled each time, so that tiny chunks cost no more. */
  #enough = 12
  #repair: Repair | undefined
  #wav: WavRepair | undefined

  /** What is known of the WAV, once its header has come; `undefined` for all else. */
  get wav(): WavRepair | undefined {
    return this.#wav
  }

  /** What FFmpeg is to be given of `bytes`; may be empty, or more than came. */
  push(bytes: Buffer): Buffer {
    if (this.#held === undefined) return this.#repair?.push(bytes) ?? bytes
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    return this.#heldBytes < this.#enough ? nothing : this.#look(Buffer.concat(this.#held), false)
  }

  /** To be called at the end of the input: the rest. */
  flush(): Buffer {
    const held = this.#held === undefined ? nothing : this.#look(Buffer.concat(this.#held), true)
    return Buffer.concat([held, this.#repair?.flush() ?? nothing])
  }

  /** Tells what begins with `bytes`; `complete` where no more will come. */
  #look(bytes: Buffer, complete: boolean): Buffer {
    const layout = wavLayout(bytes)
    if (layout === 'more' && !complete) {
      this.#held = [bytes]
      this.#enough = bytes.length * 2
      return nothing
    }
    this.#held = undefined
    if (typeof layout === 'object') this.#wav = new WavRepair(layout)
    this.#repair = this.#wav ?? (mpegFrame(bytes) !== undefined || isTagged(bytes) ? new Mp3Repair() : undefined)
    return this.#repair?.push(bytes) ?? bytes
  }
}

function isTagged(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 3) === 'ID3'
}

/** Where the samples of a WAV are; `undefined` where it is none, or one whose header is beyond repair. */
function wavLayout(bytes: Buffer): WavLayout | 'more' | undefined {
  try {
    const found = findWavData(bytes)
    return found.kind === 'wav' ? found : found.kind === 'more' ? 'more' : undefined
  } catch {
    // FFmpeg may read it all the same, or has better words for what is wrong.
    return undefined
  }
}

/** A WAV as FFmpeg is to be given it: without sizes, and without what follows its samples. */
export class WavRepair {
  /** Bytes of samples, by the header; absent where it does not say. */
  readonly declared: number | undefined
  readonly #samples: WavSamples
  readonly #byteRate: number
  readonly #aligner: BlockAligner
  #headerBytes: number

  constructor(layout: WavLayout) {
    const { format, dataBytes, dataOffset } = layout
    this.declared = dataBytes
    this.#headerBytes = dataOffset
    this.#samples = new WavSamples(layout)
    const known = format !== undefined && format.length >= 16 ? format : undefined
    this.#byteRate = known?.readUInt32LE(8) ?? 0
    const blockBytes = known !== undefined && sampleFormats.has(known.readUInt16LE(0)) ? known.readUInt16LE(12) : 1
    this.#aligner = new BlockAligner(Math.max(1, blockBytes))
  }

  /** Whether there are more samples than the header says. */
  get goesOn(): boolean {
    return this.#samples.goesOn
  }

  /** Bytes of samples the header promised that have not come. */
  get missingBytes(): number {
    return this.#samples.missingBytes
  }

  /** The same in ms, where the header says how many bytes a second has. */
  get missingMs(): number | undefined {
    return this.#byteRate === 0 ? undefined : Math.round((this.missingBytes / this.#byteRate) * 1000)
  }

  /** Takes the whole header first, and then anything. */
  push(bytes: Buffer): Buffer {
    if (this.#headerBytes === 0) return this.#aligner.push(this.#samples.push(bytes))
    const header = withoutSizes(bytes.subarray(0, this.#headerBytes))
    const samples = this.#samples.push(bytes.subarray(this.#headerBytes))
    this.#headerBytes = 0
    return Buffer.concat([header, this.#aligner.push(samples)])
  }

  flush(): Buffer {
    return this.#aligner.push(this.#samples.flush())
  }
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

/**
 * MP3 without the tags between its frames, and without indexes there, which would be played as a frame of silence. What
 * stands at its very start stays: it tells FFmpeg what the bytes are.
 */
class Mp3Repair implements Repair {
  #held: Buffer = nothing
  /** Bytes that pass, and then bytes that are left out. */
  #pass = 0
  #skip = 0
  /** Whether no frame has come yet. */
  #atStart = true
  /** Whether frames follow one another; where they do not, whatever comes is for FFmpeg to judge. */
  #inStep = true

  push(more: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    this.#held = nothing
    const out: Buffer[] = []
    while (bytes.length > 0) {
      const passed = Math.min(this.#pass, bytes.length)
      out.push(bytes.subarray(0, passed))
      this.#pass -= passed
      const skipped = Math.min(this.#skip, bytes.length - passed)
      this.#skip -= skipped
      bytes = bytes.subarray(passed + skipped)
      if (bytes.length === 0 || this.#decide(bytes)) continue
      this.#held = bytes
      break
    }
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  flush(): Buffer {
    const held = this.#held
    this.#held = nothing
    return held
  }

  /** Says what becomes of the next bytes; `false` where more must come. */
  #decide(bytes: Buffer): boolean {
    const frame = mpegFrame(bytes)
    if (frame !== undefined && (this.#inStep || isFollowed(bytes, frame.bytes))) {
      if (bytes.length < Math.min(frame.bytes, frame.indexOffset + mp3IndexBytes)) return false
      this.#inStep = true
      if (!this.#atStart && mp3Index(bytes, 0, frame) !== undefined) this.#skip = frame.bytes
      else this.#pass = frame.bytes
      this.#atStart = false
      return true
    }
    const tag = this.#inStep ? tagLength(bytes) : 0
    if (tag === undefined || (this.#inStep && bytes.length < 4)) return false
    if (tag > 0) {
      if (this.#atStart) this.#pass = tag
      else this.#skip = tag
      return true
    }
    this.#inStep = false
    const next = bytes.indexOf(0xff, 1)
    this.#pass = next < 0 ? bytes.length : next
    return true
  }
}

/** Whether another frame begins where one is to end, as far as that can be seen. */
function isFollowed(bytes: Buffer, length: number): boolean {
  return bytes.length < length + 4 || mpegFrame(bytes, length) !== undefined || tagLength(bytes, length) !== 0
}
