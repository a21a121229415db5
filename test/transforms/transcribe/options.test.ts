import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { transcribe, type TranscribeOptions, voiceBook } from '../../../src/index.ts'
import { resolveTranscribeOptions } from '../../../src/transforms/transcribe/options.ts'

beforeEach(() => void vi.stubEnv('ASSEMBLYAI_API_KEY', undefined))
afterEach(() => void vi.unstubAllEnvs())

const request = (options: TranscribeOptions) => resolveTranscribeOptions({ apiKey: 'k', ...options }).request

describe('options of transcribe()', () => {
  it.each<[TranscribeOptions, string]>([
    [{ other: 1 } as TranscribeOptions, 'transcribe() has no option other'],
    [{ parameters: { speechModel: 'x' } as object }, 'parameters of transcribe() has no option speechModel'],
    [
      { parameters: { keytermsPrompt: [] } },
      'parameters.keytermsPrompt, when given, must be an array of 1 to 1000 strings',
    ],
    [
      { parameters: { keytermsPrompt: ['a', 3 as never] } },
      'parameters.keytermsPrompt[1], when given, must be a string',
    ],
    [
      { parameters: { speakersExpected: 0 } },
      'parameters.speakersExpected, when given, must be an integer from 1 to 100; got 0',
    ],
    [{ parameters: { speakersExpected: 2, maxSpeakers: 3 } }, 'exclude each other'],
    [{ parameters: { minSpeakers: 4, maxSpeakers: 3 } }, 'parameters.minSpeakers, when given, must be at most'],
    [
      { parameters: { languageCode: 'de', languageDetection: true } },
      'parameters.languageCode and parameters.languageDetection: true exclude each other',
    ],
    [
      { parameters: { redactPiiSub: 'x' as 'hash' } },
      "parameters.redactPiiSub, when given, must be 'hash' or 'entity_name'",
    ],
    [
      { parameters: { redactPiiPolicies: ['person_name'] } },
      'parameters.redactPiiPolicies needs parameters.redactPii beside it',
    ],
    [{ parameters: { redactPiiSub: 'hash' } }, 'parameters.redactPiiSub needs parameters.redactPii beside it'],
    [{ request: { speaker_labels: true } }, 'request.speaker_labels has an option of its own: speakerLabels'],
    [{ request: { speaker_options: {} } }, 'its own: parameters.minSpeakers, parameters.maxSpeakers'.slice(5)],
    [{ request: { audio_url: 'x' } }, 'request.audio_url'],
    [{ reconnect: { attempts: -1 } }, 'reconnect.attempts, when given, must be an integer from 0 to 1000000; got -1'],
    [{ polling: { delay: 1 } }, 'polling.delay, when given, must be an integer from 10 to 60000 ms; got 1'],
    [
      { reconnect: { delay: 2000, maxDelay: 1000 } },
      'reconnect.delay, when given, must be at most reconnect.maxDelay (1000 ms); got 2000',
    ],
    [
      { polling: { delay: 2000, maxDelay: 1000 } },
      'polling.delay, when given, must be at most polling.maxDelay (1000 ms); got 2000',
    ],
    [{ timeouts: { answers: 1 } as object }, 'timeouts of transcribe() has no option answers'],
    [{ timeouts: 5 as never }, 'timeouts, when given, must be an object of options; got 5'],
    [{ region: 'global' as 'us' }, "region, when given, must be 'us' or 'eu'"],
    [{ region: 'eu', url: 'https://x' }, 'exclude each other'],
    [{ url: 'wss://x' }, 'url, when given, must begin with http:// or https://; got wss://'],
    [
      { url: 'localhost?key=secret' },
      "url, when given, must be an address such as 'https://localhost:8080'; got 'localhost'",
    ],
    [{ url: 'https://user:secret@x' }, 'url, when given, must hold no query, fragment or credentials'],
    [{ maxDuration: 5 }, 'maxDuration, when given, must be an integer from 1000 to 172800000 ms; got 5'],
    [{ signal: {} as AbortSignal }, 'signal, when given, must be an AbortSignal'],
    [{ apiKey: 'Bearer secret-key' }, 'apiKey must be given raw'],
    [
      { voices: 'voices.json' as never },
      "voices, when given, must be a book that was made by voiceBook('voices.json')",
    ],
    [{ voices: voiceBook('voices.json'), speakerLabels: false }, 'exclude each other'],
    [{ deleteTranscript: 'yes' as never }, "deleteTranscript, when given, must be true or false; got 'yes'"],
  ])('%o are refused', (options, message) => {
    const error = (() => {
      try {
        transcribe({ apiKey: 'k', ...options }).destroy()
        return undefined
      } catch (thrown) {
        return thrown as Error & { code: string }
      }
    })()
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(message) })
    expect(error?.message).not.toContain('secret')
  })

  it('become the request of the API', () => {
    expect(request({})).toEqual({
      speech_models: ['assemblyai-stt-3-7', 'universal-2'],
      speaker_labels: true,
      language_detection: true,
    })
    const parameters = {
      speechModels: ['m'],
      languageCode: 'de',
      minSpeakers: 2,
      maxSpeakers: 4,
      keytermsPrompt: ['Hanse'],
      redactPii: true,
    }
    expect(request({ speakerLabels: false, parameters, request: { punctuate: false } })).toEqual({
      punctuate: false,
      speech_models: ['m'],
      speaker_labels: false,
      language_code: 'de',
      speaker_options: { min_speakers_expected: 2, max_speakers_expected: 4 },
      keyterms_prompt: ['Hanse'],
      redact_pii: true,
    })
    expect(request({ parameters: { speakersExpected: 3, languageDetection: false } })).toMatchObject({
      speakers_expected: 3,
      language_detection: false,
    })
  })

  it('wait as long as they say at first, and no shorter', () => {
    const delay = 60_000
    const resolved = resolveTranscribeOptions({ apiKey: 'k', reconnect: { delay }, polling: { delay } })
    expect(resolved).toMatchObject({ reconnect: { delay, maxDelay: delay }, polling: { delay, maxDelay: delay } })
  })

  it('may be undefined in a group', () => {
    const delays = { delay: undefined, maxDelay: undefined } as object
    const timeouts = { connect: undefined, stall: undefined, answer: undefined } as object
    const given = { apiKey: 'k', reconnect: delays, polling: delays, timeouts }
    const { reconnect, polling, timeouts: resolved } = resolveTranscribeOptions({ apiKey: 'k' })
    expect(resolveTranscribeOptions(given)).toMatchObject({ reconnect, polling, timeouts: resolved })
  })

  it('need a key for the service, which no other server gets from the environment', () => {
    expect(() => transcribe()).toThrow(expect.objectContaining({ code: 'MISSING_API_KEY' }))
    vi.stubEnv('ASSEMBLYAI_API_KEY', 'of-the-environment')
    expect(resolveTranscribeOptions({})).toMatchObject({ apiKey: 'of-the-environment', isService: true })
    expect(resolveTranscribeOptions({ region: 'eu' }).url.href).toBe('https://api.eu.assemblyai.com/')
    expect(resolveTranscribeOptions({ url: 'http://localhost:1' })).not.toHaveProperty('apiKey')
  })
})
