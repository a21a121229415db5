import { CueLayout } from '../../src/captions/layout/layout.ts'
import { layoutSettings } from '../../src/captions/layout/options.ts'
import type { Segment } from '../../src/index.ts'
import { inventedSpeech } from './speech.ts'
import { median } from './median.ts'

/** How fast words were laid out. */
export interface LayoutSpeed {
  words: number
  cues: number
  /** Words per second of processor time, so that neighbours do not count; median of the rounds. */
  wordsPerSecond: number
}

/** Lays out `words` invented words turn by turn, `rounds` times; only the layout is timed. */
export function measureLayout(words: number, rounds: number, seed: number): LayoutSpeed {
  const turns = [...inventedSpeech({ seed, words })]
  const results = Array.from({ length: rounds }, () => layOut(turns))
  for (const { words: out } of results) if (out !== words) throw new Error(`${words} words went in, ${out} came out`)
  const ms = median(results.map((result) => result.ms))
  return { words, cues: results[0]?.cues ?? 0, wordsPerSecond: Math.round((1000 * words) / ms) }
}

function layOut(turns: readonly (readonly Segment[])[]): { ms: number; words: number; cues: number } {
  let words = 0
  let cues = 0
  const count = (made: readonly { words: readonly unknown[] }[]) => {
    cues += made.length
    for (const cue of made) words += cue.words.length
  }
  const before = process.cpuUsage()
  const layout = new CueLayout(layoutSettings())
  for (const turn of turns) count(layout.add(turn))
  count(layout.close(Infinity))
  const { user, system } = process.cpuUsage(before)
  return { ms: (user + system) / 1000, words, cues }
}
