import type { RecognisedWord } from './parts.ts'

/** How far back from the end of a turn that has become too long a cut may lie, in ms. */
const lookBackMs = 4000

/**
 * Where to cut a turn that has become too long: after how many of its `words` (in order of time, up to the moment
 * `endMs`). The cut lies in the longest pause between two words of the last seconds, never inside a word; what follows
 * it is heard again as the beginning of the next turn. All words are kept where the speech has already stopped
 * or there is nothing to cut between.
 */
export function cutAfter(words: readonly RecognisedWord[], endMs: number): number {
  let best = words.length
  let longest = -1
  for (let count = 1; count <= words.length; count++) {
    const end = words[count - 1]!.end
    if (end < endMs - lookBackMs) continue
    const next = words[count]
    // The last word may be half a word, so the end of the audio is a good place only after a clear pause.
    if (next === undefined && endMs - end < 150) continue
    const pause = (next?.start ?? endMs) - end
    if (pause >= longest) {
      longest = pause
      best = count
    }
  }
  return best
}
