import { runHour, type HourReport } from './channels/hour.ts'
import { measureScaling } from './channels/scaling.ts'
import type { BenchOptions } from './options.ts'
import { saveResults } from './results.ts'

const HOUR = 3_600_000
const CHANNELS = 6

/**
 * `npm run bench -- channels`: an hour on six channels, without faults and with them, and what one, two, four and eight
 * channels take.
 */
export async function benchChannels(options: BenchOptions): Promise<boolean> {
  const duration = (options.hours ?? (options.quick ? 0.1 : 1)) * HOUR
  const seed = options.seed ?? 1
  const violations: string[] = []
  const reports: Record<string, HourReport> = {}
  for (const [name, faults] of Object.entries({ calm: 0, faults: options.quick ? 20 : 120 })) {
    const report = await runHour({ seed, channels: CHANNELS, duration, faults })
    reports[name] = report
    const { words, sessions, reconnects, overtaken, latestMs, wallMs } = report
    console.log(`${name}: ${CHANNELS} channels of ${duration / 1000} s, ${words} words, ${sessions} sessions`)
    console.log(`  ${reconnects} reconnects, ${Math.round(duration / wallMs)} times real time`)
    console.log(`  ${overtaken} turns came after one that starts later, by ${latestMs} ms at most`)
    violations.push(...report.violations.map((what) => `${name}: ${what}`))
  }
  const scaling = await measureScaling(options.quick ? 6 : 30)
  violations.push(...scaling.violations)
  console.log(' channels  CPU s/h  per ch.  memory MB  per ch.')
  for (const { channels, cpuSeconds, memoryMb, cpuRatio, memoryRatio } of scaling.rows) {
    const cells = [channels === 0 ? 'mono' : channels, cpuSeconds.toFixed(1), cpuRatio.toFixed(2), memoryMb.toFixed(2)]
    console.log([...cells, memoryRatio.toFixed(2)].map((cell) => String(cell).padStart(9)).join(''))
  }
  for (const violation of violations.slice(0, 20)) console.log(`  ! ${violation}`)
  if (options.save) saveResults('channels', { seed, duration, reports, scaling: scaling.rows, violations })
  return violations.length === 0
}
