/** What is known of a voice from some speech of it. */
export interface Voice<Self> {
  /** Frames of speech of 10 ms behind it. */
  readonly frames: number
  /** The voice of the speech of both. */
  plus(other: Self): Self
  /** Natural logarithm of the odds that both are one voice: above 0 one is likelier than two. */
  logOdds(other: Self): number
}

/** Remembers the odds of pairs, which are asked for again after every turn. */
export function rememberedOdds<V extends Voice<V>>(): (a: V, b: V) => number {
  const known = new WeakMap<V, WeakMap<V, number>>()
  return (a, b) => {
    let row = known.get(a)
    if (row === undefined) known.set(a, (row = new WeakMap()))
    let odds = row.get(b)
    if (odds === undefined) row.set(b, (odds = a.logOdds(b)))
    return odds
  }
}
