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

/** What a benchmark resolves to: its findings, or only whether all was as it must be. */
export type Outcome = readonly Finding[] | boolean

/** Findings of a benchmark that only says whether all was as it must be. */
export function findingsOf(outcome: Outcome): readonly Finding[] {
  if (typeof outcome !== 'boolean') return outcome
  const ours = outcome ? 'yes' : 'no'
  return [{ measure: 'all as it must be', ours, target: 'yes', good: outcome }]
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
