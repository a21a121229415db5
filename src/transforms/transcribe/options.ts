import { ConfigurationError } from '../../errors.ts'
import {
  type Check,
  checkAtMost,
  checkBeside,
  checkBoolean,
  checkCertificates,
  checkGroup,
  checkObject,
  checkOptions,
  checkSignal,
  defined,
  exclusive,
  integer,
  integers,
  list,
  oneOf,
  refusedOption,
  string,
} from '../../options.ts'
import { addressOf, type AuthenticationOptions, checkAuthentication, environmentKey } from '../../protocol/endpoint.ts'
import { encodings } from '../../protocol/parameters.ts'
import { checkVoiceBook, type VoiceBook, type VoiceBookInFile } from '../../voices/book.ts'

/** How the service is to hear a finished file. */
export interface TranscriptParameters {
  /**
   * Models in order of preference: the first one that knows the language hears the file. Names that this library does not
   * know are passed on.
   * @defaultValue `['assemblyai-stt-3-7', 'universal-2']`
   */
  speechModels?: readonly string[]
  /** Language of what is said, such as `de` or `en_us`. @defaultValue none: it is found out */
  languageCode?: string
  /** Whether the language is found out, for which about 15 s of speech are needed. @defaultValue `true`; `false` with `languageCode` */
  languageDetection?: boolean
  /** How many people speak, where that is known, 1 to 100. @defaultValue none: it is found out */
  speakersExpected?: number
  /** Fewest speakers to tell apart, 1 to 100. @defaultValue the service's */
  minSpeakers?: number
  /** Most speakers to tell apart, 1 to 100. @defaultValue the service's */
  maxSpeakers?: number
  /** Words and names to expect, at most 1000 of at most 200 characters. @defaultValue none */
  keytermsPrompt?: readonly string[]
  /** What the recording is about, for models that take a prompt. @defaultValue none */
  prompt?: string
  /** Whether fillers such as "um" are kept. @defaultValue `false` */
  disfluencies?: boolean
  /** Whether swear words are masked. @defaultValue `false` */
  filterProfanity?: boolean
  /** Whether personal data is masked. @defaultValue `false` */
  redactPii?: boolean
  /** What personal data is masked, by the service's names, with `redactPii`. @defaultValue the service's */
  redactPiiPolicies?: readonly string[]
  /** What masked text is replaced by, with `redactPii`. @defaultValue `'hash'` */
  redactPiiSub?: 'hash' | 'entity_name'
  /** Field of knowledge, such as `medical-v1`. @defaultValue none */
  domain?: string
}

/** When a request that failed is made again. */
export interface TranscribeReconnectOptions {
  /**
   * Further attempts in a row at one request before its error stands, 0 to 1000000. Refusals that cannot change are not
   * tried again.
   * @defaultValue `10`; `2` before the service has answered at all
   */
  attempts?: number
  /** First delay in ms before such an attempt; each further one is about twice as long, 1 to 60000. @defaultValue `500` */
  delay?: number
  /** Longest such delay in ms, also where the service asks for more, 1 to 600000. @defaultValue `30000`, or a `delay` that is longer */
  maxDelay?: number
}

/** How often it is asked whether the transcript is ready. */
export interface PollingOptions {
  /** First wait in ms; each further one is half as long again, 10 to 60000. @defaultValue `1000` */
  delay?: number
  /** Longest wait in ms, 10 to 600000. @defaultValue `10000`, or a `delay` that is longer */
  maxDelay?: number
}

/** How long the service may take, each in ms. */
export interface TranscribeTimeouts {
  /** Longest time in ms to connect, 100 to 120000. @defaultValue `10000` */
  connect?: number
  /** Longest time in ms in which the service takes nothing of an upload, 100 to 600000. @defaultValue `30000` */
  stall?: number
  /** Longest wait in ms for an answer, or for the next 64 KiB of one, 100 to 600000. @defaultValue `60000` */
  answer?: number
  /**
   * Longest time in ms from the upload to the transcript, the wait in the service's queue included, 100 to 604800000.
   * @defaultValue half an hour and the length of the audio
   */
  processing?: number
}

/** Options of {@link transcribe}. */
export interface TranscribeOptions extends Pick<AuthenticationOptions, 'apiKey'> {
  /** Samples per second of the input, in Hz. @defaultValue what the stage above gives, else `16000` */
  sampleRate?: number
  /** Encoding of the input. @defaultValue `'pcm_s16le'` */
  encoding?: 'pcm_s16le' | 'pcm_mulaw'
  /** Where AssemblyAI works on the audio and keeps it. @defaultValue `'us'` */
  region?: 'us' | 'eu'
  /** Another server of the same API, `http:` or `https:`; the environment's key is never sent to it. @defaultValue none */
  url?: string | URL
  /** Certificates in PEM to trust instead of those that Node trusts. @defaultValue Node's */
  ca?: string | Buffer
  /** Whether words are labelled with speakers. @defaultValue `true` */
  speakerLabels?: boolean
  /**
   * A book, `voiceBook('voices.json')`, that gives those whom it knows their names, in `speakerName` and `speakerConfidence`
   * of turns and words: once the transcript has come, voices are made of 15 s of each speaker, by a speaker model on this
   * machine. See `docs/voices.md`. @defaultValue none
   */
  voices?: VoiceBook
  /** How the service is to hear: model, language, speakers, and more. @defaultValue see there */
  parameters?: TranscriptParameters
  /** Further fields of the request, for what is newer than this library; names of the API. @defaultValue none */
  request?: Readonly<Record<string, unknown>>
  /**
   * Whether the transcript is deleted at the service once all of its turns have been read. One whose turns were not all
   * read, because of an error or an abort, is deleted in any case.
   * @defaultValue `false`
   */
  deleteTranscript?: boolean
  /** Longest audio in ms, 1000 to 172800000; the service takes 10 hours. @defaultValue `36000000` */
  maxDuration?: number
  /**
   * Folder for the audio until it is uploaded, 115 MB an hour. The file in it has no name where the system allows that, and
   * is gone when the stage closes.
   * @defaultValue the system's folder for temporary files
   */
  temporaryFolder?: string
  /** When a request is made again. @defaultValue see there */
  reconnect?: TranscribeReconnectOptions
  /** How often it is asked whether the transcript is ready. @defaultValue see there */
  polling?: PollingOptions
  /** How long the service may take. @defaultValue see there */
  timeouts?: TranscribeTimeouts
  /** Ends the stream with an AbortError. @defaultValue none */
  signal?: AbortSignal
}

/**
 * The newest for recordings (of 20 November 2026, by the provider of Vercel's AI SDK, which warns that those before it are
 * deprecated; in no package of the service's own yet), and beside it the one for languages that it does not know.
 */
const SPEECH_MODELS = ['assemblyai-stt-3-7', 'universal-2'] as const

const hosts = { us: 'https://api.assemblyai.com', eu: 'https://api.eu.assemblyai.com' } as const

/** What each parameter is called on the wire, and what refuses a wrong value. */
const parameterTable = {
  speechModels: ['speech_models', list({ min: 1, max: 10, maxLength: 100 })],
  languageCode: ['language_code', string(2, 20)],
  languageDetection: ['language_detection', checkBoolean],
  speakersExpected: ['speakers_expected', integer(1, 100)],
  minSpeakers: ['speaker_options', integer(1, 100)],
  maxSpeakers: ['speaker_options', integer(1, 100)],
  keytermsPrompt: ['keyterms_prompt', list({ min: 1, max: 1000, maxLength: 200 })],
  prompt: ['prompt', string(1, 20_000)],
  disfluencies: ['disfluencies', checkBoolean],
  filterProfanity: ['filter_profanity', checkBoolean],
  redactPii: ['redact_pii', checkBoolean],
  redactPiiPolicies: ['redact_pii_policies', list({ min: 1, max: 200, maxLength: 100 })],
  redactPiiSub: ['redact_pii_sub', oneOf('hash', 'entity_name')],
  domain: ['domain', string(1, 100)],
} satisfies Record<keyof TranscriptParameters, readonly [wire: string, check: Check]>

const parameterNames = Object.keys(parameterTable) as (keyof TranscriptParameters)[]

const checks: Record<keyof TranscribeOptions, Check> = {
  apiKey: (_name, apiKey) => checkAuthentication({ apiKey } as TranscribeOptions),
  sampleRate: integer(8000, 96_000, 'Hz'),
  encoding: oneOf(...encodings.slice(0, 2)),
  region: oneOf(...Object.keys(hosts)),
  url: (_name, url) => void (url === undefined || apiUrl(url as string | URL)),
  ca: checkCertificates,
  speakerLabels: checkBoolean,
  voices: (name, voices) => void (voices === undefined || checkVoiceBook(name, voices)),
  parameters: (name, parameters) => checkGroup('transcribe()', name, parameters, parameterNames),
  request: (name, request) => void (request === undefined || checkObject(name, request)),
  deleteTranscript: checkBoolean,
  maxDuration: integer(1000, 172_800_000, 'ms'),
  temporaryFolder: string(1, 4096),
  reconnect: integers('transcribe()', { attempts: [0, 1_000_000], delay: [1, 60_000], maxDelay: [1, 600_000] }),
  polling: integers('transcribe()', { delay: [10, 60_000], maxDelay: [10, 600_000] }),
  timeouts: integers('transcribe()', {
    connect: [100, 120_000],
    stall: [100, 600_000],
    answer: [100, 600_000],
    processing: [100, 604_800_000],
  }),
  signal: checkSignal,
}

/** Options with the defaults filled in; `sampleRate` stays open, for the stage above may know it. */
export interface ResolvedTranscribeOptions extends Omit<
  TranscribeOptions,
  'url' | 'region' | 'voices' | 'reconnect' | 'timeouts'
> {
  voices: VoiceBookInFile | undefined
  /** The service, without a `/` at its end. */
  url: URL
  /** Whether it is AssemblyAI's own. */
  isService: boolean
  encoding: 'pcm_s16le' | 'pcm_mulaw'
  maxDuration: number
  deleteTranscript: boolean
  reconnect: TranscribeReconnectOptions & { delay: number; maxDelay: number }
  polling: Required<PollingOptions>
  timeouts: Required<Omit<TranscribeTimeouts, 'processing'>> & Pick<TranscribeTimeouts, 'processing'>
  /** What is asked of the service beside the address of the audio. */
  request: Readonly<Record<string, unknown>>
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigurationError `INVALID_OPTION`; `MISSING_API_KEY` where the service is to be asked without a key.
 */
export function resolveTranscribeOptions(given: TranscribeOptions): ResolvedTranscribeOptions {
  checkOptions('transcribe()', given, checks)
  exclusive('url', given.url, 'region', given.region)
  if (given.speakerLabels === false) exclusive('voices', given.voices, 'speakerLabels: false', false)
  const { reconnect = {}, polling = {} } = given
  checkAtMost('reconnect.delay', reconnect.delay, 'reconnect.maxDelay', reconnect.maxDelay, 'ms')
  checkAtMost('polling.delay', polling.delay, 'polling.maxDelay', polling.maxDelay, 'ms')
  const request = requestOf(given)
  const apiKey = given.apiKey ?? (given.url === undefined ? environmentKey() : undefined)
  if (apiKey === undefined && given.url === undefined) {
    const message = 'transcribe() needs a key of AssemblyAI: set ASSEMBLYAI_API_KEY, or give apiKey'
    throw new ConfigurationError('MISSING_API_KEY', message)
  }
  return {
    ...given,
    ...defined({ apiKey }),
    url: given.url === undefined ? new URL(hosts[given.region ?? 'us']) : apiUrl(given.url),
    voices: given.voices as VoiceBookInFile | undefined,
    isService: given.url === undefined,
    encoding: given.encoding ?? 'pcm_s16le',
    maxDuration: given.maxDuration ?? 36_000_000,
    deleteTranscript: given.deleteTranscript ?? false,
    reconnect: { delay: 500, maxDelay: Math.max(30_000, reconnect.delay ?? 0), ...defined(reconnect) },
    polling: { delay: 1000, maxDelay: Math.max(10_000, polling.delay ?? 0), ...defined(polling) },
    timeouts: { connect: 10_000, stall: 30_000, answer: 60_000, ...defined(given.timeouts ?? {}) },
    request,
  }
}

const apiUrl = (value: string | URL): URL => addressOf(value, 'http', 'apiKey')

/** The fields of the request, by the names of the API. */
function requestOf({ parameters, request, speakerLabels = true }: TranscribeOptions): Record<string, unknown> {
  const given = parameters ?? {}
  for (const name of parameterNames) {
    const check: Check = parameterTable[name][1]
    check(`parameters.${name}`, given[name])
  }
  exclusive('parameters.speakersExpected', given.speakersExpected, 'parameters.maxSpeakers', given.maxSpeakers)
  exclusive('parameters.speakersExpected', given.speakersExpected, 'parameters.minSpeakers', given.minSpeakers)
  if (given.languageDetection === true) {
    exclusive('parameters.languageCode', given.languageCode, 'parameters.languageDetection: true', true)
  }
  checkAtMost('parameters.minSpeakers', given.minSpeakers, 'parameters.maxSpeakers', given.maxSpeakers)
  for (const name of ['redactPiiPolicies', 'redactPiiSub'] as const) {
    checkBeside(`parameters.${name}`, given[name], 'parameters.redactPii', given.redactPii)
  }
  const fields: Record<string, unknown> = { speech_models: [...SPEECH_MODELS], speaker_labels: speakerLabels }
  if (given.languageCode === undefined) fields['language_detection'] = true
  const { minSpeakers, maxSpeakers, ...plain } = given
  for (const [name, value] of Object.entries(plain)) {
    if (value !== undefined) fields[parameterTable[name as keyof TranscriptParameters][0]] = value
  }
  if ((minSpeakers ?? maxSpeakers) !== undefined) {
    fields['speaker_options'] = defined({
      min_speakers_expected: minSpeakers,
      max_speakers_expected: maxSpeakers,
    })
  }
  for (const name of Object.keys(request ?? {})) {
    const own = ownOption(name)
    if (own === undefined) continue
    throw refusedOption(`request.${name}`, `request.${name} has an option of its own: ${own}`)
  }
  return { ...request, ...fields }
}

function ownOption(field: string): string | undefined {
  if (field === 'audio_url') return 'the audio is what is written to transcribe()'
  if (field === 'speaker_labels') return 'speakerLabels'
  const names = parameterNames.filter((name) => parameterTable[name][0] === field)
  return names.length === 0 ? undefined : names.map((name) => `parameters.${name}`).join(', ')
}
