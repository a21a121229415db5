import { cosine, joinedVoice, oddsOfWholes, type Voice, withoutVoice } from '../../voices/voice.ts'

/** Voices taken for one. */
export interface VoiceGroup {
  voice: Voice
  members: number[]
}

/** Log odds that two voices are one. */
export type Odds = (a: Voice, b: Voice) => number

const join = (one: VoiceGroup, other: VoiceGroup): VoiceGroup => ({
  voice: joinedVoice([one.voice, other.voice]),
  members: [...one.members, ...other.members],
})

/** Joins neighbours, the likeliest first, whose log odds are at least what `least` asks for between them. */
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

/** Merges the likeliest two groups until all odds are against it and there are no more than `most`. */
export function mergeGroups(groups: readonly VoiceGroup[], most: number, oddsOf: Odds): VoiceGroup[] {
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
    if (odds[first]![second]! <= 0 && count <= most) break
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

/** The item of which `measure` is greatest, the first of equals; absent where there is none. */
export function greatestBy<T>(items: readonly T[], measure: (item: T) => number): T | undefined {
  const measures = items.map(measure)
  return items[indexOfGreatest(measures)]
}

/** The group most likely of the same voice as `voice`; absent where there is none. */
export function nearestGroup(groups: readonly VoiceGroup[], voice: Voice, oddsOf: Odds): VoiceGroup | undefined {
  return greatestBy(groups, (group) => oddsOf(group.voice, voice))
}

/**
 * Finds two voices in a group that was taken for one. By telephone two voices can be so alike that their first stretches
 * pass for one, and what is joined is never parted again. With all of the speech at hand they can be told: the halves of a
 * group are less alike than those of one voice, and each stretch is nearer to its own half even if it is left out of that.
 * One voice has halves as well, by its mood or its words, but they are nearer, or their stretches do not keep to them.
 */

/** Each half needs so many frames and stretches, or its sum says too little. */
const minFrames = 600
const minStretches = 3
/** Halves grow around pairs of so many of the longest stretches; the pair that makes the clearest halves counts. */
const tried = 8
const maxRounds = 10
/** How much nearer stretches must be to their own half: at most about 0.5 for one voice, above 0.6 for two. */
const separation = 0.55
/** Log odds that both halves are one voice from which on they stay together: even odds. */
const together = 0

type Halves = readonly boolean[]

const half = (voices: readonly Voice[], halves: Halves, second: boolean): Voice[] =>
  voices.filter((_, index) => halves[index] === second)

const nearer = (voices: readonly Voice[], a: Voice, b: Voice): boolean[] =>
  voices.map((voice) => (cosine(voice, b) ?? 0) > (cosine(voice, a) ?? 0))

interface Split {
  halves: Halves
  wholes: readonly [Voice, Voice]
}

/** The halves that form around two voices: each voice goes to the nearer one, until none changes. */
function growFrom(voices: readonly Voice[], a: Voice, b: Voice): Split | undefined {
  let halves = nearer(voices, a, b)
  for (let round = 0; ; round++) {
    const [first, second] = [half(voices, halves, false), half(voices, halves, true)]
    if (Math.min(first.length, second.length) < minStretches) return undefined
    const wholes = [joinedVoice(first), joinedVoice(second)] as const
    const next = nearer(voices, ...wholes)
    if (round === maxRounds || next.every((is, index) => is === halves[index])) return { halves, wholes }
    halves = next
  }
}

/** The clearest halves of `voices`: those whose vectors add up to the most. */
function clearestSplit(voices: readonly Voice[]): Split | undefined {
  const longest = voices.toSorted((a, b) => b.frames - a.frames).slice(0, tried)
  const splits = longest
    .flatMap((a, index) => longest.slice(index + 1).flatMap((b) => growFrom(voices, a, b) ?? []))
    .filter(({ wholes }) => wholes.every(({ frames }) => frames >= minFrames))
  return greatestBy(splits, ({ wholes: [first, second] }) => first.length + second.length)
}

/** How much nearer the voices of a half are to the rest of it than to `other`, as a mean over their frames. */
function nearness(voices: readonly Voice[], whole: Voice, other: Voice): number {
  const sum = voices.reduce((total, voice) => {
    const own = cosine(voice, withoutVoice(whole, voice)) ?? 0
    return total + voice.frames * (own - (cosine(voice, other) ?? 0))
  }, 0)
  return sum / whole.frames
}

/** The two groups that `group` is made of, or itself; only for the telephone, where voices are that much alike. */
export function splitGroup(group: VoiceGroup, voices: readonly Voice[]): VoiceGroup[] {
  if (!group.voice.narrowband) return [group]
  const own = group.members.map((member) => voices[member]!)
  const split = clearestSplit(own)
  if (split === undefined) return [group]
  const [first, second] = split.wholes
  const alike = cosine(first, second) ?? 1
  const least = Math.min(
    nearness(half(own, split.halves, false), first, second),
    nearness(half(own, split.halves, true), second, first),
  )
  if (least <= separation * (1 - alike) || oddsOfWholes(alike, first.frames, second.frames) >= together) return [group]
  return split.wholes.map((voice, second) => ({
    voice,
    members: group.members.filter((_, index) => split.halves[index] === (second === 1)),
  }))
}
