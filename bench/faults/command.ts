import { availableParallelism } from 'node:os'
import type { BenchOptions } from '../options.ts'
import { saveResults } from '../results.ts'
import type { LaneAnswer } from './lane.ts'
import { runLanes } from './lanes.ts'
import { runSeed, type RunReport } from './run.ts'

/** How much there must be of everything before the benchmark may end. */
interface Amount {
  faults: number
  audioMs: number
  runs: number
}

const wanted: Amount = { faults: 1000, audioMs: 3 * 3_600_000, runs: 40 }
/** Short runs of every kind, for a look. */
const quickSeeds = [155, 217, 10, 71, 40, 24, 53, 14, 21, 23, 33, 4, 133]

/**
 * `npm run bench -- faults`: random conversations through random faults, every word judged. Resolves to whether all was
 * as it must be.
 */
export async function benchFaults(options: BenchOptions): Promise<boolean> {
  if (options.seed !== undefined) return runOne(options.seed)
  const first = options.from ?? 1
  const total = { faults: 0, audioMs: 0, runs: 0 }
  const reports: RunReport[] = []
  const failures: string[] = []
  const started = performance.now()
  let seed = first
  let given = 0
  const next = (): number | undefined => {
    const enough = total.faults >= wanted.faults && total.audioMs >= wanted.audioMs && total.runs >= wanted.runs
    return enough ? undefined : seed++
  }
  const lanes = options.lanes ?? Math.min(4, availableParallelism() + 1)
  const seeds = options.quick ? `${quickSeeds.length} seeds` : `seeds from ${first} on`
  console.log(`${seeds}, ${lanes} at a time; repeat one with --seed N`)
  console.log(heading)
  await runLanes(lanes, options.quick ? () => quickSeeds[given++] : next, (answer: LaneAnswer) => {
    total.runs++
    if ('failure' in answer) {
      failures.push(`seed ${answer.seed}: ${answer.failure}`)
      console.log(`${String(answer.seed).padStart(6)} BROKEN ${answer.failure}`)
      return
    }
    reports.push(answer.report)
    total.faults += answer.report.faults
    total.audioMs += answer.report.audioMs
    print(answer.report)
  })
  const wallMs = performance.now() - started
  summarise(reports, failures, wallMs)
  if (options.save) saveResults('faults', { first, wallMs: Math.round(wallMs), failures, reports })
  return failures.length === 0 && reports.every(({ violations }) => violations.length === 0)
}

async function runOne(seed: number): Promise<boolean> {
  const report = await runSeed(seed, console.log)
  console.log(heading)
  print(report)
  return report.violations.length === 0
}

const columns = [
  'seed',
  'kind',
  'audio s',
  'wall s',
  'sessions',
  'faults',
  'words',
  'lost',
  'doubled',
  'order',
  'speaker',
]
const heading = [...columns, 'time ms', 'new letters', 'gaps', 'gap ms'].map((name) => name.padStart(8)).join(' ')

function print(report: RunReport): void {
  const { seed, kind, audioMs, wallMs, sessions, faults, verdict, gaps, gapMs, violations } = report
  const { words, lost, doubled, disordered, wrongSpeaker, timeError, newLetters } = verdict
  const seconds = [audioMs / 1000, (wallMs / 1000).toFixed(1)]
  const counts = [sessions, faults, words, lost, doubled, disordered, wrongSpeaker, timeError, newLetters, gaps, gapMs]
  console.log([seed, kind, ...seconds, ...counts].map((value) => String(value).padStart(8)).join(' '))
  for (const violation of violations) console.log(`         ! ${violation}`)
}

function summarise(reports: readonly RunReport[], failures: readonly string[], wallMs: number): void {
  const sum = (of: (report: RunReport) => number) => reports.reduce((all, report) => all + of(report), 0)
  const audioMs = sum((report) => report.audioMs)
  const rows: [string, string | number][] = [
    ['runs', reports.length + failures.length],
    ['audio', `${(audioMs / 3_600_000).toFixed(2)} h, ${Math.round(audioMs / wallMs)} times real time`],
    ['sessions', sum(({ sessions }) => sessions)],
    ['faults', sum(({ faults }) => faults)],
    ['words', sum(({ verdict }) => verdict.words)],
    ['lost', sum(({ verdict }) => verdict.lost)],
    ['doubled', sum(({ verdict }) => verdict.doubled)],
    ['out of order', sum(({ verdict }) => verdict.disordered)],
    ['wrong speaker', sum(({ verdict }) => verdict.wrongSpeaker)],
    ['largest time error', `${Math.max(0, ...reports.map(({ verdict }) => verdict.timeError))} ms`],
    ['new letter, allowed', sum(({ verdict }) => verdict.newLetters)],
    ['letter the server never corrected', sum(({ verdict }) => verdict.uncertainSpeaker)],
    ['gaps reported', `${sum(({ gaps }) => gaps)}, ${sum(({ gapMs }) => gapMs)} ms`],
    ['words inside of them', sum(({ verdict }) => verdict.inGaps)],
    ['runs with a violation', reports.filter(({ violations }) => violations.length > 0).length + failures.length],
  ]
  const byFault = new Map<string, number>()
  for (const report of reports) {
    for (const [fault, count] of Object.entries(report.byFault)) byFault.set(fault, (byFault.get(fault) ?? 0) + count)
  }
  console.log('')
  for (const [name, value] of rows) console.log(`${name.padEnd(36)}${value}`)
  const kinds = [...byFault].toSorted((a, b) => b[1] - a[1]).map(([fault, count]) => `${fault} ${count}`)
  console.log(`${'faults by kind'.padEnd(36)}${kinds.join(', ')}`)
}
