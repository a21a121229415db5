import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parameterTable } from '../../src/assemblyai/parameter-table.ts'
import { checkParameters, parameterNames, toQuery, toUpdate, updatableNames } from '../../src/assemblyai/parameters.ts'

describe('checkParameters', () => {
  it.each([
    [{ maxSpeakers: 12 }, 'maxSpeakers, when given, must be an integer from 1 to 10; got 12'],
    [{ maxSpeakers: 1.5 }, 'maxSpeakers, when given, must be an integer from 1 to 10; got 1.5'],
    [{ sampleRate: 7000 }, 'sampleRate, when given, must be an integer from 8000 to 96000 Hz; got 7000'],
    [{ vadThreshold: 2 }, 'vadThreshold, when given, must be a number from 0 to 1; got 2'],
    [{ vadThreshold: Number.NaN }, 'vadThreshold, when given, must be a number from 0 to 1; got NaN'],
    [{ formatTurns: 'true' }, "formatTurns, when given, must be true or false; got 'true'"],
    [
      { encoding: 'flac' },
      "encoding, when given, must be 'pcm_s16le', 'pcm_mulaw', 'opus', 'ogg_opus' or 'aac'; got 'flac'",
    ],
    [{ prompt: 'x'.repeat(1751) }, 'prompt, when given, must be a string of 0 to 1750 characters'],
    [
      { keytermsPrompt: Array(101).fill('a') },
      'keytermsPrompt, when given, must be an array of at most 100 strings; got an array of 101',
    ],
    [{ keytermsPrompt: ['a', ''] }, 'keytermsPrompt[1], when given, must be a string of 1 to 50 characters'],
    [{ languageCodes: ['en', 'klingon'] }, 'languageCodes[1], when given, must be'],
    [{ llmGateway: [] }, 'llmGateway, when given, must be an object; got an array of 0'],
    [{ voiceFocusThreshold: 0.5 }, 'voiceFocusThreshold needs voiceFocus'],
    [{ maxSpeakers: 2, speakerLabels: false }, 'maxSpeakers needs speakerLabels'],
    [{ languageCode: 'en', languageCodes: ['en'] }, 'exclude each other'],
    [
      { minTurnSilence: 500, maxTurnSilence: 400 },
      'minTurnSilence, when given, must be at most maxTurnSilence (400 ms); got 500',
    ],
  ])('refuses %j', (parameters, message) => {
    expect(() => checkParameters(parameters as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => checkParameters(parameters as object)).toThrow(message)
  })

  it('takes every limit itself', () => {
    const limits = {
      maxSpeakers: 10,
      speakerLabels: true,
      sampleRate: 96_000,
      vadThreshold: 0,
      prompt: '',
      minTurnSilence: 0,
    } as const
    expect(() => checkParameters(limits)).not.toThrow()
  })
})

describe('toQuery', () => {
  it('writes false and 0, which the official SDK drops', () => {
    const query = toQuery({ formatTurns: false, endOfTurnConfidenceThreshold: 0, maxTurnSilence: 0 })
    expect(query.toString()).toBe('format_turns=false&max_turn_silence=0&end_of_turn_confidence_threshold=0')
  })

  it('writes lists and objects as JSON, each key once', () => {
    const query = toQuery({ keytermsPrompt: ['Zürich', 'a&b'], llmGateway: { model: 'm', messages: [] } })
    expect(query.getAll('keyterms_prompt')).toEqual(['["Zürich","a&b"]'])
    expect(JSON.parse(query.get('llm_gateway') as string)).toEqual({ model: 'm', messages: [] })
  })

  it('leaves out what is not given, and adds what is newer than the table', () => {
    expect(toQuery({}, { brand_new: 'yes' }).toString()).toBe('brand_new=yes')
  })

  it('has a distinct wire name for every parameter, so that no value is lost', () => {
    const wires = parameterNames.map((name) => parameterTable[name].wire)
    expect(new Set(wires).size).toBe(wires.length)
    for (const wire of wires) expect(wire).toMatch(/^_?[a-z]+(_[a-z]+)*$/)
  })

  it('survives the trip through a URL for any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 1750, unit: 'grapheme' }), (prompt) => {
        const url = new URL(`wss://example.org/?${toQuery({ prompt }).toString()}`)
        expect(url.searchParams.get('prompt')).toBe(prompt)
      }),
    )
  })
})

describe('toUpdate', () => {
  it('keeps lists as lists and leaves connect-time parameters out', () => {
    expect(toUpdate({ keytermsPrompt: [], maxTurnSilence: 300, sampleRate: 8000, maxSpeakers: 2 })).toEqual({
      keyterms_prompt: [],
      max_turn_silence: 300,
    })
  })

  it('never carries a connect-time parameter', () => {
    for (const name of [
      'speechModel',
      'sampleRate',
      'encoding',
      'speakerLabels',
      'maxSpeakers',
      'redactPii',
    ] as const) {
      expect(updatableNames).not.toContain(name)
    }
  })
})
