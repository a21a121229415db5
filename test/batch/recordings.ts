import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { toneAudio, toneNumber, TONE_RATE } from '../../src/testing/tone-audio.ts'

/** Words in each recording. */
const WORDS = 4

/** Writes a WAV in which the tone engine hears the words `number * 100` and so on, by two speakers; two seconds of it. */
export function writeRecording(file: string, number: number, seconds = 2): string {
  mkdirSync(path.dirname(file), { recursive: true })
  const words = Array.from({ length: WORDS }, (_, at) => ({
    word: number * 100 + at,
    speaker: at < 2 ? 0 : 1,
    start: 200 + at * 400,
  }))
  const pcm = toneAudio(words, { to: seconds * 1000 })
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
  return file
}

/** The words that a file of captions holds. */
export function wordsIn(file: string): number[] {
  return readFileSync(file, 'utf8')
    .replaceAll(/<[^>]*>/g, ' ')
    .split(/\s+/)
    .flatMap((text) => toneNumber(text) ?? [])
}

/** The words of a recording. */
export function wordsOf(number: number): number[] {
  return Array.from({ length: WORDS }, (_, at) => number * 100 + at)
}

/** All files below a folder. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted()
}
