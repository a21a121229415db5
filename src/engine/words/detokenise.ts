import type { TokenResult } from '../process/sherpa.ts'

/** A word as its tokens give it, before it has its place in the audio. */
export interface TokenWord {
  text: string
  /** Where its first token begins, in ms from the start of the utterance, as the model says. */
  tokenMs: number
  /** Confidence from 0 to 1; absent where the model gives no probabilities. */
  confidence?: number
}

/** A character of a script that is written without spaces: a token that begins with one is a word of its own. */
const ownWord = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u
const speakable = /[\p{L}\p{N}]/u

interface OpenWord {
  text: string
  tokenMs: number
  logProbabilities: number[]
}

/** Joins tokens to words: a space or `▁` begins one; the model's own signs and what it writes of sounds are none. */
export function detokenise({ tokens, timestamps, logProbabilities }: TokenResult): TokenWord[] {
  const words: OpenWord[] = []
  const left = withoutAnnotations(tokens.map((token) => (/^<[^<>]+>$/.test(token) ? '' : token)))
  left.forEach((token, index) => {
    if (token === '') return
    const text = token.replace(/^[ ▁]+/, '')
    let open = words.at(-1)
    const begins = text.length < token.length || ownWord.test(text)
    if (open === undefined || begins) {
      const seconds = timestamps[index]
      const tokenMs =
        seconds !== undefined && Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : (open?.tokenMs ?? 0)
      open = { text: '', tokenMs, logProbabilities: [] }
      words.push(open)
    }
    open.text += text
    const probability = logProbabilities[index]
    if (probability !== undefined) open.logProbabilities.push(probability)
  })
  return words
    .filter(({ text }) => speakable.test(text))
    .map((word) => ({ text: word.text, tokenMs: word.tokenMs, ...confidenceOf(word.logProbabilities) }))
}

function confidenceOf(logProbabilities: readonly number[]): { confidence?: number } {
  if (logProbabilities.length === 0) return {}
  const mean = logProbabilities.reduce((sum, value) => sum + value, 0) / logProbabilities.length
  return Number.isFinite(mean) ? { confidence: Math.min(1, Math.max(0, Math.exp(mean))) } : {}
}

/** What is left of tokens without the annotations in the text that they make up. */
function withoutAnnotations(tokens: readonly string[]): string[] {
  const dropped = annotationMask(tokens.join(''))
  if (!dropped.includes(true)) return [...tokens]
  let at = 0
  return tokens.map((token) => {
    let text = ''
    for (let unit = 0; unit < token.length; unit++) if (!dropped[at + unit]!) text += token[unit]!
    at += token.length
    return text
  })
}

/** What a model writes of sounds that nobody said: `(wind howling)`, `[Silence]`, `*sighs*`, `♪ music ♪`. */

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '（': '）', '［': '］', '【': '】' }
/** Signs that open and close alike. */
const marks = /[*♪♫♬🎵🎶]/u
/** An annotation that is not closed goes on to the end of the text, unless more letters than this follow. */
const longestOpen = 40

/** Which characters of a text belong to annotations, by UTF-16 code unit. */
export function annotationMask(text: string): boolean[] {
  const inside = Array.from({ length: text.length }, () => false)
  let at = 0
  while (at < text.length) {
    const sign = String.fromCodePoint(text.codePointAt(at)!)
    const close = closing[sign]
    if (close === undefined && !marks.test(sign)) {
      at += sign.length
      continue
    }
    const end = close === undefined ? nextMark(text, at + sign.length) : closes(text, at, sign, close)
    if (end !== undefined) {
      inside.fill(true, at, end)
      at = end
    } else if (text.length - at <= longestOpen || isMonotonous(text.slice(at))) {
      inside.fill(true, at)
      break
    } else {
      inside.fill(true, at, at + sign.length)
      at += sign.length
    }
  }
  return inside
}

function nextMark(text: string, from: number): number | undefined {
  const found = marks.exec(text.slice(from))
  return found === null ? undefined : from + found.index + found[0].length
}

/** Where the bracket at `from` is closed, others like it within it. */
function closes(text: string, from: number, open: string, close: string): number | undefined {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth++
    if (text[at] === close && --depth === 0) return at + 1
  }
  return undefined
}

function isMonotonous(text: string): boolean {
  return new Set(text.slice(1).trim().toLowerCase().split(/\s+/)).size <= 2
}
