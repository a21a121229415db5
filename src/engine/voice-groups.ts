import type { Voice } from './voice.ts'

/** Voices taken for one. */
export interface VoiceGroup<V> {
  voice: V
  /** Indexes of the voices in it. */
  members: number[]
}

/** Log odds from which on neighbours in a turn are joined: two speakers in one stretch can never be told apart again. */
const joinedFrom = 2.5

/** Joins neighbours that are likely of one voice, the likeliest first, until none are. */
export function joinNeighbours<V extends Voice<V>>(voices: readonly V[]): VoiceGroup<V>[] {
  const result = voices.map((voice, index): VoiceGroup<V> => ({ voice, members: [index] }))
  const odds = voices.slice(1).map((voice, index) => voices[index]!.logOdds(voice))
  for (;;) {
    const at = odds.indexOf(Math.max(...odds))
    if (at < 0 || odds[at]! < joinedFrom) return result
    const [one, other] = [result[at]!, result[at + 1]!]
    const joined = { voice: one.voice.plus(other.voice), members: [...one.members, ...other.members] }
    result.splice(at, 2, joined)
    odds.splice(at, 1)
    if (at > 0) odds[at - 1] = result[at - 1]!.voice.logOdds(joined.voice)
    if (at < odds.length) odds[at] = joined.voice.logOdds(result[at + 1]!.voice)
  }
}

/**
 * Merges the two groups most likely of one voice, again and again, until the log odds of all are at most `keptApart` and
 * there are no more than `most`.
 */
export function mergeGroups<V extends Voice<V>>(
  groups: readonly VoiceGroup<V>[],
  most: number,
  keptApart: number,
  logOdds: (a: V, b: V) => number,
): VoiceGroup<V>[] {
  const result = [...groups]
  /** Below the diagonal: the odds of each group with those before it. */
  const odds = result.map((group, index) => result.slice(0, index).map((other) => logOdds(group.voice, other.voice)))
  for (;;) {
    let best = { first: -1, second: -1, odds: -Infinity }
    odds.forEach((row, second) => {
      row.forEach((value, first) => {
        if (value > best.odds) best = { first, second, odds: value }
      })
    })
    if (best.first < 0 || (best.odds <= keptApart && result.length <= most)) return result
    const [first, second] = [result[best.first]!, result[best.second]!]
    for (const index of [best.second, best.first]) {
      result.splice(index, 1)
      odds.splice(index, 1)
      for (const row of odds) if (row.length > index) row.splice(index, 1)
    }
    const merged = { voice: first.voice.plus(second.voice), members: [...first.members, ...second.members] }
    odds.push(result.map(({ voice }) => merged.voice.logOdds(voice)))
    result.push(merged)
  }
}

/** The group most likely of the same voice as `voice`; absent where there is none. */
export function nearestGroup<V extends Voice<V>>(
  groups: readonly VoiceGroup<V>[],
  voice: V,
): VoiceGroup<V> | undefined {
  let best: { group: VoiceGroup<V> | undefined; odds: number } = { group: undefined, odds: -Infinity }
  for (const group of groups) {
    const odds = group.voice.logOdds(voice)
    if (best.group === undefined || odds > best.odds) best = { group, odds }
  }
  return best.group
}
