/** A stretch of speech that is to get a speaker. */
export interface Step {
  /** For each speaker, log odds that the stretch is of its voice. */
  odds: readonly number[]
  /** What a change of speaker before this stretch costs, in the same measure. */
  change: number
}

/** Who speaks in each of the `steps`: the likeliest sequence of indexes of speakers; empty where there are none. */
export function likeliestPath(steps: readonly Step[]): number[] {
  const speakers = steps[0]?.odds.length ?? 0
  if (speakers === 0) return []
  let scores = Array<number>(speakers).fill(0)
  /** For each step, from which speaker each one is best reached. */
  const from = steps.map(({ odds, change }, index) => {
    let best = 0
    scores.forEach((score, speaker) => {
      if (score > scores[best]!) best = speaker
    })
    const changed = scores[best]! - (index === 0 ? 0 : change)
    const origins = scores.map((score, speaker) => (score >= changed ? speaker : best))
    scores = scores.map((score, speaker) => Math.max(score, changed) + odds[speaker]!)
    return origins
  })
  let speaker = scores.indexOf(Math.max(...scores))
  const path: number[] = []
  for (let index = steps.length - 1; index >= 0; index--) {
    path.unshift(speaker)
    speaker = from[index]![speaker]!
  }
  return path
}
