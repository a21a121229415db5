import { createSecureContext } from 'node:tls'
import { embeddedEngine } from '../engine/embedded.ts'
import type { Engine } from '../engine/engine.ts'
import {
  type Check,
  checkBoolean,
  checkInteger,
  checkOptions,
  defined,
  exclusive,
  integer,
  invalidOption,
  number,
  oneOf,
  refusedOption,
  string,
} from '../options.ts'
import type { UnknownModels } from '../protocol/models.ts'
import type { KeyCheck } from './authentication.ts'
import type { TlsOptions } from './listener.ts'
import type { UnattributedLabel } from './outgoing.ts'

/** Largest message of a client in bytes, where nobody says otherwise. */
export const MAX_MESSAGE = 131_072

/** Options of {@link serve}. */
export interface ServerOptions {
  /**
   * What recognises speech; one engine session is opened for each client.
   * @defaultValue the engine that runs on this machine, `embeddedEngine()`
   */
  engine?: Engine
  /** TCP port to listen on; 0 takes a free one. @defaultValue 0 */
  port?: number
  /**
   * Address to listen on. Any other than a loopback address needs `apiKeys` or `authentication: false`.
   * @defaultValue '127.0.0.1'
   */
  host?: string
  /**
   * Serves `wss:` with this certificate instead of `ws:`; the official JavaScript SDK needs it.
   * @defaultValue none: `ws:`
   */
  tls?: TlsOptions
  /**
   * API keys that are let in, or a function that decides about one within 10 s.
   * @defaultValue any key that is not empty
   */
  apiKeys?: readonly string[] | KeyCheck
  /**
   * `false` lets everybody in, with or without a key, and so does not go with `apiKeys`; on a loopback address that includes
   * the web pages that browsers of this machine show.
   * @defaultValue true
   */
  authentication?: boolean
  /** Sessions at one time; further ones are refused with 1008 "Too many concurrent sessions". @defaultValue 100 */
  maxSessions?: number
  /**
   * Sessions that may begin within any 60 seconds; further ones are refused with 1008 "Too many concurrent sessions".
   * @defaultValue Infinity: no limit
   */
  maxSessionsPerMinute?: number
  /**
   * The same for the sessions of each API key, those by its tokens among them: the service lets 5 or 100 begin, depending on
   * the account. @defaultValue Infinity: no limit
   */
  maxSessionsPerMinutePerKey?: number
  /**
   * Milliseconds after which a session is ended with 3008; a token may ask for less. `Begin` tells the end in whole
   * seconds of the clock, so that it is moved to the next of these.
   * @defaultValue 10_800_000: three hours
   */
  maxSessionDuration?: number
  /**
   * `enforce` ends a session with 3007 whose audio is more than `maxAhead` ahead of the clock; `off` lets audio come as
   * fast as the engine takes it, and says so in `Begin` where the engine does not mind. To judge it, up to `maxAhead` of
   * audio is taken in and kept for the engine.
   * @defaultValue 'off' where the engine is faster than real time, else 'enforce'
   */
  pacing?: 'enforce' | 'off'
  /** Milliseconds of audio that may come beyond the time passed, where pacing is enforced. @defaultValue 300_000 */
  maxAhead?: number
  /** Largest message of a client in bytes, 1024 to 16777216; a larger one ends the session with 1009. @defaultValue 131072 */
  maxPayload?: number
  /**
   * Whether `GET /metrics` tells sessions, audio, words and lag in Prometheus' text format, to those with one of the
   * `apiKeys` where these are given.
   * @defaultValue false
   */
  metrics?: boolean
  /**
   * What becomes of a `speech_model` or `mode` that is not known here: `open` takes it for the newest and sends a Warning, so
   * that a client on a default of tomorrow is served; `strict` refuses it with 3006, as the service does. @defaultValue 'open'
   */
  models?: UnknownModels
  /** What stands where a speaker could not be told. @defaultValue 'UNKNOWN' */
  unattributedLabel?: UnattributedLabel
}

export type ResolvedServerOptions = Required<Omit<ServerOptions, 'tls' | 'apiKeys'>> &
  Pick<ServerOptions, 'tls' | 'apiKeys'> & {
    /** Whether only programs of this machine can reach the server. */
    loopback: boolean
    /** What counts as a minute where beginning sessions are counted, in ms; tests have no time. */
    minute?: number
  }

const defaults = {
  port: 0,
  host: '127.0.0.1',
  authentication: true,
  maxSessions: 100,
  maxSessionsPerMinute: Infinity,
  maxSessionsPerMinutePerKey: Infinity,
  maxSessionDuration: 10_800_000,
  maxAhead: 300_000,
  maxPayload: MAX_MESSAGE,
  metrics: false,
  models: 'open',
  unattributedLabel: 'UNKNOWN',
} as const

const sessionsPerMinute: Check = (name, value) => {
  if (value !== Infinity) checkInteger(name, value, 1, 1_000_000)
}

const checks: Readonly<Record<keyof ServerOptions, Check>> = {
  engine: () => {},
  port: integer(0, 65_535),
  host: string(1, 255),
  authentication: checkBoolean,
  maxSessions: integer(1, 100_000),
  maxSessionsPerMinute: sessionsPerMinute,
  maxSessionsPerMinutePerKey: sessionsPerMinute,
  maxSessionDuration: number(1, 86_400_000, 'ms'),
  pacing: oneOf('enforce', 'off'),
  maxAhead: number(0, 86_400_000, 'ms'),
  maxPayload: integer(1024, 16_777_216, 'bytes'),
  metrics: checkBoolean,
  models: oneOf('open', 'strict'),
  unattributedLabel: oneOf('UNKNOWN', 'PENDING'),
  apiKeys: checkKeys,
  tls: checkTls,
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Checks the options of {@link serve} and fills in the defaults. @throws ConfigurationError (`INVALID_OPTION`) */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  checkOptions('serve()', options, checks)
  const engine = options.engine ?? embeddedEngine()
  if (typeof engine.open !== 'function') throw invalidOption('engine', 'an Engine', options.engine)
  // Keys that guard nothing would be taken for a guard.
  if (options.authentication === false) exclusive('apiKeys', options.apiKeys, 'authentication: false', false)

  const host = options.host ?? defaults.host
  const loopback = isLoopback(host)
  if (!loopback && options.apiKeys === undefined && options.authentication !== false) {
    throw refusedOption(
      'apiKeys',
      `host ${host} can be reached from other machines: give apiKeys, or authentication: false to let everybody in`,
    )
  }
  return {
    ...defaults,
    engine,
    pacing: engine.fasterThanRealTime ? 'off' : 'enforce',
    ...defined(options),
    loopback,
  }
}

function checkKeys(name: string, keys: unknown): void {
  if (keys === undefined || typeof keys === 'function') return
  const usable = Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string' && key !== '')
  // The value is not shown: it may be a key given without its brackets.
  if (!usable) throw invalidOption(name, 'a list of at least one non-empty string, or a function', typeof keys)
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' || Buffer.isBuffer(value)
}

function checkTls(name: string, value: unknown): void {
  if (value === undefined) return
  const { key, cert } = (value ?? {}) as Partial<TlsOptions>
  // Neither is shown: one is a private key.
  if (!isPem(key) || !isPem(cert)) throw invalidOption(name, '{ key, cert } in PEM', typeof value)
  const trouble = tlsTrouble(value as TlsOptions)
  if (trouble === undefined) return
  throw refusedOption(name, `${name}, when given, must be usable: ${trouble}`)
}

/** Why a key and a certificate cannot be used; `undefined` where they can. */
export function tlsTrouble(tls: TlsOptions): string | undefined {
  try {
    createSecureContext(tls)
    return undefined
  } catch (error) {
    return `the private key and the certificate that belongs to it, in PEM, are needed (${(error as Error).message})`
  }
}
