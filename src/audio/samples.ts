import { endianness } from 'node:os'
import { ConfigurationError } from '../errors.ts'
import { bytesPerSample, type SampleEncoding } from './format.ts'
import { mulawToInt16 } from './mulaw.ts'

/** What one sample of an encoding is worth, read from `view` at byte `at`, within [-1, 1]. */
type ReadSample = (view: DataView, at: number) => number

const readers: Readonly<Record<SampleEncoding, ReadSample>> = {
  s16le: (view, at) => view.getInt16(at, true) / 32_768,
  s24le: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65_536) / 8_388_608,
  s32le: (view, at) => view.getInt32(at, true) / 2_147_483_648,
  f32le: (view, at) => {
    const value = view.getFloat32(at, true)
    return Number.isFinite(value) ? Math.min(1, Math.max(-1, value)) : 0
  },
  u8: (view, at) => (view.getUint8(at) - 128) / 128,
  mulaw: (view, at) => (mulawToInt16[view.getUint8(at)] ?? 0) / 32_768,
}

/**
 * Samples of PCM bytes as numbers within [-1, 1], channels still interleaved. `bytes` may start at any address and must
 * hold whole samples. Floats beyond ±1 are clipped; NaN and infinities, which some recorders leave in gaps, are 0.
 */
export function decodeSamples(bytes: Uint8Array, encoding: SampleEncoding): Float32Array {
  const step = bytesPerSample[encoding]
  const read = readers[encoding]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const samples = new Float32Array(Math.floor(bytes.byteLength / step))
  for (let i = 0, at = 0; i < samples.length; i++, at += step) samples[i] = read(view, at)
  return samples
}

/** The nearest 16-bit value of a sample within [-1, 1]; beyond that it is clipped. */
function toInt16(sample: number): number {
  const scaled = Math.floor(sample * 32_768 + 0.5)
  return scaled > 32_767 ? 32_767 : scaled < -32_768 ? -32_768 : scaled
}

/** PCM16 little-endian bytes of samples within [-1, 1], rounded to nearest and clipped. */
export function encodeS16(samples: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(samples.length * 2)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < samples.length; i++) view.setInt16(i * 2, toInt16(samples[i]!), true)
  return bytes
}

/** 16-bit samples as numbers within [-1, 1). Exact: {@link floatToInt16} gives the same samples back. */
export function int16ToFloat(samples: Int16Array): Float32Array {
  const floats = new Float32Array(samples.length)
  for (let i = 0; i < samples.length; i++) floats[i] = samples[i]! / 32_768
  return floats
}

/** Samples within [-1, 1] as 16-bit ones, rounded to nearest and clipped. */
export function floatToInt16(samples: Float32Array): Int16Array {
  const integers = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) integers[i] = toInt16(samples[i]!)
  return integers
}

/** What a typed array holds, where that is plain: 16-bit or 32-bit samples, or floats within [-1, 1]. */
function encodingOf(chunk: unknown): SampleEncoding | undefined {
  if (chunk instanceof Int16Array) return 's16le'
  if (chunk instanceof Int32Array) return 's32le'
  return chunk instanceof Float32Array ? 'f32le' : undefined
}

/**
 * The bytes that a user means by `chunk`: bytes as they are, and samples in a typed array as PCM of `encoding`.
 *
 * @param stage - for messages, e.g. `resample()`.
 * @param encoding - what the stage takes; `undefined` where it was not told.
 * @param converts - whether it takes floats for 16-bit samples, since nobody declared the encoding.
 * @throws ConfigurationError `INVALID_PIPELINE` where it is not plain what is meant
 */
export function pcmBytes(
  stage: string,
  chunk: unknown,
  encoding: SampleEncoding | undefined,
  converts = false,
): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof ArrayBuffer) return Buffer.from(chunk)
  if (chunk instanceof Uint8Array || chunk instanceof DataView) return bytesOf(chunk)
  const given = encodingOf(chunk)
  const what = kindOf(chunk)
  const takes = `${stage} takes PCM as bytes, an Int16Array or a Float32Array`
  if (given === undefined) {
    const before =
      stage === 'resample()' ? 'put a source, e.g. fileSource(), or decode() before it' : 'put resample() between'
    const advice = ArrayBuffer.isView(chunk) ? 'make it one of these' : before
    throw new ConfigurationError('INVALID_PIPELINE', `${takes}, but was given ${what}: ${advice}`)
  }
  if (encoding === undefined) {
    const advice = `say what it is by input: { sampleRate, channels, encoding: '${given}' }`
    throw new ConfigurationError(
      'INVALID_PIPELINE',
      `${takes}, and was given ${what} without its sample rate: ${advice}`,
    )
  }
  if (given === encoding) return littleEndian(chunk as ArrayBufferView, bytesPerSample[given])
  if (converts && chunk instanceof Float32Array && encoding === 's16le') return encodeS16(chunk)
  const problem = `${stage} expects ${encoding}, but was given ${what}, which is ${given}: give it ${encoding}, or say encoding: '${given}' above`
  throw new ConfigurationError('INVALID_PIPELINE', problem)
}

/**
 * The bytes of a media file that a user means by `chunk`.
 *
 * @throws ConfigurationError `INVALID_PIPELINE` where it is something else
 */
export function mediaBytes(stage: string, chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof ArrayBuffer) return Buffer.from(chunk)
  if (ArrayBuffer.isView(chunk)) return bytesOf(chunk)
  const problem = `${stage} takes the bytes of a recording, but was given ${kindOf(chunk)}`
  throw new ConfigurationError(
    'INVALID_PIPELINE',
    `${problem}: put what gives bytes before it, e.g. createReadStream(file) without an encoding`,
  )
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}

function littleEndian(view: ArrayBufferView, sampleBytes: number): Buffer {
  if (endianness() === 'LE') return bytesOf(view)
  const bytes = Buffer.from(bytesOf(view))
  return sampleBytes === 2 ? bytes.swap16() : bytes.swap32()
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  const name = typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`
}
