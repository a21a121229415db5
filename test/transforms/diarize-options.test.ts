import { afterEach, describe, expect, it, vi } from 'vitest'
import { type DiarizeOptions, liveSettings, resolveDiarizeOptions } from '../../src/transforms/diarize-options.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('resolveDiarizeOptions', () => {
  it('has parts hear more of each other where no voices tell who is who', () => {
    const overlaps = [{}, { parallel: 8 }, { parallel: 8, voices: false }, { parallel: 8, replay: { context: 5000 } }]
    expect(overlaps.map((options) => resolveDiarizeOptions(options).overlap)).toEqual([10_000, 10_000, 30_000, 5000])
  })

  it('always sends a model, an encoding and speaker labels', () => {
    expect(resolveDiarizeOptions({})).toMatchObject({
      speechModel: 'universal-3-6-pro',
      encoding: 'pcm_s16le',
      speakerLabels: true,
      sessionHeartbeat: true,
      pace: 'auto',
    })
  })

  it('keeps live sources alive with silence', () => {
    expect(liveSettings({}, false)).toEqual({ live: false, keepAlive: false })
    expect(liveSettings({ live: true }, false)).toEqual({ live: true, keepAlive: true })
    expect(liveSettings({ live: true, keepAlive: 'off' }, false)).toEqual({ live: true, keepAlive: false })
  })

  it('takes a source for live that says so, unless it is told otherwise', () => {
    expect(liveSettings({}, true)).toEqual({ live: true, keepAlive: true })
    expect(liveSettings({ live: false }, true)).toEqual({ live: false, keepAlive: false })
  })

  it('waits as long as it is told to at first, and no shorter', () => {
    expect(resolveDiarizeOptions({ reconnect: { delay: 60_000 } })).toMatchObject({ maxRetryDelay: 60_000 })
    expect(resolveDiarizeOptions({ reconnect: { maxDelay: 100 } })).toMatchObject({ maxRetryDelay: 100 })
  })

  it('takes undefined for absent', () => {
    expect(resolveDiarizeOptions({ partials: undefined as unknown as boolean }).partials).toBe(false)
  })

  it.each([
    [{ maxSpeaker: 2 }, 'diarize() has no option maxSpeaker'],
    [
      { parameters: { maxSpeakers: 12 } },
      'parameters.maxSpeakers, when given, must be an integer from 1 to 10; got 12',
    ],
    [{ encoding: 'opus' }, "encoding, when given, must be 'pcm_s16le' or 'pcm_mulaw'; got 'opus'"],
    [{ url: 'ws://localhost', region: 'eu' }, 'url and region exclude each other'],
    [{ url: 'ws://localhost', engine: 'embedded' }, 'url and engine exclude each other'],
    [{ url: 'http://localhost' }, 'url, when given, must begin with ws:// or wss://'],
    [{ apiKey: 'a', token: 'b' }, 'apiKey and token exclude each other'],
    [{ agent: 'a' }, "agent, when given, must be an http.Agent; got 'a'"],
    [{ agent: {} }, 'agent, when given, must be an http.Agent; got an object'],
    [{ agent: null }, 'agent, when given, must be an http.Agent; got null'],
    [{ speakerLabels: null }, 'speakerLabels, when given, must be true or false; got null'],
    ...[null, 5, true, () => {}].map((options): [unknown, string] => [
      options,
      'options of diarize(), when given, must be an object',
    ]),
    [{ ca: 5 }, 'ca, when given, must be a string of 1 to 10000000 characters; got 5'],
    [{ engine: 'embedded', ca: 'a' }, "engine 'embedded' and ca exclude each other"],
    [{ engine: 'embedded', apiKey: 'a' }, "engine 'embedded' and apiKey exclude each other"],
    [{ engine: 'embedded', region: 'us' }, "engine 'embedded' and region exclude each other"],
    [{ engine: 'whisper' }, "engine, when given, must be 'assemblyai' or 'embedded'; got 'whisper'"],
    [{ engine: {} }, 'engine, when given, must be an object with an open() method'],
    [{ engine: { open() {} } }, 'engine.sampleRate, when given, must be an integer from 1000 to 768000 Hz; got null'],
    [
      { engine: { open() {}, sampleRate: Number.NaN } },
      'engine.sampleRate, when given, must be an integer from 1000 to 768000 Hz; got NaN',
    ],
    [{ region: 'mars' }, "region, when given, must be 'global', 'us' or 'eu'; got 'mars'"],
    [{ query: { sample_rate: '8000' } }, 'query.sample_rate has an option of its own: sampleRate'],
    [{ query: { token: 'x' } }, 'query.token has an option of its own: token'],
    [{ query: { a: 1 } }, 'query.a, when given, must be a string; got 1'],
    [{ pace: 'fast' }, "pace, when given, must be 'auto', 'realtime' or 'unpaced'; got 'fast'"],
    [{ pace: 0 }, 'pace, when given, must be a number from 0.1 to 1000; got 0'],
    [{ replay: { context: 60_001 } }, 'replay.context, when given, must be an integer from 0 to 60000 ms; got 60001'],
    [{ reconnect: { attempts: -1 } }, 'reconnect.attempts, when given, must be an integer from 0 to 1000000; got -1'],
    [
      { reconnect: { delay: 2000, maxDelay: 1000 } },
      'reconnect.delay, when given, must be at most reconnect.maxDelay (1000 ms); got 2000',
    ],
    [{ parallel: 8, partials: true }, 'parallel and partials exclude each other; give one of them'],
    [{ live: 'yes' }, "live, when given, must be true or false; got 'yes'"],
    [{ catchUp: 7001 }, 'catchUp, when given, must be an integer from 0 to 7000 ms; got 7001'],
    [{ timeouts: { connect: 0 } }, 'timeouts.connect, when given, must be an integer from 100 to 120000 ms; got 0'],
    [{ timeouts: 5 }, 'timeouts, when given, must be an object of options; got 5'],
    [{ reconnect: { tries: 5 } }, 'reconnect of diarize() has no option tries; it has attempts, delay'],
    [{ parameters: { sampleRate: 8000 } }, 'parameters of diarize() has no option sampleRate'],
    [{ retries: -3 }, 'reconnect.attempts, when given, must be an integer from 0 to 1000000; got -3'],
    [
      { retries: 3, reconnect: { attempts: 4 } },
      'is given reconnect.attempts and, by its old name, retries; leave retries out',
    ],
    [{ sessionRate: 0 }, 'sessionRate, when given, must be an integer from 1 to 1000000; got 0'],
    [{ models: 'any' }, "models, when given, must be 'open' or 'strict'; got 'any'"],
    [
      { models: 'strict', parameters: { speechModel: 'universal-9' } },
      "parameters.speechModel, when given, must be 'universal-streaming-english'",
    ],
    [
      { models: 'strict', parameters: { mode: 'manual' } },
      "parameters.mode, when given, must be 'min_latency', 'balanced' or 'max_accuracy'; got 'manual'",
    ],
    [{ parameters: { mode: '' } }, "parameters.mode, when given, must be a string of 1 to 100 characters; got ''"],
    [{ signal: 'now' }, 'signal, when given, must be an AbortSignal'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveDiarizeOptions(options as object)).toThrow(message)
    expect(() => resolveDiarizeOptions(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('takes old names, and has Node warn of them', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const old = { retries: 7, retryDelay: 10, overlap: 3000, formatTurns: true, reconnect: { maxDelay: 500 } }
    const options = { engine: 'embedded', ...old } as DiarizeOptions
    expect(resolveDiarizeOptions(options)).toEqual(
      resolveDiarizeOptions({
        engine: 'embedded',
        reconnect: { attempts: 7, delay: 10, maxDelay: 500 },
        replay: { context: 3000 },
        parameters: { formatTurns: true },
      }),
    )
    const [message, type] = emitWarning.mock.calls.find(([text]) => String(text).includes('retryDelay')) ?? []
    expect([message, type]).toEqual(['the option retryDelay of diarize() is now reconnect.delay', 'DeprecationWarning'])
    emitWarning.mockRestore()
  })

  it.each([{ engine: 'assemblyai' } as const, { region: 'eu' } as const])('needs a key for %j', (options) => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', '')
    expect(() => resolveDiarizeOptions(options)).toThrow(expect.objectContaining({ code: 'MISSING_API_KEY' }))
    expect(() => resolveDiarizeOptions(options)).toThrow(/set ASSEMBLYAI_API_KEY/)
    expect(() => resolveDiarizeOptions({ ...options, token: () => 't' })).not.toThrow()
    vi.stubEnv('ASSEMBLYAI_API_KEY', 'k')
    expect(() => resolveDiarizeOptions(options)).not.toThrow()
  })
})
