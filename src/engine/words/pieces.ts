import type { TokenResult } from '../sherpa/messages.ts'
import { annotated } from './annotations.ts'

/** A word as its tokens give it, before it has its place in the audio. */
export interface SpelledWord {
  text: string
  /** Where its first token begins, in ms from the start of the utterance, as the model says. */
  said: number
  /** Confidence from 0 to 1; absent where the model gives no probabilities. */
  confidence?: number
}

/** A character of a script that is written without spaces: a token that begins with one is a word of its own. */
const ownWord = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u
const speakable = /[\p{L}\p{N}]/u

interface OpenWord {
  text: string
  said: number
  logProbabilities: number[]
}

/**
 * Joins tokens to words. A token that begins with a space or `▁` begins a word; punctuation stays with its word; the
 * model's own signs like `<unk>`, punctuation that stands alone, and what the model writes of sounds are no words.
 */
export function spell({ tokens, timestamps, logProbabilities }: TokenResult): SpelledWord[] {
  const words: OpenWord[] = []
  const left = withoutAnnotations(tokens.map((token) => (/^<[^<>]+>$/.test(token) ? '' : token)))
  left.forEach((token, index) => {
    if (token === '') return
    const text = token.replace(/^[ ▁]+/, '')
    let open = words.at(-1)
    const begins = text.length < token.length || ownWord.test(text)
    if (open === undefined || begins) {
      const seconds = timestamps[index]
      const said = seconds !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : (open?.said ?? 0)
      open = { text: '', said, logProbabilities: [] }
      words.push(open)
    }
    open.text += text
    const probability = logProbabilities[index]
    if (probability !== undefined) open.logProbabilities.push(probability)
  })
  return words
    .filter(({ text }) => speakable.test(text))
    .map((word) => ({ text: word.text, said: word.said, ...confidenceOf(word.logProbabilities) }))
}

function confidenceOf(logProbabilities: readonly number[]): { confidence?: number } {
  if (logProbabilities.length === 0) return {}
  const mean = logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length
  return Number.isFinite(mean) ? { confidence: Math.min(1, Math.max(0, Math.exp(mean))) } : {}
}

/** What is left of tokens without the annotations in the text that they make up. */
function withoutAnnotations(tokens: readonly string[]): string[] {
  const dropped = annotated(tokens.join(''))
  if (!dropped.includes(true)) return [...tokens]
  let at = 0
  return tokens.map((token) => {
    let text = ''
    for (let unit = 0; unit < token.length; unit++) if (!dropped[at + unit]!) text += token[unit]!
    at += token.length
    return text
  })
}
