import { findEntry, isListed, type RecogniserEntry, sizeOf } from './catalogue.ts'

/** What an offer depends on. */
export interface OfferFacts {
  /** The language that is asked for, as a code; absent where none is. */
  language?: string
  /** Memory of the machine in bytes, and its processors. */
  memory: number
  processors: number
  /** Whether that model is on this machine already. */
  isInstalled: (entry: RecogniserEntry) => boolean
}

/**
 * Which models are better than the one in the box, the best first, and what a machine needs for them to keep up: memory as
 * a multiple of the weights, of which a copy is unpacked while they load. How fast they are was not measured here, but for
 * whisper-base (0.11 s a second of audio on one of two slow processors).
 */
const ranking: readonly { name: string; processors: number }[] = [
  { name: 'parakeet-v2', processors: 4 },
  { name: 'parakeet-v3', processors: 4 },
  { name: 'whisper-small', processors: 4 },
  { name: 'whisper-base', processors: 2 },
]
const memoryPerWeight = 6

/** The model that suits a machine and a language better than the one in the box; `undefined` where there is none. */
export function betterModel({ language = 'en', memory, processors }: OfferFacts): RecogniserEntry | undefined {
  const code = language.toLowerCase().split(/[-_]/)[0] ?? ''
  for (const candidate of ranking) {
    const entry = findEntry(candidate.name)
    if (entry?.role !== 'recogniser' || !isListed(entry)) continue
    const knows = code === 'auto' ? entry.detectsLanguage : entry.languages.includes(code)
    const suits = processors >= candidate.processors && memory >= memoryPerWeight * sizeOf(entry)
    if (knows && suits) return entry
  }
  return undefined
}

/** One line that offers it, or tells that it is here; `undefined` where there is nothing to offer. */
export function offerLine(facts: OfferFacts): string | undefined {
  const entry = betterModel(facts)
  if (entry === undefined) return undefined
  const { name, published } = entry
  const errors = published === undefined ? '' : `, published WER ${published.wer} % on ${published.material}`
  if (facts.isInstalled(entry)) return `${name}${errors}, is on this machine: --engine local --model ${name}`
  const size = `${Math.round(sizeOf(entry) / 1e6)} MB`
  return `a better model for this machine is ${name} (${size}${errors}): diarize-stream models pull ${name}`
}
