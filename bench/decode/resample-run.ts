import { resample } from '../../src/index.ts'
import {
  IN_RATE,
  measureQuality,
  OUT_RATE,
  type ResampleAll,
  type ResamplerQuality,
} from '../../test/helpers/tone-quality.ts'
import libsamplerate from '@alexanderolsen/libsamplerate-js'
import { Readable } from 'node:stream'
import speex from 'speex-resampler'

/*
 * Times every in-process resampler in turn, a round after the other, in a process of its own; tells its parent.
 */

/** What a resampler costs and how good it is. */
export interface ResamplerSample extends ResamplerQuality {
  name: string
  /** Seconds of processor time for an hour of audio, of each round. */
  cpuSeconds: number[]
}

const { ConverterType, create } = libsamplerate

/** 100 ms. */
const CHUNK_BYTES = (IN_RATE / 10) * 2

/** A tenth of a second at a time, as it would come. */
function* chunks(pcm: Buffer): Generator<Buffer> {
  for (let at = 0; at < pcm.length; at += CHUNK_BYTES) yield pcm.subarray(at, at + CHUNK_BYTES)
}

/** The stage, with a source above it. */
const ours: ResampleAll = async (pcm) => {
  const input = { sampleRate: IN_RATE, channels: 1, encoding: 's16le' } as const
  const parts: Buffer[] = []
  const stage = Readable.from(chunks(pcm), { objectMode: false, highWaterMark: CHUNK_BYTES }).pipe(resample({ input }))
  for await (const part of stage) parts.push(part)
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
const resamplers: Readonly<Record<string, ResampleAll>> = {
  ours,
  'speex-resampler, quality 3': speexOf(3),
  'speex-resampler, quality 7': speexOf(7),
  'libsamplerate, fastest': libsamplerateOf(ConverterType.SRC_SINC_FASTEST),
  'libsamplerate, medium': libsamplerateOf(ConverterType.SRC_SINC_MEDIUM_QUALITY),
}

const [rounds = '1', seconds = '10'] = process.argv.slice(2)
const noise = Buffer.from(
  Int16Array.from({ length: Number(seconds) * IN_RATE }, () => Math.round((Math.random() - 0.5) * 20_000)).buffer,
)
const samples: ResamplerSample[] = []
for (const [name, resample] of Object.entries(resamplers)) {
  samples.push({ name, cpuSeconds: [], ...(await measureQuality(resample)) })
}
for (let round = 0; round < Number(rounds); round++) {
  for (const sample of samples) {
    const before = process.cpuUsage()
    await resamplers[sample.name]!(noise)
    const { user, system } = process.cpuUsage(before)
    sample.cpuSeconds.push(((user + system) / 1e6) * (3600 / Number(seconds)))
  }
}
process.send?.(samples, () => process.exit(0))
