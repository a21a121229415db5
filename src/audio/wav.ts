import { InputError, type Warning } from '../errors.ts'
import {
  type AudioFormat,
  bytesPerSample,
  maxChannels,
  sameFormat,
  type SampleEncoding,
  sampleRateRange,
} from './format.ts'

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

/** What the header of a WAV says whose samples the library reads. */
export interface WavHeader extends Omit<WavLayout, 'formatChunk'> {
  format: AudioFormat
}

/** The header, or that more bytes are needed, or that it is no WAV file at all. */
export type WavProbe<Header = WavHeader> = { kind: 'more' } | { kind: 'other' } | { kind: 'wav'; header: Header }

/** Longest header that is read. What comes before the samples in real files, pictures included, is far less. */
export const maxWavHeaderBytes = 1_048_576

/** Longest header that is read of a WAV that was joined to another. */
const longestNextHead = 65_536

const nothing = Buffer.alloc(0)
const unknownSize = 0xffff_ffff
/** Bytes 2 to 15 of the identifiers of sub-formats that stand for a plain format tag. */
const plainSubformat = Buffer.from('000000001000800000aa00389b71', 'hex')
const tagNames: Readonly<Record<number, string>> = { 2: 'ADPCM', 6: 'A-law', 17: 'IMA ADPCM', 49: 'GSM', 85: 'MP3' }

function unsupported(what: string): InputError {
  return new InputError(
    'UNSUPPORTED_AUDIO',
    `The WAV header ${what}. Put decode() in front, which reads all that FFmpeg reads, or write the file anew`,
  )
}

/** Formats of WAV whose blocks are single samples: PCM, float, A-law and µ-law, and the one that may stand for each. */
export const sampleFormats = new Set([1, 3, 6, 7, 0xfffe])

/** Finds the samples in the start of RIFF, RF64 or BW64, which may be too short. @throws InputError */
export function findWavData(bytes: Buffer): WavProbe<WavLayout> {
  const text = (at: number) => bytes.toString('latin1', at, at + 4)
  const outer = text(0)
  if (!['RIFF', 'RF64', 'BW64'].some((name) => name.startsWith(outer))) return { kind: 'other' }
  if (!'WAVE'.startsWith(text(8))) return { kind: 'other' }

  let formatChunk: Buffer | undefined
  let long: { dataBytes: number | undefined; fileBytes: number | undefined } | undefined
  for (let at = 12; ;) {
    if (at + 8 > maxWavHeaderBytes) throw unsupported(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (at + 8 > bytes.length) return { kind: 'more' }
    const id = text(at)
    const size = bytes.readUInt32LE(at + 4)
    const content = at + 8
    if (id === 'data') {
      const isLong = outer !== 'RIFF' && size === unknownSize
      const dataBytes = isLong ? long?.dataBytes : knownSize(bytes, size)
      const fileBytes = isLong
        ? long?.fileBytes
        : isUnknown(bytes.readUInt32LE(4))
          ? undefined
          : bytes.readUInt32LE(4) + 8
      const header = {
        dataOffset: content,
        ...(formatChunk !== undefined && { formatChunk }),
        ...(dataBytes !== undefined && { dataBytes }),
        ...(fileBytes !== undefined && { fileBytes }),
      }
      return { kind: 'wav', header }
    }
    const end = content + size
    if (end > maxWavHeaderBytes) throw unsupported(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (end > bytes.length) return { kind: 'more' }
    if (id === 'fmt ') formatChunk = bytes.subarray(content, end)
    if (id === 'ds64' && size >= 16) {
      const fileBytes = readLongSize(bytes, content)
      long = { dataBytes: readLongSize(bytes, content + 8), fileBytes: fileBytes && fileBytes + 8 }
    }
    at = end + (size % 2)
  }
}

/** Reads a header as {@link findWavData} does: PCM, float, µ-law. @throws InputError `UNSUPPORTED_AUDIO` */
export function parseWavHeader(bytes: Buffer): WavProbe {
  const found = findWavData(bytes)
  return found.kind === 'wav' ? { kind: 'wav', header: readHeader(found.header) } : found
}

function readHeader({ formatChunk, ...layout }: WavLayout): WavHeader {
  if (formatChunk === undefined) throw unsupported('does not say what the samples are before they start')
  return { ...layout, format: readFormat(formatChunk) }
}

/** The largest sizes of 32 and 31 bits, whole or less a header; only recordings that long could be meant instead. */
function isUnknown(size: number): boolean {
  return size === 0 || size >= 0xffff_f000 || (size >= 0x7fff_f000 && size <= 0x8000_0000)
}

/** The size of the data, unless it is one of the values that writers to a pipe put for one they do not know. */
function knownSize(bytes: Buffer, size: number): number | undefined {
  if (size > 0) return isUnknown(size) ? undefined : size
  // A file of a known size without samples is what a recorder begins with.
  return isUnknown(bytes.readUInt32LE(4)) ? undefined : 0
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

/** Whether a chunk or a tag begins where the samples end by the header; an unknown name must fit into the file. */
function isAfterAudio(bytes: Buffer, room = 0): boolean {
  const id = bytes.toString('latin1', 0, 4)
  if (chunksAfter.has(id) || bytes.toString('latin1', 0, 8) === 'APETAGEX' || id.startsWith('TAG') || id3Heads.has(id))
    return true
  return bytes.length >= 8 && /^[\x20-\x7e]{4}$/.test(id) && bytes.readUInt32LE(4) + 8 <= room
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
    const size = bytes.readUInt32LE(at + 4)
    const before = at + afterAudioBytes
    const isKnown = id === 'data' || chunksAfter.has(id)
    if (isKnown || (/^[\x20-\x7e]{4}$/.test(id) && before + size <= room)) return { id, size, before }
  }
  return undefined
}

/** How a chunk or a file begins: its name, and what stands eight bytes behind that. */
interface Mark {
  id: string
  kinds: readonly string[]
}

/** What begins another WAV that was joined to one. */
const wavMarks: readonly Mark[] = ['RIFF', 'RF64', 'BW64'].map((id) => ({ id, kinds: ['WAVE'] }))
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

function readFormat(chunk: Buffer): AudioFormat {
  if (chunk.length < 16) throw unsupported('is damaged: its format chunk is too short')
  const channels = chunk.readUInt16LE(2)
  const sampleRate = chunk.readUInt32LE(4)
  const blockBytes = chunk.readUInt16LE(12)
  const bits = chunk.readUInt16LE(14)
  let tag = chunk.readUInt16LE(0)
  if (tag === 0xfffe && chunk.length >= 40 && chunk.subarray(26, 40).equals(plainSubformat))
    tag = chunk.readUInt16LE(24)

  const encoding = encodingOf(tag, bits)
  if (encoding === undefined) {
    const kind = tagNames[tag] ?? (tag === 1 ? 'PCM' : tag === 3 ? 'float' : `format ${tag}`)
    throw unsupported(`says ${kind} of ${bits} bits, which is not read`)
  }
  if (channels < 1 || channels > maxChannels)
    throw unsupported(`says ${channels} channels; 1 to ${maxChannels} are read`)
  if (sampleRate < sampleRateRange.min || sampleRate > sampleRateRange.max) {
    throw unsupported(`says ${sampleRate} Hz; ${sampleRateRange.min} to ${sampleRateRange.max} are read`)
  }
  if (blockBytes !== bytesPerSample[encoding] * channels) {
    throw unsupported(`says ${blockBytes} bytes for ${channels} samples of ${bits} bits, which is not read`)
  }
  return { sampleRate, channels, encoding }
}

/** What samples are that the library reads; `undefined` of others. */
function formatOf(layout: WavLayout | undefined): AudioFormat | undefined {
  try {
    return layout?.formatChunk && readFormat(layout.formatChunk)
  } catch {
    return undefined
  }
}

function encodingOf(tag: number, bits: number): SampleEncoding | undefined {
  const encodings: Readonly<Record<string, SampleEncoding>> = {
    '1/8': 'u8',
    '1/16': 's16le',
    '1/24': 's24le',
    '1/32': 's32le',
    '3/32': 'f32le',
    '7/8': 'mulaw',
  }
  return encodings[`${tag}/${bits}`]
}

/**
 * A WAV header; without `dataBytes`, or for too many, of unknown length. After an odd number a zero byte must follow.
 */
export function writeWavHeader(format: AudioFormat, dataBytes?: number): Buffer {
  const { channels, sampleRate, encoding } = format
  const sampleBytes = bytesPerSample[encoding]
  const tag = encoding === 'f32le' ? 3 : encoding === 'mulaw' ? 7 : 1
  const extensible = channels > 2
  const formatBytes = extensible ? 40 : tag === 1 ? 16 : 18
  // Readers expect the number of samples a second time for anything but plain PCM.
  const factBytes = tag === 1 ? 0 : 12
  const header = Buffer.alloc(12 + 8 + formatBytes + factBytes + 8)
  const padded = dataBytes === undefined ? unknownSize : dataBytes + (dataBytes % 2)
  const known = dataBytes !== undefined && padded + header.length < 0xffff_f000

  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(known ? header.length - 8 + padded : unknownSize, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(formatBytes, 16)
  header.writeUInt16LE(extensible ? 0xfffe : tag, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * channels * sampleBytes, 28)
  header.writeUInt16LE(channels * sampleBytes, 32)
  header.writeUInt16LE(sampleBytes * 8, 34)
  if (extensible) {
    header.writeUInt16LE(22, 36)
    header.writeUInt16LE(sampleBytes * 8, 38)
    header.writeUInt16LE(tag, 44)
    plainSubformat.copy(header, 46)
  }
  let at = 20 + formatBytes
  if (factBytes > 0) {
    header.write('fact', at, 'latin1')
    header.writeUInt32LE(4, at + 4)
    header.writeUInt32LE(known ? Math.floor(dataBytes / (channels * sampleBytes)) : unknownSize, at + 8)
    at += factBytes
  }
  header.write('data', at, 'latin1')
  header.writeUInt32LE(known ? dataBytes : unknownSize, at + 4)
  return header
}

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
  const message =
    `The audio of ${input} goes on after the ${declared} bytes that its WAV header says, as where a recording broke off or ` +
    'went past 4 GiB; all of it is heard'
  return { code: 'WAV_SIZE_WRONG', message, declared }
}

/** Zeros behind the samples, as fill a block of a disk: so many are no sound that the header does not know of. */
const mostFilling = 65_536

/** More chunks of samples in a WAV than any program writes. */
const mostDataChunks = 64

/** Takes the samples out, also where the header says too little: they go on where no chunk follows, or another one of samples. */
class WavSamples {
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

  push(bytes: Buffer): Buffer {
    if (this.#state === 'joined') return nothing
    if (this.#state === 'after') return this.#untilData(bytes)
    if (this.#state === 'beyond') return this.#untilEnd(bytes)
    return this.#state === 'declared' ? this.#untilDeclared(bytes) : this.#decide(bytes)
  }

  /** One that was cut short may have another WAV behind it before its samples end by the header. */
  #untilDeclared(more: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    const mark = findMark(bytes, wavMarks)
    const end = Math.min(mark?.at ?? bytes.length, this.#left)
    this.#left -= end
    this.#held = nothing
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
  #decide(more: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    let zeros = 0
    if (this.#held.length === 0) while (zeros < bytes.length && bytes[zeros] === 0) zeros++
    this.#zeros += zeros
    bytes = bytes.subarray(zeros)
    const enough = afterAudioBytes + (this.#isOdd ? 1 : 0)
    if (bytes.length < enough && this.#zeros <= this.#mostFilling) {
      this.#held = bytes
      return nothing
    }
    const joined = findMark(bytes.subarray(0, markBytes), wavMarks)
    if (joined?.at === 0 && !joined.sure) {
      this.#held = bytes
      return nothing
    }
    this.#held = nothing
    if (joined?.at === 0) return this.#join(bytes)
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
  #untilEnd(more: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    const mark = findMark(bytes, endMarks)
    this.#held = mark === undefined || mark.sure ? nothing : bytes.subarray(mark.at)
    if (mark === undefined) return bytes
    const end = bytes.subarray(0, mark.at)
    if (!mark.sure) return end
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
  #untilData(more: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
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
        this.#held = nothing
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

/** Makes samples of one format into those of another, as their bytes come. */
export interface SampleConversion {
  push: (bytes: Buffer) => Buffer
  /** The rest, once all has come. */
  flush: () => Buffer
}

/** Makes a {@link SampleConversion}. */
export type MakeConversion = (from: AudioFormat, to: AudioFormat) => SampleConversion

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
    this.#conversion = undefined
    const isSame =
      first === undefined || second === undefined
        ? next.formatChunk?.equals(this.layout?.formatChunk ?? nothing) === true
        : sameFormat(first, second)
    if (!isSame) {
      if (first !== undefined && second !== undefined) this.#conversion = this.#convert?.(second, first)
      this.#conversion ??= { push: () => nothing, flush: () => nothing }
    }
    const isHeard = isSame || (first !== undefined && second !== undefined && this.#convert !== undefined)
    this.joined = isHeard && this.joined !== 'unheard' ? 'heard' : 'unheard'
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

  #find(bytes: Buffer): WavProbe<WavLayout> {
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
