import { argumentsOf, firstWay, pipeInput } from '../../src/ffmpeg/arguments.ts'
import { NutReader } from '../../src/ffmpeg/nut.ts'
import { execFileSync } from 'node:child_process'

/** Sample rate of what goes in; 16 kHz goes out. */
export const IN_RATE = 48_000
export const OUT_RATE = 16_000

/** Makes PCM16 mono at 16 kHz of the same at 48 kHz. */
export type ResampleAll = (pcm: Buffer) => Promise<Buffer>

/** How much of a tone comes out, dB; below 8 kHz that should be 0, and above it nothing. */
export interface ResamplerQuality {
  /** A tone of 7 kHz, which should pass. */
  pass7k: number
  /** A tone of 9 kHz, of which whatever comes out is an alias. */
  alias9k: number
}

/** Level of the least 16 bits can tell from silence beside a tone of half scale, dB. */
export const FLOOR_DB = -93

/** Measures a resampler with tones of half scale. */
export async function measureQuality(resample: ResampleAll): Promise<ResamplerQuality> {
  const gain = async (frequency: number): Promise<number> =>
    levelChange(tone(frequency), await resample(tone(frequency)))
  return { pass7k: await gain(7000), alias9k: await gain(9000) }
}

/** Two seconds of a tone, PCM16 at 48 kHz. */
export function tone(frequency: number): Buffer {
  const samples = Int16Array.from({ length: 2 * IN_RATE }, (_, index) =>
    Math.round(16_384 * Math.sin((2 * Math.PI * frequency * index) / IN_RATE)),
  )
  return Buffer.from(samples.buffer)
}

/** Level of the middle half of `output` over that of `input`, both PCM16, in dB; no less than {@link FLOOR_DB}. */
export function levelChange(input: Buffer, output: Buffer): number {
  return Math.max(FLOOR_DB, 20 * Math.log10(middleLevel(output) / middleLevel(input)))
}

function middleLevel(pcm: Buffer): number {
  const samples = new Int16Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length - (pcm.length % 2)))
  const middle = samples.subarray(samples.length / 4, (samples.length * 3) / 4)
  return Math.sqrt(middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length)
}

const target = { sampleRate: OUT_RATE, channels: 1, encoding: 's16le' } as const

/** Quality of FFmpeg with the arguments that we give it. */
export function ourFfmpegQuality(): Promise<ResamplerQuality> {
  const input = { ...pipeInput(false), containers: 's16le', inputOptions: rawInput }
  const { args } = argumentsOf(firstWay, { input, target })
  return measureQuality((pcm) => {
    const frames = new NutReader().push(ffmpeg(args, pcm))
    return Promise.resolve(Buffer.concat(frames.map(({ samples }) => samples)))
  })
}

/** Quality of bare FFmpeg, as others call it. */
export function bareFfmpegQuality(): Promise<ResamplerQuality> {
  const args = [...rawInput, '-i', 'pipe:0', '-ar', String(OUT_RATE), '-ac', '1', '-f', 's16le', '-']
  return measureQuality((pcm) => Promise.resolve(ffmpeg(args, pcm)))
}

const rawInput = ['-f', 's16le', '-ar', String(IN_RATE), '-ac', '1']

function ffmpeg(args: readonly string[], input: Buffer): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', ...args], {
    input,
    maxBuffer: 2 ** 26,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
}
