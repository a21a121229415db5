import { setTimeout as delay } from 'node:timers/promises'
import type { CaptionFormat } from '../../captions/formats/options.ts'
import { PRESET_NAMES } from '../../captions/layout/options.ts'
import { errorCode } from '../../errors.ts'
import { checkOneOf, defined } from '../../options.ts'
import { type Region, regions } from '../../protocol/endpoint.ts'
import {
  type Fleet,
  type FleetAddOptions,
  type FleetStatus,
  type FleetWorker,
  type FleetWorkOptions,
  openFleet,
} from '../../fleet/index.ts'
import { EXIT, interrupts } from '../exit-codes.ts'
import { integer, list, parseNames, parseOptions, parseTracks, readKey, unknownAction, usage } from '../options.ts'
import { type Log, logTo, type Output, printable } from '../view/text.ts'

/** What `diarize-stream fleet --help` prints. */
const FLEET_USAGE = `diarize-stream fleet add <inputs> [options]
diarize-stream fleet work [options]
diarize-stream fleet status [--json]
diarize-stream fleet drain [--worker <name>]
diarize-stream fleet retry [<id> ...]

Many machines caption many inputs, by a queue in Redis 7 or PostgreSQL 15. Needs the package bullmq, and ioredis or pg.

  add <inputs>              put files, folders, lists and addresses, also of cameras, into the queue; what was added before
                            with the same options is not added again
  work                      do what is in the queue, until Ctrl-C or SIGTERM, at which jobs are handed to others
  status                    what waits, what is under way, what has failed
  drain                     have all workers, or one, hand over their jobs and end
  retry                     put failed jobs back into the queue, all of them or those named

All
  --store <address>         redis://host:6379 or postgres://user@host/database; else the environment's DIARIZE_STREAM_STORE,
                            which may hold a password
  --queue <name>            the queue; each API key has one of its own (default: captions)
  --json                    for programs, on standard output

add
  -o, --output <pattern>    where outputs go, on storage that all workers have at the same place: '/mnt/out/{folder}/{name}.{format}';
                            for live inputs also {number}, {date} and {time} of the slice (default: beside each file);
                            or in S3, 's3://bucket/{name}.{format}', where jsonl must be among the formats
  --format <list>           what is made: srt,vtt,jsonl (default: srt)
  --priority <number>       1 comes before 2, and so on (default: 1 for live inputs, else 100)
  --label <name>=<value>    what you want to know of it later; several times
  --live                    addresses of http: are live, as those of cameras are
  --slice <seconds>         how long one job hears a live input before the next goes on (default: 3600)
  --overwrite               make again what is there already
  --engine <name>           assemblyai or local; --url <address>, --region <name>, --model <name>, --language <code>,
                            --speakers <number>, --keyterms <list>, --no-voices, --audio-track <which>, --names <list> and
                            --preset <name> as for one input

work
  --concurrency <number>    inputs at a time (default: as many as the processors can do)
  --api-key-file <file>     the key for the service, or for the server of --url
  --lock-time <seconds>     so long after its worker's last sign of life a job is another's (default: 30)
  --sessions-per-minute <number>
                            most sessions that all workers together open a minute (default: 100 at first, and what the
                            service takes)
  --metrics <address>       where GET /metrics tells Prometheus of it, a port or host:port; needs the package prom-client
  --name <name>             name of the worker (default: host and number of the process)

Exit codes: 0 done, 1 workers to be drained have jobs still, 2 usage, 3 an input, or what is to be tried again, is missing,
4 the store cannot be reached
`

const COMMON = {
  store: { type: 'string' },
  queue: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const
const ADD = {
  output: { type: 'string', short: 'o' },
  format: { type: 'string', multiple: true },
  priority: { type: 'string' },
  label: { type: 'string', multiple: true },
  live: { type: 'boolean' },
  slice: { type: 'string' },
  overwrite: { type: 'boolean' },
  engine: { type: 'string' },
  url: { type: 'string' },
  region: { type: 'string' },
  model: { type: 'string' },
  language: { type: 'string' },
  speakers: { type: 'string' },
  keyterms: { type: 'string', multiple: true },
  'no-voices': { type: 'boolean' },
  'audio-track': { type: 'string' },
  names: { type: 'string' },
  preset: { type: 'string' },
} as const
const WORK = {
  concurrency: { type: 'string' },
  'api-key-file': { type: 'string' },
  'lock-time': { type: 'string' },
  'sessions-per-minute': { type: 'string' },
  metrics: { type: 'string' },
  name: { type: 'string' },
} as const
const DRAIN = { worker: { type: 'string' } } as const

export const FLEET_OPTIONS = { ...COMMON, ...ADD, ...WORK, ...DRAIN } as const

/** Options of each command, beside those of all. */
const OWN = new Map<string, object>([
  ['add', ADD],
  ['work', WORK],
  ['status', {}],
  ['drain', DRAIN],
  ['retry', {}],
])

/** How long a drain is waited for, in ms. */
const DRAIN_MS = 60_000
const LOOK_MS = 250

type Values = ReturnType<typeof parse>['values']

/**
 * Obeys `diarize-stream fleet …`.
 *
 * @param args - what follows `fleet`.
 * @returns the exit code.
 * @throws any error of the library
 */
export async function runFleet(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parse(args)
  const [action, ...rest] = positionals
  if (values.help === true) {
    output.stdout.write(FLEET_USAGE)
    return EXIT.complete
  }
  const own = OWN.get(action ?? '')
  if (own === undefined) throw unknownAction('fleet', action, 'add, work, status, drain or retry')
  const foreign = Object.keys(values).find((name) => !(name in COMMON) && !(name in own))
  if (foreign !== undefined) throw wrong(`--${foreign} is of no use with fleet ${action}`)
  if (action !== 'add' && action !== 'retry' && rest.length > 0) throw wrong(`fleet ${action} takes no ${rest[0]}`)
  const options = action === 'add' ? addOptions(rest, values) : {}
  const working = action === 'work' ? workOptions(values) : {}
  // It is closed when what is returned has been awaited.
  await using fleet = await openFleet({
    store: storeOf(values.store),
    ...defined({ queue: values.queue }),
  })
  const { stdout } = output
  switch (action) {
    case 'add': {
      const { added, ids } = await fleet.add(rest, options)
      if (values.json === true) stdout.write(`${JSON.stringify({ type: 'added', added, ids })}\n`)
      else output.stderr.write(`${added} added, ${ids.length - added} were there already\n`)
      return EXIT.complete
    }
    case 'work':
      return await work(fleet, working, logTo(output, { json: values.json === true, quiet: false }))
    case 'drain':
      return await drain(fleet, values.worker, output)
    case 'retry':
      return await retry(fleet, rest, values.json === true, output)
    default: {
      const status = await fleet.status()
      stdout.write(values.json === true ? `${JSON.stringify(status)}\n` : statusText(status))
      return EXIT.complete
    }
  }
}

function parse(args: readonly string[]) {
  return parseOptions(args, FLEET_OPTIONS, { of: 'diarize-stream fleet', allowPositionals: true })
}

/** A password in an argument can be read by every user of the machine. */
function storeOf(given: string | undefined): string {
  const store = given ?? process.env['DIARIZE_STREAM_STORE']
  if (store === undefined || store === '') throw wrong('give --store <address>, or set DIARIZE_STREAM_STORE')
  const address = given !== undefined && URL.canParse(given) ? new URL(given) : undefined
  if (address !== undefined && (address.password !== '' || address.searchParams.has('password'))) {
    throw wrong(
      'a password is not taken as an argument, which every user of this machine can read; set DIARIZE_STREAM_STORE',
    )
  }
  return store
}

function addOptions(inputs: readonly string[], values: Values): FleetAddOptions {
  if (inputs.length === 0) throw wrong('fleet add needs inputs: files, folders, lists or addresses')
  checkOneOf('--engine', values.engine, ['assemblyai', 'local', 'embedded'])
  checkOneOf('--region', values.region, regions)
  checkOneOf('--preset', values.preset, PRESET_NAMES)
  const isLocal = values.engine === 'local' || values.engine === 'embedded'
  const { url, region, model, language } = values
  const keyterms = (values.keyterms ?? []).flatMap((terms) => list('--keyterms', terms))
  const slice = integer('--slice', values.slice, 10, 86_400)
  const parameters = defined({
    maxSpeakers: integer('--speakers', values.speakers, 1, 10),
    keytermsPrompt: keyterms.length > 0 ? keyterms : undefined,
    speechModel: isLocal ? undefined : model,
    languageCodes: isLocal || language === undefined ? undefined : [language.toLowerCase()],
  })
  const local = isLocal ? defined({ model, language }) : {}
  return defined({
    output: values.output,
    formats: values.format?.flatMap((formats) => list('--format', formats)) as CaptionFormat[] | undefined,
    priority: integer('--priority', values.priority, 1, 2_000_000),
    labels: values.label === undefined ? undefined : labelsOf(values.label),
    live: values.live,
    slice: slice === undefined ? undefined : slice * 1000,
    existing: values.overwrite === true ? ('overwrite' as const) : undefined,
    hearing: defined({
      engine: isLocal ? ('embedded' as const) : (values.engine as 'assemblyai' | undefined),
      url,
      region: region as Region | undefined,
      parameters: Object.keys(parameters).length > 0 ? parameters : undefined,
      local: Object.keys(local).length > 0 ? local : undefined,
      voices: values['no-voices'] === true ? false : undefined,
    }),
    source: parseTracks(values['audio-track'], undefined),
    speakers: parseNames(values.names),
    layout: values.preset as (typeof PRESET_NAMES)[number] | undefined,
  })
}

function labelsOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((label) => {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(label) ?? []
    if (name === '') throw wrong(`--label must be like customer=acme; got '${label}'`)
    return [name, value] as const
  })
  return Object.fromEntries(pairs)
}

function workOptions(values: Values): FleetWorkOptions {
  const lockSeconds = integer('--lock-time', values['lock-time'], 1, 600)
  return defined({
    concurrency: integer('--concurrency', values.concurrency, 1, 1000),
    sessionsPerMinute: integer('--sessions-per-minute', values['sessions-per-minute'], 1, 1_000_000),
    lockTime: lockSeconds === undefined ? undefined : lockSeconds * 1000,
    name: values.name,
    metrics: values.metrics === undefined ? undefined : metricsOf(values.metrics),
    apiKey: values['api-key-file'] === undefined ? undefined : readKey(values['api-key-file']),
  })
}

function metricsOf(text: string): { port: number; host?: string } {
  const [, host, port = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65_535) throw wrong(`--metrics must be a port or host:port; got '${text}'`)
  return { port: Number(port), ...(host !== undefined && { host: host.replaceAll(/^\[|\]$/g, '') }) }
}

/** Does jobs until a signal comes, or the worker is drained by others. */
async function work(fleet: Fleet, options: FleetWorkOptions, log: Log): Promise<number> {
  for (const { code, message } of await fleet.warnings()) log({ type: 'warning', code, message }, `warning: ${message}`)
  const worker = await fleet.work(options)
  delete process.env['ASSEMBLYAI_API_KEY']
  followWorker(worker, log)
  const { stop, abort } = interrupts(() => log({ type: 'draining' }, 'handing jobs over; once more ends at once'))
  stop.addEventListener('abort', () => void worker.drain())
  abort.addEventListener('abort', () => process.exit(EXIT.output))
  await worker.ended()
  return EXIT.complete
}

async function drain(fleet: Fleet, worker: string | undefined, { stderr }: Output): Promise<number> {
  if (worker !== undefined && !(await fleet.status()).active.some((job) => job.worker === worker)) {
    stderr.write(`${printable(worker)} has no job; if there is a worker of that name, it ends\n`)
  }
  await fleet.drain(worker)
  if (await isQuiet(() => fleet.status(), worker)) return EXIT.complete
  const whose = worker === undefined ? 'some workers have' : `${printable(worker)} has`
  stderr.write(`${whose} jobs still, after ${DRAIN_MS / 1000} s; fleet status says which\n`)
  return EXIT.output
}

async function retry(fleet: Fleet, ids: readonly string[], json: boolean, { stdout, stderr }: Output): Promise<number> {
  const unknown: string[] = []
  let count = ids.length === 0 ? await fleet.retry() : 0
  for (const id of ids) {
    const found = await fleet.retry([id])
    if (found === 0) unknown.push(id)
    count += found
  }
  if (json) stdout.write(`${JSON.stringify({ type: 'retried', count, unknown })}\n`)
  else stderr.write(`${count} put back\n`)
  if (unknown.length === 0) return EXIT.complete
  stderr.write(
    `nothing that has failed has the id ${unknown.map(printable).join(', ')}; fleet status says which have\n`,
  )
  return EXIT.input
}

/** Whether, within a minute, no worker, or not the one named, has a job any more. */
async function isQuiet(status: () => Promise<FleetStatus>, worker: string | undefined): Promise<boolean> {
  const until = performance.now() + DRAIN_MS
  for (;;) {
    const { active } = await status()
    if (active.every((job) => worker !== undefined && job.worker !== worker)) return true
    if (performance.now() > until) return false
    await delay(LOOK_MS)
  }
}

/** The status for people. */
export function statusText({ store, queue, counts, active, failed }: FleetStatus): string {
  const { waiting, delayed, completed } = counts
  const later = delayed > 0 ? `, ${delayed} to be tried again` : ''
  const lines = [
    `${queue} on ${store}: ${waiting} waiting${later}, ${counts.active} under way, ${completed} done, ${counts.failed} failed`,
  ]
  for (const { input, slice, worker = '', crashes, progress } of active) {
    const done = progress === undefined ? 'begun' : `${seconds(progress.doneMs)} s`
    const total = progress?.totalMs === undefined ? '' : ` of ${seconds(progress.totalMs)} s`
    const part = slice === undefined ? '' : `, slice ${slice}`
    const lost = crashes === 0 ? '' : `, lost ${crashes} times`
    lines.push(`${input}${part}: ${done}${total}, ${worker}${lost}`)
  }
  for (const { id, input, reason } of failed) lines.push(`failed: ${input} (${id}): ${reason.split('\n')[0]}`)
  return lines.map((line, index) => `${index === 0 ? '' : '  '}${printable(line)}\n`).join('')
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(0)
}

/** Says what a worker does. */
function followWorker(worker: FleetWorker, log: Log): void {
  log({ type: 'worker', name: worker.name }, `${worker.name} takes jobs`)
  worker.on('begin', (job) => log({ type: 'begin', ...job }, `begun: ${job.input}`))
  worker.on('done', (job, { status, files, summary }) => {
    const gaps = summary?.gaps ?? []
    log({ type: 'done', ...job, status, files, gaps }, `${status}: ${job.input}`)
  })
  worker.on('failed', (job, error) => {
    const code = errorCode(error)
    log({ type: 'failed', ...job, code, message: error.message }, `failed: ${job.input}: ${error.message}`)
  })
  worker.on('moved', (job) => log({ type: 'moved', ...job }, `handed over: ${job.input}`))
  worker.on('lost', (job) => log({ type: 'lost', ...job }, `lost, and left to others: ${job.input}`))
  worker.on('warning', (warning) => log({ type: 'warning', ...warning }, `warning: ${warning.message}`))
}

function wrong(message: string): Error {
  return usage(message, 'diarize-stream fleet')
}
