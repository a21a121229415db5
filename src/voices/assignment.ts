/**
 * The one-to-one assignment of greatest sum, exactly, for at most 16 columns; weights of 0 or less are left out (-1).
 */
export function bestAssignment(weights: readonly (readonly number[])[]): number[] {
  const columns = Math.max(0, ...weights.map((row) => row.length))
  const sets = 1 << columns
  /** For each set of columns in use, the best sum so far, and which column each row took to reach it. */
  let best = new Float64Array(sets).fill(Number.NEGATIVE_INFINITY)
  best[0] = 0
  const choices: Int8Array[] = []
  for (const row of weights) {
    const next = Float64Array.from(best)
    const choice = new Int8Array(sets).fill(-1)
    for (let set = 0; set < sets; set += 1) {
      const sum = best[set] as number
      if (sum === Number.NEGATIVE_INFINITY) continue
      for (let column = 0; column < row.length; column += 1) {
        const weight = row[column] as number
        const bit = 1 << column
        if (weight <= 0 || set & bit || sum + weight <= (next[set | bit] as number)) continue
        next[set | bit] = sum + weight
        choice[set | bit] = column
      }
    }
    best = next
    choices.push(choice)
  }
  let set = best.indexOf(Math.max(...best))
  const assigned = weights.map(() => -1)
  for (let row = weights.length - 1; row >= 0; row -= 1) {
    const column = choices[row]?.[set] ?? -1
    assigned[row] = column
    if (column >= 0) set &= ~(1 << column)
  }
  return assigned
}
