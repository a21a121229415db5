import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ScoredWord } from './scoring.ts'

/** Whether Debian's flite can be run here. */
export const haveFlite = spawnSync('flite', ['--version']).error === undefined

/** The samples of a PCM16 WAV file: what follows its `data` header. */
export function wavSamples(file: Buffer): Int16Array {
  const data = file.indexOf('data', 12, 'latin1') + 8
  return new Int16Array(Uint8Array.from(file.subarray(data, file.length - ((file.length - data) % 2))).buffer)
}

/** Speaks `text` in one of flite's 16 kHz voices: `rms`, `slt` or `awb`. */
export function speak(voice: string, text: string): Int16Array {
  const folder = mkdtempSync(join(tmpdir(), 'flite-'))
  try {
    const path = join(folder, 'speech.wav')
    execFileSync('flite', ['-voice', voice, '-t', text, '-o', path])
    return wavSamples(readFileSync(path))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Samples of `ms` milliseconds of silence at 16 kHz. */
export function silence(ms: number): Int16Array {
  return new Int16Array(ms * 16)
}

/** Puts stretches of samples behind one another. */
export function join16(parts: readonly Int16Array[]): Int16Array {
  const result = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}

/** Speaks a dialogue with pauses of `gapMs`; the reference has the words, and the stretch of each line. */
export function speakDialogue(
  lines: readonly (readonly [voice: string, text: string])[],
  gapMs = 600,
): { samples: Int16Array; words: string[]; spans: (ScoredWord & { speaker: string })[] } {
  const parts = [silence(500)]
  const spans: (ScoredWord & { speaker: string })[] = []
  let at = 500
  for (const [voice, text] of lines) {
    const speech = speak(voice, text)
    const end = at + speech.length / 16
    spans.push({ text, start: at, end, speaker: voice })
    parts.push(speech, silence(gapMs))
    at = end + gapMs
  }
  return { samples: join16(parts), words: lines.flatMap(([, text]) => text.split(' ')), spans }
}
