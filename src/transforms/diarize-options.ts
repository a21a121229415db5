import type { Agent } from 'node:http'
import { sampleRateRange } from '../audio/format.ts'
import {
  type AuthenticationOptions,
  checkAuthentication,
  environmentKey,
  type Region,
  regions,
  regionUrl,
  serverUrl,
} from '../protocol/endpoint.ts'
import { DEFAULT_MODEL } from '../protocol/models.ts'
import {
  checkKnownNames,
  checkParameters,
  type ConnectionParameters,
  encodings,
  movedValues,
  type ParameterName,
  parameterNames,
  parameterTable,
  unknownNames,
} from '../protocol/parameters.ts'
import type { Engine } from '../engine/engine.ts'
import { ConfigurationError, type Warning } from '../errors.ts'
import {
  type Check,
  checkAtMost,
  checkBoolean,
  checkCertificates,
  checkFunction,
  checkGroup,
  checkInteger,
  checkNumber,
  checkObject,
  checkOneOf,
  checkOptions,
  checkSignal,
  defined,
  exclusive,
  integer,
  integers,
  invalidOption,
  oneOf,
  refusedOption,
} from '../options.ts'
import type { HeardRange, SessionAdmission } from '../stream/options.ts'
import { checkVoiceBook, type VoiceBook } from '../voices/book.ts'
import { channelChecks, type ChannelOptions, checkChannels } from './channels/options.ts'

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
  /** Longest such delay in ms, 1 to 600000. @defaultValue `30000`, or a `delay` that is longer */
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
   * its neighbours as well. The audio is kept in a temporary file until it has ended, so there are no `partials`. Of no use with the engine on this machine.
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

/** The least and the most of each option of a group, and where it goes inside: the name that sessions know. */
const groups = {
  reconnect: {
    attempts: [0, 1_000_000, 'retries'],
    delay: [1, 60_000, 'retryDelay'],
    maxDelay: [1, 600_000, 'maxRetryDelay'],
    beforeExpiry: [0, 3_600_000, 'rollOverBefore'],
  },
  timeouts: {
    connect: [100, 120_000, 'connectTimeout'],
    termination: [100, 600_000, 'terminationTimeout'],
    ping: [50, 600_000, 'pingInterval'],
    stall: [50, 600_000, 'stallTimeout'],
    heartbeat: [100, 600_000, 'heartbeatTimeout'],
  },
  replay: { context: [0, 60_000, 'overlap'], max: [1000, 3_600_000, 'maxReplay'] },
} as const satisfies Record<string, Record<string, GroupRule>>

type GroupRule = readonly [least: number, most: number, flat: string]

type FlatNamesOf<Group> = Group extends Record<string, readonly [number, number, infer Name]> ? Name : never
type FlatName = FlatNamesOf<(typeof groups)[keyof typeof groups]>

/** All options side by side, as sessions take them. */
export type FlatOptions = Omit<DiarizeOptions, 'parameters' | keyof typeof groups> &
  SessionParameters & { [Name in FlatName]?: number }

/** Options with the defaults filled in. `sampleRate` stays open: the stage above may know it. */
export type ResolvedDiarizeOptions = FlatOptions & Required<Pick<FlatOptions, keyof typeof defaults>>

const isAudioName = (name: string): boolean => (audioNames as readonly string[]).includes(name)
const sessionParameterNames: readonly string[] = parameterNames.filter((name) => !isAudioName(name))
/** Where a parameter of the protocol stands among the options. */
export const pathOf = (parameter: string): string => (isAudioName(parameter) ? parameter : `parameters.${parameter}`)

/** Is checked together with others. */
const later: Check = () => {}

const checks: Record<keyof DiarizeOptions, Check> = {
  engine: checkEngine,
  url: (_name, url) => void (url === undefined || serverUrl(url as string | URL)),
  region: oneOf(...regions),
  agent: checkAgent,
  ca: checkCertificates,
  apiKey: later,
  token: later,
  query: checkQuery,
  partials: checkBoolean,
  pace: checkPace,
  catchUp: integer(0, 7000, 'ms'),
  parallel: integer(1, 100),
  range: integers('diarize()', { start: [0, Number.MAX_SAFE_INTEGER], duration: [1, Number.MAX_SAFE_INTEGER] }),
  live: checkBoolean,
  keepAlive: oneOf('silence', 'off'),
  serverLabels: oneOf('letters', 'asGiven'),
  voices: (name, voices) => (typeof voices === 'object' ? checkVoiceBook(name, voices) : checkBoolean(name, voices)),
  models: oneOf('open', 'strict'),
  sessionRate: integer(1, 1_000_000),
  admission: checkFunction,
  signal: checkSignal,
  sampleRate: later,
  encoding: oneOf(...encodings.slice(0, 2)),
  speakerLabels: later,
  ...channelChecks,
  parameters: (name, parameters) => checkGroup('diarize()', name, parameters, sessionParameterNames),
  reconnect: integers('diarize()', groups.reconnect),
  timeouts: integers('diarize()', groups.timeouts),
  replay: integers('diarize()', groups.replay),
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigurationError `INVALID_OPTION` for the first option that is unknown, out of range, or at odds with
 * another; `MISSING_API_KEY` where AssemblyAI is asked for without a key.
 */
export function resolveDiarizeOptions(options: DiarizeOptions): ResolvedDiarizeOptions {
  const grouped = regrouped(options)
  checkOptions('diarize()', grouped, checks)
  const given = flattened(grouped)
  checkChannels(given)
  const { speakerLabels = given.channels === undefined || typeof given.voices === 'object' } = given
  checkParameters({ ...given, speakerLabels }, pathOf)
  if (given.models === 'strict') checkKnownNames(given, pathOf)
  checkAuthentication(given)
  checkPeer(given)
  const { parallel, range, channels } = given
  const live = given.live === true ? true : undefined
  if (typeof given.voices === 'object' && !speakerLabels) {
    exclusive('voices', given.voices, 'speakerLabels: false', speakerLabels)
  }
  exclusive('sessionRate', given.sessionRate, 'admission', given.admission)
  checkAtMost('reconnect.delay', given.retryDelay, 'reconnect.maxDelay', given.maxRetryDelay, 'ms')
  if (inParts(given)) {
    exclusive('parallel', parallel, 'channels', channels)
    exclusive('parallel', parallel, 'live', live)
    if (given.partials === true) exclusive('parallel', parallel, 'partials', given.partials)
    exclusive('range', range, 'parallel', parallel)
  }
  exclusive('range', range, 'channels', channels)
  exclusive('range', range, 'live', live)
  const overlap = inParts(given) && speakerLabels && given.voices === false ? PARALLEL_OVERLAP : defaults.overlap
  const maxRetryDelay = Math.max(defaults.maxRetryDelay, given.retryDelay ?? 0)
  return { ...defaults, overlap, maxRetryDelay, ...given, speakerLabels }
}

/** The options of all groups side by side, without those that are `undefined`. */
function flattened(options: DiarizeOptions): FlatOptions {
  const { parameters, reconnect, timeouts, replay, ...rest } = options
  const flat: Record<string, unknown> = { ...rest, ...parameters }
  for (const [group, values] of Object.entries({ reconnect, timeouts, replay })) {
    const rules: Record<string, GroupRule> = groups[group as keyof typeof groups]
    for (const [name, value] of Object.entries(values ?? {})) flat[rules[name]![2]] = value
  }
  return defined(flat)
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
      throw refusedOption(name, `diarize() is given ${path} and, by its old name, ${name}; leave ${name} out`)
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
    for (const [grouped, [, , flat]] of Object.entries<GroupRule>(rules))
      if (flat === name) return `${group}.${grouped}`
  }
  return undefined
}

/** Whether a recording is to be heard in several parts at the same time. */
export function inParts({ parallel = 1 }: Pick<DiarizeOptions, 'parallel'>): boolean {
  return parallel > 1
}

/** Warnings on what the server may not take as it is. A server of your own may have models of its own. */
export function parameterWarnings(
  options: ResolvedDiarizeOptions,
  parameters: ConnectionParameters,
  path: (name: ParameterName) => string,
): Warning[] {
  const names = peerKind(options) === 'assemblyai' ? unknownNames(parameters, path) : []
  return [...movedValues(parameters, path), ...names]
}

/** What becomes of a source of which the stage above says whether it `isLive`. */
export function liveSettings(
  options: Pick<DiarizeOptions, 'live' | 'keepAlive'>,
  isLive: boolean,
): { live: boolean; keepAlive: boolean } {
  const live = options.live ?? isLive
  return { live, keepAlive: (options.keepAlive ?? (live ? 'silence' : 'off')) === 'silence' }
}

function checkEngine(name: string, engine: unknown): void {
  if (typeof engine !== 'object' || engine === null) return checkOneOf(name, engine, ['assemblyai', 'embedded'])
  const { open, sampleRate = null } = engine as Partial<Engine>
  if (typeof open !== 'function') throw invalidOption(name, 'an object with an open() method', engine)
  checkInteger(`${name}.sampleRate`, sampleRate, sampleRateRange.min, sampleRateRange.max, 'Hz')
}

function checkAgent(name: string, agent: unknown): void {
  const isAgent = typeof (agent as { addRequest?: unknown } | null | undefined)?.addRequest === 'function'
  if (agent !== undefined && !isAgent) throw invalidOption(name, 'an http.Agent', agent)
}

function checkPace(name: string, pace: unknown): void {
  if (typeof pace === 'number') checkNumber(name, pace, 0.1, 1000)
  else checkOneOf(name, pace, ['auto', 'realtime', 'unpaced'])
}

/** Refuses options that are at odds with the choice of who hears. */
function checkPeer(options: FlatOptions): void {
  const { engine, url, region } = options
  exclusive('url', url, 'region', region)
  exclusive('url', url, 'engine', engine)
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

function checkQuery(option: string, query: unknown = {}): void {
  checkObject(option, query, 'an object of strings')
  for (const [name, value] of Object.entries(query as object)) {
    if (typeof value !== 'string') throw invalidOption(`query.${name}`, 'a string', value)
    const known = parameterNames.find((parameter) => parameterTable[parameter].wire === name)
    if (known || name === 'token') {
      const message = `query.${name} has an option of its own: ${known === undefined ? 'token' : pathOf(known)}`
      throw refusedOption(`query.${name}`, message)
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

/** Address of the server that hears, where the engine is not in this process. */
export function remoteAddress({ url, region = 'global' }: ResolvedDiarizeOptions): URL {
  return url === undefined ? new URL(regionUrl(region)) : serverUrl(url)
}
