import { runChild, startChild, stopChild } from '../child.ts'
import type { ScalingSample } from './scaling-run.ts'

/** Numbers of channels that are compared; 0 stands for `diarize()` without channels. */
const COUNTS = [0, 1, 2, 4, 8]
/** How much more than in proportion the most channels may take. */
const ALLOWED = 1.5

/** What each number of channels takes, beside what it takes in proportion. */
export interface Scaling {
  channels: number
  cpuSeconds: number
  memoryMb: number
  /** Processor time for a channel, of that for one channel alone. */
  cpuRatio: number
  /** Memory for a channel, of that for one of two: one alone shares the memory of its source. */
  memoryRatio: number
}

/** Runs each number of channels in a process of its own, against a server in another. */
export async function measureScaling(minutes: number): Promise<{ rows: Scaling[]; violations: string[] }> {
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
