import { measureQuality, type ResamplerQuality } from './quality.ts'
import { IN_RATE, resamplers } from './resamplers.ts'

/*
 * Times every in-process resampler in turn, a round after the other, in a process of its own; tells its parent.
 */

/** What a resampler costs and how good it is. */
export interface ResamplerSample extends ResamplerQuality {
  name: string
  /** Seconds of processor time for an hour of audio, of each round. */
  cpuSeconds: number[]
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
