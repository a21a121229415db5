import { afterEach, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { serve, type ServerOptions, type SessionEnd, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine, type ScriptedTurn } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'

const turns: ScriptedTurn[] = [
  { words: 'Hello there everyone', start: 100, end: 700, speaker: 'A', language: 'en' },
  {
    words: [
      { text: 'Hi', start: 1500, end: 1700 },
      { text: 'you', start: 1700, end: 1900, speaker: null, revisedSpeaker: 'A' },
    ],
    speaker: 'B',
  },
]

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function start(options: Partial<ServerOptions> = {}): Promise<StreamingServer> {
  server = await serve({ engine: scriptedEngine(turns), ...options })
  return server
}

async function talk(query: Record<string, unknown>, options: Partial<ServerOptions> = {}): Promise<RawClient> {
  const { url } = await start(options)
  const client = await new RawClient(url, query).open()
  client.sendAudio(3000)
  await client.terminate()
  return client
}

describe('a session from Begin to Termination', () => {
  it('sends everything in the order of the protocol', async () => {
    const client = await talk({ speaker_labels: true, sample_rate: 16_000 })
    const order = client.messages.map((message) =>
      message.type === 'Turn' ? `${message.end_of_turn ? 'final' : 'partial'} ${message.turn_order}` : message.type,
    )
    expect(order).toEqual([
      'Begin',
      'SpeechStarted',
      'partial 0',
      'partial 0',
      'final 0',
      'SpeechStarted',
      'partial 1',
      'final 1',
      'SpeakerRevision',
      'Termination',
    ])
    expect(await client.closed).toEqual({ code: 1000, reason: 'Session Ended' })
    expect(client.messages.at(-1)).toEqual({
      type: 'Termination',
      audio_duration_seconds: 3,
      session_duration_seconds: expect.any(Number),
    })
  })

  it('passes on what an engine warns of, with the audio that it could not hear', async () => {
    const lost = { start: 250, end: 900 }
    const client = await talk(
      {},
      {
        engine: scriptedEngine([], {
          events: [
            {
              at: 1000,
              report: (listener) => listener.warning?.({ code: 'AUDIO_LOST', message: 'could not hear', lost }),
            },
            {
              at: 2000,
              report: (listener) => listener.warning?.({ code: 'KEYTERMS_IGNORED', message: 'no keyterms' }),
            },
          ],
        }),
      },
    )
    expect(client.all('Warning')).toEqual([
      { type: 'Warning', warning_code: 0, code: 'AUDIO_LOST', warning: 'could not hear', audio_lost: lost },
      { type: 'Warning', warning_code: 0, code: 'KEYTERMS_IGNORED', warning: 'no keyterms' },
    ])
  })

  it('passes on what an engine did not understand, in a message of its own', async () => {
    const engine = scriptedEngine([], {
      events: [
        { at: 1000, report: (listener) => listener.unrecognized?.({ start: 100, end: 900, reason: 'noWords' }) },
        {
          at: 2000,
          report: (listener) =>
            listener.unrecognized?.({ start: 1000, end: 2000, reason: 'repetition', repeatedWords: 7 }),
        },
      ],
    })
    const client = await talk({}, { engine })
    expect(client.all('UnrecognizedSpeech')).toEqual([
      { type: 'UnrecognizedSpeech', start_ms: 100, end_ms: 900, reason: 'no_words' },
      { type: 'UnrecognizedSpeech', start_ms: 1000, end_ms: 2000, reason: 'repetition', repeated_words: 7 },
    ])
  })

  it('labels final words and final turns, and nothing else', async () => {
    const client = await talk({ speaker_labels: true })
    for (const turn of client.all('Turn')) {
      expect('speaker_label' in turn).toBe(turn.end_of_turn)
      for (const word of turn.words) expect('speaker' in word).toBe(word.word_is_final)
      expect(turn.words.every((word) => word.word_is_final === turn.end_of_turn)).toBe(true)
    }
    const finals = client.all('Turn').filter((turn) => turn.end_of_turn)
    expect(finals.map((turn) => turn.speaker_label)).toEqual(['A', 'B'])
    expect(finals[1]?.words.map((word) => word.speaker)).toEqual(['B', 'UNKNOWN'])
    const [revision] = client.all('SpeakerRevision')
    expect(revision?.revisions).toEqual([
      {
        turn_order: 1,
        speaker_label: 'B',
        words: [
          expect.objectContaining({ text: 'Hi', speaker: 'B', start: 1500, end: 1700 }),
          expect.objectContaining({ text: 'you', speaker: 'A', start: 1700, end: 1900 }),
        ],
      },
    ])
  })

  it('calls unattributed words PENDING when told to', async () => {
    const client = await talk({ speaker_labels: true }, { unattributedLabel: 'PENDING' })
    expect(client.all('Turn').at(-1)?.words.at(-1)?.speaker).toBe('PENDING')
  })

  it('names no speakers unless asked to', async () => {
    const client = await talk({})
    expect(JSON.stringify(client.messages)).not.toMatch(/"speaker(_label)?":/)
    expect(client.all('SpeakerRevision')).toEqual([])
  })

  it('sends no partials when they are not wanted, nor while redaction is asked for', async () => {
    const unwanted = await talk({ include_partial_turns: false })
    expect(unwanted.all('Turn').map((turn) => turn.end_of_turn)).toEqual([true, true])
    await server?.close()
    const redacted = await talk({ redact_pii: true })
    expect(redacted.all('Turn').map((turn) => turn.end_of_turn)).toEqual([true, true])
  })

  it('ends, and not the process, where its engine reports nonsense by a timer of its own', async () => {
    const engine: Engine = {
      name: 'own',
      sampleRate: 16_000,
      fasterThanRealTime: true,
      open: (_settings, listener) =>
        Promise.resolve({
          write: () => {
            setImmediate(() => listener.turn(undefined as never))
            return Promise.resolve()
          },
          forceEndpoint: () => Promise.resolve(),
          configure: () => {},
          end: () => new Promise(() => {}),
          destroy: () => Promise.resolve(),
        }),
    }
    const running = await start({ engine })
    const ended = new Promise<SessionEnd>((resolve) => running.once('sessionEnd', (_session, end) => resolve(end)))
    const client = await new RawClient(running.url).open()
    client.sendAudio(100)
    expect((await client.closed).code).toBe(3005)
    expect((await ended).cause).toMatchObject({ code: 'ENGINE_FAILED' })
  })

  it('says that nothing is redacted where that is asked for', async () => {
    expect((await talk({ redact_pii: false })).all('Warning')).toEqual([])
    await server?.close()
    expect((await talk({ redact_pii: true })).all('Warning')).toEqual([
      {
        type: 'Warning',
        warning_code: 0,
        warning: 'redact_pii has no effect on this server: everything is sent as it was said',
        code: 'REDACTION_IGNORED',
      },
    ])
  })

  it('writes a final turn as the service does, with type as the last key', async () => {
    const client = await talk({ speaker_labels: true, language_detection: true })
    const final = client.all('Turn').find((turn) => turn.end_of_turn)
    expect(final).toEqual({
      turn_order: 0,
      turn_is_formatted: true,
      end_of_turn: true,
      transcript: 'Hello there everyone',
      utterance: 'Hello there everyone',
      end_of_turn_confidence: 1,
      words: [
        { start: 100, end: 300, text: 'Hello', confidence: 0.9, speaker: 'A', word_is_final: true },
        { start: 300, end: 500, text: 'there', confidence: 0.9, speaker: 'A', word_is_final: true },
        { start: 500, end: 700, text: 'everyone', confidence: 0.9, speaker: 'A', word_is_final: true },
      ],
      language_code: 'en',
      speaker_label: 'A',
      type: 'Turn',
    })
    expect(Object.keys(final ?? {}).at(-1)).toBe('type')
  })

  it('does not send empty finals', async () => {
    const empty = {
      order: 0,
      words: [],
      transcript: '',
      endOfTurn: true,
      formatted: true,
      endOfTurnConfidence: 1,
    }
    const engine = scriptedEngine([], { events: [{ at: 100, report: (listener) => listener.turn(empty) }] })
    const client = await talk({}, { engine })
    expect(client.messages.map((message) => message.type)).toEqual(['Begin', 'Termination'])
  })

  it('sends SpeechStarted for the models that have it only', async () => {
    const client = await talk({ speech_model: 'universal-streaming-english' })
    expect(client.all('SpeechStarted')).toEqual([])
    expect(client.all('Turn').length).toBeGreaterThan(0)
  })

  it('ends a session without any audio', async () => {
    const { url } = await start()
    const client = await new RawClient(url).open()
    expect(await client.terminate()).toEqual({ code: 1000, reason: 'Session Ended' })
    expect(client.all('Termination')[0]?.audio_duration_seconds).toBe(0)
  })
})

describe('Begin', () => {
  it('echoes what took effect, and promises speed where the engine has it', async () => {
    const { url } = await start()
    const client = await new RawClient(url, { speech_model: 'u3-rt-pro', speaker_labels: true }).open()
    const begin = await client.next('Begin')
    expect(begin.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(begin.expires_at - Date.now() / 1000).toBeGreaterThan(10_700)
    expect(begin.expires_at).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000 + 10_800))
    expect(begin.configuration).toEqual({
      model: 'u3-rt-pro',
      mode: 'balanced',
      api_version: '2025-05-12',
      speaker_labels: true,
      redact_pii: false,
      filter_profanity: false,
      domain: null,
      voice_focus: null,
      faster_than_real_time: true,
    })
  })

  it('has no mode on models without one, and promises nothing of an engine that minds', async () => {
    const { url } = await start({ engine: scriptedEngine([], { fasterThanRealTime: false }) })
    const headers = { Authorization: 'key', 'AssemblyAI-Version': '2026-01-01' }
    const client = await new RawClient(url, { speech_model: 'whisper-rt' }, { headers }).open()
    const { configuration } = await client.next('Begin')
    expect(configuration).toMatchObject({ model: 'whisper-rt', mode: null, api_version: '2026-01-01' })
    expect(configuration).not.toHaveProperty('faster_than_real_time')
  })

  it('names the engine’s own model whatever was asked for', async () => {
    const { url } = await start({ engine: scriptedEngine([], { model: 'house-model' }) })
    for (const query of [{}, { speech_model: 'universal-3-5-pro' }, { speech_model: 'house-model' }]) {
      const client = await new RawClient(url, query).open()
      expect((await client.next('Begin')).configuration?.model).toBe('house-model')
      client.socket.terminate()
    }
  })

  it('comes before what the engine says while it opens', async () => {
    const scripted = scriptedEngine(turns)
    const engine: Engine = {
      ...scripted,
      open(settings, listener) {
        listener.warning?.({ code: 'KEYTERMS_IGNORED', message: 'no key terms' })
        return scripted.open(settings, listener)
      },
    }
    const client = await talk({}, { engine })
    expect(client.messages.slice(0, 2)).toMatchObject([{ type: 'Begin' }, { code: 'KEYTERMS_IGNORED' }])
  })

  it('does not come where the engine opens nothing', async () => {
    const engine = { ...scriptedEngine([]), open: async () => undefined } as unknown as Engine
    const { url } = await start({ engine })
    const ended = new Promise<SessionEnd>((resolve) => server!.once('sessionEnd', (_session, end) => resolve(end)))
    expect((await new RawClient(url).refusal()).code).toBe(3005)
    expect((await ended).cause).toMatchObject({
      code: 'ENGINE_FAILED',
      message: 'open() of the engine scripted gave no session; return one from it',
    })
  })

  it('comes after the engine is open, and audio sent before it counts', async () => {
    const engine = scriptedEngine(turns, { openDelay: 300 })
    const { url } = await start({ engine })
    const client = new RawClient(url, { speaker_labels: true })
    client.socket.once('open', () => client.sendAudio(3000).send({ type: 'Terminate' }))
    expect(await client.closed).toEqual({ code: 1000, reason: 'Session Ended' })
    expect(client.messages[0]?.type).toBe('Begin')
    expect(client.all('Turn').filter((turn) => turn.end_of_turn)).toHaveLength(2)
    expect(engine.sessions[0]?.receivedMs).toBe(3000)
  })
})

describe('commands in mid-session', () => {
  it('cuts the open turn at ForceEndpoint, between the audio before and after it', async () => {
    const { url } = await start()
    const client = await new RawClient(url).open()
    client.sendAudio(400).send({ type: 'ForceEndpoint' }).sendAudio(2600)
    await client.terminate()
    const finals = client.all('Turn').filter((turn) => turn.end_of_turn)
    expect(finals.map((turn) => turn.transcript)).toEqual(['Hello there', 'everyone', 'Hi you'])
    expect(finals.map((turn) => turn.turn_order)).toEqual([0, 1, 2])
  })

  it('passes updates on to the engine, never acknowledges them, and ignores what cannot change', async () => {
    const engine = scriptedEngine(turns)
    const { url } = await start({ engine })
    const client = await new RawClient(url, { speaker_labels: true }).open()
    client.send({ type: 'UpdateConfiguration', min_turn_silence: 200, keyterms_prompt: ['Zürich', 'x'.repeat(51)] })
    client.send({ type: 'UpdateConfiguration', sample_rate: 1, speaker_labels: 'no', novelty: {}, prompt: null })
    client.send({ type: 'KeepAlive' })
    await client.terminate()
    expect(engine.sessions[0]?.updates).toEqual([{ minTurnSilence: 200, keyterms: ['Zürich'] }])
    expect(client.messages.map((message) => message.type)).toEqual(['Begin', 'Termination'])
  })

  it('ignores whatever follows Terminate', async () => {
    const { url } = await start()
    const client = await new RawClient(url).open()
    client.send({ type: 'Terminate' }).send('not JSON').sendAudio(5000, 1200)
    expect(await client.closed).toEqual({ code: 1000, reason: 'Session Ended' })
    expect(client.all('Error')).toEqual([])
  })
})

describe('other audio than the engine’s', () => {
  it('decodes µ-law at 8 kHz', async () => {
    const engine = scriptedEngine(turns)
    const { url } = await start({ engine })
    const client = await new RawClient(url, { encoding: 'pcm_mulaw', sample_rate: 8000 }).open()
    for (let frame = 0; frame < 60; frame++) client.socket.send(Buffer.alloc(400, 0xff))
    await client.terminate()
    expect(engine.sessions[0]?.receivedMs).toBe(3000)
    expect(client.all('Termination')[0]?.audio_duration_seconds).toBe(3)
  })

  it.each([8000, 44_100, 48_000])('resamples %i Hz to what the engine wants, to the last sample', async (rate) => {
    const engine = scriptedEngine(turns)
    const { url } = await start({ engine })
    const client = await new RawClient(url, { sample_rate: rate }).open()
    client.sendAudio(2000, 100, rate)
    await client.terminate()
    expect(engine.sessions[0]?.receivedMs).toBe(2000)
  })

  it('takes samples that are cut in two by the message boundary', async () => {
    const engine = scriptedEngine(turns)
    const { url } = await start({ engine })
    const client = await new RawClient(url).open()
    for (let frame = 0; frame < 20; frame++) client.socket.send(Buffer.alloc(1601 - (frame % 2) * 2))
    await client.terminate()
    expect(engine.sessions[0]?.receivedMs).toBe(1000)
  })
})

describe('what the server reports', () => {
  it('tells of sessions, of every frame, of what it sent and of ends', async () => {
    const running = await start()
    const received: string[] = []
    const sent: string[] = []
    const ends: SessionEnd[] = []
    running.on('message', (_session, message) => received.push(message.binary ? 'audio' : message.data))
    running.on('sent', (_session, message) => sent.push(message.type))
    const ended = new Promise<void>((resolve) => {
      running.on('sessionEnd', (_session, end) => {
        ends.push(end)
        resolve()
      })
    })
    const begun = new Promise<number>((resolve) => {
      running.on('session', (session) => resolve(session.parameters.maxSpeakers ?? 0))
    })
    const client = await new RawClient(running.url, { speaker_labels: true, max_speakers: 3 }).open()
    expect(running.sessions.size).toBe(1)
    client.sendAudio(150)
    await client.terminate()
    await ended
    expect(await begun).toBe(3)
    expect(received).toEqual(['audio', 'audio', 'audio', '{"type":"Terminate"}'])
    expect(sent).toEqual(['Begin', 'SpeechStarted', 'Turn', 'Termination'])
    expect(ends).toEqual([{ code: 1000, reason: '', terminated: true }])
    expect(running.sessions.size).toBe(0)
  })
})
