import { measureScaling } from './channels/scaling.ts'
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
