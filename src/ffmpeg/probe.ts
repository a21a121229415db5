import {
  chunkBehind,
  chunkHeadBytes,
  findWavData,
  maxWavHeaderBytes,
  sampleFormats,
  samplesExceedHeader,
  wavIds,
  type WavLayout,
} from '../audio/wav-layout.ts'
import { InputError } from '../errors.ts'
import { flacInfo } from './bytes/flac.ts'
import { afterTags, mostParts, mp3Extent, mpegFrame } from './bytes/frames.ts'
import type { ReadAt } from './bytes/read-at.ts'

/** What a file or a stream says of itself in its bytes, before any process is started. */

const headBytes = 4096
/** The most boxes or elements that are looked at for the length of a file. */
const mostElements = 64

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
  /** Bytes of a second, by the numbers of bytes and of samples that the header says; absent where it does not say both. */
  rate?: number
  /** Whether the header says the same, and no other WAV was joined to it. */
  asSaid: boolean
  /** Where another one begins that was joined to it; absent where there is none. */
  next?: number
}

/** Bytes behind the samples by which it is told whether these go on. */
const afterBytes = 65_600
/** More than this is behind the samples of no file but one whose header is wrong. */
const mostAfter = 1_048_576

/** How much of a WAV is there, whatever its header says; `undefined` where it is none that can be read. */
export function wavExtent(readAt: ReadAt, size = Infinity): WavExtent | undefined {
  const head = readAt(0, headBytes)
  if (head.toString('latin1', 8, 12) !== 'WAVE') return undefined
  const found = wavLayout(head) ?? wavLayout(readAt(0, maxWavHeaderBytes))
  const format = found?.formatChunk
  if (found === undefined || format === undefined || format.length < 16) return undefined
  const { dataOffset, dataBytes, fileBytes } = found
  const samples = factOf(readAt(0, dataOffset))
  const rate = (format.readUInt32LE(4) * (dataBytes ?? 0)) / (samples ?? 0)
  const about = { format, ...(rate > 0 && Number.isFinite(rate) && { rate }) }
  const there = size - dataOffset
  if (dataBytes === undefined || dataBytes > there) return { ...about, bytes: there, asSaid: false }
  const ends = [dataOffset + dataBytes, ...(fileBytes === undefined ? [] : [fileBytes])]
  const next = ends.flatMap((end) => [end, end + 1]).find((end) => end > 0 && isWav(readAt(end, 12)))
  if (next !== undefined) return { ...about, bytes: dataBytes, asSaid: false, next }
  const further = furtherWavBytes(readAt, found, size)
  if (further > 0) return { ...about, bytes: dataBytes + further, asSaid: false }
  const after = readAt(dataOffset + dataBytes, afterBytes)
  if (samplesExceedHeader(found, after)) return { ...about, bytes: there, asSaid: false }
  const isUnseen = after.length === 0 && Number.isFinite(there) && there - dataBytes > Math.min(mostAfter, dataBytes)
  return { ...about, bytes: isUnseen ? Number.NaN : dataBytes, asSaid: !isUnseen }
}

/** The number of samples that the chunk `fact` of a header says. */
function factOf(header: Buffer): number | undefined {
  const at = header.indexOf('fact\x04\0\0\0', 0, 'latin1')
  const samples = at < 0 || at + 12 > header.length ? 0 : header.readUInt32LE(at + 8)
  return isUnknown(samples) ? undefined : samples
}

/** Programs that write to a pipe put 0 or a number near 2 or 4 GiB for a size. */
export function isUnknown(size: number): boolean {
  return size === 0 || size >= 0x7fff_0000
}

/** Bytes of samples in chunks behind the first. */
function furtherWavBytes(
  readAt: ReadAt,
  { dataOffset, dataBytes = 0, fileBytes = 0 }: WavLayout,
  size: number,
): number {
  let bytes = 0
  let at = dataOffset + dataBytes
  let isOdd = dataBytes % 2 === 1
  for (let chunks = 0; chunks < mostElements && at < size; chunks++) {
    const chunk = chunkBehind(readAt(at, chunkHeadBytes), isOdd, fileBytes - at)
    if (chunk === undefined) break
    at += chunk.before
    if (chunk.id === 'data') bytes += Math.max(0, Math.min(chunk.size, size - at))
    at += chunk.size
    isOdd = chunk.size % 2 === 1
  }
  return bytes
}

function isWav(head: Buffer): boolean {
  return wavIds.includes(head.toString('latin1', 0, 4)) && head.toString('latin1', 8, 12) === 'WAVE'
}

function wavLayout(bytes: Buffer) {
  try {
    const found = findWavData(bytes)
    return found.kind === 'wav' ? found.header : undefined
  } catch {
    return undefined
  }
}

/** The length of a WAV and of those that were joined to it. */
function wavSeconds(readAt: ReadAt, size: number): number | undefined {
  let seconds = 0
  let at = 0
  for (let part = 0; part < mostParts; part++) {
    const from = at
    const extent = wavExtent((offset, length) => readAt(from + offset, length), size - from)
    const length = extent && secondsOfWav(extent)
    if (extent === undefined || length === undefined) return undefined
    seconds += length
    if (extent.next === undefined) return seconds
    at += extent.next
  }
  return undefined
}

/** Kinds of MPEG audio and AC-3 in WAV, which say how many bytes a second has. */
const ratedKinds = new Set([0x50, 0x55, 0x2000])

function secondsOfWav({ format, bytes, rate }: WavExtent): number | undefined {
  const tag = format.readUInt16LE(0)
  const sampleRate = format.readUInt32LE(4)
  const blockBytes = format.readUInt16LE(12)
  if (sampleFormats.has(tag)) return bytes / (sampleRate * blockBytes)
  // The rate of bytes that ADPCM and others have in their headers is what some encoder guessed.
  const blockSamples = [2, 17, 49].includes(tag) && format.length >= 20 ? format.readUInt16LE(18) : 0
  if (blockSamples > 0) return (Math.ceil(bytes / blockBytes) * blockSamples) / sampleRate
  if (rate !== undefined) return bytes / rate
  return ratedKinds.has(tag) ? bytes / format.readUInt32LE(8) : undefined
}

/** What the box `mvhd` says, the first in `moov`: the length of the film, in units of which a second has so many. */
function movieHeader(readAt: ReadAt, size: number): { timescale: number; duration: number } | undefined {
  const movie = findMovie(readAt, size)
  const box = movie && readAt(movie.from, 40)
  if (box?.length !== 40 || box.toString('latin1', 4, 8) !== 'mvhd') return undefined
  return box.readUInt8(8) === 1
    ? { timescale: box.readUInt32BE(28), duration: Number(box.readBigUInt64BE(32)) }
    : { timescale: box.readUInt32BE(20), duration: box.readUInt32BE(24) }
}

function mp4Seconds(readAt: ReadAt, size: number): number | undefined {
  const header = movieHeader(readAt, size)
  return header && header.duration / header.timescale
}

function flacSeconds(head: Buffer): number | undefined {
  const info = flacInfo(head)
  return info && info.samples / info.rate
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
  for (let elements = 0; elements < mostElements; elements++) {
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
export function vint(bytes: Buffer, at: number, isId: boolean): { value: number; length: number } | undefined {
  const first = bytes[at]
  if (first === undefined || first === 0) return undefined
  const length = Math.clz32(first) - 23
  if (at + length > bytes.length) return undefined
  let value = isId ? first : first & (0xff >> length)
  for (const byte of bytes.subarray(at + 1, at + length)) value = value * 256 + byte
  return { value, length }
}

/**
 * Whether the sound of a file runs on from its first sample to its last, by what the file says of itself. Then FFmpeg may
 * work in large pieces, which takes a fifth less; where there can be gaps, a piece would hold what lies on both sides of one.
 */

/** The most boxes that are looked at; a file with few tracks has some dozens. */
const mostBoxes = 400
const boxHead = 16
/** Content of a box that is looked at, in bytes. */
const looked = 48

interface Box {
  type: string
  /** Where its content begins, and where it ends. */
  from: number
  to: number
}

/** `false` also where that cannot be told by a few small reads. */
export function isGapless(readAt: ReadAt, size: number): boolean {
  const head = readAt(0, boxHead)
  const begins = head.toString('latin1', 0, 4)
  // These have no clock: their samples are counted. A tag may also be before ADTS, whose sound may change in the middle,
  // where FFmpeg forgets what it has of a large piece.
  if (begins === 'RIFF' || begins === 'fLaC' || mpegFrame(readAt(afterTags(readAt, 0), 4)) !== undefined) return true
  if (head.toString('latin1', 4, 8) !== 'ftyp') return false
  const sounds = soundTracks(readAt, size)
  const isWhole = ({ times, edits }: SoundTrack): boolean => {
    const table = times && readAt(times.from, Math.min(times.to - times.from, mostTimesBytes))
    return table !== undefined && isEven(table) && isPlain(edits && readAt(edits.from, looked))
  }
  return sounds !== undefined && sounds.length > 0 && sounds.every(isWhole)
}

/** Whether all sound of a file has two channels, by what it says of itself; `false` also where that cannot be told by a few small reads. */
export function isStereo(readAt: ReadAt, size: number): boolean {
  const head = readAt(0, headBytes)
  const begins = head.toString('latin1', 0, 4)
  if (head.toString('latin1', 8, 12) === 'WAVE') return wavExtent(readAt, size)?.format.readUInt16LE(2) === 2
  if (begins === 'fLaC') return flacInfo(head)?.channels === 2
  if (head.toString('latin1', 4, 8) === 'ftyp') {
    const sounds = soundTracks(readAt, size) ?? []
    const about = sounds.map(({ samples }) => samples && readAt(samples.from, descriptionBytes))
    return sounds.length > 0 && about.every((description) => description !== undefined && isStereoAac(description))
  }
  const frame = readAt(afterTags(readAt, 0), 4)
  return mpegFrame(frame) !== undefined && frame.readUInt8(3) >> 6 !== 3
}

/** Where the descriptions of AAC stand in the box `stsd`, at most, in bytes. */
const descriptionBytes = 512

/** By the configuration of the decoder: the number of channels in the box itself is two whatever they are. */
function isStereoAac(description: Buffer): boolean {
  // Descriptors are one within the other: of the stream, of its decoder, and of what that is to know.
  let at = description.indexOf('esds', 0, 'latin1') + 8
  if (at < 8) return false
  for (const [tag, content] of [
    [3, 3],
    [4, 13],
    [5, 0],
  ] as const) {
    if (description[at++] !== tag) return false
    while ((description[at++] ?? 0) >= 128);
    at += content
  }
  if (at + 2 > description.length) return false
  const bits = description.readUInt16BE(at)
  const [kind, rate, channels] = [bits >> 11, (bits >> 7) & 15, (bits >> 3) & 15]
  return kind < 31 && rate < 15 && channels === 2
}

/** The boxes of a track of sound in an MP4. */
interface SoundTrack {
  /** How long its packets last. */
  times: Box | undefined
  /** What they are. */
  samples: Box | undefined
  /** Which part of them is played when. */
  edits: Box | undefined
}

/** `undefined` where these are too many boxes, or fragments, each of which has a time of its own. */
function soundTracks(readAt: ReadAt, size: number): SoundTrack[] | undefined {
  const left = { boxes: mostBoxes }
  const movie = boxes(readAt, 0, size, left)
  if (find(movie, 'moof') !== undefined) return undefined
  return soundTracksOf(readAt, find(movie, 'moov'), left)
}

function find(all: readonly Box[], type: string): Box | undefined {
  return all.find((box) => box.type === type)
}

/** The index of an MP4, wherever that is. */
function findMovie(readAt: ReadAt, size: number): Box | undefined {
  return find(boxes(readAt, 0, size, { boxes: mostElements }), 'moov')
}

/** The tracks of sound in the index of an MP4. */
function soundTracksOf(readAt: ReadAt, index: Box | undefined, left: { boxes: number }): SoundTrack[] | undefined {
  const inside = (box: Box | undefined): Box[] => (box === undefined ? [] : boxes(readAt, box.from, box.to, left))
  const tracks = inside(index).filter(({ type }) => type === 'trak')
  const sounds = tracks.flatMap((track) => {
    const parts = inside(track)
    const media = inside(find(parts, 'mdia'))
    const handler = find(media, 'hdlr')
    if (handler === undefined || readAt(handler.from + 8, 4).toString('latin1') !== 'soun') return []
    const table = inside(find(inside(find(media, 'minf')), 'stbl'))
    const edits = find(inside(find(parts, 'edts')), 'elst')
    return [{ times: find(table, 'stts'), samples: find(table, 'stsd'), edits }]
  })
  return left.boxes > 0 ? sounds : undefined
}

/** What stands for the name of a codec where packets are encrypted: by common encryption, by Apple's. */
const encryptedSound = new Set(['enca', 'drms'])

/** Whether all sound of an MP4 is encrypted, by what its index says; `false` also where that cannot be told by a few small reads. */
export function isEncrypted(readAt: ReadAt, size: number): boolean {
  if (!isMovieStart(readAt(0, boxHead))) return false
  const sounds = soundTracksOf(readAt, findMovie(readAt, size), { boxes: mostBoxes }) ?? []
  const isUnreadable = ({ samples }: SoundTrack): boolean => {
    const description = samples === undefined ? Buffer.alloc(0) : readAt(samples.from, descriptionBytes)
    if (!encryptedSound.has(description.toString('latin1', 12, 16))) return false
    // What could be encrypted need not be.
    const defaults = description.indexOf('tenc', 0, 'latin1')
    return defaults < 0 || description[defaults + 10] !== 0
  }
  return sounds.length > 0 && sounds.every(isUnreadable)
}

/** FFmpeg takes encrypted sound for damaged, or decodes noise. */
export function encryptedInput(input: string): InputError {
  const message = `${input} is encrypted, as is what has copy protection; give a copy that is not`
  return new InputError('INPUT_UNREADABLE', message)
}

/** Whether bytes begin as those of an MP4 or QuickTime file do. */
export function isMovieStart(head: Buffer): boolean {
  return firstBoxes.has(head.toString('latin1', 4, 8))
}

/** A stretch of time, in seconds by the clock of the file. */
export interface Silence {
  start: number
  end: number
}

/** The longest list of edits that is read, in bytes. */
const mostEditBytes = 65_536

/**
 * Where the sound of an MP4 is to be silent in its middle, of each of its tracks: an edit with nothing in it. FFmpeg knows those before
 * all others alone, and plays the beginning of the track in the place of later ones.
 */
export function silencesOf(readAt: ReadAt, size: number): Silence[][] {
  if (!isMovieStart(readAt(0, boxHead))) return []
  const { timescale = 0 } = movieHeader(readAt, size) ?? {}
  if (timescale === 0) return []
  return (soundTracks(readAt, size) ?? []).map(({ edits }) =>
    edits === undefined
      ? []
      : silencesIn(readAt(edits.from, Math.min(edits.to - edits.from, mostEditBytes)), timescale),
  )
}

function silencesIn(list: Buffer, timescale: number): Silence[] {
  const silences: Silence[] = []
  let time = 0
  let hasBegun = false
  for (const { duration, mediaTime } of editsIn(list)) {
    const start = time / timescale
    time += duration
    if (mediaTime === -1 && hasBegun) silences.push({ start, end: time / timescale })
    hasBegun ||= mediaTime !== -1
  }
  return silences
}

/** What an edit of a track plays. */
interface Edit {
  /** How long, in units of the movie. */
  duration: number
  /** From where on, in units of the track; -1 for nothing. */
  mediaTime: number
}

/** By the content of a list of edits (ISO/IEC 14496-12, section 8.6.6). */
export function editsIn(list: Buffer): Edit[] {
  if (list.length < 8) return []
  const isLong = list[0] === 1
  const entryBytes = isLong ? 20 : 12
  const count = Math.min(list.readUInt32BE(4), Math.floor((list.length - 8) / entryBytes))
  return Array.from({ length: count }, (_, entry) => {
    const at = 8 + entryBytes * entry
    return isLong
      ? { duration: Number(list.readBigUInt64BE(at)), mediaTime: Number(list.readBigInt64BE(at + 8)) }
      : { duration: list.readUInt32BE(at), mediaTime: list.readInt32BE(at + 4) }
  })
}

/** The longest table of the times of packets that is read, in bytes. */
const mostTimesBytes = 65_536
/** Packets that may lie in one of FFmpeg's large pieces. */
const piecePackets = 128

/**
 * Whether all packets last as long, but for the last one, and some by themselves that are shorter or a little longer, as where files
 * were joined: no piece holds two of these, and none is a gap that anybody hears.
 */
function isEven(table: Buffer): boolean {
  const count = table.length < 16 ? 0 : table.readUInt32BE(4)
  if (count === 0 || 8 + 8 * count > table.length) return false
  const runs = Array.from({ length: count }, (_, at) => ({
    packets: table.readUInt32BE(8 + 8 * at),
    length: table.readUInt32BE(12 + 8 * at),
  }))
  const usual = runs.reduce((longest, run) => (run.packets > longest.packets ? run : longest)).length
  let since = Infinity
  return runs.every(({ packets, length }, at) => {
    since += packets
    if (length === usual || (at === count - 1 && packets === 1)) return true
    const isAlone = packets === 1 && since > piecePackets
    since = 0
    return isAlone && length <= 2 * usual
  })
}

/** Whether a list of edits only says when the sound begins: silence first, then all of it. */
function isPlain(list: Buffer | undefined): boolean {
  return list === undefined || (list.length >= 8 && list.readUInt32BE(4) <= 2)
}

/** The boxes that `bytes` begin with; the last may end behind them, or, where it lasts to the end of the file, without end. */
export function boxesIn(bytes: Buffer, most = mostBoxes): Box[] {
  return boxes((offset, length) => bytes.subarray(offset, offset + length), 0, Infinity, { boxes: most })
}

function boxes(readAt: ReadAt, from: number, to: number, left: { boxes: number }): Box[] {
  const found: Box[] = []
  for (let at = from; at + 8 <= to && left.boxes > 0; left.boxes--) {
    const head = readAt(at, boxHead)
    if (head.length < 8) break
    const short = head.readUInt32BE(0)
    if (short === 1 && head.length < boxHead) break
    const length = short === 1 ? Number(head.readBigUInt64BE(8)) : short === 0 ? to - at : short
    if (length < 8) break
    found.push({
      type: head.toString('latin1', 4, 8),
      from: at + (short === 1 ? 16 : 8),
      to: Math.min(to, at + length),
    })
    at += length
  }
  return found
}

/** How much of a byte stream is looked at before FFmpeg is started. */
export const headLimit = 65_536

/** Boxes an MP4 or QuickTime file may begin with. */
const firstBoxes = new Set(['ftyp', 'wide', 'free', 'skip', 'pnot', 'moov', 'mdat', 'styp'])
