import type { Warning } from '../errors.ts'
import { type AudioFormat, sameFormat } from './format.ts'
import { readHeader, type WavHeader } from './wav.ts'
import { findWavData, type WavLayout, type WavProbe, WavSamples } from './wav-layout.ts'

/** Longest header that is read of a WAV that was joined to another. */
const longestNextHead = 65_536

const nothing = Buffer.alloc(0)

/** How many first bytes {@link containerName} needs to tell. */
const containerProbeBytes = 12

const signatures: readonly { name: string; offset: number; bytes: string }[] = [
  { name: 'AVI', offset: 8, bytes: 'AVI ' },
  { name: 'MP4 or QuickTime', offset: 4, bytes: 'ftyp' },
  { name: 'Ogg', offset: 0, bytes: 'OggS' },
  { name: 'FLAC', offset: 0, bytes: 'fLaC' },
  { name: 'Matroska or WebM', offset: 0, bytes: '\x1a\x45\xdf\xa3' },
  { name: 'AIFF', offset: 0, bytes: 'FORM' },
  { name: 'CAF', offset: 0, bytes: 'caff' },
  { name: 'AMR', offset: 0, bytes: '#!AMR' },
  { name: 'MP3', offset: 0, bytes: 'ID3\x03\x00' },
  { name: 'MP3', offset: 0, bytes: 'ID3\x04\x00' },
]

/** The container that begins so, by four fixed bytes or more: PCM may look like weaker signs. */
export function containerName(head: Buffer): string | undefined {
  const text = head.toString('latin1', 0, containerProbeBytes)
  return signatures.find(({ offset, bytes }) => text.startsWith(bytes, offset))?.name
}

/** Makes samples of one format into those of another, as their bytes come. */
export interface SampleConversion {
  push: (bytes: Buffer) => Buffer
  /** The rest, once all has come. */
  flush: () => Buffer
}

/** Makes a {@link SampleConversion}. */
export type MakeConversion = (from: AudioFormat, to: AudioFormat) => SampleConversion

/** What becomes of samples that cannot be made into others. */
const leftOut: SampleConversion = { push: () => nothing, flush: () => nothing }

/** What samples are that the library reads; `undefined` of others. */
function formatOf(layout: WavLayout | undefined): AudioFormat | undefined {
  try {
    return layout && readHeader(layout).format
  } catch {
    return undefined
  }
}

/**
 * Tells a WAV stream from any other, of which every byte comes out, and takes its audio out without header and titles.
 * Where another WAV was joined to it, its audio follows, made into the format of the first.
 */
export class WavReader {
  /** The first bytes, until it is known what they are; grown by doubling, so that tiny chunks cost no more. */
  #head: Buffer | undefined = Buffer.alloc(64)
  #heldBytes = 0
  #samples: WavSamples | undefined
  /** Bytes of the samples at hand that have come, and what becomes of them where they are of another format than the first. */
  #partBytes = 0
  #conversion: SampleConversion | undefined
  /** The beginning of a WAV that was joined, until its header is complete. */
  #nextHead: Buffer | undefined
  readonly #takesAll: boolean
  readonly #isPlain: boolean
  readonly #convert: MakeConversion | undefined
  /** Where the samples stand, once the header is complete. */
  layout: WavLayout | undefined
  /** The header, once it is complete, of WAV that the library reads. */
  header: WavHeader | undefined
  /** All that stands before the samples, where WAV of any kind is taken. */
  headerBytes: Buffer = nothing
  /** What the stream is; `undefined` until 12 bytes have come, or the end. */
  kind: 'wav' | 'other' | undefined
  /** What media container other than WAV the first bytes look like, if any. */
  container: string | undefined
  /** Whether other WAVs were joined to it, and all of them are heard; `undefined` where there are none. */
  joined: 'heard' | 'unheard' | undefined
  /** Bytes of audio that were promised by the headers of those to which another was joined, and are not there. */
  joinedLacks = 0

  /**
   * @param takesAll - whether to take WAV that the library cannot read, too; see {@link headerBytes}.
   * @param convert - makes what was joined into the format of the first; without, that of another is left out.
   * @param isPlain - whether samples of unknown length go on to the end, as those of our own stages: looking for what could follow
   * them costs more than all else here.
   */
  constructor(takesAll = false, convert?: MakeConversion, isPlain = false) {
    this.#takesAll = takesAll
    this.#isPlain = isPlain
    this.#convert = convert
  }

  /** Bytes of audio the header promised that have not come; 0 where it promised none. */
  get missingBytes(): number {
    return this.#samples?.missingBytes ?? 0
  }

  /** Whether there is more audio than the header says; all of it comes out. */
  get exceedsHeader(): boolean {
    return this.#samples?.exceedsHeader ?? false
  }

  /** The audio in `chunk`, and what was held. @throws InputError `UNSUPPORTED_AUDIO` */
  push(chunk: Buffer): Buffer {
    if (this.#head === undefined) return this.#samples === undefined ? chunk : this.#take(chunk, this.#samples)
    if (this.#heldBytes === 0 && chunk.length >= containerProbeBytes) return this.#probe(chunk) ?? nothing
    return this.#probe(this.#hold(chunk)) ?? nothing
  }

  /** To be called at the end of the stream: what was held of the audio, or of a stream too short to be WAV. */
  flush(): Buffer {
    if (this.#samples !== undefined) return this.#endPart(this.#samples)
    if (this.#head === undefined || (this.kind === 'wav' && !this.#takesAll)) return nothing
    this.kind = 'other'
    const held = this.#head.subarray(0, this.#heldBytes)
    this.#head = undefined
    return held
  }

  /** The audio after the header in `bytes`, the stream from its start; `undefined` when they are held for later. */
  #probe(bytes: Buffer): Buffer | undefined {
    if (bytes.length < containerProbeBytes) return undefined
    const found = this.#find(bytes)
    this.kind = found.kind === 'other' ? 'other' : 'wav'
    if (found.kind === 'more') {
      if (this.#heldBytes === 0) this.#hold(bytes)
      return undefined
    }
    this.#head = undefined
    if (found.kind === 'other') {
      this.container = containerName(bytes)
      return bytes
    }
    const { dataOffset } = (this.layout = found.header)
    if (this.#takesAll) this.headerBytes = Buffer.from(bytes.subarray(0, dataOffset))
    else this.header = readHeader(found.header)
    if (this.#isPlain && found.header.dataBytes === undefined) return bytes.subarray(dataOffset)
    this.#samples = new WavSamples(found.header)
    return this.#take(bytes.subarray(dataOffset), this.#samples)
  }

  /** The audio in `bytes`, of as many WAVs as they hold. */
  #take(bytes: Buffer, current: WavSamples): Buffer {
    let [samples, rest] = [current, bytes]
    const out: Buffer[] = []
    for (;;) {
      if (this.#nextHead === undefined) {
        out.push(this.#ofPart(samples.push(rest)))
        if (samples.next === undefined) break
        out.push(this.#endPart(samples))
        this.joinedLacks += samples.missingBytes
        rest = samples.next
      } else rest = Buffer.concat([this.#nextHead, rest])
      const found = this.#find(rest)
      this.#nextHead = found.kind === 'more' && rest.length <= longestNextHead ? Buffer.from(rest) : undefined
      if (found.kind !== 'wav') {
        if (this.#nextHead === undefined) this.joined = 'unheard'
        break
      }
      this.#samples = samples = this.#join(found.header)
      rest = rest.subarray(found.header.dataOffset)
    }
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  #join(next: WavLayout): WavSamples {
    const [first, second] = [formatOf(this.layout), formatOf(next)]
    this.#partBytes = 0
    const areRead = first !== undefined && second !== undefined
    const isSame = areRead
      ? sameFormat(first, second)
      : next.formatChunk?.equals(this.layout?.formatChunk ?? nothing) === true
    const conversion = areRead && !isSame ? this.#convert?.(second, first) : undefined
    this.#conversion = isSame ? undefined : (conversion ?? leftOut)
    if (this.#conversion === leftOut) this.joined = 'unheard'
    else this.joined ??= 'heard'
    return new WavSamples(next)
  }

  #ofPart(audio: Buffer): Buffer {
    this.#partBytes += audio.length
    return this.#conversion?.push(audio) ?? audio
  }

  /** The last of a part. What another follows ends with a whole block. */
  #endPart(samples: WavSamples): Buffer {
    const last = this.#ofPart(samples.flush())
    if (this.#conversion !== undefined) return Buffer.concat([last, this.#conversion.flush()])
    const chunk = this.layout?.formatChunk
    const block = chunk !== undefined && chunk.length >= 14 ? chunk.readUInt16LE(12) : 1
    const missing = samples.next === undefined || block === 0 ? 0 : (block - (this.#partBytes % block)) % block
    return missing === 0 ? last : Buffer.concat([last, Buffer.alloc(missing)])
  }

  #find(bytes: Buffer): WavProbe {
    try {
      return findWavData(bytes)
    } catch (error) {
      if (this.#takesAll) return { kind: 'other' }
      throw error
    }
  }

  #hold(chunk: Buffer): Buffer {
    let head = this.#head ?? nothing
    const total = this.#heldBytes + chunk.length
    if (total > head.length) {
      const larger = Buffer.alloc(Math.max(total, head.length * 2))
      head.copy(larger, 0, 0, this.#heldBytes)
      head = larger
    }
    chunk.copy(head, this.#heldBytes)
    this.#head = head
    this.#heldBytes = total
    return head.subarray(0, total)
  }
}

/**
 * The warning on a WAV, `input` for people, whose header says too little, or to which others were joined, once that is known
 * of its `samples`.
 */
export function wavSizeWarning(samples: WavReader | undefined, input = 'the input'): Warning | undefined {
  if (samples?.joined !== undefined) {
    const what = `${input} is several WAV files, one behind the other, as where they were joined by cat`
    const message =
      samples.joined === 'heard'
        ? `${what}; all of them are heard${samples.joinedLacks > 0 ? `, but ${samples.joinedLacks} bytes that their headers say are not there` : ''}`
        : `${what}, and what follows the first is of another kind and is not heard: give each by itself`
    return { code: 'WAV_JOINED', message }
  }
  const declared = samples?.layout?.dataBytes
  if (samples?.exceedsHeader !== true || declared === undefined) return undefined
  return sizeWarning(input, declared)
}

/** The warning on an `input` that has more samples than its header declares, all of which are heard. */
export function sizeWarning(input: string, declared: number): Warning {
  const message =
    `The audio of ${input} goes on after the ${declared} bytes that its header says, as where a recording broke off or ` +
    'went past 4 GiB; all of it is heard'
  return { code: 'WAV_SIZE_WRONG', message, declared }
}
