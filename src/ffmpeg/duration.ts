import { samplesGoOn } from '../audio/wav-reader.ts'
import { findWavData, maxWavHeaderBytes, sampleFormats } from '../audio/wav.ts'
import { mp3Index, mpegFrame, tagHeadBytes, tagLength } from './mp3.ts'

/** Bytes of a file from `offset` on: `length` of them, or as many as can be had cheaply. */
export type ReadAt = (offset: number, length: number) => Buffer

const mostBoxes = 64
const headBytes = 4096

/**
 * How long the audio of a file is, in ms, by what the file says of itself: WAV, FLAC, MP4, Matroska and WebM, MP3 with an
 * index. `undefined` where it does not say, or what it says cannot be had by a few small reads.
 *
 * @param size - bytes of the file; `undefined` if nobody knows.
 */
export function mediaDuration(readAt: ReadAt, size?: number): number | undefined {
  const head = readAt(0, headBytes)
  const seconds = secondsOf(head, readAt, size ?? Infinity)
  return seconds !== undefined && seconds > 0 && seconds < 1e9 ? Math.round(seconds * 1000) : undefined
}

function secondsOf(head: Buffer, readAt: ReadAt, size: number): number | undefined {
  const begin = head.toString('latin1', 0, 4)
  if (head.toString('latin1', 8, 12) === 'WAVE') return wavSeconds(readAt, size)
  if (begin === 'fLaC') return flacSeconds(head)
  if (begin === '\x1aE\xdf\xa3') return matroskaSeconds(head, readAt)
  if (head.toString('latin1', 4, 8) === 'ftyp') return mp4Seconds(readAt, size)
  return mp3Extent(readAt, size)?.seconds
}

/** How much of a WAV is there. */
export interface WavExtent {
  /** The content of the format chunk. */
  format: Buffer
  /** Bytes of samples that are there; NaN where that cannot be told. */
  bytes: number
  /** Whether the header says the same. */
  asSaid: boolean
}

/** Bytes behind the samples by which it is told whether these go on. */
const afterBytes = 65_600
/** More than this is behind the samples of no file but one whose header is wrong. */
const mostAfter = 1_048_576

/** How much of a WAV is there, whatever its header says; `undefined` where it is none that can be read. */
export function wavExtent(readAt: ReadAt, size = Infinity): WavExtent | undefined {
  const found = wavLayout(readAt(0, headBytes)) ?? wavLayout(readAt(0, maxWavHeaderBytes))
  const { format } = found ?? {}
  if (found === undefined || format === undefined || format.length < 16) return undefined
  const { dataOffset, dataBytes } = found
  const there = size - dataOffset
  if (dataBytes === undefined || dataBytes > there) return { format, bytes: there, asSaid: false }
  const after = readAt(dataOffset + dataBytes, afterBytes)
  if (samplesGoOn(found, after)) return { format, bytes: there, asSaid: false }
  const isUnseen = after.length === 0 && Number.isFinite(there) && there - dataBytes > Math.min(mostAfter, dataBytes)
  return { format, bytes: isUnseen ? Number.NaN : dataBytes, asSaid: !isUnseen }
}

function wavLayout(bytes: Buffer) {
  try {
    const found = findWavData(bytes)
    return found.kind === 'wav' ? found : undefined
  } catch {
    return undefined
  }
}

function wavSeconds(readAt: ReadAt, size: number): number | undefined {
  const extent = wavExtent(readAt, size)
  if (extent === undefined) return undefined
  const { format, bytes } = extent
  const tag = format.readUInt16LE(0)
  const sampleRate = format.readUInt32LE(4)
  const blockBytes = format.readUInt16LE(12)
  if (sampleFormats.has(tag)) return bytes / (sampleRate * blockBytes)
  // The rate of bytes that ADPCM and GSM have in their headers is what some encoder guessed.
  const blockSamples = [2, 17, 49].includes(tag) && format.length >= 20 ? format.readUInt16LE(18) : 0
  if (blockSamples > 0) return (Math.ceil(bytes / blockBytes) * blockSamples) / sampleRate
  return bytes / format.readUInt32LE(8)
}

function flacSeconds(head: Buffer): number | undefined {
  if (head.length < 26) return undefined
  const rate = head.readUIntBE(18, 3) >> 4
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22)
  return samples / rate
}

/** The box `mvhd` is the first in `moov`, wherever that is. */
function mp4Seconds(readAt: ReadAt, size: number): number | undefined {
  let at = 0
  for (let boxes = 0; boxes < mostBoxes && at < size; boxes++) {
    const box = readAt(at, 48)
    if (box.length < 48) return undefined
    const type = box.toString('latin1', 4, 8)
    if (type === 'moov') return box.toString('latin1', 12, 16) === 'mvhd' ? mvhdSeconds(box) : undefined
    const length = box.readUInt32BE(0)
    const step = length === 1 ? Number(box.readBigUInt64BE(8)) : length
    if (step < 8) return undefined
    at += step
  }
  return undefined
}

function mvhdSeconds(box: Buffer): number {
  const isLong = box.readUInt8(16) === 1
  if (isLong) return Number(box.readBigUInt64BE(40)) / box.readUInt32BE(36)
  return box.readUInt32BE(32) / box.readUInt32BE(28)
}

/** Looks for the element Info, and in it for the scale and the length, which counts from 0 and not from the first cluster. */
function matroskaSeconds(head: Buffer, readAt: ReadAt): number | undefined {
  const info = head.indexOf('1549a966', 0, 'hex')
  if (info < 0) return undefined
  const part = head.subarray(info, info + 512)
  const scaleAt = part.indexOf('2ad7b183', 0, 'hex')
  const scale = scaleAt < 0 || scaleAt + 7 > part.length ? 1_000_000 : part.readUIntBE(scaleAt + 4, 3)
  for (const [id, read] of [
    ['448988', (at: number) => part.readDoubleBE(at)],
    ['448984', (at: number) => part.readFloatBE(at)],
  ] as const) {
    const at = part.indexOf(id, 0, 'hex')
    if (at < 0 || at + 11 > part.length) continue
    const end = read(at + 3)
    const start = firstCluster(readAt) ?? 0
    // Some writers count from the first cluster all the same.
    return ((start < end ? end - start : end) * scale) / 1e9
  }
  return undefined
}

const matroska = { segment: 0x1853_8067, cluster: 0x1f43_b675, timestamp: 0xe7 }

/** The time of the first cluster, in the file's own unit; `undefined` where it is not found by a few small reads. */
function firstCluster(readAt: ReadAt): number | undefined {
  let isInCluster = false
  let at = 0
  for (let elements = 0; elements < mostBoxes; elements++) {
    const head = readAt(at, 20)
    const id = vint(head, 0, true)
    const size = id === undefined ? undefined : vint(head, id.length, false)
    if (id === undefined || size === undefined) return undefined
    const content = id.length + size.length
    if (isInCluster && id.value === matroska.timestamp) {
      return size.value <= 6 && content + size.value <= head.length && size.value > 0
        ? head.readUIntBE(content, size.value)
        : undefined
    }
    isInCluster ||= id.value === matroska.cluster
    at += id.value === matroska.segment || id.value === matroska.cluster ? content : content + size.value
  }
  return undefined
}

/** A number of EBML, whose first byte says how long it is; of an identifier the mark of the length stays. */
function vint(bytes: Buffer, at: number, isId: boolean): { value: number; length: number } | undefined {
  const first = bytes[at]
  if (first === undefined || first === 0) return undefined
  const length = Math.clz32(first) - 23
  if (at + length > bytes.length) return undefined
  let value = isId ? first : first & (0xff >> length)
  for (const byte of bytes.subarray(at + 1, at + length)) value = value * 256 + byte
  return { value, length }
}

/** What is known of an MP3 by its indexes. */
export interface Mp3Extent {
  seconds: number
  /** Whether it is one by itself, and not several that were joined, nor with tags behind it other than the shortest. */
  isSingle: boolean
}

const mostParts = 64
/** Longest frame, in bytes: some encoders count that of the index itself and some do not. */
const longestFrame = 1441

/** How long an MP3 is, by the index at its beginning and those of others that were joined to it; `undefined` where one has none. */
export function mp3Extent(readAt: ReadAt, size: number): Mp3Extent | undefined {
  let seconds = 0
  let at = 0
  for (let part = 0; part < mostParts; part++) {
    at = afterTags(readAt, at)
    if (part > 0 && at + longestFrame >= size) return { seconds, isSingle: false }
    const head = readAt(at, 64)
    const frame = mpegFrame(head)
    const index = frame && mp3Index(head, 0, frame)
    if (frame === undefined || index?.frames === undefined) return undefined
    seconds += (index.frames * frame.samples) / frame.sampleRate
    if (index.bytes === undefined) return { seconds, isSingle: false }
    if (at + index.bytes + longestFrame >= size || size === Infinity) return { seconds, isSingle: part === 0 }
    const next = nextPart(readAt, at + index.bytes)
    if (next === undefined) return undefined
    at = next
  }
  return undefined
}

function afterTags(readAt: ReadAt, from: number): number {
  let at = from
  for (let tags = 0; tags < mostParts; tags++) {
    const length = tagLength(readAt(at, tagHeadBytes)) ?? 0
    if (length === 0) break
    at += length
  }
  return at
}

/** Where the next of several joined MP3s begins, near the end of one: with a tag, or with a frame that is an index. */
function nextPart(readAt: ReadAt, end: number): number | undefined {
  const from = Math.max(0, end - longestFrame)
  const window = readAt(from, 2 * longestFrame + 64)
  for (let at = 0; at < window.length; at++) {
    if ((tagLength(window, at) ?? 0) > 0) return from + at
    const frame = mpegFrame(window, at)
    if (frame !== undefined && mp3Index(window, at, frame) !== undefined) return from + at
  }
  return undefined
}
