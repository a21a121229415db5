import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Embedder } from '../../src/engine/voices/embedder.ts'
import { type Voice, voiceOf } from '../../src/voices/voice.ts'
import { speechFolder, tuningSpeakers } from '../engine/recordings.ts'

export const bands = ['as recorded', 'by telephone'] as const
export type Band = (typeof bands)[number]

/** A person, and the voices in the pieces of each recording of him. */
export interface Reader {
  name: string
  recordings: Voice[][]
}

/** The five readers who report, or the other five, in other recordings each. */
export async function readersOf(embedder: Embedder, band: Band, tuning: boolean): Promise<Reader[]> {
  const root = path.join(speechFolder, 'librispeech-resemblyzer', 'librispeech_test-other')
  const names = readdirSync(root).filter((name) => /^\d+$/.test(name) && tuningSpeakers.has(name) === tuning)
  const readers: Reader[] = []
  for (const name of names.toSorted()) {
    const files = readdirSync(path.join(root, name)).filter((file) => file.endsWith('.flac'))
    const recordings: Voice[][] = []
    for (const file of files.toSorted()) recordings.push(await voicesIn(embedder, path.join(root, name, file), band))
    readers.push({ name, recordings })
  }
  return readers
}

/** Readers of another corpus, with a recording each: of one half of them, or of the other. */
export async function strangersOf(embedder: Embedder, band: Band, tuning: boolean, most: number): Promise<Reader[]> {
  const root = path.join(speechFolder, 'speaker-training')
  const files = readdirSync(root).filter((file) => file.endsWith('.flac'))
  const half = files.toSorted().filter((_, index) => (index % 2 === 0) === tuning)
  const strangers: Reader[] = []
  for (const file of half.slice(0, most)) {
    const voices = await voicesIn(embedder, path.join(root, file), band)
    if (voices.length > 0) strangers.push({ name: file, recordings: [voices] })
  }
  return strangers
}

interface Kept {
  vector: number[]
  frames: number
  narrowband: boolean
}

/** The voices in a recording; they are kept in the folder for temporary files, since they take most of the time. */
async function voicesIn(embedder: Embedder, file: string, band: Band): Promise<Voice[]> {
  const folder = path.join(tmpdir(), `diarize-stream-bench-voices-${embedder.model.sha256.slice(0, 12)}`)
  const kept = path.join(folder, `${createHash('sha256').update(`${band} ${file}`).digest('hex').slice(0, 24)}.json`)
  if (!existsSync(kept)) {
    const voices = await embedder.voicesIn(samplesOf(file, band === 'by telephone'))
    const plain = voices.map(({ sum, frames, narrowband }): Kept => {
      return { vector: Array.from(sum, (value) => value / frames), frames, narrowband }
    })
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${kept}.${process.pid}`, JSON.stringify(plain))
    renameSync(`${kept}.${process.pid}`, kept)
  }
  const read = JSON.parse(readFileSync(kept, 'utf8')) as Kept[]
  return read.map(({ vector, frames, narrowband }) => voiceOf(vector, frames, narrowband))
}

/** A recording at 16 kHz; by telephone its band is cut, and it is mu-law at 8 kHz in between. */
function samplesOf(file: string, telephone: boolean): Int16Array {
  const ffmpeg = (args: readonly string[], input?: Buffer): Buffer =>
    execFileSync('ffmpeg', ['-v', 'error', ...args, '-'], { maxBuffer: 2 ** 28, ...(input && { input }) })
  const pcm = ['-ac', '1', '-ar', '16000', '-f', 's16le']
  const cut = 'highpass=f=300,highpass=f=300,lowpass=f=3400,lowpass=f=3400'
  const line = ['-f', 'mulaw', '-ar', '8000', '-ac', '1']
  const bytes = telephone
    ? ffmpeg([...line, '-i', '-', ...pcm], ffmpeg(['-i', file, '-af', cut, ...line.slice(2), '-f', 'mulaw']))
    : ffmpeg(['-i', file, ...pcm])
  return new Int16Array(Uint8Array.from(bytes).buffer)
}
