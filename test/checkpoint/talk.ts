import { readFileSync, writeFileSync } from 'node:fs'
import { type ToneWord, toneAudio, toneNumber } from '../../src/testing/index.ts'
import { TONE_RATE } from '../../src/testing/tone-audio.ts'

/** Writes what `words` say as a WAV. */
export function writeTalk(file: string, words: readonly ToneWord[]): void {
  const pcm = toneAudio(words)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + pcm.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(TONE_RATE, 24)
  header.writeUInt32LE(TONE_RATE * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(pcm.length, 40)
  writeFileSync(file, Buffer.concat([header, pcm]))
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
