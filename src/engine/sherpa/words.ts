import type { RecognisedWord } from '../parts.ts'
import type { TokenResult } from './messages.ts'

/** How long a piece of a word is taken to last for each of its letters, in ms, where the next does not begin earlier. */
const letterMs = 65
/** The least length of a word's last piece, in ms. */
const leastMs = 80
/** Confidence where the model gives no probabilities. */
const unknownConfidence = 0.5

/** A character that is a word of its own. */
const ideograph = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u

interface Piece {
  text: string
  startsWord: boolean
  start: number
  logProbability: number | undefined
}

/**
 * Words from the pieces that a recogniser gives. A piece has a beginning but no end, so a word ends where the next one
 * begins, or earlier: as many letters as its last piece has take only so long to say.
 *
 * @param utteranceMs - length of the audio heard; no word ends after it.
 * @param lowerCase - whether the model knows no small letters, so that its capitals mean nothing.
 */
export function wordsFromTokens(result: TokenResult, utteranceMs: number, lowerCase: boolean): RecognisedWord[] {
  const groups: Piece[][] = []
  for (const piece of pieces(result)) {
    const open = groups.at(-1)
    if (open === undefined || piece.startsWord) groups.push([piece])
    else open.push(piece)
  }
  const said = groups
    .map((group) => ({ group, text: group.map(({ text }) => text).join('') }))
    .filter(({ text }) => text !== '')
  let from = 0
  return said.map(({ group, text }, index) => {
    const last = group.at(-1)!
    const next = said[index + 1]?.group[0]!.start ?? Infinity
    const spoken = last.start + Math.max(leastMs, last.text.length * letterMs)
    const start = Math.min(Math.max(group[0]!.start, from), utteranceMs)
    from = Math.max(start, Math.min(spoken, next, utteranceMs))
    return { text: lowerCase ? text.toLowerCase() : text, start, end: from, confidence: confidenceOf(group) }
  })
}

function pieces({ tokens, timestamps, ys_probs = [] }: TokenResult): Piece[] {
  return tokens.flatMap((token, index) => {
    if (isSpecial(token)) return []
    const text = token.replace(/^[ ▁]+/, '')
    return {
      text,
      startsWord: text.length < token.length || ideograph.test(text),
      start: Math.max(0, Math.round((timestamps[index] ?? 0) * 1000)),
      logProbability: ys_probs[index],
    }
  })
}

/** Whether a token is a sign of the model's own, like `<blk>` and `<unk>`. */
function isSpecial(token: string): boolean {
  return /^<[^<>]+>$/.test(token)
}

function confidenceOf(group: readonly Piece[]): number {
  const known = group.flatMap(({ logProbability }) => (logProbability === undefined ? [] : [logProbability]))
  if (known.length === 0) return unknownConfidence
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length
  return Number.isFinite(mean) ? Math.min(1, Math.max(0, Math.exp(mean))) : unknownConfidence
}
