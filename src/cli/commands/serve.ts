import { accessSync, constants, existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { embeddedEngine, reserveModels } from '../../engine/embedded.ts'
import type { Engine } from '../../engine/engine.ts'
import { ConfigurationError, EngineError } from '../../errors.ts'
import { checkOneOf, defined } from '../../options.ts'
import { type ServerOptions, serve, type StreamingServer, type TlsOptions } from '../../server/index.ts'
import { isLoopback, tlsTrouble } from '../../server/options.ts'
import { onceAborted, unlessAborted } from '../../stream-helpers.ts'
import { EXIT, interrupts } from '../exit-codes.ts'
import { integer, parseOptions, readNamed, usage } from '../options.ts'
import { type Log, logTo, type Output } from '../view/text.ts'

const DEFAULT_PORT = 8080
/** Seconds that sessions get to end by themselves once the server is to go. */
const DEFAULT_DRAIN = 30
/** Days that a certificate made at the start is good for: longer than a server runs, shorter than it is forgotten. */
const CERTIFICATE_DAYS = 365
const DAY_MS = 86_400_000

/** What `diarize-stream serve --help` prints. */
const SERVE_USAGE = `diarize-stream serve [options]

The v3 streaming protocol on a machine of your own: official SDKs, diarize-stream --url and any other client of the
protocol can be pointed at it.

Engine
  --engine <which>          local, the engine on this machine, or a module of your own whose default export is an Engine:
                            ./engine.js (default: local)
  --model <name>            with local: a model that was pulled, or the folder of one: ./folder
  --language <code>         with local: what is spoken where a client does not say, e.g. de
  --processes <number>      with local: most processes that recognise words at a time (default: one for each core)

Address
  --host <address>          address to listen on (default: 127.0.0.1, which other machines cannot reach)
  --port <number>           TCP port, 0 for a free one (default: ${DEFAULT_PORT})
  --self-signed <file>      serve wss: with a certificate made now; it is written to <file>, for clients to trust. Its key
                            stays in memory
  --tls-cert <file>         serve wss: with this certificate, in PEM, and
  --tls-key <file>          this private key

Clients
  --keys-file <file>        API keys that are let in, one a line; lines that begin with # are skipped
  --open                    let everybody in, with or without a key
  --max-sessions <number>   sessions at one time (default: 100)
  --max-sessions-per-minute <number>
                            sessions that may begin within any minute (default: no limit)
  --max-duration <seconds>  longest session (default: 10800)
  --max-payload <bytes>     largest message of a client (default: 131072)
  --pacing <how>            enforce real time, or off (default: off where the engine is faster than real time)

Running
  --metrics                 answer GET /metrics in Prometheus' text format, to those with a key where there is --keys-file
  --drain <seconds>         how long sessions may go on after Ctrl-C or SIGTERM (default: ${DEFAULT_DRAIN})
  --json                    what happens as JSON lines on standard output
  --quiet                   nothing on standard error but errors

Ctrl-C, or SIGTERM, takes no more sessions and ends when those that are open have ended, or --drain is over. A second one
ends at once.

Exit codes: 0 all sessions ended by themselves, 1 some were cut, 2 usage, 4 the engine failed
`

export const SERVE_OPTIONS = {
  engine: { type: 'string' },
  model: { type: 'string' },
  language: { type: 'string' },
  processes: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'self-signed': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'keys-file': { type: 'string' },
  open: { type: 'boolean' },
  'max-sessions': { type: 'string' },
  'max-sessions-per-minute': { type: 'string' },
  'max-duration': { type: 'string' },
  'max-payload': { type: 'string' },
  pacing: { type: 'string' },
  metrics: { type: 'boolean' },
  drain: { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** What `diarize-stream serve` was asked for. */
export interface ServeCommand {
  /** The file of an engine of the user's own; absent for the engine on this machine, which has options. */
  module?: string
  local: { model?: string; language?: string; processes?: number }
  server: Omit<ServerOptions, 'engine' | 'tls'> & { host: string; port: number }
  /** Where the certificate that is made goes. */
  selfSigned?: string
  tls?: TlsOptions
  drainMs: number
  json: boolean
  quiet: boolean
}

/**
 * Obeys `diarize-stream serve …`: until a signal ends it.
 *
 * @param args - what follows `serve`.
 * @returns the exit code.
 * @throws ConfigurationError `INVALID_OPTION`, or what the engine fails with before any client is let in.
 */
export async function runServe(args: readonly string[], output: Output): Promise<number> {
  const command = parseServe(args)
  if (command === 'help') {
    output.stdout.write(SERVE_USAGE)
    return EXIT.complete
  }
  const log = logTo(output, command)
  const { stop, abort } = interrupts(() => log({ type: 'draining' }, 'taking no more sessions; once more ends at once'))
  const { module, local, selfSigned: certificate, server: address } = command
  const engine = module === undefined ? embeddedEngine(local) : await orAbort(load(module), abort)
  if (certificate !== undefined) checkWritable(certificate)
  const tls = certificate === undefined ? command.tls : await selfSigned(address.host)
  const models = module === undefined ? await reserveModels(local) : undefined
  try {
    // Loaded before the first client comes, so that its first words are not late; what is missing is known at once.
    if (models !== undefined) await orAbort(models.ready(), abort)
    if (stop.aborted) return EXIT.complete
    await using server = await serve({ ...command.server, engine, ...defined({ tls }) })
    // Not before it serves: the file may be what clients of a server that has the port trust.
    if (certificate !== undefined && tls !== undefined) writeCertificate(certificate, tls)
    followServer(server, log)
    const { url, tokenUrl, metricsUrl } = server
    log(
      { type: 'listening', url, tokenUrl, metricsUrl, engine: engine.name, model: engine.model },
      `${engine.name} ${engine.model ?? ''} at ${url}${metricsUrl === undefined ? '' : `, ${metricsUrl}`}`,
    )
    await aborted(stop)
    await Promise.race([server.drain(command.drainMs), aborted(abort)])
    const cut = server.sessions.size
    await server.close()
    log({ type: 'closed', cut }, cut === 0 ? 'closed; every session had ended' : `closed; ${cut} sessions were cut`)
    return cut === 0 ? EXIT.complete : EXIT.output
  } finally {
    await models?.release()
  }
}

/**
 * What the arguments ask for.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function parseServe(args: readonly string[]): ServeCommand | 'help' {
  const values = parse(args)
  if (values.help === true) return 'help'
  checkOneOf('--pacing', values.pacing, ['enforce', 'off'])
  const isLocal = values.engine === undefined || values.engine === 'local' || values.engine === 'embedded'
  for (const name of ['model', 'language', 'processes'] as const) {
    if (!isLocal && values[name] !== undefined) throw wrong(`--${name} is for --engine local; leave one of them out`)
  }
  const selfSigned = values['self-signed']
  const [cert, key] = [values['tls-cert'], values['tls-key']]
  if ((cert === undefined) !== (key === undefined)) throw wrong('--tls-cert and --tls-key need each other')
  if (selfSigned !== undefined && cert !== undefined) throw wrong('--self-signed and --tls-cert exclude each other')
  if (values.open === true && values['keys-file'] !== undefined)
    throw wrong('--open and --keys-file exclude each other')
  const keys = values['keys-file'] === undefined ? undefined : readKeys(values['keys-file'])
  const host = values.host ?? '127.0.0.1'
  if (!isLoopback(host) && keys === undefined && values.open !== true)
    throw wrong(`--host ${host} can be reached from other machines: give --keys-file, or --open to let everybody in`)
  const tls = cert === undefined ? undefined : { cert: read('--tls-cert', cert), key: read('--tls-key', key as string) }
  const trouble = tls === undefined ? undefined : tlsTrouble(tls)
  if (trouble !== undefined) throw wrong(`--tls-cert and --tls-key cannot be used: ${trouble}`)
  const seconds = integer('--max-duration', values['max-duration'], 1, 86_400)
  return {
    ...(!isLocal && { module: values.engine as string }),
    local: defined({
      model: values.model,
      language: values.language,
      processes: integer('--processes', values.processes, 1, 64),
    }),
    server: {
      host,
      port: integer('--port', values.port, 0, 65_535) ?? DEFAULT_PORT,
      metrics: values.metrics ?? false,
      ...defined({
        apiKeys: keys,
        authentication: values.open === true ? false : undefined,
        maxSessions: integer('--max-sessions', values['max-sessions'], 1, 100_000),
        maxSessionsPerMinute: integer('--max-sessions-per-minute', values['max-sessions-per-minute'], 1, 1_000_000),
        maxSessionDuration: seconds === undefined ? undefined : seconds * 1000,
        maxPayload: integer('--max-payload', values['max-payload'], 1024, 16_777_216),
        pacing: values.pacing as 'enforce' | 'off' | undefined,
      }),
    },
    ...defined({ selfSigned, tls }),
    drainMs: (integer('--drain', values.drain, 0, 86_400) ?? DEFAULT_DRAIN) * 1000,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
  }
}

function parse(args: readonly string[]) {
  // A key must not be repeated by the message on an option that is not known.
  if (args.some((argument) => /^--api[-_]?keys?(?:=|$)/i.test(argument))) {
    throw wrong('keys are not taken as arguments, which every user of this machine can read; put them in a --keys-file')
  }
  return parseOptions(args, SERVE_OPTIONS, { of: 'diarize-stream serve' }).values
}

function readKeys(file: string): string[] {
  const keys = read('--keys-file', file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) throw wrong(`--keys-file ${file} holds no key`)
  return keys
}

function read(option: string, file: string): string {
  return readNamed(option, file, 'diarize-stream serve')
}

/** An engine of the user's own. */
async function load(file: string): Promise<Engine> {
  let loaded: { default?: unknown }
  try {
    loaded = (await import(pathToFileURL(path.resolve(file)).href)) as typeof loaded
  } catch (cause) {
    throw new EngineError('ENGINE_UNAVAILABLE', `--engine ${file} cannot be loaded: ${(cause as Error).message}`, {
      cause,
    })
  }
  const engine = loaded.default as Partial<Engine> | undefined
  if (typeof engine?.open === 'function') return engine as Engine
  throw wrong(`--engine ${file} must have an Engine as its default export`)
}

/** Throws where `file` can be seen to take nothing, before anything is begun for it. */
function checkWritable(file: string): void {
  try {
    accessSync(existsSync(file) ? file : path.dirname(file), constants.W_OK)
  } catch (error) {
    throw unwritable(error)
  }
}

/** Writes the public half of a certificate. */
function writeCertificate(file: string, { cert }: TlsOptions): void {
  try {
    writeFileSync(file, cert)
  } catch (error) {
    throw unwritable(error)
  }
}

function unwritable(error: unknown): ConfigurationError {
  return wrong(`--self-signed cannot be written: ${(error as Error).message}`)
}

/** A certificate for `host` and for the names of this machine to itself. */
async function selfSigned(host: string): Promise<TlsOptions> {
  let library: typeof import('selfsigned')
  try {
    library = await import('selfsigned')
  } catch (cause) {
    throw new ConfigurationError(
      'INVALID_OPTION',
      '--self-signed needs the package selfsigned: npm install selfsigned; or give --tls-cert and --tls-key',
      { cause },
    )
  }
  const names = [...new Set(['localhost', '127.0.0.1', '::1', host])].map((name) =>
    /^[\d.]+$|:/.test(name) ? ({ type: 7, ip: name } as const) : ({ type: 2, value: name } as const),
  )
  const { private: key, cert } = await library.generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + CERTIFICATE_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: names },
    ],
  })
  return { key, cert }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onceAborted(signal, resolve))
}

/** What `work` gives, unless a second signal comes first. */
function orAbort<T>(work: Promise<T>, abort: AbortSignal): Promise<T> {
  return unlessAborted(work, abort, () => abort.reason as Error)
}

function wrong(message: string): ConfigurationError {
  return usage(message, 'diarize-stream serve')
}

/** Says what a server does. */
function followServer(server: StreamingServer, log: Log): void {
  server.on('session', ({ id }) => {
    const open = server.sessions.size
    log({ type: 'session', id, open }, `${id} begun; ${open} open`)
  })
  server.on('sessionEnd', ({ id, receivedMs }, { code, reason, terminated, cause }) => {
    const open = server.sessions.size
    const audioSeconds = Math.round(receivedMs) / 1000
    const why = cause instanceof Error ? cause.message : reason
    log(
      { type: 'sessionEnd', id, code, reason: why, terminated, audioSeconds, open },
      `${id} ended with ${code} after ${audioSeconds.toFixed(1)} s${why === '' ? '' : `: ${why}`}; ${open} open`,
    )
  })
  server.on('refused', ({ code, reason }) => {
    log({ type: 'refused', code, reason }, `refused with ${code}: ${reason}`)
  })
}
