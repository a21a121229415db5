import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { fileURLToPath } from 'node:url'
import { showTable, type Finding } from './finding.ts'
import { describeMachine, type Machine } from './machine.ts'

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
