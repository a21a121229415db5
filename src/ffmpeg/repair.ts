import { BlockAligner } from '../audio/framer.ts'
import { convertSamples } from '../audio/pcm.ts'
import { sampleFormats, type WavLayout, WavReader, wavSizeWarning } from '../audio/wav.ts'
import type { Warning } from '../errors.ts'
import { mp3Index, mp3IndexBytes, mpegFrame, tagHeadBytes, tagLength } from './probe.ts'

const nothing = Buffer.alloc(0)

/** What is known of a WAV once its header has come. */
export interface WavFacts {
  /** Bytes of samples the header promised that have not come. */
  missingBytes: number
  /** The same in ms, where the header says how many bytes a second has. */
  missingMs?: number
}

/**
 * Makes of an input's bytes, in chunks of any length, what FFmpeg reads to its end without complaint. A WAV gets a header
 * without sizes, since FFmpeg believes one that says too little, and loses what follows its samples; MP3s that were joined
 * lose the tags and pictures between them, which FFmpeg takes for damaged sound. All else stays as it is.
 */
export class InputRepair {
  readonly #reader = new WavReader(true, convertSamples)
  #begun = false
  #mp3: Mp3Repair | undefined
  #aligner: BlockAligner | undefined

  /** What is known of the WAV, once its header has come; `undefined` for all else. */
  get wav(): WavFacts | undefined {
    const { layout, missingBytes } = this.#reader
    if (layout === undefined) return undefined
    const byteRate = formatOf(layout)?.readUInt32LE(8) ?? 0
    return { missingBytes, ...(byteRate > 0 && { missingMs: Math.round((missingBytes / byteRate) * 1000) }) }
  }

  /** The warning on a WAV, `input` for people, that is longer than its header says, once it is known to be. */
  sizeWarning(input: string): Warning | undefined {
    return wavSizeWarning(this.#reader, input)
  }

  /** What FFmpeg is to be given of `bytes`; may be empty, or more than came. */
  push(bytes: Buffer): Buffer {
    return this.#repair(this.#reader.push(bytes))
  }

  /** To be called at the end of the input: the rest. */
  flush(): Buffer {
    const rest = this.#repair(this.#reader.flush())
    return this.#mp3 === undefined ? rest : Buffer.concat([rest, this.#mp3.flush()])
  }

  /** Makes of what the reader has let out what FFmpeg is to be given. */
  #repair(bytes: Buffer): Buffer {
    const { kind, layout } = this.#reader
    const isFirst = !this.#begun && (layout !== undefined || kind === 'other')
    this.#begun ||= isFirst
    if (layout === undefined) {
      if (isFirst && isMp3(bytes)) this.#mp3 = new Mp3Repair()
      return this.#mp3?.push(bytes) ?? bytes
    }
    this.#aligner ??= new BlockAligner(blockBytesOf(layout))
    const samples = this.#aligner.push(bytes)
    return isFirst ? Buffer.concat([withoutSizes(this.#reader.headerBytes), samples]) : samples
  }
}

function isMp3(bytes: Buffer): boolean {
  return mpegFrame(bytes) !== undefined || bytes.toString('latin1', 0, 3) === 'ID3'
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

/**
 * MP3 without the tags between its frames, and without indexes there, which would be played as a frame of silence. What
 * stands at its very start stays: it tells FFmpeg what the bytes are.
 */
class Mp3Repair {
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
    return this.#inStep && !this.#atStart && held.every((byte) => byte === 0) ? nothing : held
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
    const tag = this.#inStep ? tagLength(bytes) || (this.#atStart ? 0 : fillingLength(bytes)) : 0
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

/** What is longer is no filling, and no tag, in bytes. */
const longestFilling = 1_048_576

/**
 * Bytes of what people have between and behind joined MP3s and is no sound: zeros, Lyrics3, an APE tag that only its foot tells.
 * 0 where there is none; `undefined` where more bytes must come to tell.
 */
function fillingLength(bytes: Buffer): number | undefined {
  const more = bytes.length < longestFilling ? undefined : 0
  if (bytes[0] === 0) {
    const zeros = bytes.findIndex((byte) => byte !== 0)
    if (zeros < 0 || bytes.length - zeros < 64) return more
    // Behind zeros that stand for lost sound that goes on, with no tag and no index.
    const frame = mpegFrame(bytes, zeros)
    const isJoined = frame === undefined ? tagLength(bytes, zeros) !== 0 : mp3Index(bytes, zeros, frame) !== undefined
    return isJoined ? zeros : 0
  }
  if ('LYRICSBEGIN'.startsWith(bytes.toString('latin1', 0, 11))) {
    const ends = ['LYRICS200', 'LYRICSEND'].map((end) => bytes.indexOf(end)).filter((at) => at >= 0)
    return ends.length === 0 ? more : Math.min(...ends) + 9
  }
  // The first of its items: its length, flags, and its name.
  if (bytes.length < 16) return more
  if (bytes[3] !== 0 || !/^[\x20-\x7e]{2}/.test(bytes.toString('latin1', 8, 10))) return 0
  const foot = bytes.indexOf('APETAGEX')
  if (foot < 0 || foot + tagHeadBytes > bytes.length) return more
  return bytes.readUInt32LE(foot + 12) === foot + tagHeadBytes ? foot + tagHeadBytes : 0
}
