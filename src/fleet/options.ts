import { formatsAmong } from '../batch/caption-all.ts'
import { PRESET_NAMES, type PresetName } from '../captions/layout/options.ts'
import { type CaptionFormat, captionFormats } from '../captions/formats/options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import { resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import { checkAuthentication, type Region } from '../protocol/endpoint.ts'
import {
  type Check,
  checkBoolean,
  checkGroup,
  checkOptions,
  checkString,
  defined,
  integer,
  invalidOption,
  oneOf,
  refusedOption,
  string,
} from '../options.ts'
import { type DiarizeOptions, resolveDiarizeOptions, type SessionParameters } from '../transforms/diarize-options.ts'

/** Options of {@link openFleet}: where the queue of a fleet is. */
export interface FleetOptions {
  /**
   * Address of the store: `redis:` or `rediss:` for Redis 7, `postgres:` or `postgresql:` for PostgreSQL 15. A password in it
   * is shown nowhere.
   */
  store: string | URL
  /**
   * Name of the queue, of letters, digits, `-` and `_`. The limits of a service are those of a key, so each key has a queue of
   * its own.
   * @defaultValue `'captions'`
   */
  queue?: string
  /**
   * What keeps the fleet apart from others in the same store: a prefix of keys in Redis, a schema in PostgreSQL; of letters,
   * digits and `_`.
   * @defaultValue `'diarize_stream'`
   */
  namespace?: string
}

/** How the inputs of a fleet are heard, without credentials, which are those of the workers. */
export interface FleetHearing {
  /** Who hears. @defaultValue a given `url`; else AssemblyAI where the worker has a key; else the engine on its machine */
  engine?: 'assemblyai' | 'embedded'
  /** A v3 server of your own, `ws:` or `wss:`. @defaultValue none */
  url?: string
  /** Data zone of AssemblyAI. @defaultValue `'global'` */
  region?: Region
  /** What the server is told of how it is to hear: model, language, ends of turns, and more. @defaultValue none */
  parameters?: SessionParameters
  /** What becomes of speakers whom a server calls by other names than letters, as in `diarize()`. @defaultValue `'letters'` */
  serverLabels?: 'letters' | 'asGiven'
  /** Model and language of the engine on the worker's machine. @defaultValue its own */
  local?: { model?: string; language?: string }
  /** Whether speakers are known again by their voices. @defaultValue `true` */
  voices?: boolean
}

/** Options of {@link Fleet.add}. */
export interface FleetAddOptions {
  /**
   * Path of the outputs of each input, on storage that all workers have at the same place, or an address in S3, as
   * `s3://bucket/{folder}/{name}.{format}`, where `jsonl` must be among the formats. In it `{name}` is what the input is
   * called, `{folder}` the folders between one that was given and the file, `{format}` the ending; for live inputs `{number}`
   * is that of the slice (`0001`), `{date}` and `{time}` when it began, in UTC.
   * @defaultValue `'{name}.{format}'` beside each file, for live inputs `'{name}-{number}.{format}'` in the working directory
   */
  output?: string
  /** What is made of each input; all that goes on after a crash, so not `docx`. @defaultValue `['srt']` */
  formats?: readonly CaptionFormat[]
  /**
   * Which come first: 1 before 2, and so on up to 2000000, among live inputs or among recordings: no live input waits for these.
   * @defaultValue `1` for live inputs, `100` for recordings
   */
  priority?: number
  /** What you want to know of the inputs later, e.g. `{ customer: 'acme' }`; at most 20, of 200 characters. @defaultValue `{}` */
  labels?: Readonly<Record<string, string>>
  /** Whether addresses of `http:` and `https:` are live, and have no end; those of cameras are. @defaultValue `false` */
  live?: boolean
  /**
   * How long a live input is heard by one worker before another job goes on with it, in ms, from 10000 to 86400000.
   * @defaultValue `3600000`
   */
  slice?: number
  /**
   * How often an input is tried whose trouble may pass, 1 to 1000000, after 2 s, 4 s, and so on up to 5 minutes.
   * @defaultValue `5`; for live inputs as often as it takes
   */
  attempts?: number
  /** What is done where all outputs are there. @defaultValue `'skip'` */
  existing?: 'skip' | 'overwrite'
  /** How it is heard. @defaultValue `{}` */
  hearing?: FleetHearing
  /** Which audio track of the inputs is taken. @defaultValue `{}` */
  source?: { audioTrack?: number | string; language?: string }
  /** Display names by speaker label, e.g. `{ A: 'Alice' }`. @defaultValue `{}` */
  speakers?: SpeakerNames
  /** How captions are laid out. @defaultValue `'netflix'` */
  layout?: PresetName
}

/** Where a worker tells its metrics. */
export interface FleetMetricsOptions {
  /** TCP port of `/metrics`, in Prometheus' text format; 0 for a free one. */
  port: number
  /** Address to listen on; everybody who reaches it can read. @defaultValue `'127.0.0.1'` */
  host?: string
}

/** Options of {@link Fleet.work}. */
export interface FleetWorkOptions {
  /**
   * How many inputs are heard at a time, 1 to 1000. `auto` begins with one for each processor, half as many where the engine
   * on this machine hears, and takes more while the processors have time, up to 100.
   * @defaultValue `'auto'`
   */
  concurrency?: number | 'auto'
  /**
   * The key for AssemblyAI, or for the server that inputs name by `url`, or a function that gives it.
   * @defaultValue `ASSEMBLYAI_API_KEY`, which goes to AssemblyAI only
   */
  apiKey?: string | (() => string | Promise<string>)
  /**
   * Within this time after the last sign of life of its worker, a job begins elsewhere, in ms, 1000 to 600000. It is the same for
   * all workers of a queue.
   * @defaultValue `30000`
   */
  lockTime?: number
  /** How often the worker of a job may be lost before the job counts as failed, 1 to 1000. @defaultValue `25` */
  maxCrashes?: number
  /** Time between two reports of how far a job has come, in ms, 1000 to 600000. @defaultValue `15000` */
  reportEvery?: number
  /** How long a live input may take to hand over its last words when the worker is drained, in ms, 0 to 60000. @defaultValue `5000` */
  drainTime?: number
  /**
   * Most sessions a minute, 1 to 1000000, that all workers of the queue together open with their key, live inputs first; a tenth is
   * kept for these. Where it is not given, it is 100 at first, grows by a tenth a minute while seven tenths of it are used, as
   * AssemblyAI raises its limit, and shrinks to what was let in where a server refuses sessions as too many.
   * @defaultValue as said
   */
  sessionsPerMinute?: number
  /**
   * Where `GET /metrics` tells Prometheus of streams, lag, sessions, words, gaps and lost locks; needs the package `prom-client`.
   * @defaultValue none
   */
  metrics?: FleetMetricsOptions
  /** Name of the worker, as `status()` shows it. @defaultValue the host's name and the process's number */
  name?: string
}

const STORES = ['redis:', 'rediss:', 'postgres:', 'postgresql:']

const FLEET_CHECKS: Readonly<Record<keyof FleetOptions, Check>> = {
  store: (name, value) => {
    const given = value instanceof URL ? value.href : value
    const isAddress = typeof given === 'string' && URL.canParse(given) && STORES.includes(new URL(given).protocol)
    // It may hold a password.
    const shown = typeof given === 'string' && URL.canParse(given) ? new URL(given).protocol : 'what is no address'
    if (!isAddress) throw invalidOption(name, 'an address that begins with redis: or postgres:', shown)
  },
  queue: matching(/^[\w-]{1,100}$/, 'a name of letters, digits, - and _'),
  namespace: matching(/^[a-z_]\w{0,50}$/i, 'a name of letters, digits and _'),
}

function matching(pattern: RegExp, rule: string): Check {
  return (name, value) => {
    if (value !== undefined && !(typeof value === 'string' && pattern.test(value))) {
      throw invalidOption(name, rule, value)
    }
  }
}

const ADD_CHECKS: Readonly<Record<keyof FleetAddOptions, Check>> = {
  output: string(1, 4096),
  // What is made at the end cannot go on after a crash.
  formats: formatsAmong(captionFormats.filter((format) => format !== 'docx')),
  priority: integer(1, 2_000_000),
  labels: (name, value) => {
    if (value === undefined) return
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value)
    const entries = isTable ? Object.entries(value) : []
    const areTexts = entries.every(([key, text]) => key.length <= 200 && typeof text === 'string' && text.length <= 200)
    if (!isTable || entries.length > 20 || !areTexts) {
      throw invalidOption(name, 'at most 20 texts of 200 characters by their names', value)
    }
  },
  live: checkBoolean,
  slice: integer(10_000, 86_400_000, 'ms'),
  attempts: integer(1, 1_000_000),
  existing: oneOf('skip', 'overwrite'),
  hearing: (_name, value) => void (value === undefined || hearingOptions(value as FleetHearing, 'any')),
  source: (_name, value) => void resolveFfmpegOptions('source', value ?? {}),
  speakers: (name, value) => checkSpeakerNames(name, value),
  layout: oneOf(...PRESET_NAMES),
}

const WORK_CHECKS: Readonly<Record<keyof FleetWorkOptions, Check>> = {
  concurrency: (name, value) => (value === 'auto' ? undefined : integer(1, 1000)(name, value)),
  apiKey: (_name, apiKey) => checkAuthentication({ apiKey } as FleetWorkOptions),
  lockTime: integer(1000, 600_000, 'ms'),
  maxCrashes: integer(1, 1000),
  reportEvery: integer(1000, 600_000, 'ms'),
  drainTime: integer(0, 60_000, 'ms'),
  sessionsPerMinute: integer(1, 1_000_000),
  metrics: (_name, value) => {
    if (value === undefined) return
    checkOptions('metrics', value as object, { port: integer(0, 65_535), host: string(1, 255) })
    if ((value as Partial<FleetMetricsOptions>).port === undefined)
      throw invalidOption('metrics.port', 'a port', undefined)
  },
  name: string(1, 200),
}

/** @throws ConfigurationError `INVALID_OPTION` */
export function resolveFleetOptions(options: FleetOptions): { store: URL; queue: string; namespace: string } {
  checkOptions('openFleet()', options, FLEET_CHECKS)
  const { store, queue = 'captions', namespace = 'diarize_stream' } = options
  return { store: new URL(store), queue, namespace }
}

/** @throws ConfigurationError `INVALID_OPTION` */
export function checkAddOptions(options: FleetAddOptions): void {
  checkOptions('add()', options, ADD_CHECKS)
}

export type ResolvedWorkOptions = Required<
  Omit<FleetWorkOptions, 'apiKey' | 'name' | 'sessionsPerMinute' | 'metrics'>
> &
  Pick<FleetWorkOptions, 'apiKey' | 'name' | 'sessionsPerMinute' | 'metrics'>

/** @throws ConfigurationError `INVALID_OPTION` */
export function resolveWorkOptions(options: FleetWorkOptions): ResolvedWorkOptions {
  checkOptions('work()', options, WORK_CHECKS)
  return {
    concurrency: 'auto',
    lockTime: 30_000,
    maxCrashes: 25,
    reportEvery: 15_000,
    drainTime: 5000,
    ...defined(options),
  }
}

/** Name of the queue's own fields of `hearing`, which `diarize()` does not have. */
const HEARING = ['engine', 'url', 'region', 'parameters', 'serverLabels', 'local', 'voices']

/**
 * The options of `diarize()` for an input, but for the engine on this machine.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function hearingOptions(given: FleetHearing, apiKey: DiarizeOptions['apiKey'] | undefined): DiarizeOptions {
  checkGroup('add()', 'hearing', given, HEARING)
  const { local, ...hearing } = given
  checkGroup('add()', 'hearing.local', local, ['model', 'language'])
  checkString('hearing.local.model', local?.model, 1, 4096)
  checkString('hearing.local.language', local?.language, 1, 100)
  const isLocal = hearing.engine === 'embedded'
  if (local !== undefined && !isLocal) {
    const message = "hearing.local is for the engine on the worker's machine: give engine: 'embedded', too"
    throw refusedOption('hearing.local', message)
  }
  const options: DiarizeOptions = { ...hearing, ...(apiKey !== undefined && !isLocal && { apiKey }) }
  resolveDiarizeOptions(options)
  return options
}
