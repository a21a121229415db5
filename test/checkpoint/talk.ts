import { readFileSync, writeFileSync } from 'node:fs'
import { Transform } from 'node:stream'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { type ToneWord, toneAudio, toneNumber } from '../../src/testing/index.ts'
import { TONE_RATE } from '../../src/testing/tone-audio.ts'

/** Writes what `words` say as a WAV. */
export function writeTalk(file: string, words: readonly ToneWord[]): void {
  const pcm = toneAudio(words)
  const header = writeWavHeader({ sampleRate: TONE_RATE, channels: 1, encoding: 's16le' }, pcm.length)
  writeFileSync(file, Buffer.concat([header, pcm]))
}

/** Mono audio of 16 kHz of which what is behind `ms` waits; without an end where that never resolves. */
export function heldBack(ms: number, until: Promise<void>): Transform {
  let bytes = 0
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length
      if (bytes < ms * 32) done(null, chunk)
      else void until.then(() => done(null, chunk))
    },
  })
}

/** A line of a file of JSONL. */
export interface Line {
  type: string
  order: number
  revision: number
  start: number
  end: number
  startedAt?: string
  endedAt?: string
  words: { text: string; start: number; end: number; speaker?: string }[]
}

export function linesOf(file: string): Line[] {
  const text = readFileSync(file, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** The words of the turns of a file of JSONL, each turn as it was last revised, with times and speakers. */
export function wordsOf(file: string): { word: number | undefined; start: number; end: number; speaker?: string }[] {
  const turns = new Map<number, Line>()
  for (const line of linesOf(file)) if (line.type === 'turn') turns.set(line.order, line)
  return [...turns.values()]
    .toSorted((a, b) => a.order - b.order)
    .flatMap(({ words }) =>
      words.map(({ text, start, end, speaker }) => ({
        word: toneNumber(text),
        start,
        end,
        ...(speaker !== undefined && { speaker }),
      })),
    )
}
