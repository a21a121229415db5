/** Scores of a transcript against a reference: word error rate, words with the right speaker, time with the wrong one. */

/** A word with its place and, where known, its speaker. */
export interface ScoredWord {
  text: string
  start: number
  end: number
  speaker?: string
}

/** A stretch of one speaker, in ms. */
export interface SpeakerSpan {
  start: number
  end: number
  speaker: string
}

/** Lower case, letters and digits of any script and apostrophes only; "mr." and "mister" are the same word. */
export function normaliseWord(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll('’', "'")
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}']/gu, '')
  const same: Record<string, string> = { mr: 'mister', mrs: 'missus', ok: 'okay' }
  return same[plain] ?? plain
}

/** Pairs of indexes of words that the best alignment (fewest edits) matches exactly, and the number of edits. */
export function align(
  reference: readonly string[],
  heard: readonly string[],
): { pairs: [number, number][]; edits: number } {
  const ref = reference.map(normaliseWord)
  const hyp = heard.map(normaliseWord)
  const width = hyp.length + 1
  const cost = new Uint32Array((ref.length + 1) * width)
  for (let i = 0; i <= ref.length; i++) {
    for (let j = 0; j <= hyp.length; j++) {
      if (i === 0 || j === 0) {
        cost[i * width + j] = i + j
        continue
      }
      const diagonal = cost[(i - 1) * width + j - 1]! + (ref[i - 1] === hyp[j - 1] ? 0 : 1)
      cost[i * width + j] = Math.min(diagonal, cost[(i - 1) * width + j]! + 1, cost[i * width + j - 1]! + 1)
    }
  }
  const pairs: [number, number][] = []
  let i = ref.length
  let j = hyp.length
  while (i > 0 && j > 0) {
    const here = cost[i * width + j]!
    const same = ref[i - 1] === hyp[j - 1]
    if (here === cost[(i - 1) * width + j - 1]! + (same ? 0 : 1)) {
      i--
      j--
      if (same) pairs.unshift([i, j])
    } else if (here === cost[(i - 1) * width + j]! + 1) i--
    else j--
  }
  return { pairs: pairs, edits: cost[ref.length * width + hyp.length]! }
}

/** Substitutions, insertions and deletions divided by the number of reference words. */
export function wordErrorRate(reference: readonly string[], heard: readonly string[]): number {
  return align(reference, heard).edits / Math.max(1, reference.length)
}

/** The one-to-one mapping of `from` to `to` with the greatest sum of `weight`; for up to 10 names on a side. */
export function bestMapping(
  from: readonly string[],
  to: readonly string[],
  weight: (a: string, b: string) => number,
): Map<string, string> {
  let best = { sum: -1, map: new Map<string, string>() }
  const used = new Set<string>()
  const chosen = new Map<string, string>()
  const visit = (index: number, sum: number): void => {
    const name = from[index]
    if (name === undefined) {
      if (sum > best.sum) best = { sum, map: new Map(chosen) }
      return
    }
    for (const other of to) {
      const gain = weight(name, other)
      if (used.has(other) || gain === 0) continue
      used.add(other)
      chosen.set(name, other)
      visit(index + 1, sum + gain)
      used.delete(other)
      chosen.delete(name)
    }
    visit(index + 1, sum)
  }
  visit(0, 0)
  return best.map
}

/** Speaker of the span that covers most of the word, or of the nearest one. */
function speakerAt(word: ScoredWord, spans: readonly SpeakerSpan[]): string | undefined {
  const middle = (word.start + word.end) / 2
  const distance = (span: SpeakerSpan): number => Math.max(0, span.start - middle, middle - span.end)
  return spans.reduce<SpeakerSpan | undefined>(
    (best, span) => (best === undefined || distance(span) < distance(best) ? span : best),
    undefined,
  )?.speaker
}

/** How well letters go with reference speakers, under the best one-to-one mapping. */
export interface SpeakerScore {
  /** Share of all heard words whose letter is mapped to their reference speaker; words without a letter are wrong. */
  words: number
  /** The same as a share of the words' duration that is wrong or unlabelled: a word-level relative of DER. */
  timeWrong: number
  /** Share of words without a letter. */
  unattributed: number
  /** Number of letters used. */
  letters: number
}

/** Scores the letters of `heard` words against who spoke at their time. */
export function speakerAccuracy(heard: readonly ScoredWord[], reference: readonly SpeakerSpan[]): SpeakerScore {
  const truth = heard.map((word) => speakerAt(word, reference))
  const letters = [...new Set(heard.flatMap((word) => word.speaker ?? []))]
  const names = [...new Set(reference.map((span) => span.speaker))]
  const map = bestMapping(letters, names, (letter, name) =>
    heard.reduce((sum, word, index) => sum + (word.speaker === letter && truth[index] === name ? 1 : 0), 0),
  )
  const right = heard.map((word, index) => word.speaker !== undefined && map.get(word.speaker) === truth[index])
  const duration = (word: ScoredWord): number => word.end - word.start
  const total = heard.reduce((sum, word) => sum + duration(word), 0)
  const wrong = heard.reduce((sum, word, index) => sum + (right[index] ? 0 : duration(word)), 0)
  return {
    words: right.filter(Boolean).length / Math.max(1, heard.length),
    timeWrong: wrong / Math.max(1, total),
    unattributed: heard.filter((word) => word.speaker === undefined).length / Math.max(1, heard.length),
    letters: letters.length,
  }
}

/** Reads the SPEAKER lines of an RTTM file. */
export function parseRttm(text: string): SpeakerSpan[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[0] === 'SPEAKER' && fields.length >= 8)
    .map((fields) => {
      const start = Number(fields[3]) * 1000
      return { start, end: start + Number(fields[4]) * 1000, speaker: fields[7]! }
    })
}
