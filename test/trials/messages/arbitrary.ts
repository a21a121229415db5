import fc from 'fast-check'

/** What a server does at one point of its script. */
export type Deed =
  | { do: 'text'; text: string }
  | { do: 'binary'; bytes: number[] }
  | { do: 'ping' }
  | { do: 'close'; code: number; reason: string }
  | { do: 'drop' }

/** A deed, and what it waits for after the one before. */
export interface Step {
  after: 'nothing' | 'audio' | 'text' | 'time'
  deed: Deed
}

/** What the server does on one connection. */
export interface Script {
  steps: Step[]
  /** Whether Terminate is answered as it should be. */
  polite: boolean
}

/** One case: a script for each connection, the last of them for all further ones; and what the client was told. */
export interface Case {
  scripts: Script[]
  audioMs: number
  options: { retries: number; partials: boolean; formatTurns: boolean; speakerLabels: boolean }
}

const odd = fc.constantFrom<unknown>(null, '', 'x', true, -1, 0.5, 1e308, 9e15, [], {}, [null], { a: 1 })
const label = fc.constantFrom('A', 'B', 'C', 'UNKNOWN', 'PENDING', null, '', 'speaker 1', 'AB')
const time = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 1000 }) }, { weight: 1, arbitrary: odd })
const order = fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 0, max: 3 }) }, { weight: 1, arbitrary: odd })
const text = fc.constantFrom('', 'yes', 'No.', 'a b c', 'zażółć', '\u0000', '-->', '1\n\n2')
const code = fc.constantFrom(1000, 1001, 1005, 1008, 1009, 1011, 1013, 3005, 3006, 3007, 3008, 3009, 4000, 0, -1)

const word = fc.record(
  { start: time, end: time, text, confidence: fc.double({ noNaN: true }), word_is_final: fc.boolean(), speaker: label },
  { requiredKeys: ['text'] },
)
const words = fc.array(word, { maxLength: 4 })

const begin = fc.record(
  {
    type: fc.constant('Begin'),
    id: fc.constantFrom('one', 'two', ''),
    expires_at: fc.oneof(fc.constant(4_000_000_000), fc.constantFrom(0, 1, -5, 1e15), fc.constant(null)),
    configuration: fc.constantFrom(
      undefined,
      null,
      { faster_than_real_time: true },
      { model: 'other', speaker_labels: false },
      { speaker_labels: 'yes', model: 7 },
    ),
  },
  { requiredKeys: ['type', 'id'] },
)
const healthyBegin = fc.constant({
  type: 'Begin',
  id: 'healthy',
  expires_at: 4_000_000_000,
  configuration: { faster_than_real_time: true },
})
const turn = fc.record(
  {
    type: fc.constant('Turn'),
    turn_order: order,
    turn_is_formatted: fc.boolean(),
    end_of_turn: fc.boolean(),
    transcript: text,
    utterance: text,
    end_of_turn_confidence: fc.constantFrom(0, 1, 0.4, null),
    words,
    speaker_label: label,
    language_code: fc.constantFrom('en', null, 7),
  },
  { requiredKeys: ['type', 'turn_order'] },
)
const revision = fc.record({
  type: fc.constant('SpeakerRevision'),
  revisions: fc.array(fc.record({ turn_order: order, speaker_label: label, words }), { maxLength: 3 }),
})
const other = fc.oneof(
  fc.record({ type: fc.constant('SpeechStarted'), timestamp: time }),
  fc.record({ type: fc.constant('Heartbeat'), total_audio_received_ms: time, realtime_factor: time }),
  fc.record({ type: fc.constant('Silence'), start_ms: time, end_ms: time }),
  fc.record({ type: fc.constant('Warning'), warning_code: code, warning: text }),
  fc.record({ type: fc.constant('LLMGatewayResponse'), turn_order: order, transcript: text, data: odd }),
  fc.record({ type: fc.constantFrom('Novelty', '', 'begin', '__proto__', 'constructor') }),
)
const error = fc.record(
  {
    type: fc.constant('Error'),
    error_code: code,
    error: fc.constantFrom('Too many concurrent sessions', 'inactivity', 'Not authorized', '', 'x'.repeat(5000)),
  },
  { requiredKeys: ['error'] },
)
const termination = fc.record({
  type: fc.constant('Termination'),
  audio_duration_seconds: time,
  session_duration_seconds: time,
})

const message = fc.oneof(
  { weight: 3, arbitrary: begin },
  { weight: 12, arbitrary: turn },
  { weight: 5, arbitrary: revision },
  { weight: 3, arbitrary: other },
  { weight: 1, arbitrary: error },
  { weight: 1, arbitrary: termination },
)

/** A message one of whose fields is not what it should be. */
const spoiled = fc.tuple(message, fc.nat(10), fc.oneof(odd, fc.jsonValue({ maxDepth: 2 }))).map(([value, at, bad]) => {
  const names = Object.keys(value)
  return { ...value, [names[at % names.length] ?? 'type']: bad }
})

const junk = fc.oneof(
  fc.string(),
  fc.json(),
  fc.constantFrom('', '{', 'null', '[]', '{}', '"Begin"', '['.repeat(5000), '{"type":"Turn","words":{"length":1e9}}'),
)

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.oneof({ weight: 8, arbitrary: message }, { weight: 2, arbitrary: spoiled }).map((value) => ({
      do: 'text' as const,
      text: JSON.stringify(value),
    })),
  },
  { weight: 2, arbitrary: junk.map((text) => ({ do: 'text' as const, text })) },
  {
    weight: 1,
    arbitrary: fc.array(fc.nat(255), { maxLength: 8 }).map((bytes) => ({ do: 'binary' as const, bytes })),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'ping' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      code: fc.constantFrom(1000, 1001, 1008, 1011, 3005, 3006, 3008, 3009, 4999),
      reason: fc.constantFrom('', 'Too many concurrent sessions', 'inactivity', 'See Error message for details'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'drop' as const }) },
)

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.oneof(
    { weight: 4, arbitrary: fc.constant('nothing' as const) },
    { weight: 3, arbitrary: fc.constant('audio' as const) },
    { weight: 1, arbitrary: fc.constant('text' as const) },
    { weight: 1, arbitrary: fc.constant('time' as const) },
  ),
  deed,
})

const script: fc.Arbitrary<Script> = fc
  .record({
    opening: fc.option(healthyBegin, { freq: 6 }),
    steps: fc.array(step, { maxLength: 12 }),
    polite: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  })
  .map(({ opening, steps, polite }) => ({
    steps: opening
      ? [{ after: 'nothing' as const, deed: { do: 'text' as const, text: JSON.stringify(opening) } }, ...steps]
      : steps,
    polite,
  }))

/** Random orders of messages, junk among them. */
export const anyCase: fc.Arbitrary<Case> = fc.record({
  scripts: fc.array(script, { minLength: 1, maxLength: 3 }),
  audioMs: fc.integer({ min: 50, max: 600 }),
  options: fc.record({
    retries: fc.integer({ min: 0, max: 2 }),
    partials: fc.boolean(),
    formatTurns: fc.boolean(),
    speakerLabels: fc.boolean(),
  }),
})
