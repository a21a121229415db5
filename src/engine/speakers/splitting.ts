import type { VoiceGroup } from './grouping.ts'
import { oddsOfWholes } from './odds.ts'
import { cosine, joinedVoice, type Voice, withoutVoice } from './voice.ts'

/**
 * Finds two voices in a group that was taken for one. By telephone two voices can be so alike that their first stretches
 * pass for one, and what is joined is never parted again. With all of the speech at hand they can be told: the halves of a
 * group are less alike than those of one voice, and each stretch is nearer to its own half even if it is left out of that.
 * One voice has halves as well, by its mood or its words, but they are nearer, or their stretches do not keep to them.
 */

/** Each half needs so many frames and stretches, or its sum says too little. */
const leastFrames = 600
const leastStretches = 3
/** Halves grow around pairs of so many of the longest stretches; the pair that makes the clearest halves counts. */
const tried = 8
const mostRounds = 10
/**
 * How much nearer stretches must be to the rest of their half than to the other, as a share of what lies between both. In
 * conversations of 5 readers by telephone it is about 0.5 at most for one of them, and above 0.6 for two who said 10 s each.
 * With the odds it parts 3 of 100 samples of what one of them reads, up to 30 stretches, and more of longer ones.
 */
const keptTo = 0.55
/** Log odds that both halves are one voice from which on they stay together: even odds. */
const together = 0

/** For each of some voices, whether it is in the second half. */
type Halves = readonly boolean[]

const half = (voices: readonly Voice[], halves: Halves, second: boolean): Voice[] =>
  voices.filter((_, index) => halves[index] === second)

/** Voices nearer to `b` than to `a`. */
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
    if (Math.min(first.length, second.length) < leastStretches) return undefined
    const wholes = [joinedVoice(first), joinedVoice(second)] as const
    const next = nearer(voices, ...wholes)
    if (round === mostRounds || next.every((is, index) => is === halves[index])) return { halves, wholes }
    halves = next
  }
}

/** The clearest halves of `voices`: those whose vectors add up to the most. */
function clearestSplit(voices: readonly Voice[]): Split | undefined {
  const longest = voices.toSorted((a, b) => b.frames - a.frames).slice(0, tried)
  let best: { split: Split | undefined; length: number } = { split: undefined, length: 0 }
  longest.forEach((a, index) => {
    for (const b of longest.slice(index + 1)) {
      const split = growFrom(voices, a, b)
      if (split === undefined || split.wholes.some(({ frames }) => frames < leastFrames)) continue
      const length = split.wholes[0].length + split.wholes[1].length
      if (length > best.length) best = { split, length }
    }
  })
  return best.split
}

/** How much nearer the voices of a half are to the rest of it than to `other`, as a mean over their frames. */
function nearness(voices: readonly Voice[], whole: Voice, other: Voice): number {
  const sum = voices.reduce((total, voice) => {
    const own = cosine(voice, withoutVoice(whole, voice)) ?? 0
    return total + voice.frames * (own - (cosine(voice, other) ?? 0))
  }, 0)
  return sum / whole.frames
}

/**
 * The two groups that `group` is made of, or itself where it is likelier one voice; `voices` are those that its members are
 * indexes of. Only for what came by telephone: without one, voices are not that much alike.
 */
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
  if (least <= keptTo * (1 - alike) || oddsOfWholes(alike, first.frames, second.frames) >= together) return [group]
  return split.wholes.map((voice, second) => ({
    voice,
    members: group.members.filter((_, index) => split.halves[index] === (second === 1)),
  }))
}
