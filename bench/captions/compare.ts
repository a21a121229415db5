import { endsOnFunctionWord } from '../../src/captions/layout/breaks.ts'
import { layoutCues } from '../../src/captions/layout/layout.ts'
import type { CueLayoutOptions } from '../../src/captions/layout/options.ts'
import type { Word } from '../../src/index.ts'
import { measureCut, type CutQuality } from './quality.ts'
import { eightWords, greedy, greedyWithPunctuation, whisperRule, type Cutter } from './rivals.ts'
import { turnsOf } from './turns.ts'

/** The way that ours is held against. */
export const STRONGEST = 'greedy and punctuation'
/** Our ways. */
export const OURS = ['ours', 'ours, 12 words ahead'] as const

/** Least boundary F1, relative to that of {@link STRONGEST}. */
const F1_BELOW = 0.03
/** Most flashes, as a share of those of {@link STRONGEST}. */
const FLASH_SHARE = 0.5

/** Labels would take room that the others do not give them. */
const layOut =
  (options: CueLayoutOptions): Cutter =>
  (words) => {
    let said = 0
    return layoutCues(turnsOf(words), { labels: 'none', ...options }, { next: Infinity }).map(
      (cue) => (said += cue.words.length),
    )
  }

const CUTTERS: readonly (readonly [name: string, cut: Cutter])[] = [
  [OURS[0], layOut({})],
  [OURS[1], layOut({ lookAhead: 12 })],
  ['greedy', greedy],
  [STRONGEST, greedyWithPunctuation],
  ['eight words', eightWords],
  ["whisper's rule", whisperRule],
]

/** Cuts the same words in all ways. `people` are the ends of the cues that people made of them. */
export function compareCuts(words: readonly Word[], people?: readonly number[]): Record<string, CutQuality> {
  const reference = {
    isFunctionWord: (text: string) => endsOnFunctionWord(text),
    ...(people !== undefined && { ends: people }),
  }
  const results = CUTTERS.map(([name, cut]) => [name, measureCut(words, cut(words), reference)] as const)
  return Object.fromEntries([
    ...results,
    ...(people === undefined ? [] : [['people', measureCut(words, people, reference)] as const]),
  ])
}

/** Whether one of our ways is as good as it must be, in words; `undefined` where there is nothing to compare with. */
export function judgeCut(name: string, results: Readonly<Record<string, CutQuality>>): string[] | undefined {
  const [ours, rival] = [results[name], results[STRONGEST]]
  if (ours?.boundaryF1 === undefined || rival?.boundaryF1 === undefined) return undefined
  const faults: string[] = []
  const least = rival.boundaryF1 - F1_BELOW
  if (ours.boundaryF1 < least) faults.push(`F1 ${ours.boundaryF1.toFixed(3)} is below ${least.toFixed(3)}`)
  const flashes = ours.flashes * ours.cues
  const most = FLASH_SHARE * rival.flashes * rival.cues
  if (flashes > most) faults.push(`${Math.round(flashes)} flashes are more than ${Math.floor(most)}`)
  if (ours.mixed > 0) faults.push('cues mix speakers')
  return faults
}

/** The figures as lines of text. */
export function showComparison(results: Readonly<Record<string, CutQuality>>): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const rows = Object.entries(results).map(([name, quality]) => [
    name,
    String(quality.cues),
    quality.boundaryF1?.toFixed(3) ?? '-',
    percent(quality.flashes),
    percent(quality.functionWordEnds),
    percent(quality.mixed),
  ])
  const table = [['', 'cues', 'F1', '< 833 ms', 'function word', 'mixed'], ...rows]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n')
}
