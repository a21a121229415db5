import type { Engine, EngineListener, EngineSession } from '../../src/engine/engine.ts'
import { scriptedEngine, type ScriptedTurn } from '../../src/testing/index.ts'
import { Random } from '../trials/random.ts'

/** A stretch of one speaker's speech, ms. */
export interface Span {
  speaker: string
  start: number
  end: number
}

/** Audio of which it is known who speaks where; no two stretches of it are the same. */
export interface Talk {
  samples: Int16Array
  spans: Span[]
}

/** Length of a word; the text of each says when it begins, and so which it is. */
export const WORD_MS = 300

/** When words of a span begin, ms. */
export function wordsOf({ start, end }: Span): number[] {
  const count = Math.max(1, Math.floor((end - start) / WORD_MS))
  return Array.from({ length: count }, (_, index) => Math.round(start + index * WORD_MS))
}

/** The words of `from` to `to` ms as turns of a service: onsets too early by up to 1 s, last words up to 1.3 s too long. */
function turnsOf(
  spans: readonly Span[],
  from: number,
  random: Random,
  labels: ReadonlyMap<string, string>,
): ScriptedTurn[] {
  const turns: { speaker: string; words: { text: string; start: number; end: number; speaker: string }[] }[] = []
  for (const span of spans) {
    const { speaker } = span
    const words = wordsOf(span)
      .filter((start) => start >= from)
      .map((start) => ({
        text: `w${start}`,
        start: start - from,
        end: start + WORD_MS - from - 20,
        speaker: labels.get(speaker)!,
      }))
    const last = turns.at(-1)
    const pause = words.length > 0 && last !== undefined ? words[0]!.start - last.words.at(-1)!.end : 0
    if (words.length === 0) continue
    if (last?.speaker === speaker && pause < 600 && last.words.length < 30) last.words.push(...words)
    else turns.push({ speaker, words })
  }
  return turns.map(({ words }, index) => {
    const [first, last] = [words[0]!, words.at(-1)!]
    const finalAt = last.end + 640
    const before = turns[index - 1]?.words.at(-1)?.start ?? 0
    first.start = Math.max(0, before, first.start - random.integer(0, 990))
    last.end += random.chance(0.3) ? random.integer(0, 1300) : 0
    return { words, finalAt }
  })
}

/** What a session that is cut off fails with. */
const cut = new Error('the session was cut off')

/**
 * An engine that knows what is said where in the talk, and who speaks, by labels that mean others in each session. It finds
 * out by the audio where a session begins. Sessions are cut off at `cuts`, ms of the talk.
 */
export function talkEngine({ samples, spans }: Talk, cuts: readonly number[], seed: number): Engine {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  const speakers = [...new Set(spans.map(({ speaker }) => speaker))]
  const left = [...cuts]
  let count = 0
  return {
    name: 'talk',
    sampleRate: 16_000,
    fasterThanRealTime: true,
    open: async (settings, listener) => {
      const random = new Random(seed * 1000 + count++)
      const letters = speakers.map((_, index) => String.fromCodePoint(65 + index))
      const labels = new Map(
        speakers.map((name) => [name, letters.splice(random.integer(0, letters.length - 1), 1)[0]!]),
      )
      return new TalkSession(
        (from) => {
          const engine = scriptedEngine(turnsOf(spans, from, random, labels))
          return engine.open(settings, listener)
        },
        bytes,
        left,
        listener,
      )
    },
  }
}

class TalkSession implements EngineSession {
  readonly #begin: (from: number) => Promise<EngineSession>
  readonly #bytes: Buffer
  readonly #cuts: number[]
  readonly #listener: EngineListener
  #inner: EngineSession | undefined
  #at = 0

  constructor(
    begin: (from: number) => Promise<EngineSession>,
    bytes: Buffer,
    cuts: number[],
    listener: EngineListener,
  ) {
    this.#begin = begin
    this.#bytes = bytes
    this.#cuts = cuts
    this.#listener = listener
  }

  async write(samples: Int16Array): Promise<void> {
    if (this.#inner === undefined) {
      const from = this.#bytes.indexOf(Buffer.from(samples.buffer, samples.byteOffset, 1000))
      if (from < 0) throw new Error('audio came that is not of the talk')
      this.#at = from / 32
      this.#inner = await this.#begin(this.#at)
    }
    this.#at += samples.length / 16
    await this.#inner.write(samples)
    if (this.#at < (this.#cuts[0] ?? Infinity)) return
    this.#cuts.shift()
    this.#listener.failed(cut)
  }

  async forceEndpoint(): Promise<void> {
    await this.#inner?.forceEndpoint()
  }

  configure(): void {}

  async end(): Promise<void> {
    await this.#inner?.end()
  }

  async destroy(): Promise<void> {
    await this.#inner?.destroy()
  }
}
