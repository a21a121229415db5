import type { Word } from '../../src/index.ts'

/** A way to cut words into cues: for each cue, how many words have been said when it ends. */
export type Cutter = (words: readonly Word[]) => number[]

/** Milliseconds of silence at which the greedy ways begin a new cue; an engine ends its turn there. */
export const PAUSE_MS = 700
/** Characters of two lines. */
const CUE_WIDTH = 84

/** Cuts before each word for which `cutsBefore` says so; `from` is the first word of the cue. */
function cutWhere(cutsBefore: (words: readonly Word[], at: number, from: number) => boolean): Cutter {
  return (words) => {
    const ends: number[] = []
    let from = 0
    for (let at = 1; at < words.length; at++) {
      if (!cutsBefore(words, at, from)) continue
      ends.push(at)
      from = at
    }
    if (words.length > 0) ends.push(words.length)
    return ends
  }
}

const speakerChanges = (words: readonly Word[], at: number): boolean => words[at]?.speaker !== words[at - 1]?.speaker

function isFull(words: readonly Word[], at: number, from: number): boolean {
  let width = -1
  for (let i = from; i <= at; i++) width += (words[i]?.text.length ?? 0) + 1
  return width > CUE_WIDTH
}

const pauses = (words: readonly Word[], at: number): boolean =>
  (words[at]?.start ?? 0) - (words[at - 1]?.end ?? 0) >= PAUSE_MS

/** Eight words a cue, fewer where the speaker changes: the rule of the usual converters. */
export const eightWords: Cutter = cutWhere((words, at, from) => at - from >= 8 || speakerChanges(words, at))

/** As many words as go into 84 characters; a new cue at a change of speaker and after a pause. */
export const greedy: Cutter = cutWhere(
  (words, at, from) => speakerChanges(words, at) || pauses(words, at) || isFull(words, at, from),
)

/** The same, and a new cue after every sentence. */
export const greedyWithPunctuation: Cutter = cutWhere(
  (words, at, from) =>
    speakerChanges(words, at) ||
    pauses(words, at) ||
    isFull(words, at, from) ||
    /[.?!…]["'”’)\]]*$/u.test(words[at - 1]?.text ?? ''),
)

/**
 * The rule of openai-whisper's writer for lines of 42 characters and two lines a cue, which knows no speakers: a word
 * that does not fit begins a new line, and a new cue where two lines are full; so does a word that starts more than
 * 3 s after the one before. A word counts with its leading space. Only the rule is theirs.
 */
export const whisperRule: Cutter = (words) => {
  const ends: number[] = []
  let line = 0
  let lines = 1
  for (const [at, { text, start }] of words.entries()) {
    const longPause = at > 0 && start - (words[at - 1]?.start ?? 0) > 3000
    const width = text.length + 1
    if (line > 0 && line + width <= 42 && !longPause) {
      line += width
      continue
    }
    if (at > 0 && (longPause || lines >= 2)) {
      ends.push(at)
      lines = 1
    } else if (line > 0) {
      lines++
    }
    line = text.length
  }
  if (words.length > 0) ends.push(words.length)
  return ends
}
