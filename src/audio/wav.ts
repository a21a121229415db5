import { type AudioFormat, bytesPerSample, maxChannels, type SampleEncoding, sampleRateRange } from './format.ts'
import { findWavData, unknownSize, unsupportedWav, type WavLayout, type WavProbe } from './wav-layout.ts'

/** What the header of a WAV says whose samples the library reads. */
export interface WavHeader extends Omit<WavLayout, 'formatChunk'> {
  format: AudioFormat
}

/** Bytes 2 to 15 of the identifiers of sub-formats that stand for a plain format tag. */
const plainSubformat = Buffer.from('000000001000800000aa00389b71', 'hex')
const tagNames: Readonly<Record<number, string>> = { 2: 'ADPCM', 6: 'A-law', 17: 'IMA ADPCM', 49: 'GSM', 85: 'MP3' }

/** Reads a header as {@link findWavData} does: PCM, float, µ-law. @throws InputError `UNSUPPORTED_AUDIO` */
export function parseWavHeader(bytes: Buffer): WavProbe<WavHeader> {
  const found = findWavData(bytes)
  return found.kind === 'wav' ? { kind: 'wav', header: readHeader(found.header) } : found
}

/** What a WAV with samples as the library reads them is. @throws InputError `UNSUPPORTED_AUDIO` */
export function readHeader({ formatChunk, ...layout }: WavLayout): WavHeader {
  if (formatChunk === undefined) throw unsupportedWav('does not say what the samples are before they start')
  return { ...layout, format: readFormat(formatChunk) }
}

function readFormat(chunk: Buffer): AudioFormat {
  if (chunk.length < 16) throw unsupportedWav('is damaged: its format chunk is too short')
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
    throw unsupportedWav(`says ${kind} of ${bits} bits, which is not read`)
  }
  if (channels < 1 || channels > maxChannels)
    throw unsupportedWav(`says ${channels} channels; 1 to ${maxChannels} are read`)
  if (sampleRate < sampleRateRange.min || sampleRate > sampleRateRange.max) {
    throw unsupportedWav(`says ${sampleRate} Hz; ${sampleRateRange.min} to ${sampleRateRange.max} are read`)
  }
  if (blockBytes !== bytesPerSample[encoding] * channels) {
    throw unsupportedWav(`says ${blockBytes} bytes for ${channels} samples of ${bits} bits, which is not read`)
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
