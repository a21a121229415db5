import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SessionError } from '../../src/errors.ts'
import type { Turn } from '../../src/model.ts'
import type { BeginMessage, HeartbeatMessage, ServerMessage, TurnMessage } from '../../src/protocol/messages.ts'
import type { Session, SessionEvents } from '../../src/session/session.ts'
import type { UnrecognizedSpeech } from '../../src/stream/options.ts'
import { FinalWords } from '../../src/stream/turns/final-words.ts'
import { TurnJoiner } from '../../src/stream/turns/joiner.ts'
import type { Sender } from '../../src/stream/sender.ts'
import { SessionClock } from '../../src/stream/session-clock.ts'
import { LabelMap } from '../../src/stream/label-map.ts'
import { SpeakerLetters } from '../../src/stream/speakers.ts'
import { StreamSession } from '../../src/stream/stream-session.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const heartbeat: HeartbeatMessage = {
  type: 'Heartbeat',
  total_audio_received_ms: 0,
  total_duration_ms: 0,
  realtime_factor: 1,
  max_speech_probability: 0,
}
const ended = { termination: { type: 'Termination', audio_duration_seconds: 1, session_duration_seconds: 1 } } as const

class StubSession extends EventEmitter<SessionEvents> {
  terminated = 0
  floods = 0
  flooded(): void {
    this.floods += 1
  }
  terminate(): void {
    this.terminated += 1
  }
}

class StubFeed {
  heartbeats = 0
  stopped = 0
  heartbeat(): void {
    this.heartbeats += 1
  }
  stop(): void {
    this.stopped += 1
  }
}

function place(clock = new SessionClock(0)) {
  const session = new StubSession()
  const sender = new StubFeed()
  const begin: BeginMessage = { type: 'Begin', id: 's', expires_at: (NOW + 3 * HOUR) / 1000 }
  const turns: Turn[] = []
  const messages: ServerMessage[] = []
  const gaps: { start: number; end: number }[] = []
  const unrecognized: UnrecognizedSpeech[] = []
  const placed = new StreamSession(
    session as unknown as Session,
    begin,
    clock,
    sender as unknown as Sender,
    { start: Infinity, deadline: Infinity },
    {
      turns: (given) => turns.push(...given),
      message: (message) => messages.push(message),
      lost: (gap) => gaps.push(gap),
      unrecognized: (speech) => unrecognized.push(speech),
    },
  )
  return {
    session,
    sender,
    placed,
    messages,
    gaps,
    unrecognized,
    texts: () =>
      turns.map(({ transcript, endOfTurn, revision }) => `${transcript} ${endOfTurn ? revision : 'partial'}`),
    say: (order: number, text: string, more: Partial<TurnMessage> = {}) =>
      session.emit('message', turnMessage(order, text, more)),
  }
}

function turnMessage(order: number, text: string, more: Partial<TurnMessage>): TurnMessage {
  const word = { start: order * 1000, end: order * 1000 + 500, text, confidence: 1, word_is_final: true, speaker: 'A' }
  const flags = { turn_is_formatted: true, end_of_turn: true, end_of_turn_confidence: 1, speaker_label: 'A' }
  return { type: 'Turn', turn_order: order, transcript: text, words: [word], ...flags, ...more }
}

function turnsOf(awaitFormatted = false): TurnJoiner {
  const labels = new LabelMap(new SpeakerLetters())
  return new TurnJoiner({ sessionId: 's', awaitFormatted }, labels, new FinalWords(1000), { next: 0 })
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('before it takes over', () => {
  it('holds its messages and then gives them out in order, before later ones', () => {
    const { placed, session, messages, texts, say } = place()
    say(0, 'early')
    session.emit('message', { type: 'SpeechStarted', timestamp: 5 })
    say(1, 'next')
    expect([texts(), messages]).toEqual([[], []])
    placed.takeOver(turnsOf())
    say(2, 'late')
    expect(texts()).toEqual(['early 0', 'next 0', 'late 0'])
    expect(messages).toEqual([{ type: 'SpeechStarted', timestamp: 5 }])
    expect(placed.turns?.labels.mapping).toEqual({ A: 'A' })
  })

  it('tells what the server could not hear at its place in the stream, and not as a message', () => {
    const clock = new SessionClock(60_000)
    clock.audio(2000)
    clock.silence(500)
    clock.audio(10_000)
    const { placed, session, messages, gaps } = place(clock)
    session.emit('message', { type: 'Warning', warning_code: 0, warning: '', audio_lost: { start: 1000, end: 4000 } })
    expect(gaps).toEqual([])
    placed.takeOver(turnsOf())
    session.emit('message', { type: 'Warning', warning_code: 0, warning: '' })
    expect(gaps).toEqual([{ start: 61_000, end: 63_500 }])
    expect(messages).toEqual([])
  })

  it('tells what the server did not understand at its place in the stream, until another session goes on', () => {
    const { placed, session, messages, unrecognized } = place(new SessionClock(60_000))
    const message = { type: 'UnrecognizedSpeech', start_ms: 1000, end_ms: 4000 } as const
    session.emit('message', { ...message, reason: 'no_words' })
    placed.takeOver(turnsOf())
    session.emit('message', { ...message, reason: 'repetition', repeated_words: 9 })
    const expected = [
      { start: 61_000, end: 64_000, reason: 'noWords' },
      { start: 61_000, end: 64_000, reason: 'repetition', repeatedWords: 9 },
    ]
    expect(unrecognized).toEqual(expected)
    placed.close()
    session.emit('message', { ...message, reason: 'no_words' })
    expect(unrecognized).toHaveLength(2)
    expect(messages).toEqual([])
  })

  it('ends a session that says more than anybody can, rather than drop what it says', () => {
    const { placed, session, texts, say } = place()
    for (let order = 0; order < 10_000; order += 1) say(order, `t${order}`)
    expect(session.floods).toBe(0)
    say(10_000, 'one more')
    expect(session.floods).toBe(1)
    placed.takeOver(turnsOf())
    expect(texts()).toHaveLength(10_001)
  })

  it('counts a heartbeat when it comes, not again when it is given out', () => {
    const { placed, sender, session, messages } = place()
    session.emit('message', heartbeat)
    expect(sender.heartbeats).toBe(1)
    placed.takeOver(turnsOf())
    // Counted again, audio sent after it would pass for heard.
    expect(sender.heartbeats).toBe(1)
    session.emit('message', heartbeat)
    expect(sender.heartbeats).toBe(2)
    expect(messages).toEqual([heartbeat, heartbeat])
  })

  it('gives out what it held also when it has ended by then', () => {
    const { placed, session, texts, say } = place()
    say(0, 'early')
    session.emit('end', ended)
    placed.takeOver(turnsOf())
    expect(placed.end).toBe(ended)
    expect(texts()).toEqual(['early 0'])
  })

  it('knows no speakers', () => {
    expect(place().placed.turns).toBeUndefined()
  })
})

describe('while it closes', () => {
  it('asks for the end, feeds no more, and leaves the open turn to the next session', () => {
    const { placed, session, sender, texts, say } = place()
    placed.takeOver(turnsOf())
    say(0, 'final')
    say(1, 'open', { end_of_turn: false })
    placed.close()
    expect([session.terminated, sender.stopped]).toEqual([1, 1])
    say(1, 'open')
    say(2, 'later')
    expect(texts()).toEqual(['final 0', 'open partial'])
  })

  it('still takes what changes the turns that were final', () => {
    const { placed, session, texts, say } = place()
    placed.takeOver(turnsOf())
    say(0, 'plain', { turn_is_formatted: false })
    placed.close()
    say(0, 'Plain.')
    const { words } = turnMessage(0, 'Plain.', {})
    const revised = words.map((word) => ({ ...word, speaker: 'B' }))
    session.emit('message', {
      type: 'SpeakerRevision',
      revisions: [{ turn_order: 0, speaker_label: 'B', words: revised }],
    })
    expect(texts()).toEqual(['plain 0', 'Plain. 1', 'Plain. 2'])
    expect(placed.turns?.labels.mapping).toEqual({ A: 'A', B: 'B' })
  })
})

describe('a final that waits for its formatted form', () => {
  it('comes out after a second and a half where none comes', () => {
    const { placed, texts, say } = place()
    placed.takeOver(turnsOf(true))
    say(0, 'plain', { turn_is_formatted: false })
    vi.advanceTimersByTime(1499)
    expect(texts()).toEqual([])
    vi.advanceTimersByTime(1)
    expect(texts()).toEqual(['plain 0'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('comes out formatted, and leaves no timer', () => {
    const { placed, texts, say } = place()
    placed.takeOver(turnsOf(true))
    say(0, 'plain', { turn_is_formatted: false })
    say(0, 'Plain.')
    expect(texts()).toEqual(['Plain. 0'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is waited for no more where the session had ended before it took over', () => {
    const { placed, session, texts, say } = place()
    say(0, 'plain', { turn_is_formatted: false })
    session.emit('end', ended)
    placed.takeOver(turnsOf(true))
    expect(vi.getTimerCount()).toBe(0)
    placed.release()
    expect(texts()).toEqual(['plain 0'])
  })

  it('loses no turn that a later final has overtaken when the session is lost, and leaves the rest to the next one', () => {
    const { placed, session, texts, say } = place()
    placed.takeOver(turnsOf())
    say(0, 'overtaken', { end_of_turn: false })
    say(1, 'final')
    say(2, 'open', { end_of_turn: false })
    session.emit('end', { error: new SessionError('CONNECTION_LOST', 'lost') })
    placed.conclude(true)
    expect(texts()).toEqual(['overtaken partial', 'final 0', 'open partial', 'overtaken 0'])
    placed.conclude(true)
    expect(texts()).toHaveLength(4)
  })

  it('leaves no timer when the session ends, and can be had then', () => {
    const { placed, session, sender, texts, say } = place()
    placed.takeOver(turnsOf(true))
    say(0, 'plain', { turn_is_formatted: false })
    session.emit('end', ended)
    expect(vi.getTimerCount()).toBe(0)
    expect(sender.stopped).toBe(1)
    placed.release()
    placed.release()
    expect(texts()).toEqual(['plain 0'])
  })
})
