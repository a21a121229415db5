import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Reference, ReferenceTurn } from '../../scripts/demo/timeline.ts'
import { dialogue, speakers } from '../../scripts/demo/dialogue.ts'
import { toRttm } from '../../scripts/demo/timeline.ts'

const inDemo = (name: string) => fileURLToPath(new URL(`../../demo/${name}`, import.meta.url))
const clip = inDemo('dialogue.mp4')
const reference: Reference = JSON.parse(readFileSync(inDemo('dialogue.reference.json'), 'utf8'))
const words = reference.turns.flatMap((turn) => turn.words)
const rate = 16_000
const at = (ms: number) => Math.round((ms * rate) / 1000)
const loud = (sample: number) => Math.abs(sample) > 200

describe('the reference of the demo clip', () => {
  it('tells the script of the dialogue, line by line', () => {
    expect(reference.speakers).toEqual(speakers)
    expect(reference.turns.map(({ speaker, text }) => ({ speaker, text }))).toEqual(
      dialogue.map(({ speaker, text }) => ({ speaker, text })),
    )
  })

  it('has the words of every turn in order, inside the turn, without overlap', () => {
    for (const turn of reference.turns) {
      expect(turn.words.map((word) => word.text).join(' ')).toBe(turn.text)
      expect(turn.words[0]?.start).toBe(turn.start)
      expect(turn.words.at(-1)?.end).toBe(turn.end)
      let end = turn.start
      for (const word of turn.words) {
        expect(word.start).toBeGreaterThanOrEqual(end)
        expect(word.end).toBeGreaterThan(word.start)
        end = word.end
      }
    }
  })

  it('keeps the gaps between turns that the script asks for', () => {
    const gaps = reference.turns.map((turn, i) => turn.start - (reference.turns[i - 1]?.end ?? 0))
    expect(gaps).toEqual(dialogue.map((line) => line.gap))
  })

  it('gives every time as a whole number of milliseconds within the clip', () => {
    for (const { start, end } of [...reference.turns, ...words]) {
      expect(Number.isInteger(start) && Number.isInteger(end)).toBe(true)
      expect(start).toBeGreaterThanOrEqual(0)
      expect(end).toBeLessThanOrEqual(reference.durationMs)
    }
  })

  it('agrees with the RTTM file', () => {
    expect(readFileSync(inDemo('dialogue.rttm'), 'utf8')).toBe(toRttm('dialogue', reference.turns))
  })
})

describe('the demo clip', () => {
  let sound = new Int16Array(0)

  beforeAll(() => {
    const ffmpeg = process.env['FFMPEG_PATH'] ?? process.env['FFMPEG_BIN'] ?? 'ffmpeg'
    const args = ['-v', 'error', '-i', clip, '-vn', '-ac', '1', '-ar', `${rate}`, '-f', 's16le', 'pipe:1']
    const { status, stdout, stderr, error } = spawnSync(ffmpeg, args, { maxBuffer: 2 ** 26, timeout: 50_000 })
    if (error) throw error
    if (status !== 0) throw new Error(`ffmpeg ended with ${status}: ${stderr.toString()}`)
    sound = new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length))
  })

  /** Root mean square between two times, in dB relative to full scale. */
  function level(from: number, to: number): number {
    const part = sound.subarray(at(from), at(to))
    const energy = part.reduce((sum, sample) => sum + sample * sample, 0) / part.length
    return 10 * Math.log10(energy / 32_768 ** 2 + 1e-12)
  }

  /** The moments, in ms, at which sound first and last rises above the noise between two times. */
  function heard(from: number, to: number): [number, number] {
    const part = sound.subarray(at(from), at(to))
    return [from + (part.findIndex(loud) * 1000) / rate, from + (part.findLastIndex(loud) * 1000) / rate]
  }

  it('is small enough to be kept in the repository', () => {
    expect(statSync(clip).size).toBeLessThan(700_000)
  })

  it('has its index in front, so that it can be read from a pipe', () => {
    const file = readFileSync(clip)
    expect(file.indexOf('moov')).toBeGreaterThan(0)
    expect(file.indexOf('moov')).toBeLessThan(file.indexOf('mdat'))
  })

  it('decodes to the duration of the reference, within one AAC frame', () => {
    expect(Math.abs((sound.length / rate) * 1000 - reference.durationMs)).toBeLessThanOrEqual(1024 / 48)
  })

  it('has sound in every word', () => {
    for (const word of words) expect(level(word.start, word.end), `"${word.text}" at ${word.start}`).toBeGreaterThan(-45)
  })

  it('is quiet between the turns, before the first and after the last', () => {
    const edges = [{ end: 0 }, ...reference.turns, { start: reference.durationMs }] as Partial<ReferenceTurn>[]
    for (let i = 1; i < edges.length; i++) {
      const from = (edges[i - 1]?.end ?? 0) + (i > 1 ? 100 : 0)
      const to = (edges[i]?.start ?? 0) - (i < edges.length - 1 ? 100 : 0)
      expect(level(from, to), `from ${from} to ${to} ms`).toBeLessThan(-60)
    }
  })

  it('starts and ends every turn where the reference says', () => {
    for (const turn of reference.turns) {
      const [first, last] = heard(turn.start - 150, turn.end + 150)
      expect(Math.abs(first - turn.start), `start of "${turn.text}"`).toBeLessThan(60)
      expect(Math.abs(last - turn.end), `end of "${turn.text}"`).toBeLessThan(60)
    }
  })

  it('has both speakers at the same loudness', () => {
    const levels = reference.turns.map((turn) => level(turn.start, turn.end))
    expect(Math.max(...levels) - Math.min(...levels)).toBeLessThan(1)
  })
})
