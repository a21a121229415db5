import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argumentsOf, fileInput, firstWay } from '../src/ffmpeg/arguments.ts'
import { compiled, cpuSecondsOf, runChild } from './child.ts'
import { bareFfmpegQuality, ourFfmpegQuality, type ResamplerQuality } from '../test/helpers/tone-quality.ts'
import type { ResamplerSample } from './decode/resample-run.ts'
import { type BenchOptions, costRatio, type Finding } from './report.ts'
import { percentile } from './statistics.ts'

const MOST_RATIO = 1.15

/**
 * `npm run bench -- decode`: processor time of an hour of AAC stereo from the file to frames, beside that of FFmpeg alone;
 * and of the in-process resampler beside others, with the quality of each.
 */
export async function benchDecode(options: BenchOptions): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const minutes = options.quick ? 10 : 60
    const decoded = await measureDecoding(makeFile(folder, minutes), minutes, options.quick ? 2 : 7)
    const resampled = await runChild<ResamplerSample[]>('decode/resample-run.ts', options.quick ? [1, 10] : [5, 120])
    const quality = { ours: await ourFfmpegQuality(), bare: await bareFfmpegQuality() }
    return [...decodingFindings(decoded, quality, minutes), ...resamplerFindings(resampled)]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** AAC stereo at 48 kHz and 128 kbit/s: a minute of noise and tones, over and over. */
function makeFile(folder: string, minutes: number): string {
  const [minute, whole] = [join(folder, 'minute.m4a'), join(folder, 'whole.m4a')]
  const ffmpeg = (...args: string[]): void => {
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args])
  }
  const noise = 'anoisesrc=color=pink:amplitude=0.3:sample_rate=48000:seed=1'
  ffmpeg('-f', 'lavfi', '-i', noise, '-t', '60', '-ac', '2', '-c:a', 'aac', '-b:a', '128k', minute)
  ffmpeg('-stream_loop', String(minutes - 1), '-i', minute, '-c', 'copy', whole)
  return whole
}

interface DecodingCosts {
  /** Seconds of processor time of each round. */
  ours: number[]
  /** Bare FFmpeg into nothing, and into a process that reads it. */
  bare: number[]
  piped: number[]
  /** FFmpeg into nothing with the arguments that we give it: a filter that lets fewer aliases through, few writes. */
  filtered: number[]
}

async function measureDecoding(file: string, minutes: number, rounds: number): Promise<DecodingCosts> {
  const costs: DecodingCosts = { ours: [], bare: [], piped: [], filtered: [] }
  const bare = ['-nostdin', '-v', 'error', '-i', file, '-ar', '16000', '-ac', '1', '-f', 's16le', '-']
  const target = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
  const filtered = argumentsOf(firstWay, { input: fileInput(file, true, true, true), target }).args
  const chain = compiled('decode/chain.ts')
  const frames = minutes * 60 * 20
  for (let round = 0; round < rounds; round++) {
    costs.ours.push(await cpuSecondsOf(process.execPath, [chain, file, String(frames)], 'ignore'))
    costs.bare.push(await cpuSecondsOf('ffmpeg', bare, 'ignore'))
    costs.piped.push(await cpuSecondsOf('ffmpeg', bare, 'pipe'))
    costs.filtered.push(await cpuSecondsOf('ffmpeg', filtered, 'ignore'))
    const [ours, theirs, piped] = [costs.ours, costs.bare, costs.piped].map((all) => all.at(-1)?.toFixed(2))
    console.log(`  ${minutes} min of AAC: ours ${ours} s, bare FFmpeg ${theirs} s, into a pipe ${piped} s`)
  }
  return costs
}

interface DecodingQuality {
  /** FFmpeg with our arguments, and as others call it. */
  ours: ResamplerQuality
  bare: ResamplerQuality
}

function decodingFindings(
  { ours, bare, piped, filtered }: DecodingCosts,
  quality: DecodingQuality,
  minutes: number,
): Finding[] {
  const measure = `CPU of ${minutes} min of AAC stereo to frames (${inDecibels(quality.ours)})`
  const median = percentile(ours, 0.5)
  return [
    costRatio(measure, 's', {
      ours: median,
      theirs: percentile(bare, 0.5),
      rival: `bare FFmpeg (${inDecibels(quality.bare)})`,
      limit: MOST_RATIO,
    }),
    costRatio(measure, 's', { ours: median, theirs: percentile(piped, 0.5), rival: 'bare FFmpeg, into a pipe' }),
    costRatio(measure, 's', { ours: median, theirs: percentile(filtered, 0.5), rival: 'FFmpeg with our arguments' }),
  ]
}

function resamplerFindings(samples: readonly ResamplerSample[]): Finding[] {
  const described = (sample: ResamplerSample): string => `${sample.name} (${inDecibels(sample)})`
  const [ours, ...others] = samples
  if (ours === undefined) return []
  const cost = ({ cpuSeconds }: ResamplerSample): number => percentile(cpuSeconds, 0.5)
  for (const sample of samples) console.log(`  ${described(sample)}: ${cost(sample).toFixed(2)} s for an hour`)
  return others.map((other) =>
    costRatio(`CPU of resampling an hour of PCM (${inDecibels(ours)})`, 's', {
      ours: cost(ours),
      theirs: cost(other),
      rival: described(other),
    }),
  )
}

function inDecibels({ pass7k, alias9k }: ResamplerQuality): string {
  return `7 kHz ${pass7k.toFixed(1)} dB, 9 kHz ${alias9k.toFixed(0)} dB`
}
