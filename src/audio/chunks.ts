import { types } from 'node:util'
import { ConfigurationError } from '../errors.ts'
import { bytesPerSample, type SampleEncoding } from './format.ts'

/*
 * What is written to a stage: bytes, or samples in a typed array. By itself, as a stage looks at what it is given before anything
 * that works on it is loaded. Told by what it is, not by its class: in a context of `node:vm` that is another one.
 */

/** What a typed array holds, where that is plain: 16-bit or 32-bit samples, or floats within [-1, 1]. */
function encodingOf(chunk: unknown): SampleEncoding | undefined {
  if (types.isInt16Array(chunk)) return 's16le'
  if (types.isInt32Array(chunk)) return 's32le'
  return types.isFloat32Array(chunk) ? 'f32le' : undefined
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
  if (types.isArrayBuffer(chunk)) return Buffer.from(chunk)
  if (types.isUint8Array(chunk) || types.isDataView(chunk)) return bytesOf(chunk)
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
  if (converts && types.isFloat32Array(chunk) && encoding === 's16le') return encodeS16(chunk)
  const problem = `${stage} expects ${encoding}, but was given ${what}, which is ${given}: give it ${encoding}, or say encoding: '${given}' above`
  throw new ConfigurationError('INVALID_PIPELINE', problem)
}

/** The bytes that a user means by `chunk`. @throws ConfigurationError `INVALID_PIPELINE` */
export function mediaBytes(stage: string, chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (types.isArrayBuffer(chunk)) return Buffer.from(chunk)
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

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

function littleEndian(view: ArrayBufferView, sampleBytes: number): Buffer {
  if (isLittleEndian) return bytesOf(view)
  const bytes = Buffer.from(bytesOf(view))
  return sampleBytes === 2 ? bytes.swap16() : bytes.swap32()
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  const name = typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`
}

/** The nearest 16-bit value of a sample within [-1, 1]; beyond that it is clipped. */
function toInt16(sample: number): number {
  const scaled = Math.floor(sample * 32_768 + 0.5)
  return scaled > 32_767 ? 32_767 : scaled < -32_768 ? -32_768 : scaled
}

/** PCM16 little-endian bytes of samples within [-1, 1], rounded to nearest and clipped. */
export function encodeS16(samples: Float32Array): Buffer {
  return littleEndian(floatToInt16(samples), 2)
}

/** Samples within [-1, 1] as 16-bit ones, rounded to nearest and clipped. */
export function floatToInt16(samples: Float32Array): Int16Array {
  const integers = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) integers[i] = toInt16(samples[i]!)
  return integers
}
