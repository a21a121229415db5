import { IN_RATE, type ResampleAll } from './resamplers.ts'

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
