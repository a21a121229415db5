import { InputError } from '../errors.ts'
import { checkInteger, checkKnown, checkOneOf, invalidOption } from '../options.ts'

/** Sample encodings of PCM the library reads; all little endian. `mulaw` is 8-bit G.711 µ-law. */
export type SampleEncoding = 's16le' | 's24le' | 's32le' | 'f32le' | 'u8' | 'mulaw'

/** What a run of PCM bytes is. */
export interface AudioFormat {
  /** Samples per second of each channel, in Hz. */
  sampleRate: number
  /** Interleaved channels, 1 to 8. */
  channels: number
  encoding: SampleEncoding
}

export const sampleEncodings = ['s16le', 's24le', 's32le', 'f32le', 'u8', 'mulaw'] as const satisfies SampleEncoding[]

export const bytesPerSample: Readonly<Record<SampleEncoding, number>> = {
  s16le: 2,
  s24le: 3,
  s32le: 4,
  f32le: 4,
  u8: 1,
  mulaw: 1,
}

export function blockSize(format: AudioFormat): number {
  return bytesPerSample[format.encoding] * format.channels
}

/** Milliseconds that `bytes` bytes of `format` last; may be fractional. */
export function bytesToMs(bytes: number, format: AudioFormat): number {
  return (bytes * 1000) / (blockSize(format) * format.sampleRate)
}

/** Bytes that last `ms` milliseconds, rounded up to a whole block. 50 ms of 16 kHz mono PCM16 are 1600 bytes. */
export function msToBytes(ms: number, format: AudioFormat): number {
  return Math.ceil((ms * format.sampleRate) / 1000) * blockSize(format)
}

/** Rates the library reads, in Hz; anything else in a header is damage. */
export const sampleRateRange = { min: 1000, max: 768_000 } as const

/** Most interleaved channels the library reads. */
export const maxChannels = 8

/** The byte that, repeated, is silence (for `f32le` and signed integers: zeros). */
export const silenceByte: Readonly<Record<SampleEncoding, number>> = {
  s16le: 0x00,
  s24le: 0x00,
  s32le: 0x00,
  f32le: 0x00,
  u8: 0x80,
  mulaw: 0xff,
}

export function sameFormat(a: AudioFormat, b: AudioFormat): boolean {
  return a.sampleRate === b.sampleRate && a.channels === b.channels && a.encoding === b.encoding
}

/** A format in words for messages: `48000 Hz, 2 channels, s16le`. */
export function describeFormat(format: AudioFormat): string {
  return `${format.sampleRate} Hz, ${format.channels === 1 ? 'mono' : `${format.channels} channels`}, ${format.encoding}`
}

const fields = ['sampleRate', 'channels', 'encoding'] as const satisfies (keyof AudioFormat)[]

function hasFields(value: unknown): value is Record<keyof AudioFormat, unknown> {
  return typeof value === 'object' && value !== null && fields.every((field) => field in value)
}

/** Refuses what is no whole {@link AudioFormat}. @throws ConfigurationError `INVALID_OPTION` */
export function checkFormat(name: string, value: unknown): asserts value is AudioFormat | undefined {
  if (value === undefined) return
  if (!hasFields(value)) throw invalidOption(name, 'an object with sampleRate, channels and encoding', value)
  checkKnown(name, value, fields)
  checkInteger(`${name}.sampleRate`, value.sampleRate ?? null, sampleRateRange.min, sampleRateRange.max, 'Hz')
  checkInteger(`${name}.channels`, value.channels ?? null, 1, maxChannels)
  checkOneOf(`${name}.encoding`, value.encoding ?? null, sampleEncodings)
}

/** The error for audio of another number of channels; `advice` ends its sentence. */
export function channelMismatch(stage: string, expected: number, channels: number, advice: string): InputError {
  const told = `${stage} was told to expect ${expected} ${expected === 1 ? 'channel' : 'channels'}`
  return new InputError('CHANNEL_MISMATCH', `${told}, but the audio has ${channels}: ${advice}`, { expected, channels })
}
