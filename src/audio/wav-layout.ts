import { InputError } from '../errors.ts'
import { defined } from '../options.ts'

/** Where the samples of a WAV stand, whatever kind they are of. */
export interface WavLayout {
  /** The content of the format chunk; absent where none comes before the samples. */
  formatChunk?: Buffer
  /** Bytes before the first sample. */
  dataOffset: number
  /** Bytes of samples, by the header. Absent where the writer could not know, as on a pipe. */
  dataBytes?: number
  /** Bytes of the whole file, by its header. Absent where the writer could not know. */
  fileBytes?: number
}

/** The header, or that more bytes are needed, or that it is no WAV file at all. */
export type WavProbe<Header = WavLayout> = { kind: 'more' } | { kind: 'other' } | { kind: 'wav'; header: Header }

/** Longest header that is read. What comes before the samples in real files, pictures included, is far less. */
export const maxWavHeaderBytes = 1_048_576

const nothing = Buffer.alloc(0)
/** The size of what is longer than 32 bits can tell, or of unknown length. */
export const unknownSize = 0xffff_ffff

/** What a header says that the library does not read. */
export function unsupportedWav(what: string): InputError {
  return new InputError(
    'UNSUPPORTED_AUDIO',
    `The WAV header ${what}. Put decode() in front, which reads all that FFmpeg reads, or write the file anew`,
  )
}

/** Formats of WAV whose blocks are single samples: PCM, float, A-law and µ-law, and the one that may stand for each. */
export const sampleFormats = new Set([1, 3, 6, 7, 0xfffe])

/** What a WAV begins with. */
export const wavIds: readonly string[] = ['RIFF', 'RF64', 'BW64']

/** Finds the samples in the start of RIFF, RF64 or BW64, which may be too short. @throws InputError */
export function findWavData(bytes: Buffer): WavProbe {
  const text = (at: number) => bytes.toString('latin1', at, at + 4)
  const outer = text(0)
  if (!wavIds.some((name) => name.startsWith(outer))) return { kind: 'other' }
  if (!'WAVE'.startsWith(text(8))) return { kind: 'other' }

  let formatChunk: Buffer | undefined
  let long: { dataBytes: number | undefined; fileBytes: number | undefined } | undefined
  for (let at = 12; ;) {
    if (at + 8 > maxWavHeaderBytes) throw unsupportedWav(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (at + 8 > bytes.length) return { kind: 'more' }
    const id = text(at)
    const size = bytes.readUInt32LE(at + 4)
    const content = at + 8
    if (id === 'data') {
      const isLong = outer !== 'RIFF' && size === unknownSize
      const riffBytes = knownSize(bytes.readUInt32LE(4))
      // A file of a known size without samples is what a recorder begins with.
      const ownBytes = size === 0 && riffBytes !== undefined ? 0 : knownSize(size)
      const dataBytes = isLong ? long?.dataBytes : ownBytes
      const fileBytes = isLong ? long?.fileBytes : riffBytes && riffBytes + 8
      const header = {
        dataOffset: content,
        ...defined({ formatChunk, dataBytes, fileBytes }),
      }
      return { kind: 'wav', header }
    }
    const end = content + size
    if (end > maxWavHeaderBytes) throw unsupportedWav(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (end > bytes.length) return { kind: 'more' }
    if (id === 'fmt ') formatChunk = bytes.subarray(content, end)
    if (id === 'ds64' && size >= 16) {
      const fileBytes = readLongSize(bytes, content)
      long = { dataBytes: readLongSize(bytes, content + 8), fileBytes: fileBytes && fileBytes + 8 }
    }
    at = end + (size % 2)
  }
}

/** The largest sizes of 32 and 31 bits, whole or less a header; only recordings that long could be meant instead. */
function isUnknown(size: number): boolean {
  return size === 0 || size >= 0xffff_f000 || (size >= 0x7fff_f000 && size <= 0x8000_0000)
}

/** A size, unless it is one of the values that writers to a pipe put for one they do not know. */
function knownSize(size: number): number | undefined {
  return isUnknown(size) ? undefined : size
}

/** How ID3 tags of each version begin. */
const id3Heads = new Set(['ID3\x02', 'ID3\x03', 'ID3\x04'])
/** Chunks which real files have after their samples. */
const chunksAfter = new Set(
  (
    'LIST,id3 ,ID3 ,fact,cue ,plst,smpl,inst,bext,iXML,axml,aXML,chna,JUNK,junk,' +
    'PAD ,FLLR,afsp,PEAK,_PMX,acid,cart,DISP,levl,minf,elm1,regn,umid,LGWV,strc'
  ).split(','),
)

/** Bytes by which {@link isAfterAudio} tells. */
const afterAudioBytes = 8

/** Whether a chunk other than one of samples begins in `bytes`; one of an unknown name must fit into the `room` that is left. */
function isChunk(bytes: Buffer, room: number): boolean {
  const id = bytes.toString('latin1', 0, 4)
  if (chunksAfter.has(id)) return true
  return bytes.length >= 8 && /^[\x20-\x7e]{4}$/.test(id) && bytes.readUInt32LE(4) + 8 <= room
}

/** Whether a chunk or a tag begins where the samples end by the header. */
function isAfterAudio(bytes: Buffer, room: number): boolean {
  const begin = bytes.toString('latin1', 0, 8)
  return isChunk(bytes, room) || begin === 'APETAGEX' || begin.startsWith('TAG') || id3Heads.has(begin.slice(0, 4))
}

/** Bytes by which {@link chunkBehind} tells. */
export const chunkHeadBytes = afterAudioBytes + 1

/** A chunk of a WAV. */
interface Chunk {
  id: string
  /** Bytes of its content. */
  size: number
  /** Bytes before its content: its head, and what fills up the chunk before it. */
  before: number
}

/**
 * The chunk that begins in `bytes`, behind one whose length `isOdd`, or not; an unknown name must fit into the `room` that the file
 * has by its header. `undefined` where none does.
 */
export function chunkBehind(bytes: Buffer, isOdd: boolean, room: number): Chunk | undefined {
  // Not all writers fill up what is odd.
  for (const at of isOdd ? [0, 1] : [0]) {
    if (at + afterAudioBytes > bytes.length) break
    const id = bytes.toString('latin1', at, at + 4)
    if (id !== 'data' && !isChunk(bytes.subarray(at), room - at)) continue
    return { id, size: bytes.readUInt32LE(at + 4), before: at + afterAudioBytes }
  }
  return undefined
}

/** How a chunk or a file begins: its name, and what stands eight bytes behind that. */
interface Mark {
  id: string
  kinds: readonly string[]
}

/** What begins another WAV that was joined to one. */
const wavMarks: readonly Mark[] = wavIds.map((id) => ({ id, kinds: ['WAVE'] }))
/** What ends samples whose end the header does not know: a list of titles, an ID3 tag, another WAV. */
const endMarks: readonly Mark[] = [
  { id: 'LIST', kinds: ['INFO', 'adtl'] },
  { id: 'id3 ', kinds: [...id3Heads] },
  { id: 'ID3 ', kinds: [...id3Heads] },
  ...wavMarks,
]
const markBytes = 12

interface FoundMark {
  at: number
  id: string
  /** Whether it is one; else more bytes must come to tell. */
  sure: boolean
}

/** The first of `marks` in `bytes`; `undefined` where there is none. */
function findMark(bytes: Buffer, marks: readonly Mark[]): FoundMark | undefined {
  let first: FoundMark | undefined
  for (const { id, kinds } of marks) {
    for (let at = bytes.indexOf(id, 0, 'latin1'); at >= 0; at = bytes.indexOf(id, at + 1, 'latin1')) {
      const kind = bytes.toString('latin1', at + 8, at + markBytes)
      const sure = at + markBytes <= bytes.length
      if (!kinds.some((one) => one.startsWith(kind))) continue
      if (first === undefined || at < first.at) first = { at, id, sure }
      break
    }
  }
  if (first !== undefined) return first
  for (let at = Math.max(0, bytes.length - 3); at < bytes.length; at++) {
    const begun = bytes.toString('latin1', at)
    const mark = marks.find(({ id }) => id.startsWith(begun))
    if (mark !== undefined) return { at, id: mark.id, sure: false }
  }
  return undefined
}

function readLongSize(bytes: Buffer, at: number): number | undefined {
  const size = Number(bytes.readBigUInt64LE(at))
  return size > 0 && size <= Number.MAX_SAFE_INTEGER ? size : undefined
}

/** Zeros behind the samples, as fill a block of a disk: so many are no sound that the header does not know of. */
const mostFilling = 65_536

/** More chunks of samples in a WAV than any program writes. */
const mostDataChunks = 64

/** Takes the samples out, also where the header says too little: they go on where no chunk follows, or another one of samples. */
export class WavSamples {
  readonly #declared: number | undefined
  /** Bytes of the file after its samples, by the header. */
  #room: number
  /** Whether the chunk before has an odd number of bytes, so that one more may fill it up. */
  #isOdd: boolean
  /** Behind the samples: bytes before the next chunk; without end where none is known. */
  #skip = 0
  /** Chunks of samples behind the first. */
  #furtherChunks = 0
  /** Where no samples are declared at all, zeros are the first of them. */
  readonly #mostFilling: number
  #left: number
  #state: 'declared' | 'deciding' | 'beyond' | 'after' | 'joined'
  /** The bytes of another WAV that was joined to this one, as far as they have been pushed. */
  next: Buffer | undefined
  exceedsHeader = false
  #held: Buffer = nothing
  #zeros = 0

  /** @param taken - bytes of the samples that are not pushed. */
  constructor({ dataOffset, dataBytes, fileBytes }: WavLayout, taken = 0) {
    this.#declared = dataBytes
    this.#left = (dataBytes ?? Number.POSITIVE_INFINITY) - taken
    this.#state = dataBytes === undefined ? 'beyond' : this.#left === 0 ? 'deciding' : 'declared'
    this.#room = fileBytes === undefined ? 0 : fileBytes - dataOffset - (dataBytes ?? 0)
    this.#isOdd = (dataBytes ?? 0) % 2 === 1
    this.#mostFilling = dataBytes === 0 ? 0 : mostFilling
  }

  /** Bytes the header promised that have not come; 0 where it promised none. */
  get missingBytes(): number {
    return this.#declared === undefined ? 0 : this.#left
  }

  push(more: Buffer): Buffer {
    if (this.#state === 'joined') return nothing
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    this.#held = nothing
    if (this.#state === 'after') return this.#untilData(bytes)
    if (this.#state === 'beyond') return this.#untilEnd(bytes)
    return this.#state === 'declared' ? this.#untilDeclared(bytes) : this.#decide(bytes)
  }

  /** One that was cut short may have another WAV behind it before its samples end by the header. */
  #untilDeclared(bytes: Buffer): Buffer {
    const mark = findMark(bytes, wavMarks)
    const end = Math.min(mark?.at ?? bytes.length, this.#left)
    this.#left -= end
    const declared = bytes.subarray(0, end)
    if (this.#left > 0) {
      if (mark?.sure === true) this.#join(bytes.subarray(end))
      else this.#held = Buffer.from(bytes.subarray(end))
      return declared
    }
    this.#state = 'deciding'
    const beyond = this.#decide(bytes.subarray(end))
    return beyond.length === 0 ? declared : Buffer.concat([declared, beyond])
  }

  /** To be called at the end of the stream: samples that were held. */
  flush(): Buffer {
    const held = this.#held
    this.#held = nothing
    if (this.#state === 'beyond') return held
    if (this.#state === 'declared') {
      this.#left -= held.length
      return held
    }
    // What is too short for a chunk is too short for a sound.
    if (this.#state !== 'deciding' || held.length < afterAudioBytes || this.#chunkAt(held) !== undefined) {
      return nothing
    }
    return this.#continue(held)
  }

  /** Tells samples that the header does not know of from chunks. */
  #decide(behind: Buffer): Buffer {
    let zeros = 0
    while (zeros < behind.length && behind[zeros] === 0) zeros++
    this.#zeros += zeros
    const bytes = behind.subarray(zeros)
    const enough = afterAudioBytes + (this.#isOdd ? 1 : 0)
    if (bytes.length < enough && this.#zeros <= this.#mostFilling) {
      this.#held = bytes
      return nothing
    }
    const joined = findMark(bytes.subarray(0, markBytes), wavMarks)
    if (joined?.at === 0) {
      if (joined.sure) return this.#join(bytes)
      this.#held = bytes
      return nothing
    }
    const chunkAt = this.#chunkAt(bytes)
    if (chunkAt !== undefined && this.#beginData(bytes.subarray(chunkAt), chunkAt)) {
      return this.push(bytes.subarray(chunkAt + afterAudioBytes))
    }
    if (chunkAt !== undefined) {
      this.#room -= this.#zeros + chunkAt
      this.#zeros = 0
      this.#isOdd = false
      return this.#endData(bytes.subarray(chunkAt))
    }
    return this.#continue(bytes)
  }

  #join(bytes: Buffer): Buffer {
    this.#state = 'joined'
    this.next = bytes
    return nothing
  }

  /** Where a chunk begins: here, or behind the byte that fills an odd length. */
  #chunkAt(bytes: Buffer): number | undefined {
    const room = this.#room - this.#zeros
    if (isAfterAudio(bytes, room)) return 0
    return this.#isOdd && this.#zeros === 0 && isAfterAudio(bytes.subarray(1), room - 1) ? 1 : undefined
  }

  /** Goes on with the samples of the chunk that begins with `bytes`, `before` of what is behind the last; `false` where it has none. */
  #beginData(bytes: Buffer, before: number): boolean {
    if (bytes.toString('latin1', 0, 4) !== 'data' || this.#furtherChunks === mostDataChunks) return false
    const size = bytes.readUInt32LE(4)
    if (size === 0) return false
    this.#furtherChunks += 1
    this.exceedsHeader = true
    if (isUnknown(size)) {
      this.#state = 'beyond'
      return true
    }
    this.#room -= this.#zeros + before + afterAudioBytes + size
    this.#isOdd = size % 2 === 1
    this.#left = size
    this.#zeros = 0
    this.#state = 'declared'
    return true
  }

  #continue(bytes: Buffer): Buffer {
    this.#state = 'beyond'
    this.exceedsHeader = true
    const silence = Buffer.alloc(this.#zeros)
    this.#zeros = 0
    return Buffer.concat([silence, this.#untilEnd(bytes)])
  }

  /** Without a length, what is written behind the samples is only known by how it looks. */
  #untilEnd(bytes: Buffer): Buffer {
    const mark = findMark(bytes, endMarks)
    if (mark === undefined) return bytes
    const end = bytes.subarray(0, mark.at)
    if (!mark.sure) {
      this.#held = bytes.subarray(mark.at)
      return end
    }
    this.#isOdd = false
    const further = this.#endData(bytes.subarray(mark.at))
    return further.length === 0 ? end : Buffer.concat([end, further])
  }

  #endData(bytes: Buffer): Buffer {
    this.#state = 'after'
    this.#skip = 0
    return this.#untilData(bytes)
  }

  /** Behind the samples nothing is heard, until another chunk of them begins, or another WAV. */
  #untilData(bytes: Buffer): Buffer {
    const mark = findMark(bytes, wavMarks)
    const end = mark?.at ?? bytes.length
    let at = 0
    for (;;) {
      const passed = Math.min(this.#skip, end - at)
      at += passed
      this.#skip -= passed
      if (this.#skip > 0 || end - at < chunkHeadBytes) break
      const chunk = chunkBehind(bytes.subarray(at, end), this.#isOdd, this.#room)
      const before = (chunk?.before ?? 0) - afterAudioBytes
      if (chunk?.id === 'data' && this.#beginData(bytes.subarray(at + before), before)) {
        return this.push(bytes.subarray(at + chunk.before))
      }
      const isLost = chunk === undefined || (chunk.id === 'data' && chunk.size > 0)
      this.#skip = isLost ? Infinity : chunk.before + chunk.size
      this.#isOdd = (chunk?.size ?? 0) % 2 === 1
      this.#room -= chunk === undefined ? 0 : this.#skip
    }
    if (mark?.sure === true) return this.#join(bytes.subarray(mark.at))
    // What is held is copied: it would keep a large chunk in memory.
    this.#held = Buffer.from(bytes.subarray(at))
    return nothing
  }
}

/** Whether the samples go on behind what the header says; `after` are 65,600 bytes from there, or all. */
export function samplesExceedHeader(layout: WavLayout, after: Buffer): boolean {
  const samples = new WavSamples(layout, layout.dataBytes)
  samples.push(after)
  samples.flush()
  return samples.exceedsHeader || samples.next !== undefined
}
