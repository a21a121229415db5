import { describe, expect, it } from 'vitest'
import { compareCuts, judgeCut, OURS, showComparison, STRONGEST } from '../../bench/captions/compare.ts'
import type { CutQuality } from '../../bench/captions/quality.ts'
import { greedyWithPunctuation } from '../../bench/captions/rivals.ts'
import { inventedSpeech } from '../../bench/captions/speech.ts'
import { measureLayout } from '../../bench/captions/speed.ts'
import { measureWriting } from '../../bench/captions/writing.ts'

const words = [...inventedSpeech({ seed: 3, words: 2000 })].flatMap((turn) => turn.flatMap((segment) => segment.words))

const quality = (given: Partial<CutQuality>): CutQuality => ({
  cues: 100,
  boundaryF1: 0.9,
  flashes: 0.1,
  functionWordEnds: 0,
  mixed: 0,
  ...given,
})

describe('compareCuts()', () => {
  it('cuts the same words in every way, ours without mixing speakers', () => {
    const people = greedyWithPunctuation(words)
    const results = compareCuts(words, people)
    expect(Object.keys(results)).toEqual([...OURS, 'greedy', STRONGEST, 'eight words', "whisper's rule", 'people'])
    expect(results[STRONGEST]?.boundaryF1).toBe(1)
    for (const name of OURS) {
      expect(results[name]).toMatchObject({ mixed: 0 })
      expect(results[name]?.boundaryF1).toBeGreaterThan(results['eight words']?.boundaryF1 ?? 1)
    }
    expect(results["whisper's rule"]?.mixed).toBeGreaterThan(0)
  })

  it('has no figure of quality without cues that people made', () => {
    const results = compareCuts(words)
    expect(results).not.toHaveProperty('people')
    for (const result of Object.values(results)) expect(result).not.toHaveProperty('boundaryF1')
    expect(judgeCut(OURS[0], results)).toBeUndefined()
    expect(showComparison(results)).toMatch(/^ours +\d+ +- +/m)
  })
})

describe('judgeCut()', () => {
  const judge = (ours: Partial<CutQuality>) => judgeCut('ours', { ours: quality(ours), [STRONGEST]: quality({}) })

  it('asks for an F1 of at most 0.03 less, for half of the flashes and for unmixed cues', () => {
    expect(judge({ boundaryF1: 0.871, flashes: 0.05 })).toEqual([])
    expect(judge({ boundaryF1: 0.869, flashes: 0.05 })).toEqual(['F1 0.869 is below 0.870'])
    expect(judge({ flashes: 0.06 })).toEqual(['6 flashes are more than 5'])
    expect(judge({ cues: 200, flashes: 0.03 })).toEqual(['6 flashes are more than 5'])
    expect(judge({ flashes: 0, mixed: 0.01 })).toEqual(['cues mix speakers'])
  })
})

describe('the measurements of speed', () => {
  it('lays out and writes all words', () => {
    expect(measureLayout(1000, 1, 1)).toMatchObject({ words: 1000 })
    const writing = measureWriting(1000, 1, 1)
    expect(writing.map(({ format }) => format)).toEqual(['SRT', 'WebVTT'])
    for (const { cues, ratio } of writing) {
      expect(cues).toBeGreaterThan(50)
      expect(ratio).toBeGreaterThan(0)
    }
  })
})
