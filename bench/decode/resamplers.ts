import libsamplerate from '@alexanderolsen/libsamplerate-js'
import speex from 'speex-resampler'
import { Readable } from 'node:stream'
import { resample } from '../../src/index.ts'

const { ConverterType, create } = libsamplerate

/** Sample rate of what goes in; 16 kHz goes out. */
export const IN_RATE = 48_000
export const OUT_RATE = 16_000
/** 100 ms. */
const CHUNK_BYTES = (IN_RATE / 10) * 2

/** Makes PCM16 mono at 16 kHz of the same at 48 kHz, a tenth of a second at a time, as it would come. */
export type ResampleAll = (pcm: Buffer) => Promise<Buffer>

function* chunks(pcm: Buffer): Generator<Buffer> {
  for (let at = 0; at < pcm.length; at += CHUNK_BYTES) yield pcm.subarray(at, at + CHUNK_BYTES)
}

/** The stage, with a source above it. */
const ours: ResampleAll = async (pcm) => {
  const input = { sampleRate: IN_RATE, channels: 1, encoding: 's16le' } as const
  const parts: Buffer[] = []
  const stage = Readable.from(chunks(pcm), { objectMode: false, highWaterMark: CHUNK_BYTES }).pipe(resample({ input }))
  for await (const part of stage) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** Its Transform, which is how it is used in streams. */
const speexOf =
  (quality: number): ResampleAll =>
  async (pcm) => {
    const { default: Speex, SpeexResamplerTransform } = speex
    await Speex.initPromise
    const parts: Buffer[] = []
    const source = Readable.from(chunks(pcm), { objectMode: false, highWaterMark: CHUNK_BYTES })
    for await (const part of source.pipe(new SpeexResamplerTransform(1, IN_RATE, OUT_RATE, quality))) {
      parts.push(part as Buffer)
    }
    return Buffer.concat(parts)
  }

/** It has no stream; samples are converted as it wants them. */
const libsamplerateOf =
  (converterType: (typeof ConverterType)[keyof typeof ConverterType]): ResampleAll =>
  async (pcm) => {
    const converter = await create(1, IN_RATE, OUT_RATE, { converterType })
    const parts: Buffer[] = []
    for (const chunk of chunks(pcm)) {
      const samples = new Int16Array(chunk.buffer, chunk.byteOffset, chunk.length / 2)
      const output = converter.full(Float32Array.from(samples, (sample) => sample / 32_768))
      const rounded = Int16Array.from(output, (sample) => {
        return Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768)))
      })
      parts.push(Buffer.from(rounded.buffer))
    }
    converter.destroy()
    return Buffer.concat(parts)
  }

/** Every resampler that is compared. */
export const resamplers: Readonly<Record<string, ResampleAll>> = {
  ours,
  'speex-resampler, quality 3': speexOf(3),
  'speex-resampler, quality 7': speexOf(7),
  'libsamplerate, fastest': libsamplerateOf(ConverterType.SRC_SINC_FASTEST),
  'libsamplerate, medium': libsamplerateOf(ConverterType.SRC_SINC_MEDIUM_QUALITY),
}
