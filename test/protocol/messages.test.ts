import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLetter, parseMessage, speakerLabel } from '../../src/protocol/messages.ts'

const parse = (value: unknown) => parseMessage(JSON.stringify(value))

describe('parseMessage', () => {
  it('reads a recorded Begin', () => {
    expect(
      parse({
        type: 'Begin',
        id: 'a8177f19',
        expires_at: 1788775231,
        configuration: { model: 'universal-3-5-pro', mode: 'balanced', speaker_labels: true, domain: null },
      }),
    ).toEqual({
      kind: 'message',
      message: {
        type: 'Begin',
        id: 'a8177f19',
        expires_at: 1788775231,
        configuration: { model: 'universal-3-5-pro', mode: 'balanced', speaker_labels: true, domain: null },
      },
    })
  })

  it('leaves out what of a configuration cannot be read', () => {
    const configuration = { model: 7, mode: 'balanced', speaker_labels: 'yes', domain: null, redact_pii: false }
    expect(parse({ type: 'Begin', id: 'a', expires_at: 1, configuration })).toMatchObject({
      message: { configuration: { mode: 'balanced', domain: null, redact_pii: false } },
    })
    const message = parse({ type: 'Begin', id: 'a', expires_at: 1, configuration })
    expect(message).not.toHaveProperty('message.configuration.model')
    expect(message).not.toHaveProperty('message.configuration.speaker_labels')
  })

  it.each([1e15, -1, Number.MAX_VALUE, 'soon', null])('takes %j for no time of expiry', (expiry) => {
    expect(parse({ type: 'Begin', id: 'a', expires_at: expiry })).toMatchObject({ message: { expires_at: 0 } })
  })

  it('reads an Error frame of the old form, which has no type', () => {
    expect(parse({ error: 'gone' })).toEqual({
      kind: 'message',
      message: { type: 'Error', error_code: 0, error: 'gone' },
    })
  })

  it('gives unknown types back as unknown, so that they can be ignored', () => {
    expect(parse({ type: 'Sentiment', mood: 'fine' })).toEqual({ kind: 'unknown', type: 'Sentiment' })
    expect(parse({})).toEqual({ kind: 'unknown', type: 'undefined' })
  })

  it.each(['', 'hello', '[1]', 'null', '"Begin"', '{"type":"Begin"}', '{"type":"Turn","turn_order":-1}'])(
    'calls %s malformed',
    (text) => {
      expect(parseMessage(text).kind).toBe('malformed')
    },
  )

  it('forces every field of a Turn to its type', () => {
    const parsed = parse({
      type: 'Turn',
      turn_order: 3,
      end_of_turn: 'yes',
      transcript: null,
      words: [
        { text: 'one', start: 10.6, end: 5, confidence: 7, word_is_final: true, speaker: null },
        { text: 'two', start: -4, end: 'x', confidence: null },
        { start: 1 },
        'three',
      ],
    })
    expect(parsed).toMatchObject({
      message: {
        turn_order: 3,
        end_of_turn: false,
        turn_is_formatted: false,
        transcript: '',
        words: [
          { text: 'one', start: 11, end: 11, confidence: 1, word_is_final: true },
          { text: 'two', start: 0, end: 0, word_is_final: false },
        ],
      },
    })
    expect(parsed).not.toMatchObject({ message: { words: [{}, { confidence: expect.anything() as unknown }] } })
  })

  it.each([
    ['absent', {}, undefined],
    ['a number', { confidence: 0.25 }, 0.25],
    ['0', { confidence: 0 }, 0],
    ['0 that is known', { confidence: 0, confidence_is_known: true }, 0],
    ['0 that says nothing', { confidence: 0, confidence_is_known: false }, undefined],
    ['a text', { confidence: '0.5' }, undefined],
    ['below 0', { confidence: -3 }, 0],
  ])('reads a confidence that is %s', (_what, fields, confidence) => {
    const parsed = parse({ type: 'Turn', turn_order: 0, words: [{ text: 'one', start: 0, end: 1, ...fields }] })
    const [word] = parsed.kind === 'message' && parsed.message.type === 'Turn' ? parsed.message.words : []
    expect(word).toEqual({
      text: 'one',
      start: 0,
      end: 1,
      word_is_final: false,
      ...(confidence !== undefined && { confidence }),
    })
  })

  it.each([
    [
      { start: 1200.4, end: 5000 },
      { start: 1200, end: 5000 },
    ],
    [
      { start: 700, end: 300 },
      { start: 700, end: 700 },
    ],
    [{ start: -5 }, { start: 0, end: 0 }],
    ['all', undefined],
    [null, undefined],
  ])('reads of a Warning that %j of the audio is lost', (lost, expected) => {
    expect(parse({ type: 'Warning', warning_code: 3, warning: 'oh', audio_lost: lost })).toEqual({
      kind: 'message',
      message: { type: 'Warning', warning_code: 3, warning: 'oh', ...(expected && { audio_lost: expected }) },
    })
  })

  it.each([
    [{ reason: 'no_words' }, { reason: 'no_words' }],
    [
      { reason: 'repetition', repeated_words: 12 },
      { reason: 'repetition', repeated_words: 12 },
    ],
    [{ reason: 'no_words', repeated_words: -1 }, { reason: 'no_words' }],
  ])('reads of speech that is not recognised %j', (given, expected) => {
    expect(parse({ type: 'UnrecognizedSpeech', start_ms: 5.4, end_ms: 3, ...given })).toEqual({
      kind: 'message',
      message: { type: 'UnrecognizedSpeech', start_ms: 5, end_ms: 5, ...expected },
    })
  })

  it('leaves alone what a later version says of it', () => {
    const parsed = parse({ type: 'UnrecognizedSpeech', start_ms: 0, end_ms: 5, reason: 'music' })
    expect(parsed).toEqual({ kind: 'unknown', type: 'UnrecognizedSpeech' })
  })

  it.each([
    ['AUDIO_LOST', 'AUDIO_LOST'],
    ['two words', undefined],
    ['', undefined],
    [5, undefined],
    [undefined, undefined],
  ])('reads the code %j of a Warning', (code, expected) => {
    const parsed = parse({ type: 'Warning', warning_code: 0, warning: 'oh', code })
    expect(parsed).toMatchObject({ kind: 'message', message: { type: 'Warning', warning: 'oh' } })
    expect((parsed as { message: object }).message).toEqual({
      type: 'Warning',
      warning_code: 0,
      warning: 'oh',
      ...(expected !== undefined && { code: expected }),
    })
  })

  it('drops revisions that name no turn', () => {
    expect(
      parse({ type: 'SpeakerRevision', revisions: [{ words: [] }, { turn_order: 1, speaker_label: null }, 4] }),
    ).toEqual({
      kind: 'message',
      message: { type: 'SpeakerRevision', revisions: [{ turn_order: 1, speaker_label: null, words: [] }] },
    })
  })

  it('never throws, whatever a server sends', () => {
    const types = ['Begin', 'Turn', 'SpeakerRevision', 'Error', 'Termination', 'Heartbeat', 'Warning', 'Silence']
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(['message', 'unknown', 'malformed']).toContain(parseMessage(text).kind)
      }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.dictionary(fc.string(), fc.jsonValue()), (type, fields) => {
        expect(['message', 'malformed']).toContain(parse({ ...fields, type }).kind)
      }),
    )
  })
})

it.each(['A', 'B', 'Z', 'AB', 'NA', 'a', '1', 'speaker_0', 'SPEAKER_01', 'Agent', 'José Ángel'])(
  '%s names a speaker',
  (label) => {
    expect(speakerLabel(label)).toBe(label)
  },
)

it.each([
  [3, '3'],
  [0, '0'],
  [' Agent\n', 'Agent'],
  ['a\u0000\u202eb', 'a b'],
  ['x'.repeat(5000), 'x'.repeat(100)],
])('%j names a speaker, too', (label, name) => {
  expect(speakerLabel(label)).toBe(name)
})

it.each([
  null,
  undefined,
  '',
  ' ',
  'UNKNOWN',
  'unknown',
  'PENDING',
  'UNSURE',
  'SPEAKER_UNKNOWN',
  'None',
  'null',
  '-1',
  '?',
  -1,
  1.5,
  Number.NaN,
  {},
  ['A'],
])('%j names nobody', (label) => {
  expect(speakerLabel(label)).toBeUndefined()
})

it('gives the same for what it has given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (label) => {
      const name = speakerLabel(label)
      expect(speakerLabel(name)).toBe(name)
      expect(name === undefined || name.length > 0).toBe(true)
    }),
  )
})

it.each([
  ['A', true],
  ['AB', true],
  ['a', false],
  ['ABC', false],
  ['1', false],
])('%s is a letter of the protocol: %s', (label, is) => {
  expect(isLetter(label)).toBe(is)
})
