import type { CaptionReport } from './report.ts'

/** A {@link CaptionReport} as a few aligned lines of text for a terminal, without a line break at the end. */
export function formatCaptionReport(report: CaptionReport): string {
  const { limits, minGap, shortest, longest } = report
  const percent = (value: number) => `${(Math.floor(value * 10) / 10).toFixed(1)} %`
  const words =
    report.wordsIn === undefined ? `${report.wordsOut} words` : `${report.wordsOut} of ${report.wordsIn} words`
  const perWord = limits.minDurationPerWord > 0 ? ` and ${limits.minDurationPerWord} ms a word` : ''
  const rows: readonly (readonly [name: string, ...facts: string[]])[] = [
    ['captions', `${report.cues} cues`, words, `held against ${limits.preset}`],
    [
      'lines',
      `${percent(report.pctLineWidth)} fit ${limits.maxLineWidth} columns`,
      `${percent(report.pctLines)} have at most ${limits.maxLines}`,
    ],
    [
      'speed',
      `${percent(report.pctTargetSpeed)} at most ${limits.targetReadingSpeed} characters/s`,
      `${percent(report.pctMaxSpeed)} at most ${limits.maxReadingSpeed}`,
      `${percent(report.pct21Speed)} at most 21`,
    ],
    [
      'duration',
      `${percent(report.pctDuration)} from ${limits.minDuration}${perWord} to ${limits.maxDuration} ms`,
      ...(shortest === undefined ? [] : [`shortest ${shortest} ms`]),
      ...(longest === undefined ? [] : [`longest ${longest} ms`]),
      `${report.flashCues} flashes`,
    ],
    [
      'gaps',
      ...(minGap === undefined ? [] : [`least ${minGap} ms`]),
      ...(limits.minGap > 0 ? [`${report.tightGaps} below ${limits.minGap} ms`] : []),
      `${report.looseGaps} between ${limits.minGap} and ${limits.chainBelow} ms`,
      `${report.overlaps} overlaps`,
    ],
    ['speakers', `${report.mixedSpeakerCues} cues mix speakers`],
    ['last words', `${report.functionWordEnds} cues end on a word that wants another`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, ...facts]) => name.padEnd(width) + facts.join(', ')).join('\n')
}
