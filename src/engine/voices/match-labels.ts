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
