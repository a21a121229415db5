import { describe, expect, it } from 'vitest'
import { betterModel, offerLine } from '../../../src/engine/models/catalogue.ts'

const large = { memory: 16e9, processors: 8, isInstalled: () => false }

describe('betterModel', () => {
  it.each([
    [undefined, 'parakeet-v2'],
    ['en-GB', 'parakeet-v2'],
    ['de', 'parakeet-v3'],
    ['auto', 'parakeet-v3'],
    ['ja', 'whisper-small'],
    ['xx', undefined],
  ])('for %s is %s', (language, name) => {
    expect(betterModel({ ...large, ...(language !== undefined && { language }) })?.name).toBe(name)
  })

  it('is one that the machine can hold', () => {
    expect(betterModel({ ...large, memory: 3e9 })?.name).toBe('whisper-small')
    expect(betterModel({ ...large, memory: 2e9 })?.name).toBe('whisper-base')
    expect(betterModel({ ...large, processors: 2 })?.name).toBe('whisper-base')
    expect(betterModel({ ...large, processors: 1 })).toBeUndefined()
  })
})

describe('offerLine', () => {
  it('says name, size and whose figures these are', () => {
    expect(offerLine(large)).toBe(
      'a better model for this machine is parakeet-v2 (661 MB, published WER 6.1 % on the Open ASR Leaderboard): ' +
        'diarize-stream models pull parakeet-v2',
    )
    expect(offerLine({ ...large, isInstalled: () => true })).toBe(
      'parakeet-v2, published WER 6.1 % on the Open ASR Leaderboard, is on this machine: --engine local --model parakeet-v2',
    )
    expect(offerLine({ ...large, language: 'xx' })).toBeUndefined()
  })
})
