import type { ScalingSample } from './channels/scaling-run.ts'
import { runChild, startChild, stopChild } from './child.ts'
import { allAsItMust, type BenchOptions, type Finding } from './report.ts'

/** `npm run bench -- channels`: what one, two, four and eight channels take, beside what they take in proportion. */
export async function benchChannels({ quick }: BenchOptions): Promise<Finding[]> {
  const { rows, violations } = await measureScaling(quick ? 6 : 30)
  console.log(' channels  CPU s/h  per ch.  memory MB  per ch.')
  for (const { channels, cpuSeconds, memoryMb, cpuRatio, memoryRatio } of rows) {
    const cells = [channels === 0 ? 'mono' : channels, cpuSeconds.toFixed(1), cpuRatio.toFixed(2), memoryMb.toFixed(2)]
    console.log([...cells, memoryRatio.toFixed(2)].map((cell) => String(cell).padStart(9)).join(''))
  }
  return [allAsItMust(violations)]
}

/** Numbers of channels that are compared; 0 stands for `diarize()` without channels. */
const COUNTS = [0, 1, 2, 4, 8]
/** How much more than in proportion the most channels may take. */
const ALLOWED = 1.5

/** What each number of channels takes, beside what it takes in proportion. */
interface Scaling {
  channels: number
  cpuSeconds: number
  memoryMb: number
  /** Processor time for a channel, of that for one channel alone. */
  cpuRatio: number
  /** Memory for a channel, of that for one of two: one alone shares the memory of its source. */
  memoryRatio: number
}

/** Runs each number of channels in a process of its own, against a server in another. */
async function measureScaling(minutes: number): Promise<{ rows: Scaling[]; violations: string[] }> {
  const server = await startChild<string>('channels/server.ts', [10_800_000])
  const samples: (ScalingSample & { channels: number })[] = []
  for (const channels of COUNTS) {
    const sample = await runChild<ScalingSample>('channels/scaling-run.ts', [server.said, channels, minutes])
    samples.push({ channels, ...sample })
  }
  await stopChild(server)
  const one = samples.find(({ channels }) => channels === 1)!
  const two = samples.find(({ channels }) => channels === 2)!
  const rows = samples.map(({ channels, cpuSeconds, memoryMb }) => ({
    channels,
    cpuSeconds,
    memoryMb,
    cpuRatio: cpuSeconds / Math.max(1, channels) / one.cpuSeconds,
    memoryRatio: memoryMb / Math.max(1, channels) / (two.memoryMb / 2),
  }))
  const violations = rows
    .filter(({ cpuRatio, memoryRatio }) => cpuRatio > ALLOWED || memoryRatio > ALLOWED)
    .map(({ channels }) => `${channels} channels take more than ${ALLOWED} times their share`)
  return { rows, violations }
}
