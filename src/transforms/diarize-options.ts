import { type AuthenticationOptions, checkAuthentication } from '../assemblyai/authentication.ts'
import { type Region, regions, serverUrl } from '../assemblyai/endpoint.ts'
import { type ConnectionParameters, checkParameters, exclusive, parameterNames } from '../assemblyai/parameters.ts'
import { encodings, parameterTable } from '../assemblyai/parameter-table.ts'
import type { Engine } from '../engine/engine.ts'
import { ConfigurationError } from '../errors.ts'
import { checkBoolean, checkInteger, checkKnown, checkOneOf, checkSignal, invalidOption } from '../options.ts'

/** Options of {@link diarize}: which engine, how to reach it, and every connection parameter of the protocol. */
export interface DiarizeOptions extends ConnectionParameters, AuthenticationOptions {
  /**
   * What turns speech into turns: AssemblyAI, the embedded engine on this machine, or an engine of your own.
   * @defaultValue a given `url`; else AssemblyAI where there is a key or token; else `'embedded'`
   */
  engine?: 'assemblyai' | 'embedded' | Engine
  /** A v3 server of your own, `ws:` or `wss:`; the environment's key is never sent to it. @defaultValue none */
  url?: string | URL
  /** Data zone of AssemblyAI. @defaultValue `'global'` */
  region?: Region
  /** Further query parameters, for what is newer than this library; wire names. @defaultValue none */
  query?: Record<string, string>
  /** Whether partial turns come out as well as finals. @defaultValue `false` */
  partials?: boolean
  /**
   * Whether audio is sent no faster than it plays; `auto` does so unless the server says that it need not be.
   * @defaultValue `'auto'`
   */
  pacing?: 'auto' | 'realtime' | 'none'
  /** Longest burst of audio in ms after a stall, 0 to 7000. @defaultValue `5000` */
  catchUp?: number
  /** Longest time in ms from connecting to the server's Begin, 100 to 120000. @defaultValue `10000` */
  connectTimeout?: number
  /** Longest silence of the server in ms after the last audio, 100 to 600000. @defaultValue `15000` */
  terminationTimeout?: number
  /** Time in ms between pings; two unanswered ones end the session, 100 to 600000. @defaultValue `20000` */
  pingInterval?: number
  /** Ends the stream with an AbortError. @defaultValue none */
  signal?: AbortSignal
}

/** Model sent where none is given. */
const DEFAULT_MODEL = 'universal-3-5-pro'

const defaults = {
  speechModel: DEFAULT_MODEL,
  encoding: 'pcm_s16le',
  speakerLabels: true,
  partials: false,
  pacing: 'auto',
  catchUp: 5000,
  connectTimeout: 10_000,
  terminationTimeout: 15_000,
  pingInterval: 20_000,
} as const satisfies DiarizeOptions

/** Options with the defaults filled in. `sampleRate` stays open: the stage above may know it. */
export type ResolvedDiarizeOptions = DiarizeOptions & Required<Pick<DiarizeOptions, keyof typeof defaults>>

const ownNames =
  'engine url region apiKey token query partials pacing catchUp connectTimeout terminationTimeout pingInterval signal'.split(
    ' ',
  )

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigurationError `INVALID_OPTION` for the first option that is unknown, out of range, or at odds with
 * another; `MISSING_API_KEY` where AssemblyAI is asked for without a key.
 */
export function resolveDiarizeOptions(options: DiarizeOptions): ResolvedDiarizeOptions {
  checkKnown('diarize()', options, [...ownNames, ...parameterNames])
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as DiarizeOptions
  checkParameters(given)
  checkAuthentication(given)
  checkEngine(given)
  checkQuery(given.query)
  checkBoolean('partials', given.partials)
  checkOneOf('pacing', given.pacing, ['auto', 'realtime', 'none'])
  checkOneOf('encoding', given.encoding, encodings.slice(0, 2))
  checkInteger('catchUp', given.catchUp, 0, 7000, 'ms')
  checkInteger('connectTimeout', given.connectTimeout, 100, 120_000, 'ms')
  checkInteger('terminationTimeout', given.terminationTimeout, 100, 600_000, 'ms')
  checkInteger('pingInterval', given.pingInterval, 100, 600_000, 'ms')
  checkSignal('signal', given.signal)
  return { ...defaults, ...given }
}

function checkEngine(options: DiarizeOptions): void {
  const { engine, url, region } = options
  exclusive('url', url, 'region', region)
  exclusive('url', url, 'engine', engine)
  checkOneOf('region', region, regions)
  if (url !== undefined) serverUrl(url)
  if (typeof engine === 'object' && engine !== null) {
    if (typeof engine.open !== 'function') throw invalidOption('engine', 'an object with an open() method', engine)
  } else {
    checkOneOf('engine', engine, ['assemblyai', 'embedded'])
  }
  if (engine !== undefined && engine !== 'assemblyai') {
    const name = typeof engine === 'object' ? 'engine' : "engine 'embedded'"
    for (const other of ['apiKey', 'token', 'region'] as const) exclusive(name, engine, other, options[other])
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
      throw new ConfigurationError('INVALID_OPTION', `query.${name} has an option of its own: ${known ?? 'token'}`, {
        option: `query.${name}`,
      })
    }
  }
}

/** The key of the environment, if one is set. */
export function environmentKey(): string | undefined {
  return process.env['ASSEMBLYAI_API_KEY']?.trim() || undefined
}
