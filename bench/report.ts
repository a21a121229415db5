import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'

/** What a benchmark is asked for on the command line. */
export interface BenchOptions {
  /** A smaller amount, for a look. */
  quick: boolean
  /** Works on the material that settings are chosen by, of the benchmarks that know some. */
  tuning: boolean
  /** Files to work on, of the benchmarks that take some. */
  files: readonly string[]
}

/** What `bench/results.json` holds. */
export interface Report {
  machine: Machine
  benchmarks: Record<string, { measuredAt: string; findings: readonly Finding[] }>
}

const resultsFile = fileURLToPath(new URL('results.json', import.meta.url))
const readmeFile = fileURLToPath(new URL('README.md', import.meta.url))
const BEGIN = '<!-- results -->'
const END = '<!-- end of results -->'

/** Puts the findings of one benchmark in the place of its earlier ones, in `results.json` and in the README. */
export function record(name: string, findings: readonly Finding[], order: readonly string[]): void {
  const report = withFindings(readReport(), describeMachine(), name, findings, order)
  writeFileSync(resultsFile, `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(readmeFile, withTable(readFileSync(readmeFile, 'utf8'), report))
}

function readReport(): Report | undefined {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8')) as Report
  } catch {
    return undefined
  }
}

/**
 * A report with the findings of one benchmark put in. What was measured on another machine is dropped: figures of two
 * machines do not belong in one table.
 *
 * @param order - names of the benchmarks as the report is to have them.
 */
export function withFindings(
  report: Report | undefined,
  machine: Machine,
  name: string,
  findings: readonly Finding[],
  order: readonly string[],
): Report {
  const kept = isDeepStrictEqual(report?.machine, machine) ? report?.benchmarks : {}
  const all = { ...kept, [name]: { measuredAt: new Date().toISOString().slice(0, 10), findings } }
  const names = order.filter((known) => known in all)
  return { machine, benchmarks: Object.fromEntries(names.map((known) => [known, all[known]!])) }
}

/** A text with the machine and the table between its marks. */
export function withTable(text: string, { machine, benchmarks }: Report): string {
  const dates = Object.values(benchmarks).map(({ measuredAt }) => measuredAt)
  const [first = '', last = ''] = [dates.toSorted()[0], dates.toSorted().at(-1)]
  const { cpu, cores, memoryGb, system, node, ffmpeg } = machine
  const about =
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; Node ${node}, FFmpeg ${ffmpeg}; ` +
    `measured ${first === last ? `on ${first}` : `from ${first} to ${last}`}.`
  const findings = Object.fromEntries(Object.entries(benchmarks).map(([name, { findings }]) => [name, findings]))
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`the README of the benchmarks lacks ${BEGIN} and ${END}`)
  return `${text.slice(0, from)}${BEGIN}\n\n${about}\n\n${showTable(findings)}\n\n${text.slice(to)}`
}

/** One line of the table of results. */
export interface Finding {
  /** What was measured. */
  measure: string
  /** Our figure, with its unit. */
  ours: string
  /** What it is held against: a rival and its figure; absent where there is none. */
  against?: string
  /** Ours over theirs. */
  ratio?: number
  /** What is asked for, in words; absent where the figure is only reported. */
  target?: string
  /** Whether the target is met. */
  good?: boolean
}

/** Whether no target is missed. */
export function allGood(findings: readonly Finding[]): boolean {
  return findings.every(({ good }) => good !== false)
}

/** A finding about a figure that must not exceed a limit. */
export function atMost(measure: string, value: number, limit: number, unit: string): Finding {
  return { measure, ours: withUnit(value, unit), target: `at most ${withUnit(limit, unit)}`, good: value <= limit }
}

/** A finding that compares what something costs us and another. */
export function costRatio(
  measure: string,
  unit: string,
  costs: { ours: number; theirs: number; rival: string; limit?: number },
): Finding {
  const { ours, theirs, rival, limit } = costs
  const ratio = ours / theirs
  return {
    measure,
    ours: withUnit(ours, unit),
    against: `${rival}: ${withUnit(theirs, unit)}`,
    ratio,
    ...(limit !== undefined && { target: `ratio at most ${limit}`, good: ratio <= limit }),
  }
}

/** A number as people read it: three digits at least, no more than two places, and its unit. */
export function withUnit(value: number, unit: string): string {
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  const number = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(+value.toFixed(places))
  return unit === '' ? number : `${number} ${unit}`
}

const HEADINGS = ['benchmark', 'measure', 'ours', 'against', 'ratio', 'target', '']

/** The findings of several benchmarks as a Markdown table that is aligned for reading as it is, too. */
export function showTable(benchmarks: Readonly<Record<string, readonly Finding[]>>): string {
  const rows = Object.entries(benchmarks).flatMap(([name, findings]) =>
    findings.map(({ measure, ours, against = '', ratio, target = '', good }, index) => [
      index === 0 ? name : '',
      measure,
      ours,
      against,
      ratio === undefined ? '' : ratio.toFixed(2),
      target,
      good === undefined ? '' : good ? 'pass' : '**FAIL**',
    ]),
  )
  const table = [HEADINGS, ...rows]
  const widths = HEADINGS.map((_, column) => Math.max(3, ...table.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(HEADINGS), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** What results were measured on. */
export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  system: string
  node: string
  ffmpeg: string
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    ffmpeg: ffmpegVersion(),
  }
}

function ffmpegVersion(): string {
  try {
    return execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' }).split(' ')[2] ?? 'unknown'
  } catch {
    return 'none'
  }
}

/** The finding of a benchmark that says whether all was as it must be. */
export function allAsItMust(faults: readonly string[]): Finding {
  const ours = faults.length === 0 ? 'yes' : faults.join('; ')
  return { measure: 'all as it must be', ours, target: 'yes', good: faults.length === 0 }
}
