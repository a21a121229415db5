import { hash } from 'node:crypto'
import path from 'node:path'
import {
  addressOf,
  type CaptionInput,
  findListed,
  type FoundInput,
  listedInputs,
  type ListedInput,
} from '../batch/inputs.ts'
import { hashOf, repeated, sortedHashes } from '../batch/path-hashes.ts'
import { nameOfAddress, planStems } from '../batch/plan.ts'
import type { CaptionFormat } from '../captions/formats/options.ts'
import { isS3Address, s3Store } from '../destinations/s3.ts'
import { type ConfigurationError, DiarizeStreamError } from '../errors.ts'
import { defined, invalidOption, refusedOption } from '../options.ts'
import { redact } from '../redact.ts'
import type { FleetAddOptions, FleetHearing } from './options.ts'

/** A file that a job makes. */
export interface FleetOutput {
  format: CaptionFormat
  /** Absolute path, or an address in S3; of a live input one with `{number}`, `{date}` or `{time}`, or what all slices write. */
  path: string
}

/** What is to be done with an input, as it stands in the store: it holds no credentials but those in an address. */
export interface FleetJob {
  /** An absolute path or an address. */
  input: string
  outputs: readonly FleetOutput[]
  labels: Readonly<Record<string, string>>
  existing: 'skip' | 'overwrite'
  hearing: FleetHearing
  source: NonNullable<FleetAddOptions['source']>
  speakers: NonNullable<FleetAddOptions['speakers']>
  layout?: NonNullable<FleetAddOptions['layout']>
  /** Which slice of a live input it is; absent for recordings. */
  slice?: FleetSlice
}

/** A part of a live input, which one job hears. */
export interface FleetSlice {
  /** From 1. */
  number: number
  /** How long it is, in ms. */
  length: number
}

/** What is known of a job by its worker. */
export interface FleetJobFacts {
  id: string
  /** A path, or an address without credentials. */
  input: string
  labels: Readonly<Record<string, string>>
  /** Number of the slice of a live input. */
  slice?: number
  /** Rises with every worker that is given the job. */
  epoch: number
}

/** What everybody may know of a job: a path, or an address without credentials, and more. */
export function factsOf({ id = '', data }: { id?: string | undefined; data: FleetJob }): Omit<FleetJobFacts, 'epoch'> {
  const { input, labels, slice } = data
  return { id, input: redact(input), labels, ...defined({ slice: slice?.number }) }
}

/** How far a job has come, as its worker last reported. */
export interface FleetProgress {
  /** Audio done, in ms of the stream. */
  doneMs: number
  /** Length of a recording, in ms, where it is known. */
  totalMs?: number
  /** Words that became final, and gaps, since this worker was given the job. */
  words: number
  gaps: number
  /** How far a live input's words are behind its audio, in ms. */
  lagMs?: number
}

/** What a job is of: what has no end, and what has one. */
export type JobKind = 'live' | 'recording'

export const jobKinds: readonly JobKind[] = ['live', 'recording']

export function kindOf({ slice }: Pick<FleetJob, 'slice'>): JobKind {
  return slice === undefined ? 'recording' : 'live'
}

/** A job as it goes into the queue. */
export interface QueuedJob {
  id: string
  priority: number
  data: FleetJob
}

/** Each attempt waits twice as long as that before it, ms. */
const FIRST_DELAY_MS = 2000
const LONGEST_DELAY_MS = 300_000
/** A slice is never shorter than this, where it can be, in ms. */
const LEAST_SLICE_MS = 30_000
const LIVE_ADDRESS = /^rtsps?:\/\//i
const LIVE_PRIORITY = 1
const PRIORITY = 100
const PLACEHOLDERS = /\{(\w+)\}/g
const NAMES = ['name', 'folder', 'format']
const LIVE_NAMES = ['number', 'date', 'time']

/**
 * The jobs for what was given: files, folders, lists and addresses. They are made as they are asked for, since there may be many.
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION` where two inputs would have the same output, or an output is
 * an input; {@link InputError} where a list cannot be read, or there is no input
 */
export async function planFleetJobs(
  given: readonly CaptionInput[],
  options: FleetAddOptions,
): Promise<Iterable<QueuedJob>> {
  const isLive = ({ input }: ListedInput): boolean =>
    LIVE_ADDRESS.test(input) || (options.live === true && addressOf(input) !== undefined)
  const listed = await listedInputs(given)
  const recordings = listed.filter((one) => !isLive(one))
  const live = liveInputs(listed.filter(isLive))
  const found = recordings.length === 0 && live.length > 0 ? [] : await findListed(recordings, given)
  const outputsFor = recordingOutputs(found, options)
  const outputsAt = (index: number): FleetOutput[] =>
    index < found.length ? outputsFor(index) : outputsOf(live[index - found.length]!, options, true)
  const inputs = [...found, ...live].map(({ input }) => input)
  refuseShared(inputs, outputsAt)
  return {
    *[Symbol.iterator]() {
      for (const [index, input] of inputs.entries())
        yield jobOf(input, outputsAt(index), index >= found.length, options)
    },
  }
}

/** Those that are live, each once. */
function liveInputs(listed: readonly ListedInput[]): FoundInput[] {
  const found = new Map<string, FoundInput>()
  for (const { input, name } of listed) {
    if (!URL.canParse(input)) throw invalidOption('inputs', 'files, folders, lists and addresses', 'what is no address')
    const one = { input, folder: '', name: name ?? nameOfAddress(new URL(input)) }
    found.set(JSON.stringify([input, one.name]), one)
  }
  return [...found.values()]
}

function jobOf(
  input: string,
  outputs: readonly FleetOutput[],
  isLive: boolean,
  {
    labels = {},
    existing = 'skip',
    hearing = {},
    source = {},
    speakers = {},
    layout,
    priority,
    slice,
  }: FleetAddOptions,
): QueuedJob {
  const data: FleetJob = {
    input: addressOf(input) === undefined && !isLive ? path.resolve(input) : input,
    outputs,
    labels,
    existing,
    hearing,
    source,
    speakers,
    ...defined({ layout }),
    ...(isLive && { slice: { number: 1, length: slice ?? 3_600_000 } }),
  }
  return { id: idOf(data), priority: priority ?? (isLive ? LIVE_PRIORITY : PRIORITY), data }
}

/** What tells a job from others: its input, and all that changes what becomes of it. Labels do not. */
function idOf({ input, outputs, hearing, source, speakers, layout }: FleetJob): string {
  const facts = JSON.stringify([input, outputs, hearing, source, speakers, layout])
  // A part of a text would keep the whole of it.
  return hash('sha256', facts, 'buffer').toString('hex', 0, 16)
}

/** The stream that a job belongs to: all slices of a live input are of one. */
export function streamOf(id: string): string {
  return id.replace(/-\d+$/, '')
}

/** Where the store has the id of the last job of a stream, which is known when the jobs before it are not any more. */
export function streamMark(id: string): string {
  return `stream:${streamOf(id)}`
}

/** The job that goes on where a slice ends. */
export function nextSlice(id: string, data: FleetJob): { id: string; data: FleetJob } {
  const { slice } = data
  if (slice === undefined) throw new Error('a recording has no slices')
  const number = slice.number + 1
  return { id: `${streamOf(id)}-${number}`, data: { ...data, slice: { ...slice, number } } }
}

/** The outputs of a recording, by its index. */
function recordingOutputs(found: readonly FoundInput[], options: FleetAddOptions): (index: number) => FleetOutput[] {
  const { formats = ['srt'], output } = options
  if (output !== undefined) return (index) => outputsOf(found[index]!, options, false)
  // A path that tells apart what differs by its case only is one path elsewhere.
  const stems = planStems(found, { isCaseSensitive: true })
  return (index) => formats.map((format) => ({ format, path: path.resolve(`${stems[index]}.${format}`) }))
}

function outputsOf(found: FoundInput, options: FleetAddOptions, isLive: boolean): FleetOutput[] {
  const { formats = ['srt'], output = '{name}-{number}.{format}' } = options
  checkPattern(output, formats, isLive)
  const name = found.name ?? stemOf(found.input)
  return formats.map((format) => {
    const fields: Readonly<Record<string, string>> = { name, folder: found.folder, format }
    const file = output.replaceAll(PLACEHOLDERS, (whole, field: string) => fields[field] ?? whole)
    return { format, path: isS3Address(file) ? addressIn(file) : path.resolve(file) }
  })
}

/** An address in S3 without empty parts, as where there is no folder. */
function addressIn(given: string): string {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)(.*)$/is.exec(given) ?? []
  try {
    return s3Store(`s3://${bucket}${path.posix.join('/', key)}`).address
  } catch {
    throw pattern(
      `${given} cannot be an output in S3, which is like s3://bucket/{folder}/{name}.{format}, of 900 bytes at most`,
    )
  }
}

function stemOf(input: string): string {
  const address = addressOf(input)
  return path.parse(address === undefined ? input : nameOfAddress(address)).name
}

function checkPattern(output: string, formats: readonly CaptionFormat[], isLive: boolean): void {
  const used = [...output.matchAll(PLACEHOLDERS)].map(([, name = '']) => name)
  const known = isLive ? [...NAMES, ...LIVE_NAMES] : NAMES
  const unknown = used.find((name) => !known.includes(name))
  const allowed = known.map((name) => `{${name}}`).join(' ')
  if (unknown !== undefined) throw pattern(`${output} has {${unknown}}, and these are known for it: ${allowed}`)
  if (formats.length > 1 && !used.includes('format')) {
    throw pattern(`${output} needs {format}, as there are several formats`)
  }
  if (isS3Address(output) && !formats.includes('jsonl')) {
    throw pattern(`${output} is in S3, where all is made of the JSONL: have jsonl among the formats`)
  }
}

/** Refuses an output that two inputs would have, or that is an input. */
function refuseShared(all: readonly string[], outputsAt: (index: number) => readonly FleetOutput[]): void {
  const inputs = sortedHashes(all.length, 1, (index) => [path.resolve(all[index]!)])
  const each = outputsAt(0).length
  const suspects = repeated(
    sortedHashes(all.length, each, (index) => outputsAt(index).map((one) => one.path)),
    inputs,
  )
  if (suspects.size > 0) refuseSuspects(all, outputsAt, suspects)
}

/** Hashes may be alike where paths are not. */
function refuseSuspects(
  all: readonly string[],
  outputsAt: (index: number) => readonly FleetOutput[],
  suspects: ReadonlySet<number>,
): void {
  const inputs = new Set(all.map((input) => path.resolve(input)).filter((input) => suspects.has(hashOf(input))))
  const first = new Map<string, number>()
  for (const [index, input] of all.entries()) {
    for (const { path: file } of outputsAt(index)) {
      if (!suspects.has(hashOf(file))) continue
      const other = first.get(file)
      if (other !== undefined) {
        throw pattern(`${all[other]} and ${input} would both be written to ${file}; name their folder by {folder}`)
      }
      if (inputs.has(file)) throw pattern(`${file}, the output of ${input}, is an input`)
      first.set(file, index)
    }
  }
}

function pattern(message: string): ConfigurationError {
  return refusedOption('output', message)
}

/**
 * The outputs of a job as they are called at last: of a slice, by its number and when it began.
 *
 * @param attempt - how many names before were in use: the next number is taken, or `-2` and so on are put before the ending.
 */
export function namedOutputs(
  { outputs, slice }: Pick<FleetJob, 'outputs' | 'slice'>,
  begun: Date,
  attempt = 0,
): FleetOutput[] {
  if (slice === undefined) return [...outputs]
  const iso = begun.toISOString()
  const fields: Readonly<Record<string, string>> = {
    number: String(slice.number + attempt).padStart(4, '0'),
    date: iso.slice(0, 10),
    time: iso.slice(11, 19).replaceAll(':', '-'),
  }
  const named = (file: string): string => {
    const own = attempt === 0 || file.includes('{number}') ? file : file.replace(/(\.[^./]*)?$/, `-${attempt + 1}$1`)
    return own.replaceAll(PLACEHOLDERS, (whole, field: string) => fields[field] ?? whole)
  }
  return outputs.map(({ format, path: file }) => ({ format, path: named(file) }))
}

/** Whether each slice has outputs of its own. */
export function isSliced(outputs: readonly FleetOutput[]): boolean {
  return outputs.some(({ path: file }) => LIVE_NAMES.some((name) => file.includes(`{${name}}`)))
}

/** Whether the same may succeed later. What the library did not foresee may be trouble of this machine. */
export function mayPass(error: Error): boolean {
  if (!(error instanceof DiarizeStreamError)) return true
  return error.retryable || error.code === 'OUTPUT_UNWRITABLE' || error.code === 'ENGINE_FAILED'
}

/** How long attempt `attempts` waits, in ms. */
export function retryDelay(attempts: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(20, attempts - 1))
}

/** What BullMQ says of a job that was begun. Its own type is not named, so that programs compile where it is not installed. */
interface BegunJob {
  timestamp: number
  attemptsStarted: number
}

/** What tells who was given a job, or any job of the same stream, later: a job is queued at a time, and begun some times. */
export function epochOf({ timestamp, attemptsStarted }: BegunJob): number {
  return timestamp * 1000 + attemptsStarted
}

/** When a job is queued after another of its stream, so that its epochs are higher, whatever the clock of this machine says. */
export function queuedAfter(job: BegunJob): number {
  return Math.max(Date.now(), Math.floor(epochOf(job) / 1000) + 1)
}

/** Options of such a job. They have a time only where they need one: workers of versions before take it for all jobs that follow. */
export function optionsAfter<Options extends { timestamp?: number }>(job: BegunJob & { opts: Options }): Options {
  const { timestamp: _before, ...opts } = job.opts
  const timestamp = queuedAfter(job)
  return { ...(opts as Options), ...(timestamp > Date.now() && { timestamp }) }
}

/** How long a slice still has, in ms: it is never so short that nothing is heard, however late it begins, and by what clock. */
export function endOfSlice(queuedAt: number, length: number): number {
  return Math.min(length, Math.max(LEAST_SLICE_MS, queuedAt + length - Date.now()))
}
