import { deltaBic, type Gaussian } from './gaussian.ts'

/** Stricter than inside a turn: large groups of one speaker's speech differ by what was said. */
const strictness = 2
/** Voices of fewer frames do not form groups; they join one. */
const seedFrames = 100
/** Voices of fewer frames join none. */
const joinFrames = 50

interface Group {
  voice: Gaussian
  members: number[]
}

/** The group nearest to `voice`. */
function nearest(voice: Gaussian, groups: readonly Group[]): Group | undefined {
  let best: { group: Group | undefined; delta: number } = { group: undefined, delta: Infinity }
  for (const group of groups) {
    const delta = deltaBic(group.voice, voice, strictness)
    if (delta < best.delta) best = { group, delta }
  }
  return best.group
}

/** Merges the two most alike groups again and again, while they sound the same or there are more than `most`. */
function mergeGroups(groups: Group[], most: number): Group[] {
  const result = [...groups]
  const deltas = result.map((a, i) => result.slice(0, i).map((b) => deltaBic(a.voice, b.voice, strictness)))
  for (;;) {
    let best = { i: -1, j: -1, delta: Infinity }
    deltas.forEach((row, i) => {
      row.forEach((delta, j) => {
        if (delta < best.delta) best = { i, j, delta }
      })
    })
    if (best.i < 0 || (best.delta > 0 && result.length <= most)) return result
    const { i, j } = best
    const merged = {
      voice: result[i]!.voice.plus(result[j]!.voice),
      members: [...result[i]!.members, ...result[j]!.members],
    }
    for (const index of [i, j]) {
      result.splice(index, 1)
      deltas.splice(index, 1)
      for (const row of deltas) if (row.length > index) row.splice(index, 1)
    }
    deltas.push(result.map((group) => deltaBic(merged.voice, group.voice, strictness)))
    result.push(merged)
  }
}

/**
 * Groups stretches of speech by speaker, looking at all of them together, into at most `most` groups. Returns the
 * number of the group of each voice; absent for those too short to tell.
 */
export function regroup(voices: readonly Gaussian[], most: number): (number | undefined)[] {
  const seeds = voices.flatMap((voice, index) => (voice.count >= seedFrames ? [{ voice, members: [index] }] : []))
  const groups = mergeGroups(seeds, most)
  voices.forEach((voice, index) => {
    if (voice.count >= joinFrames && voice.count < seedFrames) nearest(voice, groups)?.members.push(index)
  })
  const result: (number | undefined)[] = voices.map(() => undefined)
  groups.forEach((group, number) => {
    for (const member of group.members) result[member] = number
  })
  return result
}

/**
 * Gives groups the labels that their members already had, by greatest `weight` first; each label goes to one group.
 * A group that gets none takes the lowest label that nobody has. Returns the label of each group.
 */
export function matchLabels(
  groups: readonly (number | undefined)[],
  labels: readonly (number | undefined)[],
  weights: readonly number[],
): Map<number, number> {
  const shared = new Map<string, { group: number; label: number; weight: number }>()
  groups.forEach((group, index) => {
    const label = labels[index]
    if (group === undefined || label === undefined) return
    const entry = shared.get(`${group}/${label}`) ?? { group, label, weight: 0 }
    entry.weight += weights[index]!
    shared.set(`${group}/${label}`, entry)
  })
  const result = new Map<number, number>()
  const taken = new Set<number>()
  for (const { group, label } of [...shared.values()].toSorted((a, b) => b.weight - a.weight)) {
    if (result.has(group) || taken.has(label)) continue
    result.set(group, label)
    taken.add(label)
  }
  for (const group of groups) {
    if (group === undefined || result.has(group)) continue
    let label = 0
    while (taken.has(label)) label++
    result.set(group, label)
    taken.add(label)
  }
  return result
}
