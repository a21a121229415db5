import { setTimeout as delay } from 'node:timers/promises'
import type { CaptionFormat } from '../../captions/formats/options.ts'
import { PRESET_NAMES } from '../../captions/layout/options.ts'
import { checkInteger, checkOneOf } from '../../options.ts'
import { type Region, regions } from '../../protocol/endpoint.ts'
import { type FleetAddOptions, type FleetStatus, type FleetWorker, openFleet } from '../../fleet/index.ts'
import { list, parseNames, parseTracks, readKey } from '../arguments.ts'
import { EXIT, interrupts } from '../exit-codes.ts'
import { numberOrText, parseOptions, usage } from '../options.ts'
import { printable } from '../view/text.ts'

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

export const FLEET_OPTIONS = {
  store: { type: 'string' },
  queue: { type: 'string' },
  json: { type: 'boolean' },
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
  concurrency: { type: 'string' },
  'api-key-file': { type: 'string' },
  'lock-time': { type: 'string' },
  'sessions-per-minute': { type: 'string' },
  metrics: { type: 'string' },
  name: { type: 'string' },
  worker: { type: 'string' },
  help: { type: 'boolean' },
} as const

const COMMON = ['store', 'queue', 'json', 'help']
/** Options of each command, beside those of all. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  add: Object.keys(FLEET_OPTIONS).slice(3, Object.keys(FLEET_OPTIONS).indexOf('concurrency')),
  work: ['concurrency', 'api-key-file', 'lock-time', 'sessions-per-minute', 'metrics', 'name'],
  status: [],
  drain: ['worker'],
  retry: [],
}

/** How long a drain is waited for, in ms. */
const DRAIN_MS = 60_000
const LOOK_MS = 250

export interface FleetOutput {
  stdout: Pick<NodeJS.WriteStream, 'write'>
  stderr: Pick<NodeJS.WriteStream, 'write'>
}

type Values = ReturnType<typeof parse>['values']

/**
 * Obeys `diarize-stream fleet …`.
 *
 * @param args - what follows `fleet`.
 * @returns the exit code.
 * @throws any error of the library
 */
export async function runFleet(args: readonly string[], output: FleetOutput): Promise<number> {
  const { values, positionals } = parse(args)
  const [action, ...rest] = positionals
  if (values.help === true) {
    output.stdout.write(FLEET_USAGE)
    return EXIT.complete
  }
  const own = OWN[action ?? '']
  if (own === undefined) {
    throw wrong(
      `fleet ${action === undefined ? 'needs to know what to do' : `cannot ${action}`}: add, work, status, drain or retry`,
    )
  }
  const foreign = Object.keys(values).find((name) => !COMMON.includes(name) && !own.includes(name))
  if (foreign !== undefined) throw wrong(`--${foreign} is of no use with fleet ${action}`)
  if (action !== 'add' && action !== 'retry' && rest.length > 0) throw wrong(`fleet ${action} takes no ${rest[0]}`)
  const options = action === 'add' ? addOptions(rest, values) : {}
  const work = action === 'work' ? workOptions(values) : {}
  await using fleet = await openFleet({
    store: storeOf(values.store),
    ...(values.queue !== undefined && { queue: values.queue }),
  })
  const { stdout } = output
  switch (action) {
    case 'add': {
      const { added, ids } = await fleet.add(rest, options)
      if (values.json === true) stdout.write(`${JSON.stringify({ type: 'added', added, ids })}\n`)
      else output.stderr.write(`${added} added, ${ids.length - added} were there already\n`)
      return EXIT.complete
    }
    case 'work': {
      const log = new WorkLog(values.json === true, output)
      for (const { code, message } of await fleet.warnings())
        log.say({ type: 'warning', code, message }, `warning: ${message}`)
      const worker = await fleet.work(work)
      delete process.env['ASSEMBLYAI_API_KEY']
      log.follow(worker)
      const { stop, abort } = interrupts(() =>
        log.say({ type: 'draining' }, 'handing jobs over; once more ends at once'),
      )
      stop.addEventListener('abort', () => void worker.drain())
      abort.addEventListener('abort', () => process.exit(EXIT.output))
      await worker.ended()
      return EXIT.complete
    }
    case 'drain': {
      const { worker } = values
      if (worker !== undefined && !(await fleet.status()).active.some((job) => job.worker === worker)) {
        output.stderr.write(`${printable(worker)} has no job; if there is a worker of that name, it ends\n`)
      }
      await fleet.drain(worker)
      if (await isQuiet(() => fleet.status(), values.worker)) return EXIT.complete
      const whose = values.worker === undefined ? 'some workers have' : `${printable(values.worker)} has`
      output.stderr.write(`${whose} jobs still, after ${DRAIN_MS / 1000} s; fleet status says which\n`)
      return EXIT.output
    }
    case 'retry': {
      const unknown: string[] = []
      let count = rest.length === 0 ? await fleet.retry() : 0
      for (const id of rest) {
        const found = await fleet.retry([id])
        if (found === 0) unknown.push(id)
        count += found
      }
      if (values.json === true) stdout.write(`${JSON.stringify({ type: 'retried', count, unknown })}\n`)
      else output.stderr.write(`${count} put back\n`)
      if (unknown.length === 0) return EXIT.complete
      output.stderr.write(
        `nothing that has failed has the id ${unknown.map(printable).join(', ')}; fleet status says which have\n`,
      )
      return EXIT.input
    }
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
  const maxSpeakers = integer('--speakers', values.speakers, 1, 10)
  const keyterms = (values.keyterms ?? []).flatMap((terms) => list('--keyterms', terms))
  const slice = integer('--slice', values.slice, 10, 86_400)
  const priority = integer('--priority', values.priority, 1, 2_000_000)
  const parameters = {
    ...(maxSpeakers !== undefined && { maxSpeakers }),
    ...(keyterms.length > 0 && { keytermsPrompt: keyterms }),
    ...(model !== undefined && !isLocal && { speechModel: model }),
    ...(language !== undefined && !isLocal && { languageCodes: [language.toLowerCase()] }),
  }
  const local = { ...(model !== undefined && { model }), ...(language !== undefined && { language }) }
  return {
    ...(values.output !== undefined && { output: values.output }),
    ...(values.format !== undefined && {
      formats: values.format.flatMap((formats) => list('--format', formats)) as CaptionFormat[],
    }),
    ...(priority !== undefined && { priority }),
    ...(values.label !== undefined && { labels: labelsOf(values.label) }),
    ...(values.live === true && { live: true }),
    ...(slice !== undefined && { slice: slice * 1000 }),
    ...(values.overwrite === true && { existing: 'overwrite' as const }),
    hearing: {
      ...(values.engine !== undefined && { engine: isLocal ? ('embedded' as const) : ('assemblyai' as const) }),
      ...(url !== undefined && { url }),
      ...(region !== undefined && { region: region as Region }),
      ...(Object.keys(parameters).length > 0 && { parameters }),
      ...(isLocal && Object.keys(local).length > 0 && { local }),
      ...(values['no-voices'] === true && { voices: false }),
    },
    source: parseTracks(values['audio-track'], undefined),
    speakers: parseNames(values.names),
    ...(values.preset !== undefined && { layout: values.preset as (typeof PRESET_NAMES)[number] }),
  }
}

function labelsOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((label) => {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(label) ?? []
    if (name === '') throw wrong(`--label must be like customer=acme; got '${label}'`)
    return [name, value] as const
  })
  return Object.fromEntries(pairs)
}

function workOptions(values: Values) {
  const concurrency = integer('--concurrency', values.concurrency, 1, 1000)
  const seconds = integer('--lock-time', values['lock-time'], 1, 600)
  const sessionsPerMinute = integer('--sessions-per-minute', values['sessions-per-minute'], 1, 1_000_000)
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(sessionsPerMinute !== undefined && { sessionsPerMinute }),
    ...(seconds !== undefined && { lockTime: seconds * 1000 }),
    ...(values.name !== undefined && { name: values.name }),
    ...(values.metrics !== undefined && { metrics: metricsOf(values.metrics) }),
    ...(values['api-key-file'] !== undefined && { apiKey: readKey(values['api-key-file']) }),
  }
}

function metricsOf(text: string): { port: number; host?: string } {
  const [, host, port = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65_535) throw wrong(`--metrics must be a port or host:port; got '${text}'`)
  return { port: Number(port), ...(host !== undefined && { host: host.replaceAll(/^\[|\]$/g, '') }) }
}

function integer(option: string, text: string | undefined, least: number, most: number): number | undefined {
  const value = numberOrText(text)
  checkInteger(option, value, least, most)
  return value as number | undefined
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

/** Says what a worker does: to people on standard error, to programs on standard output. */
class WorkLog {
  readonly #isJson: boolean
  readonly #output: FleetOutput

  constructor(isJson: boolean, output: FleetOutput) {
    this.#isJson = isJson
    this.#output = output
  }

  say(record: { type: string } & Record<string, unknown>, line: string): void {
    const time = new Date().toISOString()
    if (this.#isJson) this.#output.stdout.write(`${JSON.stringify({ time, ...record })}\n`)
    else this.#output.stderr.write(`${time} ${printable(line)}\n`)
  }

  follow(worker: FleetWorker): void {
    this.say({ type: 'worker', name: worker.name }, `${worker.name} takes jobs`)
    worker.on('begin', (job) => this.say({ type: 'begin', ...job }, `begun: ${job.input}`))
    worker.on('done', (job, { status, files, summary }) => {
      const gaps = summary?.gaps ?? []
      this.say({ type: 'done', ...job, status, files, gaps }, `${status}: ${job.input}`)
    })
    worker.on('failed', (job, error) => {
      const { code } = error as { code?: unknown }
      this.say({ type: 'failed', ...job, code, message: error.message }, `failed: ${job.input}: ${error.message}`)
    })
    worker.on('moved', (job) => this.say({ type: 'moved', ...job }, `handed over: ${job.input}`))
    worker.on('lost', (job) => this.say({ type: 'lost', ...job }, `lost, and left to others: ${job.input}`))
    worker.on('warning', (warning) => this.say({ type: 'warning', ...warning }, `warning: ${warning.message}`))
  }
}

function wrong(message: string): Error {
  return usage(message, 'diarize-stream fleet')
}
