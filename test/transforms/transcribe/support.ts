import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import { TONE_RATE, toneAudio, toneText, type ToneWord } from '../../../src/testing/index.ts'
import { type ToneScriptOptions, toneScript } from '../../helpers/tone-script.ts'

/** Options with which nothing is waited for. */
export const quick = {
  apiKey: 'secret-key',
  reconnect: { delay: 1, maxDelay: 2 },
  polling: { delay: 10, maxDelay: 10 },
} as const

/** A conversation, as audio in pieces of 100 ms. */
export function conversation(options: Partial<ToneScriptOptions> = {}): { script: ToneWord[]; source: () => Readable } {
  const { seed = 1, duration = 15_000, ...rest } = options
  const script = toneScript({ seed, duration, turnWords: [1, 5], ...rest })
  function* pieces(): Generator<Buffer> {
    for (let from = 0; from < duration; from += 100)
      yield toneAudio(script, { from, to: Math.min(duration, from + 100) })
  }
  return { script, source: () => Readable.from(pieces(), { objectMode: false, highWaterMark: TONE_RATE / 5 }) }
}

/** What a script must come out as: words, times and speakers, who are letters in order of appearance. */
export function expected(script: readonly ToneWord[]): object[] {
  const letters = new Map<number, string>()
  return script.map(({ word, start, speaker }) => {
    if (!letters.has(speaker)) letters.set(speaker, String.fromCodePoint(65 + letters.size))
    return { text: toneText(word), start, end: start + 240, speaker: letters.get(speaker) }
  })
}

/** The words of turns, as {@link expected} has them. */
export function wordsOf(turns: readonly Turn[]): object[] {
  return turns.flatMap(({ words }) => words.map(({ text, start, end, speaker }) => ({ text, start, end, speaker })))
}

/** A sink that keeps what it gets. */
export function collector(): { sink: Writable; turns: Turn[] } {
  const turns: Turn[] = []
  const sink = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(turn: Turn, _encoding, done) {
      turns.push(turn)
      setImmediate(done)
    },
  })
  return { sink, turns }
}

/** A folder for temporary files, and what is in it. */
export function temporaryFolder(): { folder: string; files: () => string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), 'diarize-stream-transcribe-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, files: () => readdirSync(folder) }
}
