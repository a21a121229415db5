import { endsOnFunctionWord } from '../../src/captions/layout/breaks.ts'
import type { CueLayoutOptions } from '../../src/captions/layout/options.ts'
import { layoutCues } from '../../src/captions/layout/layout.ts'
import type { Segment, Word } from '../../src/index.ts'
import { parseSync } from 'subtitle'

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

/** The way that ours is held against. */
export const STRONGEST = 'greedy and punctuation'
/** Our ways. */
export const OURS = ['ours', 'ours, 12 words ahead'] as const

/** Least boundary F1, relative to that of {@link STRONGEST}. */
const F1_BELOW = 0.03
/** Most flashes, as a share of those of {@link STRONGEST}. */
const FLASH_SHARE = 0.5

/** Labels would take room that the others do not give them. */
const layOut =
  (options: CueLayoutOptions): Cutter =>
  (words) => {
    let said = 0
    return layoutCues(turnsOf(words), { labels: 'none', ...options }, { next: Infinity }).map(
      (cue) => (said += cue.words.length),
    )
  }

const CUTTERS: readonly (readonly [name: string, cut: Cutter])[] = [
  [OURS[0], layOut({})],
  [OURS[1], layOut({ lookAhead: 12 })],
  ['greedy', greedy],
  [STRONGEST, greedyWithPunctuation],
  ['eight words', eightWords],
  ["whisper's rule", whisperRule],
]

/** Cuts the same words in all ways. `people` are the ends of the cues that people made of them. */
export function compareCuts(words: readonly Word[], people?: readonly number[]): Record<string, CutQuality> {
  const reference = {
    isFunctionWord: (text: string) => endsOnFunctionWord(text),
    ...(people !== undefined && { ends: people }),
  }
  const results = CUTTERS.map(([name, cut]) => [name, measureCut(words, cut(words), reference)] as const)
  return Object.fromEntries([
    ...results,
    ...(people === undefined ? [] : [['people', measureCut(words, people, reference)] as const]),
  ])
}

/** Whether one of our ways is as good as it must be, in words; `undefined` where there is nothing to compare with. */
export function judgeCut(name: string, results: Readonly<Record<string, CutQuality>>): string[] | undefined {
  const [ours, rival] = [results[name], results[STRONGEST]]
  if (ours?.boundaryF1 === undefined || rival?.boundaryF1 === undefined) return undefined
  const faults: string[] = []
  const least = rival.boundaryF1 - F1_BELOW
  if (ours.boundaryF1 < least) faults.push(`F1 ${ours.boundaryF1.toFixed(3)} is below ${least.toFixed(3)}`)
  const flashes = ours.flashes * ours.cues
  const most = FLASH_SHARE * rival.flashes * rival.cues
  if (flashes > most) faults.push(`${Math.round(flashes)} flashes are more than ${Math.floor(most)}`)
  if (ours.mixed > 0) faults.push('cues mix speakers')
  return faults
}

/** The figures as lines of text. */
export function showComparison(results: Readonly<Record<string, CutQuality>>): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const rows = Object.entries(results).map(([name, quality]) => [
    name,
    String(quality.cues),
    quality.boundaryF1?.toFixed(3) ?? '-',
    percent(quality.flashes),
    percent(quality.functionWordEnds),
    percent(quality.mixed),
  ])
  const table = [['', 'cues', 'F1', '< 833 ms', 'function word', 'mixed'], ...rows]
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  return table
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n')
}

/** How well words were cut into cues. Shares are from 0 to 1. */
export interface CutQuality {
  cues: number
  /** Harmonic mean of precision and recall of the boundaries between cues; absent where there is nothing to compare with. */
  boundaryF1?: number
  /** Share of cues shown for less than {@link FLASH_MS}. */
  flashes: number
  /** Share of cues whose last word wants another after it. */
  functionWordEnds: number
  /** Share of cues with words of several speakers. */
  mixed: number
}

/** A cue that is shown for less is a flash: five sixths of a second. */
export const FLASH_MS = 833
/** Least gap between two cues. */
const GAP_MS = 83
/** How long a cue may stay after its last word. */
const TAIL_MS = 500

/** What the words of a file were cut against. */
export interface CutReference {
  /** Boundaries of people's cues, as in `ends`. */
  ends?: readonly number[]
  /** Whether a cue should not end on this word. */
  isFunctionWord: (text: string) => boolean
}

/**
 * Measures one way to cut words. All ways are timed by one rule, so that only the places of the cuts count: a cue
 * begins with its first word and ends half a second after its last, or 83 ms before the next cue.
 *
 * @param ends - for each cue, how many words have been said when it ends.
 */
export function measureCut(words: readonly Word[], ends: readonly number[], reference: CutReference): CutQuality {
  let flashes = 0
  let functionWordEnds = 0
  let mixed = 0
  let from = 0
  for (const [i, end] of ends.entries()) {
    const [first, last] = [words[from], words[end - 1]]
    if (first === undefined || last === undefined || end <= from) throw new Error(`cue ${i} has no words`)
    if (shownFor(first, last, words[end]) < FLASH_MS) flashes++
    if (reference.isFunctionWord(last.text)) functionWordEnds++
    if (words.slice(from, end).some(({ speaker }) => speaker !== first.speaker)) mixed++
    from = end
  }
  if (from !== words.length) throw new Error(`${from} of ${words.length} words are in cues`)
  const share = (count: number) => count / Math.max(1, ends.length)
  return {
    cues: ends.length,
    ...(reference.ends !== undefined && { boundaryF1: boundaryF1(ends, reference.ends) }),
    flashes: share(flashes),
    functionWordEnds: share(functionWordEnds),
    mixed: share(mixed),
  }
}

function shownFor(first: Word, last: Word, next: Word | undefined): number {
  const end = Math.min(last.end + TAIL_MS, next === undefined ? Infinity : next.start - GAP_MS)
  return end - first.start
}

/** F1 of the boundaries inside of a text; the end of the text, which all have, does not count. */
export function boundaryF1(ends: readonly number[], reference: readonly number[]): number {
  const inside = (list: readonly number[]) => new Set(list.slice(0, -1))
  const [found, wanted] = [inside(ends), inside(reference)]
  if (found.size + wanted.size === 0) return 1
  const right = [...found].filter((end) => wanted.has(end)).length
  return (2 * right) / (found.size + wanted.size)
}

/** The words as an engine gives them: a turn, here of one segment, ends where the speaker changes or pauses. */
export function turnsOf(words: readonly Word[]): Segment[][] {
  const turns: Word[][] = []
  for (const word of words) {
    const turn = turns.at(-1)
    const last = turn?.at(-1)
    if (turn === undefined || last === undefined || startsTurn(last, word)) turns.push([word])
    else turn.push(word)
  }
  return turns.map((said, order) => {
    const [first, last] = [said[0]!, said.at(-1)!]
    return [
      {
        ...(first.speaker !== undefined && { speaker: first.speaker }),
        start: first.start,
        end: last.end,
        text: said.map(({ text }) => text).join(' '),
        words: said,
        turn: { order, revision: 0 },
      },
    ]
  })
}

function startsTurn(before: Word, word: Word): boolean {
  return before.speaker !== word.speaker || word.start - before.end >= PAUSE_MS
}

/** The words of captions that people made, as a recogniser could have heard them. */
export interface HumanCaptions {
  /** In order, spread over the time of their cues; each has a speaker. */
  words: Word[]
  /** For each cue, how many words have been said when it ends. */
  ends: number[]
}

/** Shorter gaps between two cues are filled with speech, so that they do not tell where a cue ends. */
const SMEARED_MS = 700

interface TextCue {
  start: number
  end: number
  /** Words of each speaker in turn: more than one list where lines begin with dashes. */
  voices: string[][]
}

/**
 * Reads SRT or WebVTT. Markup, `[sounds]`, `(sounds)`, labels in capitals and cues with music signs are left out.
 * Words are spread over their cue by their number of characters. The speaker changes at each dash of a cue that has two
 * speakers; nothing is known of the others.
 */
export function readHumanCaptions(file: string): HumanCaptions {
  const cues = parseSync(file.replace(/^\uFEFF/, ''))
    .flatMap((node) => (node.type === 'cue' ? [node.data] : []))
    .map(({ start, end, text }): TextCue => ({ start, end, voices: voicesOf(text) }))
    .filter(({ start, end, voices }) => end > start && voices.length > 0)
    .toSorted((a, b) => a.start - b.start)
  const captions: HumanCaptions = { words: [], ends: [] }
  let speaker = 0
  for (const [i, cue] of cues.entries()) {
    const next = cues[i + 1]?.start ?? Infinity
    const end = next - cue.end < SMEARED_MS ? Math.max(next, cue.start + 1) : cue.end
    const characters = cue.voices.flat().reduce((sum, word) => sum + word.length + 1, 0)
    let before = 0
    const at = () => cue.start + Math.round(((end - cue.start) * before) / characters)
    for (const words of cue.voices) {
      if (cue.voices.length > 1) speaker = 1 - speaker
      for (const text of words) {
        const start = at()
        before += text.length + 1
        captions.words.push({ text, start, end: at(), confidence: 1, speaker: 'AB'.charAt(speaker), final: true })
      }
    }
    captions.ends.push(captions.words.length)
  }
  return captions
}

const DASH = /^\s*[-‐–—]+\s*(?=\S)/u

function voicesOf(text: string): string[][] {
  if (/[♪♫#]/u.test(text)) return []
  const lines = text
    .replaceAll(/<[^>]*>|\{\\[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]|\([^)]*\)/g, ' ')
    .split('\n')
  const voices: string[][] = []
  for (const line of lines) {
    const dashed = DASH.test(line)
    const words = line
      .replace(DASH, '')
      .replace(/^\s*\p{Lu}[\p{Lu}\d .'-]+:/u, '')
      .split(/\s+/)
      .filter((word) => /[\p{L}\p{N}]/u.test(word))
    if (words.length === 0) continue
    const last = voices.at(-1)
    if (last === undefined || dashed) voices.push(words)
    else last.push(...words)
  }
  return voices
}
