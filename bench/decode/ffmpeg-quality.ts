import { execFileSync } from 'node:child_process'
import { decodeArguments, pipeInput } from '../../src/ffmpeg/arguments.ts'
import { NutReader } from '../../src/ffmpeg/nut.ts'
import { measureQuality, type ResamplerQuality } from './quality.ts'
import { IN_RATE, OUT_RATE } from './resamplers.ts'

const target = { sampleRate: OUT_RATE, channels: 1, encoding: 's16le' } as const

/** Quality of FFmpeg with the arguments that we give it. */
export function ourFfmpegQuality(): Promise<ResamplerQuality> {
  const input = { ...pipeInput(false), containers: 's16le', inputOptions: rawInput }
  const args = decodeArguments({ input, audioTrack: 0, target })
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
