import { InputError } from '../errors.ts'
import { bytesPerSample, maxChannels, sampleRateRange, type AudioFormat, type SampleEncoding } from './format.ts'

/** What a WAV header says. */
export interface WavHeader {
  format: AudioFormat
  /** Bytes before the first sample. */
  dataOffset: number
  /** Bytes of samples; what follows them is not audio. Absent where the writer could not know, as on a pipe. */
  dataBytes?: number
}

/** The answer of {@link parseWavHeader}: the header, or that more bytes are needed, or that it is no WAV file at all. */
export type WavProbe = { kind: 'more' } | { kind: 'other' } | { kind: 'wav'; header: WavHeader }

/** Longest header that is read. What comes before the samples in real files, pictures included, is far less. */
export const maxWavHeaderBytes = 1_048_576

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

/**
 * Reads the header at the start of `bytes`, of which there may be too few yet: call again with more until the answer is
 * not `more`. RIFF and RF64, PCM of 8 to 32 bits, 32-bit float and µ-law, plain or extensible.
 *
 * @throws InputError `UNSUPPORTED_AUDIO` when it is a WAV file of a kind the library does not read, or is damaged
 */
export function parseWavHeader(bytes: Buffer): WavProbe {
  const text = (at: number) => bytes.toString('latin1', at, at + 4)
  const outer = text(0)
  if (!['RIFF', 'RF64', 'BW64'].some((name) => name.startsWith(outer))) return { kind: 'other' }
  if (!'WAVE'.startsWith(text(8))) return { kind: 'other' }

  let format: AudioFormat | undefined
  let longDataBytes: number | undefined
  for (let at = 12; ;) {
    if (at + 8 > maxWavHeaderBytes) throw unsupported(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (at + 8 > bytes.length) return { kind: 'more' }
    const id = text(at)
    const size = bytes.readUInt32LE(at + 4)
    const content = at + 8
    if (id === 'data') {
      if (format === undefined) throw unsupported('does not say what the samples are before they start')
      const dataBytes = outer === 'RIFF' || size !== unknownSize ? knownSize(bytes, content, size) : longDataBytes
      return { kind: 'wav', header: { format, dataOffset: content, ...(dataBytes !== undefined && { dataBytes }) } }
    }
    const end = content + size
    if (end > maxWavHeaderBytes) throw unsupported(`is longer than ${maxWavHeaderBytes} bytes or damaged`)
    if (end > bytes.length) return { kind: 'more' }
    if (id === 'fmt ') format = readFormat(bytes.subarray(content, end))
    if (id === 'ds64' && size >= 16) longDataBytes = readLongSize(bytes, content + 8)
    at = end + (size % 2)
  }
}

/** The size of the data, unless it is one of the values that writers to a pipe put for one they do not know. */
function knownSize(bytes: Buffer, dataOffset: number, size: number): number | undefined {
  // The largest sizes of 32 and 31 bits, whole or less a header; only recordings that long could be meant instead.
  if (size >= 0xffff_f000 || (size >= 0x7fff_f000 && size <= 0x8000_0000)) return undefined
  if (size > 0) return size
  const riffBytes = bytes.readUInt32LE(4)
  const moreFollows = riffBytes < 0xffff_f000 && riffBytes + 8 > dataOffset
  return moreFollows ? 0 : undefined
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
 * A WAV header for samples of `format`. Without `dataBytes`, or where they are too many for 32 bits, it says that the
 * length is unknown, in the way FFmpeg does on a pipe. An odd number of data bytes is to be followed by one zero byte.
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
