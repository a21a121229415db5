import type { Agent } from 'node:http'
import { sampleRateRange } from '../audio/format.ts'
import {
  type AuthenticationOptions,
  checkAuthentication,
  environmentKey,
  type Region,
  regions,
  serverUrl,
} from '../protocol/endpoint.ts'
import { DEFAULT_MODEL } from '../protocol/models.ts'
import {
  checkKnownNames,
  checkParameters,
  type ConnectionParameters,
  encodings,
  exclusive,
  parameterNames,
  parameterTable,
} from '../protocol/parameters.ts'
import type { Engine } from '../engine/engine.ts'
import { ConfigurationError } from '../errors.ts'
import {
  checkBoolean,
  checkInteger,
  checkKnown,
  checkNumber,
  checkObject,
  checkOneOf,
  checkSignal,
  checkString,
  invalidOption,
} from '../options.ts'
import type { HeardRange, SessionAdmission } from '../stream/options.ts'
import { checkVoiceBook, type VoiceBook } from '../voices/book.ts'
import { type ChannelOptions, channelOptionNames, checkChannelOptions } from './channels/options.ts'

/** What a server is told of how it is to hear: every connection parameter of the protocol but those of the audio. */
export type SessionParameters = Omit<ConnectionParameters, 'sampleRate' | 'encoding' | 'speakerLabels'>

/** When a session that is lost, or will end, is replaced by another. */
export interface SessionReconnectOptions {
  /**
   * Attempts in a row to open a session again, 0 to 1000000, before the last error stands: without a second of new final
   * words, or half a minute of new audio, between them.
   * @defaultValue `10`; `2` before the first session
   */
  attempts?: number
  /** First delay in ms before such an attempt; each further one is about twice as long, 1 to 60000. @defaultValue `500` */
  delay?: number
  /** Longest such delay in ms, 1 to 600000. @defaultValue `30000` */
  maxDelay?: number
  /**
   * How long before a session expires the next one is opened, in ms, 0 to 3600000; a quarter of its length at most.
   * @defaultValue `300000`
   */
  beforeExpiry?: number
}

/** How long a server may take, each in ms. */
export interface SessionTimeouts {
  /** Longest time in ms from connecting to the server's Begin, 100 to 120000. @defaultValue `10000` */
  connect?: number
  /**
   * Longest time in ms that the server may take after the last audio, or after the last new word since then, 100 to 600000;
   * ten times that in all.
   * @defaultValue `15000`; `150000` where the engine runs on this machine
   */
  termination?: number
  /** Time in ms between pings; two unanswered ones lose the session, 50 to 600000. @defaultValue `20000` */
  ping?: number
  /** Longest time in ms that the server may read no audio, 50 to 600000. @defaultValue `30000` */
  stall?: number
  /**
   * Longest time in ms without any message from a server that sends heartbeats, 100 to 600000; they come every 5 s.
   * @defaultValue `12500`
   */
  heartbeat?: number
}

/** What audio a new session hears again. */
export interface ReplayOptions {
  /**
   * Audio in ms before the last final word that a new session hears again, to know the speakers by, 0 to 60000.
   * @defaultValue `10000`; `30000` with `parallel` and `voices: false`
   */
  context?: number
  /** Most audio in ms that is kept while no session can be had, 1000 to 3600000. @defaultValue `60000` */
  max?: number
}

/** Options of {@link diarize}: which engine, how to reach it, and what it is to do. */
export interface DiarizeOptions extends AuthenticationOptions, ChannelOptions {
  /** Samples per second of the input, in Hz. @defaultValue what the stage above gives, else `16000` */
  sampleRate?: number
  /** Encoding of the input. @defaultValue `'pcm_s16le'` */
  encoding?: 'pcm_s16le' | 'pcm_mulaw'
  /** Whether words are labelled with speakers. @defaultValue `true`; `false` where `channels` tell them apart */
  speakerLabels?: boolean
  /**
   * What becomes of speakers whom a server of your own calls by other names than `A`, `B`, …, such as `speaker_0`, `1` or
   * `Agent`: `letters` gives them letters in order of appearance; `asGiven` shows the names, which are then taken to mean the
   * same in every session. @defaultValue `'letters'`
   */
  serverLabels?: 'letters' | 'asGiven'
  /**
   * Whether speakers are known again by their voices when a session takes over from another, beside the words that both
   * heard. Until that happens, a few seconds of each speaker's audio are kept in memory and nothing is made of them; then
   * a speaker model on this machine makes voices of them, in a process of its own. Nothing is kept on disk, but in the
   * `checkpoint` of `run()` where one is asked for, nor longer than the stream. Where the model is not installed, words alone
   * are compared, with a warning when that matters.
   *
   * A book, `voiceBook('voices.json')`, gives those whom it knows their names, in `speakerName` and `speakerConfidence` of
   * turns and words: voices are then made of what each speaker says from the beginning. Speakers must be told apart
   * (`speakerLabels`). See `docs/voices.md`.
   * @defaultValue `true`
   */
  voices?: boolean | VoiceBook
  /**
   * What turns speech into turns: AssemblyAI, the embedded engine on this machine, or an engine of your own.
   * @defaultValue a given `url`; else AssemblyAI where there is a key or token; else `'embedded'`
   */
  engine?: 'assemblyai' | 'embedded' | Engine
  /** A v3 server of your own, `ws:` or `wss:`; the environment's key is never sent to it. @defaultValue none */
  url?: string | URL
  /**
   * What makes the connections, e.g. for a proxy of another kind.
   * @defaultValue Node's own, through the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name
   */
  agent?: Agent
  /** Certificates in PEM to trust instead of those that Node trusts. @defaultValue Node's */
  ca?: string | Buffer
  /** Data zone of AssemblyAI. @defaultValue `'global'` */
  region?: Region
  /** Further query parameters, for what is newer than this library; wire names. @defaultValue none */
  query?: Record<string, string>
  /**
   * Whether partial turns come out as well as finals. A partial without words says that nothing is left of the turn that was
   * open.
   *
   * @defaultValue `false`
   */
  partials?: boolean
  /**
   * How fast audio is sent: `realtime`, `unpaced`, or ms of audio per ms; `auto` is real time unless the server says that
   * it need not be. @defaultValue `'auto'`
   */
  pace?: 'auto' | 'realtime' | 'unpaced' | number
  /**
   * Into how many parts, 1 to 100, a finished recording is cut, which are heard at the same time, each by a session of its
   * own: with 8 an hour takes about eight minutes. Parts are 10 s long at least, and each hears `replay.context` and 2 s of
   * its neighbours as well. The audio is kept in a temporary file until it has ended. Of no use with the engine on this machine.
   * @defaultValue `1`
   */
  parallel?: number
  /**
   * Hears a part of a recording only; times stay those of the recording. What is outside of it is decoded, but neither sent
   * nor heard. It goes with one session at a time, so neither with `channels` nor with `parallel`, and not with a live source.
   * @defaultValue all of it
   */
  range?: HeardRange
  /** Longest burst of audio in ms after a stall, 0 to 7000. @defaultValue `5000` */
  catchUp?: number
  /**
   * Whether the source cannot wait: it is never held back, and where no session can be had for longer than `replay.max`,
   * its oldest audio is dropped and reported as a `gap`. @defaultValue what the source says: `true` for cameras,
   * microphones and endless streams of this library, else `false`
   */
  live?: boolean
  /**
   * Whether silence is sent while the source pauses, for half a second in quiet or two seconds in sound, so that the open turn
   * ends; it does not count in the times.
   * @defaultValue `'silence'` where `live`, else `'off'`
   */
  keepAlive?: 'silence' | 'off'
  /** What the server is told of how it is to hear: model, language, ends of turns, and more. @defaultValue none */
  parameters?: SessionParameters
  /**
   * What becomes of a `speechModel` or `mode` that this library does not know: `open` passes it on, with a warning where it
   * goes to AssemblyAI; `strict` refuses it. @defaultValue `'open'`
   */
  models?: 'open' | 'strict'
  /**
   * Most sessions that all streams of this process with the same key, or the same function for it, open within a minute, 1 to
   * 1000000. The others wait for their turn, live ones first. Where a server refuses sessions as too many, they wait as well.
   * @defaultValue as many as the server takes, which its refusals tell
   */
  sessionRate?: number
  /**
   * Is asked before each session that is opened, also again or beside the one before, and resolves when it may be: for many
   * processes that share one key. It stands in the place of `sessionRate`. The engine on this machine is never asked for.
   * @defaultValue none
   */
  admission?: SessionAdmission
  /** When a session is replaced by another. @defaultValue see there */
  reconnect?: SessionReconnectOptions
  /** How long a server may take. @defaultValue see there */
  timeouts?: SessionTimeouts
  /** What audio a new session hears again. @defaultValue see there */
  replay?: ReplayOptions
  /** Ends the stream with an AbortError. @defaultValue none */
  signal?: AbortSignal
}

/** Parameters of the protocol that say what comes in, and so stand beside the groups. */
const audioNames = ['sampleRate', 'encoding', 'speakerLabels'] as const

/** Many parts have many seams, at each of which whoever is silent gets a new letter where voices do not tell, ms. */
const PARALLEL_OVERLAP = 30_000

const defaults = {
  speechModel: DEFAULT_MODEL,
  encoding: 'pcm_s16le',
  speakerLabels: true,
  partials: false,
  pace: 'auto',
  catchUp: 5000,
  overlap: 10_000,
  maxReplay: 60_000,
  retryDelay: 500,
  maxRetryDelay: 30_000,
  rollOverBefore: 300_000,
  connectTimeout: 10_000,
  pingInterval: 20_000,
  stallTimeout: 30_000,
  heartbeatTimeout: 12_500,
  sessionHeartbeat: true,
} as const satisfies FlatOptions

/** Where each option of a group goes inside: the names that sessions know, with the least and the most that make sense. */
const groups = {
  reconnect: {
    attempts: ['retries', 0, 1_000_000],
    delay: ['retryDelay', 1, 60_000],
    maxDelay: ['maxRetryDelay', 1, 600_000],
    beforeExpiry: ['rollOverBefore', 0, 3_600_000],
  },
  timeouts: {
    connect: ['connectTimeout', 100, 120_000],
    termination: ['terminationTimeout', 100, 600_000],
    ping: ['pingInterval', 50, 600_000],
    stall: ['stallTimeout', 50, 600_000],
    heartbeat: ['heartbeatTimeout', 100, 600_000],
  },
  replay: { context: ['overlap', 0, 60_000], max: ['maxReplay', 1000, 3_600_000] },
} as const satisfies Record<string, Record<string, readonly [flat: string, least: number, most: number]>>

type GroupedName = { [Group in keyof typeof groups]: (typeof groups)[Group][keyof (typeof groups)[Group]] }
type FlatName = GroupedName[keyof typeof groups] extends infer Rule
  ? Rule extends readonly [infer Name extends string, ...unknown[]]
    ? Name
    : never
  : never

/** All options side by side, as sessions take them. */
export type FlatOptions = Omit<DiarizeOptions, 'parameters' | keyof typeof groups> &
  SessionParameters & { [Name in FlatName]?: number }

/** Options with the defaults filled in. `sampleRate` stays open: the stage above may know it. */
export type ResolvedDiarizeOptions = FlatOptions & Required<Pick<FlatOptions, keyof typeof defaults>>

const topNames: readonly string[] = [
  'engine',
  'url',
  'region',
  'agent',
  'ca',
  'apiKey',
  'token',
  'query',
  'partials',
  'pace',
  'catchUp',
  'parallel',
  'range',
  'live',
  'keepAlive',
  'serverLabels',
  'voices',
  'models',
  'sessionRate',
  'admission',
  'signal',
  ...audioNames,
  ...channelOptionNames,
  'parameters',
  ...Object.keys(groups),
]

const isAudioName = (name: string): boolean => (audioNames as readonly string[]).includes(name)
const sessionParameterNames: readonly string[] = parameterNames.filter((name) => !isAudioName(name))
/** Where a parameter of the protocol stands among the options. */
export const pathOf = (parameter: string): string => (isAudioName(parameter) ? parameter : `parameters.${parameter}`)

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigurationError `INVALID_OPTION` for the first option that is unknown, out of range, or at odds with
 * another; `MISSING_API_KEY` where AssemblyAI is asked for without a key.
 */
export function resolveDiarizeOptions(options: DiarizeOptions): ResolvedDiarizeOptions {
  const grouped = regrouped(options)
  checkKnown('diarize()', grouped, topNames)
  const given = flattened(grouped)
  checkChannelOptions(given)
  const { speakerLabels = given.channels === undefined || typeof given.voices === 'object' } = given
  checkParameters({ ...given, speakerLabels }, pathOf)
  checkOneOf('models', given.models, ['open', 'strict'])
  if (given.models === 'strict') checkKnownNames(given, pathOf)
  checkAuthentication(given)
  checkEngine(given)
  checkQuery(given.query)
  checkBoolean('partials', given.partials)
  checkBoolean('live', given.live)
  if (typeof given.voices === 'object') {
    checkVoiceBook('voices', given.voices)
    if (!speakerLabels) exclusive('voices', given.voices, 'speakerLabels: false', speakerLabels)
  } else checkBoolean('voices', given.voices)
  checkOneOf('keepAlive', given.keepAlive, ['silence', 'off'])
  checkOneOf('serverLabels', given.serverLabels, ['letters', 'asGiven'])
  if (typeof given.pace === 'number') checkNumber('pace', given.pace, 0.1, 1000)
  else checkOneOf('pace', given.pace, ['auto', 'realtime', 'unpaced'])
  checkOneOf('encoding', given.encoding, encodings.slice(0, 2))
  checkInteger('sessionRate', given.sessionRate, 1, 1_000_000)
  if (given.admission !== undefined && typeof given.admission !== 'function') {
    throw invalidOption('admission', 'a function', given.admission)
  }
  exclusive('sessionRate', given.sessionRate, 'admission', given.admission)
  checkInteger('parallel', given.parallel, 1, 100)
  if ((given.parallel ?? 1) > 1) {
    exclusive('parallel', given.parallel, 'channels', given.channels)
    exclusive('parallel', given.parallel, 'live', given.live === true ? true : undefined)
  }
  checkRange(given)
  checkInteger('catchUp', given.catchUp, 0, 7000, 'ms')
  checkSignal('signal', given.signal)
  if (given.agent !== undefined && typeof (given.agent as { addRequest?: unknown } | null)?.addRequest !== 'function')
    throw invalidOption('agent', 'an http.Agent', given.agent)
  if (!Buffer.isBuffer(given.ca)) checkString('ca', given.ca, 1, 10_000_000)
  const inParts = (given.parallel ?? 1) > 1
  const overlap = inParts && speakerLabels && given.voices === false ? PARALLEL_OVERLAP : defaults.overlap
  return { ...defaults, overlap, ...given, speakerLabels }
}

function checkRange({ range, channels, parallel = 1, live }: FlatOptions): void {
  if (range === undefined) return
  checkGroup('range', range, ['start', 'duration'])
  checkInteger('range.start', range.start, 0, Number.MAX_SAFE_INTEGER, 'ms')
  checkInteger('range.duration', range.duration, 1, Number.MAX_SAFE_INTEGER, 'ms')
  exclusive('range', range, 'channels', channels)
  exclusive('range', range, 'parallel', parallel > 1 ? parallel : undefined)
  exclusive('range', range, 'live', live === true ? true : undefined)
}

/** The options of all groups side by side, without those that are `undefined`; those of groups are checked. */
function flattened(options: DiarizeOptions): FlatOptions {
  const { parameters, reconnect, timeouts, replay, ...rest } = options
  const flat: Record<string, unknown> = { ...rest }
  checkGroup('parameters', parameters, sessionParameterNames)
  Object.assign(flat, parameters)
  for (const [group, values] of Object.entries({ reconnect, timeouts, replay })) {
    const rules: Record<string, readonly [string, number, number]> = groups[group as keyof typeof groups]
    checkGroup(group, values, Object.keys(rules))
    for (const [name, value] of Object.entries(values ?? {})) {
      const [inside, least, most] = rules[name]!
      checkInteger(`${group}.${name}`, value, least, most, name === 'attempts' ? '' : 'ms')
      flat[inside] = value
    }
  }
  return Object.fromEntries(Object.entries(flat).filter(([, value]) => value !== undefined))
}

function checkGroup(name: string, group: unknown, known: readonly string[]): void {
  if (group === undefined) return
  if (typeof group !== 'object' || group === null || Array.isArray(group)) {
    throw invalidOption(name, 'an object of options', group)
  }
  checkKnown(`${name} of diarize()`, group, known)
}

const warned = new Set<string>()

/** The options with those in their groups that stood at the top before groups came; Node warns of each such name once. */
function regrouped(options: DiarizeOptions): DiarizeOptions {
  checkObject('diarize()', options)
  const rest: Record<string, unknown> = {}
  const moved: Record<string, Record<string, unknown>> = {}
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const path = movedTo(name)
    if (path === undefined) rest[name] = value
    if (path === undefined || value === undefined) continue
    const [group = '', key = ''] = path.split('.')
    const given = options[group as 'reconnect'] as Record<string, unknown> | undefined
    if (given?.[key] !== undefined) {
      const message = `diarize() is given ${path} and, by its old name, ${name}; leave ${name} out`
      throw new ConfigurationError('INVALID_OPTION', message, { option: name })
    }
    moved[group] = { ...given, ...moved[group], [key]: value }
    if (warned.has(name)) continue
    warned.add(name)
    process.emitWarning(`the option ${name} of diarize() is now ${path}`, 'DeprecationWarning')
  }
  return { ...rest, ...moved }
}

function movedTo(name: string): string | undefined {
  if (sessionParameterNames.includes(name)) return `parameters.${name}`
  for (const [group, rules] of Object.entries(groups)) {
    for (const [grouped, [flat]] of Object.entries<readonly [string, number, number]>(rules)) {
      if (flat === name) return `${group}.${grouped}`
    }
  }
  return undefined
}

/** What becomes of a source of which the stage above says whether it `isLive`. */
export function liveSettings(
  options: Pick<DiarizeOptions, 'live' | 'keepAlive'>,
  isLive: boolean,
): { live: boolean; keepAlive: boolean } {
  const live = options.live ?? isLive
  return { live, keepAlive: (options.keepAlive ?? (live ? 'silence' : 'off')) === 'silence' }
}

function checkEngine(options: FlatOptions): void {
  const { engine, url, region } = options
  exclusive('url', url, 'region', region)
  exclusive('url', url, 'engine', engine)
  checkOneOf('region', region, regions)
  if (url !== undefined) serverUrl(url)
  if (typeof engine === 'object' && engine !== null) {
    if (typeof engine.open !== 'function') throw invalidOption('engine', 'an object with an open() method', engine)
    const { min, max } = sampleRateRange
    checkInteger('engine.sampleRate', engine.sampleRate ?? null, min, max, 'Hz')
  } else {
    checkOneOf('engine', engine, ['assemblyai', 'embedded'])
  }
  if (engine !== undefined && engine !== 'assemblyai') {
    const name = typeof engine === 'object' ? 'engine' : "engine 'embedded'"
    for (const other of ['apiKey', 'token', 'region', 'agent', 'ca'] as const)
      exclusive(name, engine, other, options[other])
  }
  const wantsService = engine === 'assemblyai' || region !== undefined
  if (wantsService && options.apiKey === undefined && options.token === undefined && !environmentKey()) {
    throw new ConfigurationError(
      'MISSING_API_KEY',
      'AssemblyAI needs a key: set ASSEMBLYAI_API_KEY, or give apiKey or token; without one, leave engine and region out to run the embedded engine',
    )
  }
}

function checkQuery(query: unknown): void {
  if (query === undefined) return
  if (typeof query !== 'object' || query === null || Array.isArray(query))
    throw invalidOption('query', 'an object of strings', query)
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') throw invalidOption(`query.${name}`, 'a string', value)
    const known = parameterNames.find((parameter) => parameterTable[parameter].wire === name)
    if (known || name === 'token') {
      throw new ConfigurationError(
        'INVALID_OPTION',
        `query.${name} has an option of its own: ${known === undefined ? 'token' : pathOf(known)}`,
        {
          option: `query.${name}`,
        },
      )
    }
  }
}

/** What kind of server a stream talks to; `server` is one given by `url`. */
export type PeerKind = 'assemblyai' | 'server' | 'embedded'

export function peerKind({ engine, url, apiKey, token }: ResolvedDiarizeOptions): PeerKind {
  if (typeof engine === 'object' || engine === 'embedded') return 'embedded'
  if (url !== undefined) return 'server'
  return (apiKey ?? token ?? environmentKey()) === undefined ? 'embedded' : 'assemblyai'
}
