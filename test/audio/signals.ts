import { bytesPerSample, type AudioFormat, type SampleEncoding } from '../../src/audio/format.ts'
import { int16ToMulaw } from '../../src/audio/pcm.ts'

/** `count` samples of a sine of `frequency` Hz. */
export function sine(frequency: number, sampleRate: number, count: number, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => amplitude * Math.sin((2 * Math.PI * ((frequency * i) % sampleRate)) / sampleRate),
  )
}

/** Repeatable noise within [-1, 1). */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state / 2_147_483_648
  })
}

/** Root of the mean square. */
export function rms(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return Math.sqrt(sum / samples.length)
}

export function decibels(ratio: number): number {
  return 20 * Math.log10(Math.max(ratio, 1e-12))
}

/** Amplitude of the sine of `frequency` Hz within `samples` (Goertzel); exact over whole periods. */
export function amplitudeAt(frequency: number, sampleRate: number, samples: Float32Array): number {
  const angle = (2 * Math.PI * frequency) / sampleRate
  const coefficient = 2 * Math.cos(angle)
  let last = 0
  let beforeLast = 0
  for (const sample of samples) {
    const current = sample + coefficient * last - beforeLast
    beforeLast = last
    last = current
  }
  const power = last * last + beforeLast * beforeLast - coefficient * last * beforeLast
  return (2 * Math.sqrt(Math.max(0, power))) / samples.length
}

const writers: Record<SampleEncoding, (bytes: Buffer, at: number, sample: number) => void> = {
  s16le: (bytes, at, sample) => bytes.writeInt16LE(Math.round(sample * 32_767), at),
  s24le: (bytes, at, sample) => bytes.writeIntLE(Math.round(sample * 8_388_607), at, 3),
  s32le: (bytes, at, sample) => bytes.writeInt32LE(Math.round(sample * 2_147_483_647), at),
  f32le: (bytes, at, sample) => bytes.writeFloatLE(sample, at),
  u8: (bytes, at, sample) => bytes.writeUInt8(Math.round(sample * 127) + 128, at),
  mulaw: (bytes, at, sample) => bytes.writeUInt8(int16ToMulaw(Math.round(sample * 32_767)), at),
}

/** PCM bytes of `format` with the same mono `samples` on every channel. */
export function encodePcm(samples: Float32Array, format: AudioFormat): Buffer {
  const step = bytesPerSample[format.encoding]
  const bytes = Buffer.alloc(samples.length * format.channels * step)
  let at = 0
  for (const sample of samples) {
    for (let channel = 0; channel < format.channels; channel++, at += step) writers[format.encoding](bytes, at, sample)
  }
  return bytes
}

/** `whole` cut into pieces of the given lengths, used in turn until nothing is left. */
export function cut<T extends { length: number; subarray(from: number, to: number): T }>(
  whole: T,
  lengths: readonly number[],
): T[] {
  const pieces: T[] = []
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length] ?? whole.length)
    pieces.push(whole.subarray(at, Math.min(whole.length, at + length)))
    at += length
  }
  return pieces
}

/** A chunk of a WAV, filled up to an even length. */
export function chunk(id: string, content: Buffer, size = content.length): Buffer {
  const head = Buffer.alloc(8)
  head.write(id, 'latin1')
  head.writeUInt32LE(size, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}
