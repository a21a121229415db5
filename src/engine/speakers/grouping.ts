import { joinedVoice, type Voice } from './voice.ts'

/** Voices taken for one. */
export interface VoiceGroup {
  voice: Voice
  /** Indexes of the voices in it. */
  members: number[]
}

/** Log odds that two voices are one. */
export type Odds = (a: Voice, b: Voice) => number

const join = (one: VoiceGroup, other: VoiceGroup): VoiceGroup => ({
  voice: joinedVoice([one.voice, other.voice]),
  members: [...one.members, ...other.members],
})

/**
 * Joins neighbours that are likely of one voice, the likeliest first, until none are: those whose log odds are at least
 * what is asked for in `least` between them, where a change of voice is more or less to be expected.
 */
export function joinNeighbours(voices: readonly Voice[], least: readonly number[], oddsOf: Odds): VoiceGroup[] {
  const result = voices.map((voice, index): VoiceGroup => ({ voice, members: [index] }))
  const margin = (at: number): number =>
    oddsOf(result[at]!.voice, result[at + 1]!.voice) - least[result[at]!.members.at(-1)!]!
  const margins = voices.slice(1).map((_, at) => margin(at))
  for (;;) {
    const at = margins.indexOf(Math.max(...margins))
    if (at < 0 || margins[at]! < 0) return result
    result.splice(at, 2, join(result[at]!, result[at + 1]!))
    margins.splice(at, 1)
    if (at > 0) margins[at - 1] = margin(at - 1)
    if (at < margins.length) margins[at] = margin(at)
  }
}

/**
 * Merges the two groups most likely of one voice, again and again, until the log odds of all are at most `keptApart` and
 * there are no more than `most`.
 */
export function mergeGroups(
  groups: readonly VoiceGroup[],
  most: number,
  keptApart: number,
  oddsOf: Odds,
): VoiceGroup[] {
  const open: (VoiceGroup | undefined)[] = [...groups]
  const odds = groups.map(() => Array<number>(groups.length).fill(-Infinity))
  groups.forEach(({ voice }, index) => {
    for (let other = 0; other < index; other++) {
      odds[index]![other] = odds[other]![index] = oddsOf(groups[other]!.voice, voice)
    }
  })
  /** For each group, the one that is likeliest to be of its voice. */
  const nearest = odds.map(indexOfGreatest)
  for (let count = groups.length; count > 1; count--) {
    const first = indexOfGreatest(nearest.map((other, index) => odds[index]![other]!))
    const second = nearest[first]!
    if (odds[first]![second]! <= keptApart && count <= most) break
    const joined = join(open[first]!, open[second]!)
    open[first] = joined
    open[second] = undefined
    open.forEach((other, index) => {
      const value = other === undefined || index === first ? -Infinity : oddsOf(joined.voice, other.voice)
      odds[first]![index] = odds[index]![first] = value
      odds[second]![index] = odds[index]![second] = -Infinity
    })
    open.forEach((_, index) => {
      const its = nearest[index]!
      const row = odds[index]!
      if (index === first || its === first || its === second) nearest[index] = indexOfGreatest(row)
      else if (row[first]! > row[its]!) nearest[index] = first
    })
  }
  return open.filter((group) => group !== undefined)
}

function indexOfGreatest(values: readonly number[]): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index
  return best
}

/** The group most likely of the same voice as `voice`; absent where there is none. */
export function nearestGroup(groups: readonly VoiceGroup[], voice: Voice, oddsOf: Odds): VoiceGroup | undefined {
  let best: { group: VoiceGroup | undefined; odds: number } = { group: undefined, odds: -Infinity }
  for (const group of groups) {
    const odds = oddsOf(group.voice, voice)
    if (best.group === undefined || odds > best.odds) best = { group, odds }
  }
  return best.group
}
