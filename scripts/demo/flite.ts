import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A word of an utterance and where it is spoken, in ms from the utterance's first sample. */
export interface SpokenWord {
  text: string
  start: number
  end: number
}

/** One synthesised sentence: PCM16 mono and the exact times of its words. */
export interface Utterance {
  samples: Int16Array
  words: SpokenWord[]
}

/** Samples per second of the voices used here. */
export const sampleRate = 16_000

interface Phone {
  name: string
  start: number
  end: number
}

const pause = 'pau'

/**
 * Speaks a sentence with flite and says when each of its words is heard.
 *
 * flite prints when each phone ends, but not where words begin. So every prefix of the sentence is pronounced as
 * well: the phones (pauses aside) it has more than the prefix before it are those of its last word.
 *
 * @throws Error when flite is missing, or when the prefixes do not add up to the phones of the sentence.
 */
export function speak(voice: string, text: string): Utterance {
  const folder = mkdtempSync(join(tmpdir(), 'demo-flite-'))
  try {
    const file = join(folder, 'utterance.wav')
    const phones = parsePhones(flite(voice, text, ['-psdur', '-o', file])).filter((phone) => phone.name !== pause)
    const samples = readWav(file)
    const tokens = text.split(' ')
    let used = 0
    const words = tokens.map((token, i) => {
      const prefix = tokens.slice(0, i + 1).join(' ')
      const names = flite(voice, prefix, ['-ps', '-o', 'none']).trim().split(/\s+/)
      const count = names.filter((name) => name !== pause).length
      const first = phones[used]
      const last = phones[count - 1]
      if (!first || !last || count <= used) throw new Error(`flite has no phones of its own for "${token}" in "${text}"`)
      used = count
      return { text: token, start: Math.round(first.start * 1000), end: Math.round(last.end * 1000) }
    })
    if (used !== phones.length) throw new Error(`the words of "${text}" have ${used} phones, flite spoke ${phones.length}`)
    return { samples, words }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function flite(voice: string, text: string, args: string[]): string {
  return execFileSync('flite', ['-voice', voice, '-t', text, ...args], { encoding: 'utf8', timeout: 60_000 })
}

/** Reads `name:end name:end …`, ends in seconds. A phone starts where the one before it ends. */
function parsePhones(printed: string): Phone[] {
  let start = 0
  return printed
    .trim()
    .split(/\s+/)
    .map((item) => {
      const [name = '', time = ''] = item.split(':')
      const phone = { name, start, end: Number(time) }
      if (name === '' || !Number.isFinite(phone.end)) throw new Error(`flite printed "${item}", expected phone:seconds`)
      start = phone.end
      return phone
    })
}

/** flite writes the plain 44-byte header; anything else is refused. */
function readWav(file: string): Int16Array {
  const bytes = readFileSync(file)
  if (bytes.toString('latin1', 36, 40) !== 'data') throw new Error(`${file} has no plain 44-byte WAV header`)
  if (bytes.readUInt32LE(24) !== sampleRate || bytes.readUInt16LE(22) !== 1) {
    throw new Error(`the voice does not speak at ${sampleRate} Hz mono`)
  }
  const samples = new Int16Array((bytes.length - 44) >> 1)
  for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(44 + 2 * i)
  return samples
}
