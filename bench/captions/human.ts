import { parseSync } from 'subtitle'
import type { Word } from '../../src/index.ts'

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
