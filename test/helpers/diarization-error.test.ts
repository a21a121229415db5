import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diarizationError, rateOf, totalError } from './diarization-error.ts'
import { Random } from '../trials/random.ts'
import type { SpeakerSpan } from './scoring.ts'

const missing = spawnSync('sctk', ['path']).status !== 0
if (missing) console.warn('skipped: the comparison with md-eval, since it is not installed (apt-get install sctk)')

const span = (speaker: string, start: number, end: number): SpeakerSpan => ({ speaker, start, end })

/** Speech of up to `count` speakers in 30 s, who may interrupt each other but not themselves. */
function someSpeech(random: Random, count: number, names: string): SpeakerSpan[] {
  return Array.from({ length: count }, (_, index) => names[index]!).flatMap((speaker) => {
    const spans: SpeakerSpan[] = []
    for (let at = random.integer(0, 8000); at < 28_000; at += random.integer(300, 6000)) {
      const end = at + random.integer(100, 4000)
      spans.push(span(speaker, at, end))
      at = end
    }
    return spans
  })
}

describe('diarizationError', () => {
  const said = [span('x', 0, 4000), span('y', 5000, 8000)]

  it('is nothing where only the names differ', () => {
    expect(diarizationError(said, [span('B', 0, 4000), span('A', 5000, 8000)])).toEqual({
      reference: 7000,
      missed: 0,
      falseAlarm: 0,
      confused: 0,
    })
  })

  it('counts what is missed, invented and confused', () => {
    const error = diarizationError(said, [span('A', 500, 4500), span('A', 5000, 6000), span('B', 6000, 8000)])
    expect(error).toEqual({ reference: 7000, missed: 500, falseAlarm: 500, confused: 1000 })
    expect(rateOf(error)).toBeCloseTo(2 / 7)
  })

  it('leaves out the collar around each boundary of the reference', () => {
    const heard = [span('A', 200, 4200), span('B', 4900, 7000)]
    expect(diarizationError(said, heard, 250)).toEqual({ reference: 6000, missed: 750, falseAlarm: 0, confused: 0 })
  })

  it('counts overlapping speech once for each who speaks', () => {
    const together = [span('x', 0, 4000), span('y', 2000, 4000)]
    expect(diarizationError(together, [span('A', 0, 4000)])).toMatchObject({ reference: 6000, missed: 2000 })
  })

  it('maps no two letters to one speaker', () => {
    const error = diarizationError([span('x', 0, 4000)], [span('A', 0, 3000), span('B', 3000, 4000)])
    expect(error).toMatchObject({ confused: 1000 })
  })

  it('adds up over several recordings', () => {
    const one = diarizationError(said, [])
    expect(rateOf(totalError([one, diarizationError(said, said)]))).toBe(0.5)
  })
})

describe.skipIf(missing)('md-eval', () => {
  const rttm = (spans: readonly SpeakerSpan[]): string =>
    spans
      .map(({ start, end, speaker }) => {
        const times = `${(start / 1000).toFixed(3)} ${((end - start) / 1000).toFixed(3)}`
        return `SPEAKER file 1 ${times} <NA> <NA> ${speaker} <NA> <NA>\n`
      })
      .join('')

  it.each([0, 250])('finds the same with a collar of %i ms', (collar) => {
    const folder = mkdtempSync(join(tmpdir(), 'md-eval-'))
    try {
      for (let seed = 1; seed <= 12; seed++) {
        const random = new Random(seed)
        const said = someSpeech(random, random.integer(1, 4), 'wxyz')
        const heard = someSpeech(random, random.integer(1, 5), 'ABCDE')
        const files = { said: rttm(said), heard: rttm(heard), 'all.uem': 'file 1 0 40\n' }
        for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
        const asked = ['-r', 'said', '-s', 'heard', '-u', 'all.uem', '-c', String(collar / 1000)]
        const { stdout } = spawnSync('sctk', ['md-eval', ...asked], { cwd: folder, encoding: 'utf8' })
        const rate = Number(/OVERALL SPEAKER DIARIZATION ERROR = ([\d.]+) percent/.exec(stdout)?.[1])
        expect(Math.abs(100 * rateOf(diarizationError(said, heard, collar)) - rate), `seed ${seed}`).toBeLessThan(0.1)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
