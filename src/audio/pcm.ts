import { ConfigurationError, type Warning } from '../errors.ts'
import {
  type AudioFormat,
  blockSize,
  bytesPerSample,
  describeFormat,
  sameFormat,
  type SampleEncoding,
} from './format.ts'
import { encodeS16 } from './chunks.ts'
import { BlockAligner } from './framer.ts'
import { MonoMixer } from './mono-mixer.ts'
import { Resampler } from './resampler.ts'
import { type SampleConversion, WavReader, wavSizeWarning } from './wav-reader.ts'

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
 * Samples within [-1, 1], interleaved. Floats are clipped; NaN and infinities, which recorders leave in gaps, are 0.
 */
export function decodeSamples(bytes: Uint8Array, encoding: SampleEncoding): Float32Array {
  const step = bytesPerSample[encoding]
  const read = readers[encoding]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const samples = new Float32Array(Math.floor(bytes.byteLength / step))
  for (let i = 0, at = 0; i < samples.length; i++, at += step) samples[i] = read(view, at)
  return samples
}

/** G.711 µ-law: inverted, a sign bit, a 3-bit segment and a 4-bit step; 33 makes the segments line up. */
const bias = 33 << 2
const largest = 32_767 - bias

function decode(code: number): number {
  const bits = ~code & 0xff
  const segment = (bits >> 4) & 0x07
  const magnitude = ((((bits & 0x0f) << 3) + bias) << segment) - bias
  return bits & 0x80 ? -magnitude : magnitude
}

/** The 16-bit sample of each of the 256 µ-law codes. */
export const mulawToInt16: Int16Array = Int16Array.from({ length: 256 }, (_, code) => decode(code))

/** The µ-law code of a 16-bit sample; louder than the code can tell is clipped. Silence is 0xFF. */
export function int16ToMulaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), largest) + bias
  const segment = 24 - Math.clz32(magnitude)
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff
}

/** The channels of interleaved samples, each on its own; one channel is returned as it is, not copied. */
export function deinterleave(interleaved: Float32Array, channels: number): Float32Array[] {
  if (channels === 1) return [interleaved]
  const length = Math.floor(interleaved.length / channels)
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(length)
    for (let i = 0, at = channel; i < length; i++, at += channels) samples[i] = interleaved[at]!
    return samples
  })
}

/** Channels of one length as interleaved samples; one channel is returned as it is, not copied. */
export function interleave(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = channels
  if (channels.length === 1) return first
  const samples = new Float32Array(first.length * channels.length)
  for (const [channel, one] of channels.entries()) {
    for (let i = 0, at = channel; i < one.length; i++, at += channels.length) samples[at] = one[i]!
  }
  return samples
}

/** Mean square of samples, of which 1 is full scale; 0 of none. */
export function meanSquare(bytes: Buffer, encoding: 's16le' | 'mulaw'): number {
  let sum = 0
  const step = encoding === 's16le' ? 2 : 1
  for (let at = 0; at + step <= bytes.length; at += step) {
    const sample = (step === 2 ? bytes.readInt16LE(at) : mulawToInt16[bytes[at]!]!) / 32_768
    sum += sample * sample
  }
  return bytes.length === 0 ? 0 : (sum * step) / bytes.length
}

/** The bytes of each channel of PCM16 or mu-law, undecoded; one is returned as it is. `bytes` hold whole blocks. */
export function splitChannels(bytes: Buffer, { channels, encoding }: Omit<AudioFormat, 'sampleRate'>): Buffer[] {
  if (channels === 1) return [bytes]
  const sampleBytes = bytesPerSample[encoding]
  const blocks = Math.floor(bytes.length / (channels * sampleBytes))
  const split = Array.from({ length: channels }, () => Buffer.alloc(blocks * sampleBytes))
  if (sampleBytes === 1) {
    for (const [channel, one] of split.entries()) copyEvery(bytes, one, channel, channels)
    return split
  }
  // 16 bits cannot be read at once from an odd address.
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes)
  const from = new Uint16Array(buffer, byteOffset, blocks * channels)
  for (const [channel, one] of split.entries()) {
    copyEvery(from, new Uint16Array(one.buffer, one.byteOffset, blocks), channel, channels)
  }
  return split
}

type Codes = Uint8Array | Uint16Array

function copyEvery(from: Codes, to: Codes, first: number, step: number): void {
  for (let i = 0, at = first; i < to.length; i++, at += step) to[i] = from[at]!
}

/** PCM that is whole as mono samples at 16 kHz, in memory of their own. */
export function samplesAt16k(bytes: Buffer, format: AudioFormat): Int16Array {
  const converter = new PcmConverter(format, 16_000)
  const { buffer, byteOffset, length } = new Uint8Array(Buffer.concat([converter.push(bytes), converter.flush()]))
  return new Int16Array(buffer, byteOffset, length / 2)
}

/** Any PCM in, PCM16 of one rate out, mono or with all channels; what is that already passes untouched. */
export class PcmConverter {
  readonly #from: AudioFormat
  readonly #mono: boolean
  readonly #untouched: boolean
  readonly #aligner: BlockAligner
  readonly #resamplers: Resampler[]
  readonly #mixer: MonoMixer<Float32Array> | undefined

  /** @param channels - `mix` makes one, their mean where they do not cancel out. */
  constructor(from: AudioFormat, sampleRate: number, channels: 'mix' | 'keep' = 'mix') {
    this.#from = from
    this.#mono = channels === 'mix' || from.channels === 1
    const sameChannels = !this.#mono || from.channels === 1
    this.#untouched = from.encoding === 's16le' && sameChannels && from.sampleRate === sampleRate
    this.#aligner = new BlockAligner(blockSize(from))
    this.#mixer =
      this.#mono && from.channels > 1 ? new MonoMixer(from.channels, from.sampleRate, Float32Array) : undefined
    this.#resamplers = Array.from(
      { length: this.#mono ? 1 : from.channels },
      () => new Resampler(from.sampleRate, sampleRate),
    )
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** `true` once: when its channels would have cancelled each other out in the mix for so long that the user is to be told. */
  noticedCancelling(): boolean {
    return this.#mixer?.noticed() ?? false
  }

  /** What can be told of the output so far; may be empty. `bytes` may end anywhere, also within a sample. */
  push(bytes: Buffer): Buffer {
    const blocks = this.#aligner.push(bytes)
    if (this.#untouched) return blocks
    const samples = decodeSamples(blocks, this.#from.encoding)
    const split = this.#mono ? [this.#mixer?.process(samples) ?? samples] : deinterleave(samples, this.#from.channels)
    return this.#encode(split.map((one, channel) => this.#resamplers[channel]!.process(one)))
  }

  flush(): Buffer {
    const mixed = this.#mixer?.flush()
    const last = mixed === undefined ? undefined : this.#encode([this.#resamplers[0]!.process(mixed)])
    const rest = this.#encode(this.#resamplers.map((resampler) => resampler.flush()))
    return last === undefined ? rest : Buffer.concat([last, rest])
  }

  #encode(channels: Float32Array[]): Buffer {
    return encodeS16(interleave(channels))
  }
}

/** A 16-bit sample, written as one of an encoding to `view` at byte `at`. */
const writers: Readonly<Record<SampleEncoding, (view: DataView, at: number, sample: number) => void>> = {
  s16le: (view, at, sample) => view.setInt16(at, sample, true),
  s24le: (view, at, sample) => {
    view.setUint8(at, 0)
    view.setInt16(at + 1, sample, true)
  },
  s32le: (view, at, sample) => view.setInt32(at, sample * 65_536, true),
  f32le: (view, at, sample) => view.setFloat32(at, sample / 32_768, true),
  u8: (view, at, sample) => view.setUint8(at, (sample >> 8) + 128),
  mulaw: (view, at, sample) => view.setUint8(at, int16ToMulaw(sample)),
}

/** Makes PCM of one format into that of any other, 16 bits of each sample; of other channels it takes the mix. */
export function convertSamples(from: AudioFormat, to: AudioFormat): SampleConversion {
  const isSpread = from.channels !== to.channels
  const converter = new PcmConverter(from, to.sampleRate, isSpread ? 'mix' : 'keep')
  const encode = (pcm: Buffer): Buffer => {
    const copies = isSpread ? to.channels : 1
    const step = bytesPerSample[to.encoding]
    const bytes = Buffer.alloc((pcm.length / 2) * copies * step)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const write = writers[to.encoding]
    for (let at = 0, out = 0; at + 1 < pcm.length; at += 2) {
      const sample = pcm.readInt16LE(at)
      for (let copy = 0; copy < copies; copy++, out += step) write(view, out, sample)
    }
    return bytes
  }
  return { push: (bytes) => encode(converter.push(bytes)), flush: () => encode(converter.flush()) }
}

/**
 * Guards a stage of headerless PCM: takes off a WAV header of its format, and refuses what would be sent on as noise.
 */
export class PcmInput {
  readonly #stage: string
  readonly #expected: AudioFormat
  readonly #reader = new WavReader(false, convertSamples)
  readonly #aligner: BlockAligner
  readonly #otherChannels: ((expected: number, channels: number) => Error) | undefined
  #checked = false

  /** @param otherChannels - the error for WAV of another number of channels. */
  constructor(stage: string, expected: AudioFormat, otherChannels?: (expected: number, channels: number) => Error) {
    this.#stage = stage
    this.#expected = expected
    this.#otherChannels = otherChannels
    this.#aligner = new BlockAligner(blockSize(expected))
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#aligner.heldBytes
  }

  /** Bytes of audio that a WAV header promised and that have not come. */
  get missingBytes(): number {
    return this.#reader.missingBytes
  }

  /** The warning on a WAV header that says too little, once it is known to. */
  get sizeWarning(): Warning | undefined {
    return wavSizeWarning(this.#reader)
  }

  /**
   * The PCM in `chunk` and what was held. @throws ConfigurationError `INVALID_PIPELINE`, InputError `UNSUPPORTED_AUDIO`
   */
  push(chunk: Buffer): Buffer {
    const audio = this.#reader.push(chunk)
    this.#check()
    return this.#aligner.push(audio)
  }

  /** To be called at the end of the stream: the rest of the PCM. */
  flush(): Buffer {
    return this.#aligner.push(this.#reader.flush())
  }

  #check(): void {
    const { kind, header, container } = this.#reader
    if (this.#checked || kind === undefined || (kind === 'wav' && header === undefined)) return
    this.#checked = true
    const takes = `${this.#stage} takes PCM of ${describeFormat(this.#expected)}`
    if (header !== undefined && header.format.channels !== this.#expected.channels && this.#otherChannels) {
      throw this.#otherChannels(this.#expected.channels, header.format.channels)
    }
    if (header !== undefined && !sameFormat(header.format, this.#expected)) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        `${takes}, but was given WAV of ${describeFormat(header.format)}: put resample() between`,
      )
    }
    if (container !== undefined) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        `${takes}, but was given what looks like ${container}: put decode() and resample() between`,
      )
    }
  }
}
