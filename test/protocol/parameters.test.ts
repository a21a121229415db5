import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/protocol/close-codes.ts'
import {
  checkParameters,
  type Parameter,
  parameterNames,
  parameterTable,
  toQuery,
  toUpdate,
  updatableNames,
} from '../../src/protocol/parameters.ts'
import { parseQuery, parseUpdate } from '../../src/protocol/queries.ts'
import { speechModels } from '../../src/protocol/models.ts'
import { runs } from '../helpers/runs.ts'

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
    [{ redactPiiPolicies: ['person_name'] }, 'redactPiiPolicies needs redactPii beside it'],
    [{ redactPiiSub: 'hash' }, 'redactPiiSub needs redactPii beside it'],
    [{ webhookAuthHeaderName: 'x', webhookAuthHeaderValue: 'y' }, 'webhookAuthHeaderName needs webhookUrl beside it'],
    [
      { webhookUrl: 'https://x', webhookAuthHeaderName: 'x' },
      'webhookAuthHeaderName needs webhookAuthHeaderValue beside it',
    ],
    [
      { webhookUrl: 'https://x', webhookAuthHeaderValue: 'y' },
      'webhookAuthHeaderValue needs webhookAuthHeaderName beside it',
    ],
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

  it('lets what is switched off keep its settings', () => {
    expect(() => checkParameters({ redactPii: false, redactPiiPolicies: ['person_name'] })).not.toThrow()
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

  it('writes seconds where the protocol counts them, and reads them as milliseconds', () => {
    expect(toQuery({ inactivityTimeout: 5000 }).toString()).toBe('inactivity_timeout=5')
    expect(toQuery({ inactivityTimeout: 59_001 }).toString()).toBe('inactivity_timeout=60')
    expect(parseQuery(new URLSearchParams('inactivity_timeout=3600'))).toEqual({ inactivityTimeout: 3_600_000 })
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

/** The text of a 3006 refusal without its usual beginning; empty where nothing is refused. */
function refusalOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof Refusal && error.code === 3006)
      return error.message.replace('User Input Validation Error: ', '')
    throw error
  }
  return ''
}

const query = (text: string) => parseQuery(new URLSearchParams(text))

describe('parseQuery', () => {
  it('types every kind of value', () => {
    expect(
      query(
        'speaker_labels=true&format_turns=False&max_speakers=3&vad_threshold=.25&sample_rate=48000' +
          '&keyterms_prompt=["a","b"]&llm_gateway={"model":"m"}&prompt=&language_codes=["en","de"]',
      ),
    ).toEqual({
      speakerLabels: true,
      formatTurns: false,
      maxSpeakers: 3,
      vadThreshold: 0.25,
      sampleRate: 48_000,
      keytermsPrompt: ['a', 'b'],
      llmGateway: { model: 'm' },
      prompt: '',
      languageCodes: ['en', 'de'],
    })
  })

  it('knows every parameter of the table', () => {
    const samples: Record<Parameter['kind'], string> = {
      boolean: 'true',
      integer: '10000',
      number: '1',
      string: 'x',
      list: '["x"]',
      object: '{}',
    }
    for (const [name, parameter] of Object.entries<Parameter>(parameterTable)) {
      const first = 'values' in parameter && parameter.values ? parameter.values[0] : undefined
      const scale = 'inSeconds' in parameter ? 1000 : 1
      const limited = 'max' in parameter ? String(Math.min(parameter.max / scale, 10_000)) : samples[parameter.kind]
      const value = first === undefined ? limited : parameter.kind === 'list' ? JSON.stringify([first]) : first
      const search = new URLSearchParams({ [parameter.wire]: value })
      if (name === 'speechModel') search.set('speech_model', 'whisper-rt')
      if (name === 'voiceFocusThreshold') search.set('voice_focus', 'near-field')
      expect(Object.keys(parseQuery(search))).toContain(name)
    }
  })

  it('ignores unknown names, takes the last of repeated ones', () => {
    expect(query('nonsense=1&sample_rate=8000&sample_rate=16000&token=abc')).toEqual({ sampleRate: 16_000 })
  })

  it.each([
    ['speaker_labels=yes', "Invalid 'speaker_labels': Input should be a valid boolean, unable to interpret input"],
    ['speaker_labels=', "Invalid 'speaker_labels': Input should be a valid boolean, unable to interpret input"],
    [
      'max_speakers=two',
      "Invalid 'max_speakers': Input should be a valid integer, unable to parse string as an integer",
    ],
    [
      'max_speakers=2.5',
      "Invalid 'max_speakers': Input should be a valid integer, unable to parse string as an integer",
    ],
    ['max_speakers=0', "Invalid 'max_speakers': Input should be greater than or equal to 1"],
    [
      'vad_threshold=NaN',
      "Invalid 'vad_threshold': Input should be a valid number, unable to parse string as a number",
    ],
    ['vad_threshold=1e9', "Invalid 'vad_threshold': Input should be less than or equal to 1"],
    [
      'inactivity_timeout=4',
      "Invalid 'inactivity_timeout': Value error, inactivity_timeout must be at least 5 seconds",
    ],
    ['mode=', "Invalid 'mode': Input should be 'min_latency', 'balanced' or 'max_accuracy'"],
    ['keyterms_prompt={}', "Invalid 'keyterms_prompt': Invalid JSON array"],
    ['keyterms_prompt=[1]', "Invalid 'keyterms_prompt': Invalid JSON array"],
    ['llm_gateway=[]', "Invalid 'llm_gateway': Invalid JSON object"],
    [
      'voice_focus_threshold=0.5',
      "Invalid 'voice_focus_threshold': Value error, voice_focus_threshold needs voice_focus",
    ],
    ['encoding=flac', "Invalid 'encoding': 'flac' is not a valid Encoding"],
    [
      'speech_model=universal-streaming-english&prompt=x',
      "Invalid 'prompt': Value error, prompt is only supported with the 'u3-rt-pro' speech_model",
    ],
    [
      `prompt=${'x'.repeat(1751)}`,
      "Invalid 'prompt': Value error, prompt exceeds maximum length of 1750 characters (got 1751)",
    ],
  ])('refuses %s', (text, expected) => {
    expect(refusalOf(() => query(text))).toBe(expected)
  })

  it('takes models and modes that it does not know', () => {
    expect(query('speech_model=universal-9&mode=manual')).toEqual({ speechModel: 'universal-9', mode: 'manual' })
    expect(refusalOf(() => query('speech_model='))).toMatch(/^Invalid 'speech_model': Input should be 'universal-/)
    expect(refusalOf(() => query(`speech_model=${'x'.repeat(101)}`))).toContain('exceeds maximum length of 100')
  })

  it('refuses them where it is strict, listing those there are, and takes the engine’s own', () => {
    const strict = (text: string) => parseQuery(new URLSearchParams(text), { ownModels: ['mine'], models: 'strict' })
    const text = refusalOf(() => strict('speech_model=u3-pro'))
    for (const model of [...speechModels, 'mine']) expect(text).toContain(`'${model}'`)
    expect(refusalOf(() => strict('mode=fast'))).toBe(
      "Invalid 'mode': Input should be 'min_latency', 'balanced' or 'max_accuracy'",
    )
    expect(strict('speech_model=mine&mode=balanced')).toEqual({ speechModel: 'mine', mode: 'balanced' })
  })

  it('drops key terms that are too long without a word', () => {
    const terms = JSON.stringify(['short', 'x'.repeat(51), 'y'.repeat(50)])
    expect(parseQuery(new URLSearchParams({ keyterms_prompt: terms })).keytermsPrompt).toEqual([
      'short',
      'y'.repeat(50),
    ])
  })

  it('reads PII policies in both documented forms', () => {
    expect(query('redact_pii_policies=["a","b"]').redactPiiPolicies).toEqual(['a', 'b'])
    expect(query('redact_pii_policies=a,b').redactPiiPolicies).toEqual(['a', 'b'])
    expect(refusalOf(() => query('redact_pii_policies=a&redact_pii_policies=b'))).toContain('Invalid JSON array')
  })

  it('answers any query with values within their bounds or a refusal of bounded length', () => {
    const names = Object.values<Parameter>(parameterTable).map(({ wire }) => wire)
    const value = fc.oneof(fc.string(), fc.json(), fc.integer().map(String), fc.double().map(String))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 6 }), (pairs) => {
        let parameters: ReturnType<typeof parseQuery> = {}
        const refusal = refusalOf(() => {
          parameters = parseQuery(new URLSearchParams(pairs))
        })
        expect(refusal.length).toBeLessThan(600)
        expect(parameters.sampleRate ?? 16_000).toBeGreaterThanOrEqual(8000)
        expect(parameters.keytermsPrompt?.length ?? 0).toBeLessThanOrEqual(100)
      }),
      { numRuns: runs(500) },
    )
  })
})

describe('parseUpdate', () => {
  it('takes real JSON values of what may change, and ignores the rest', () => {
    expect(
      parseUpdate({
        type: 'UpdateConfiguration',
        keyterms_prompt: [],
        prompt: '',
        min_turn_silence: 300,
        mode: null,
        speaker_labels: true,
        sample_rate: 'x',
        __proto__: { format_turns: 'inherited' },
      }),
    ).toEqual({ keytermsPrompt: [], prompt: '', minTurnSilence: 300 })
  })

  it('takes a mode that it does not know, unless it is strict', () => {
    expect(parseUpdate({ mode: 'manual' })).toEqual({ mode: 'manual' })
    expect(refusalOf(() => parseUpdate({ mode: 'manual' }, { models: 'strict' }))).toContain("Invalid 'mode'")
  })

  it.each([
    [{ min_turn_silence: '300' }, "Invalid Message: 'min_turn_silence' should be a valid integer"],
    [{ min_turn_silence: 0.5 }, "Invalid Message: 'min_turn_silence' should be a valid integer"],
    [{ vad_threshold: '1' }, "Invalid Message: 'vad_threshold' should be a valid number"],
    [{ keyterms_prompt: '["a"]' }, "Invalid Message: 'keyterms_prompt' should be a list of strings"],
    [{ keyterms_prompt: [1] }, "Invalid Message: 'keyterms_prompt' should be a list of strings"],
    [{ prompt: {} }, "Invalid Message: 'prompt' should be a valid string"],
    [{ vad_threshold: 1.5 }, "Invalid 'vad_threshold': Input should be less than or equal to 1"],
    [{ language_codes: ['tlh'] }, /^Invalid 'language_codes': Input should be 'en', /],
  ])('refuses %j', (message, expected) => {
    expect(refusalOf(() => parseUpdate(message))).toMatch(expected)
  })
})
