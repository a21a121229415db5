import { describe, expect, it } from 'vitest'
import { DEFAULT_MODEL, modelFamily, speechModels } from '../../src/protocol/models.ts'

describe('models', () => {
  it('have a default that is known', () => {
    expect(speechModels).toContain(DEFAULT_MODEL)
  })

  it('knows what kind every model is, and takes new ones for the newest', () => {
    expect(Object.fromEntries(speechModels.map((model) => [model, modelFamily(model)]))).toEqual({
      'universal-streaming-english': 'universal-streaming',
      'universal-streaming-multilingual': 'universal-streaming',
      'whisper-rt': 'whisper',
      'u3-rt-pro': 'u3',
      'u3-rt-pro-beta-1': 'u3',
      'u3-rt-agent': 'u3',
      'universal-3-5-pro': 'u3.5',
      'universal-3-6-pro': 'u3.5',
      'universal-3-6': 'u3.5',
      'universal-3-7-preview': 'u3.5',
      '_universal-3-5-notetaker': 'u3.5',
    })
    expect(modelFamily('house-model')).toBe('u3.5')
  })
})
