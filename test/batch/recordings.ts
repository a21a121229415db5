import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { writeWavHeader } from '../../src/audio/wav.ts'
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
  const header = writeWavHeader({ sampleRate: TONE_RATE, channels: 1, encoding: 's16le' }, pcm.length)
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
