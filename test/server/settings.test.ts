import { describe, expect, it } from 'vitest'
import { engineUpdate, resolveSettings } from '../../src/server/settings.ts'

type Asked = Parameters<typeof resolveSettings>[0]

const silences = (parameters: Asked) => {
  const { minTurnSilence, maxTurnSilence } = resolveSettings(parameters).engine
  return [minTurnSilence, maxTurnSilence]
}

describe('resolveSettings', () => {
  it.each<[Asked, number[]]>([
    [{}, [128, 1280]],
    [{ mode: 'min_latency' }, [128, 640]],
    [{ mode: 'max_accuracy' }, [512, 2560]],
    [{ mode: 'manual' }, [128, 1280]],
    [{ speechModel: 'u3-rt-pro' }, [100, 1000]],
    [{ speechModel: 'u3-rt-pro', mode: 'max_accuracy' }, [100, 1000]],
    [{ speechModel: 'universal-streaming-english' }, [400, 1280]],
    [{ speakerLabels: true }, [640, 768]],
    [{ speakerLabels: true, mode: 'min_latency' }, [640, 768]],
    [{ speakerLabels: true, speechModel: 'universal-streaming-english' }, [640, 768]],
    [{ speakerLabels: true, minTurnSilence: 200 }, [200, 768]],
    [{ minTurnSilence: 0, maxTurnSilence: 99_999 }, [50, 10_000]],
    [{ minTurnSilence: 3000 }, [3000, 3000]],
  ])('of %j gives silences %j', (parameters, expected) => {
    expect(silences(parameters)).toEqual(expected)
  })

  it('fills in everything an engine needs', () => {
    expect(resolveSettings({}).engine).toEqual({
      speakerLabels: false,
      revisionInterval: 0,
      formatTurns: true,
      partials: true,
      minTurnSilence: 128,
      maxTurnSilence: 1280,
      keyterms: [],
      languages: [],
      model: 'universal-3-6-pro',
    })
    expect(resolveSettings({ maxSpeakers: 2 }, 'house').engine).toMatchObject({ maxSpeakers: 2, model: 'house' })
  })

  it('leaves it to the engine what counts as speech, unless the client says', () => {
    expect(resolveSettings({}).engine).not.toHaveProperty('vadThreshold')
    expect(resolveSettings({ vadThreshold: 0 }).engine.vadThreshold).toBe(0)
  })

  it('passes on the languages that are expected, the likeliest first', () => {
    expect(resolveSettings({ languageCode: 'de' }).engine.languages).toEqual(['de'])
    expect(resolveSettings({ languageCodes: ['fr', 'en'] }).engine.languages).toEqual(['fr', 'en'])
    expect(resolveSettings({ languageCode: 'de', languageCodes: ['fr'] }).engine.languages).toEqual(['fr'])
  })

  it('echoes a mode that it follows', () => {
    expect(resolveSettings({ mode: 'max_accuracy' }).mode).toBe('max_accuracy')
    expect(resolveSettings({ mode: 'manual' }).mode).toBe('balanced')
  })

  it.each([
    [0, 0],
    [1, 120_000],
    [200_000, 200_000],
    [86_400_000, 300_000],
  ])('moves a revision interval of %i to %i', (asked, given) => {
    expect(resolveSettings({ speakerLabelsRevisionIntervalMs: asked }).engine.revisionInterval).toBe(given)
  })

  it('formats turns always on the models that cannot do otherwise', () => {
    expect(resolveSettings({ speechModel: 'u3-rt-pro', formatTurns: false }).engine.formatTurns).toBe(true)
    expect(resolveSettings({ speechModel: 'universal-streaming-english' }).engine.formatTurns).toBe(false)
    expect(resolveSettings({ speechModel: 'whisper-rt', formatTurns: true }).engine.formatTurns).toBe(true)
  })

  it('holds partials back while redaction is asked for, unless they are wanted', () => {
    expect(resolveSettings({ redactPii: true }).engine.partials).toBe(false)
    expect(resolveSettings({ redactPii: true, includePartialTurns: true }).engine.partials).toBe(true)
    expect(resolveSettings({ includePartialTurns: false }).engine.partials).toBe(false)
  })
})

describe('engineUpdate', () => {
  it('names what changed and nothing else', () => {
    const before = resolveSettings({}).engine
    const after = resolveSettings({ maxTurnSilence: 900, keytermsPrompt: ['a'] }).engine
    expect(engineUpdate(before, after)).toEqual({ maxTurnSilence: 900, keyterms: ['a'] })
    expect(engineUpdate(after, { ...after, keyterms: [...after.keyterms] })).toEqual({})
    expect(engineUpdate(before, resolveSettings({ vadThreshold: 0.4 }).engine)).toEqual({ vadThreshold: 0.4 })
  })
})
