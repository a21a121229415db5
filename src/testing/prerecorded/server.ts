import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from '../../engine/engine.ts'
import { type Check, checkKnown, checkOptions, integer, invalidOption, string } from '../../options.ts'
import { httpServer, requestUrl, resetConnection } from '../../server/listener.ts'
import { faultName } from '../faults.ts'
import { addressChecks, type FaultServerAddress, PlannedServer } from '../planned-server.ts'
import { type Heard, UploadHearing } from './hearing.ts'
import { toneEngine } from '../tone-engine.ts'

/** The requests that the API knows. */
export type PrerecordedOperation = 'upload' | 'create' | 'poll' | 'list' | 'delete'

const operations: readonly PrerecordedOperation[] = ['upload', 'create', 'poll', 'list', 'delete']

/** What a {@link prerecordedServer} can do wrong with a request. */
export type PrerecordedFaultName =
  /** Nothing. */
  | 'none'
  /** Answers with `status` and `message`, and does nothing. */
  | 'status'
  /** Resets the connection after `afterBytes` of the request's body, and does nothing. */
  | 'drop'
  /** Does what it was asked to, and resets the connection instead of an answer. */
  | 'loseAnswer'
  /** Takes the request and never answers. */
  | 'hang'
  /** Takes `afterBytes` of an upload, then nothing more. */
  | 'stall'
  /** Takes an upload slowly, `bytesPerSecond`. */
  | 'slow'
  /** Answers with what is no JSON. */
  | 'garbage'
  /** Sends an answer that never ends. */
  | 'endless'
  /** For `create`: the transcript ends in `status: 'error'`, with `message`. */
  | 'failed'
  /** For `create`: the transcript is never ready. */
  | 'neverReady'
  /** For `create`: only the first `heardMs` of the audio are heard. */
  | 'cutShort'

const faultNames: readonly PrerecordedFaultName[] = [
  'none',
  'status',
  'drop',
  'loseAnswer',
  'hang',
  'stall',
  'slow',
  'garbage',
  'endless',
  'failed',
  'neverReady',
  'cutShort',
]

/** One fault of one request. */
export interface PrerecordedFault {
  /** Which fault; see {@link PrerecordedFaultName}. */
  fault: PrerecordedFaultName
  /** HTTP status of `status`. @defaultValue 500 */
  status?: number
  /** What `status` and `failed` say. @defaultValue a text of the server's */
  message?: string
  /** Seconds in the header `Retry-After` of `status`. @defaultValue none */
  retryAfter?: number
  /** Bytes of the body that `drop` and `stall` take. @defaultValue 0 */
  afterBytes?: number
  /** Bytes a second of `slow`. @defaultValue 1000000 */
  bytesPerSecond?: number
  /** Milliseconds of the audio that `cutShort` hears. @defaultValue 1000 */
  heardMs?: number
}

/**
 * Which request gets which fault: for each kind, one for all, or a list, after whose end all is well; or a function of the
 * number of the request among those of its kind, from 0, and the kind.
 */
export type PrerecordedFaultPlan =
  | Partial<Record<PrerecordedOperation, PrerecordedFault | readonly PrerecordedFault[]>>
  | ((index: number, operation: PrerecordedOperation) => PrerecordedFault)

/** Options of {@link prerecordedServer}. */
export interface PrerecordedServerOptions extends FaultServerAddress {
  /** What hears the uploads: WAV, PCM16 mono at its sample rate. @defaultValue `toneEngine()` */
  engine?: Engine
  /** Keys that are taken. @defaultValue every key */
  keys?: readonly string[]
  /** How often a transcript is not ready yet when it is asked for: `queued` at first, then `processing`. @defaultValue 1 */
  polls?: number
  /** What goes wrong. @defaultValue nothing */
  faults?: PrerecordedFaultPlan
}

/** What a client asked for. */
export interface PrerecordedRequest {
  operation: PrerecordedOperation
  /** Path with query. */
  path: string
  headers: IncomingHttpHeaders
  /** Body of `create`, once it has come. */
  body?: unknown
  /** Bytes of an upload that have come. */
  bytes: number
  /** What it got. */
  fault: PrerecordedFault
}

/** A transcript that a client asked for. */
export interface PrerecordedTranscript {
  readonly id: string
  readonly status: 'queued' | 'processing' | 'completed' | 'error'
  /** What was asked for. */
  readonly request: Readonly<Record<string, unknown>>
  /** Whether its client has deleted it. */
  readonly deleted: boolean
}

const optionChecks: Readonly<Record<string, Check>> = {
  engine: () => {},
  keys: () => {},
  polls: integer(0),
  faults: () => {},
  ...addressChecks,
}

const faultChecks: Readonly<Record<string, Check>> = {
  fault: faultName(faultNames),
  status: integer(300, 599),
  message: string(0),
  retryAfter: integer(0, undefined, 'seconds'),
  afterBytes: integer(0, undefined, 'bytes'),
  bytesPerSecond: integer(1, undefined, 'bytes a second'),
  heardMs: integer(0, undefined, 'ms'),
}

const MOST_BODY_BYTES = 4 << 20
const PIECE_MS = 20

interface Job extends PrerecordedTranscript {
  status: PrerecordedTranscript['status']
  deleted: boolean
  created: Date
  audioUrl: string
  fault: PrerecordedFault
  /** Polls until it is ready. */
  left: number
}

interface Reply {
  status: number
  body: unknown
  headers?: Record<string, string>
}

/** An answer that is no success. */
class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A running {@link prerecordedServer}. */
export class PrerecordedServer extends PlannedServer<
  Record<string, never>,
  PrerecordedFault,
  [index: number, operation: PrerecordedOperation]
> {
  readonly #engine: Engine
  readonly #options: PrerecordedServerOptions
  readonly #requests: PrerecordedRequest[] = []
  /** Every request so far, in order. */
  readonly requests: readonly PrerecordedRequest[] = this.#requests
  readonly #counts = new Map<PrerecordedOperation, number>()
  /** What was heard in each upload, by its address. */
  readonly #uploads = new Map<string, Heard>()
  readonly #jobs = new Map<string, Job>()
  readonly #open = new Set<ServerResponse>()

  /** @internal */
  constructor(options: PrerecordedServerOptions) {
    super(planOf(options.faults ?? {}), faultChecks, options)
    this.#options = options
    this.#engine = options.engine ?? toneEngine()
  }

  /** Its address, for `url` of `transcribe()` or `baseUrl` of the official client. */
  get url(): string {
    return this.listener.url('http', '')
  }

  /** Every transcript so far, in order, those that were deleted as well. */
  get transcripts(): readonly PrerecordedTranscript[] {
    return [...this.#jobs.values()]
  }

  /** Uploads that are whole. */
  get uploads(): number {
    return this.#uploads.size
  }

  /** Requests whose answer is neither complete nor cut off. */
  get open(): number {
    return this.#open.size
  }

  /** Resets every connection on which a request is under way, as when the server is killed. */
  cut(): void {
    for (const response of this.#open) resetConnection(response.socket)
  }

  /** @internal */
  protected override serverOf(tls: FaultServerAddress['tls']): Server {
    return httpServer(tls, {
      request: (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          response.destroy()
          // A client may go away at any moment.
          if (error === request.errored) return
          this.attempt(() => {
            throw error
          })
        })
      },
      upgrade: (_request, socket) => socket.destroy(),
    })
  }

  /** @internal */
  protected override dropAll(): Promise<unknown> {
    return Promise.resolve()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open.add(response)
    response.once('close', () => this.#open.delete(response))
    response.on('error', () => {})
    request.on('error', () => {})
    const operation = operationOf(request)
    if (operation === undefined) return send(response, { status: 404, body: { error: 'Not found' } })
    const index = this.#counts.get(operation) ?? 0
    this.#counts.set(operation, index + 1)
    const fault = this.faultOf(index, operation)
    if (fault === undefined) return void response.destroy()
    const { url: path = '/', headers } = request
    const record: PrerecordedRequest = { operation, path, headers, bytes: 0, fault }
    this.#requests.push(record)
    switch (fault.fault) {
      case 'hang':
        request.resume()
        return
      case 'status':
        request.resume()
        return send(response, statusReply(fault))
      case 'drop':
        if (operation === 'upload') await takeSome(request, record, fault.afterBytes ?? 0)
        return resetConnection(response.socket)
      case 'stall':
        await takeSome(request, record, fault.afterBytes ?? 0)
        return
      case 'garbage':
        request.resume()
        return void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>no JSON</html>')
      case 'endless':
        request.resume()
        return endless(response)
      default: {
        const reply = await this.#reply(record, request)
        if (fault.fault === 'loseAnswer') resetConnection(response.socket)
        else send(response, reply)
      }
    }
  }

  async #reply(record: PrerecordedRequest, request: IncomingMessage): Promise<Reply> {
    try {
      if (!this.#isAllowed(request)) throw new Refusal(401, 'Authentication error, API token missing/invalid')
      return { status: 200, body: await this.#do(record, request) }
    } catch (error) {
      request.resume()
      if (error instanceof Refusal) return { status: error.status, body: { error: error.message } }
      throw error
    }
  }

  #isAllowed({ headers: { authorization: key = '' } }: IncomingMessage): boolean {
    const { keys } = this.#options
    return keys === undefined ? /^[!-~]+$/.test(key) : keys.includes(key)
  }

  #do(record: PrerecordedRequest, request: IncomingMessage): unknown {
    const { operation, path } = record
    if (operation === 'upload') return this.#upload(record, request)
    if (operation === 'create') return this.#create(record, request)
    if (operation === 'list') return this.#list(new URL(path, this.url))
    const job = this.#jobs.get(idOf(path))
    if (job === undefined) throw new Refusal(404, 'Transcript lookup error, transcript id not found')
    if (operation === 'delete') job.deleted = true
    else this.#progress(job)
    return this.#shown(job)
  }

  async #upload(record: PrerecordedRequest, request: IncomingMessage): Promise<unknown> {
    const hearing = new UploadHearing(this.#engine)
    const { fault, bytesPerSecond = 1_000_000 } = record.fault
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        record.bytes += chunk.length
        await hearing.push(chunk)
        if (fault === 'slow') await delay((chunk.length * 1000) / bytesPerSecond)
      }
    } catch (error) {
      await hearing.destroy()
      throw error
    }
    const address = `${this.url}/uploads/${randomUUID()}`
    this.#uploads.set(address, await hearing.end())
    return { upload_url: address }
  }

  async #create(record: PrerecordedRequest, request: IncomingMessage): Promise<unknown> {
    record.body = await jsonOf(request)
    const asked = record.body as Record<string, unknown>
    checkRequest(asked)
    const job: Job = {
      id: randomUUID(),
      status: 'queued',
      request: asked,
      deleted: false,
      created: new Date(),
      audioUrl: asked['audio_url'] as string,
      fault: record.fault,
      left: this.#options.polls ?? 1,
    }
    this.#jobs.set(job.id, job)
    return this.#shown(job)
  }

  #progress(job: Job): void {
    if (job.status === 'completed' || job.status === 'error') return
    if (job.left > 0 || job.fault.fault === 'neverReady') {
      job.status = job.left === (this.#options.polls ?? 1) ? 'queued' : 'processing'
      job.left -= 1
      return
    }
    job.status = this.#problemOf(job) === undefined ? 'completed' : 'error'
  }

  #problemOf({ fault, audioUrl }: Job): string | undefined {
    if (fault.fault === 'failed') return fault.message ?? 'Transcoding failed. The file holds no audio.'
    const heard = this.#uploads.get(audioUrl)
    return heard === undefined ? `Download error, unable to access file at ${audioUrl}` : heard.problem
  }

  #shown(job: Job): object {
    const { id, status, request, deleted, audioUrl, fault } = job
    const models = request['speech_models'] as string[] | undefined
    const shown = {
      ...request,
      id,
      status,
      audio_url: audioUrl,
      text: null,
      words: null,
      utterances: null,
      error: null,
    }
    if (deleted) return { ...shown, status: 'completed', audio_url: 'http://deleted_by_user', text: 'Deleted by user.' }
    if (status === 'error') return { ...shown, error: this.#problemOf(job) }
    const heard = this.#uploads.get(audioUrl)
    if (status !== 'completed' || heard === undefined) return shown
    const until = fault.fault === 'cutShort' ? (fault.heardMs ?? 1000) : Infinity
    return {
      ...shown,
      ...heard.transcript(request['speaker_labels'] === true, until),
      audio_duration: Math.round(Math.min(heard.duration, until) / 1000),
      language_code: request['language_code'] ?? heard.language ?? 'en_us',
      speech_model_used: models?.[0] ?? 'universal-2',
    }
  }

  #list(address: URL): object {
    const limit = Number(address.searchParams.get('limit') ?? 10)
    if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw new Refusal(400, "'limit' must be from 1 to 200")
    const newest = [...this.#jobs.values()].toReversed().slice(0, limit)
    const transcripts = newest.map(({ id, status, created, audioUrl, deleted }) => ({
      id,
      status,
      created: created.toISOString(),
      completed: status === 'completed' ? new Date().toISOString() : null,
      audio_url: deleted ? 'http://deleted_by_user' : audioUrl,
      resource_url: `${this.url}/v2/transcript/${id}`,
      error: null,
    }))
    const details = {
      limit,
      result_count: transcripts.length,
      current_url: address.href,
      prev_url: null,
      next_url: null,
    }
    return { page_details: details, transcripts }
  }
}

/**
 * Starts a server for tests that speaks AssemblyAI's API for finished recordings, by its documents: it takes uploads,
 * creates, lists and deletes transcripts, and misbehaves as planned. The official client works with it as `baseUrl`. What an
 * upload holds is heard by an engine, as it comes: by a `toneEngine()` truly, by a `scriptedEngine()` as the script says.
 *
 * ```ts
 * const server = await prerecordedServer({ faults: { upload: [{ fault: 'drop', afterBytes: 5000 }] } })
 * await run(source, transcribe({ url: server.url, apiKey: 'any' }), srtSink('talk.srt'))
 * ```
 *
 * @throws ConfigurationError (`INVALID_OPTION`) for a fault that does not exist, or a wrong option.
 */
export async function prerecordedServer(options: PrerecordedServerOptions = {}): Promise<PrerecordedServer> {
  checkOptions('prerecordedServer()', options, optionChecks)
  const server = new PrerecordedServer(options)
  await server.listen()
  return server
}

/** A plan as a function; faults that are known already are checked at once. */
function planOf(plan: PrerecordedFaultPlan): (index: number, operation: PrerecordedOperation) => PrerecordedFault {
  if (typeof plan === 'function') return plan
  if (typeof plan !== 'object' || plan === null) throw invalidOption('faults', 'an object or a function', plan)
  checkKnown('faults', plan, operations)
  for (const fault of Object.values(plan).flat()) checkOptions('a fault', fault, faultChecks)
  return (index, operation) => {
    const planned = plan[operation] ?? []
    if (!Array.isArray(planned)) return planned as PrerecordedFault
    return (planned as PrerecordedFault[])[index] ?? { fault: 'none' }
  }
}

function operationOf(request: IncomingMessage): PrerecordedOperation | undefined {
  const path = requestUrl(request)?.pathname ?? ''
  const { method } = request
  if (path === '/v2/upload') return method === 'POST' ? 'upload' : undefined
  if (path === '/v2/transcript') return method === 'POST' ? 'create' : method === 'GET' ? 'list' : undefined
  if (!/^\/v2\/transcript\/[\w-]+$/.test(path)) return undefined
  return method === 'GET' ? 'poll' : method === 'DELETE' ? 'delete' : undefined
}

function idOf(path: string): string {
  return path.split('/').at(-1) ?? ''
}

function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function statusReply({ status = 500, message = 'Server error', retryAfter }: PrerecordedFault): Reply {
  const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  return { status, body: { error: message }, headers }
}

/** Takes so many bytes of a body, and no more. */
async function takeSome(request: IncomingMessage, record: PrerecordedRequest, most: number): Promise<void> {
  while (record.bytes < most && !request.readableEnded && !request.destroyed) {
    const chunk = request.read() as Buffer | null
    if (chunk !== null) record.bytes += chunk.length
    else await readableOrClosed(request)
  }
}

async function readableOrClosed(request: IncomingMessage): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const events = ['readable', 'close'].map((event) => once(request, event, { signal }))
  try {
    await Promise.race(events)
  } finally {
    controller.abort()
    await Promise.allSettled(events)
  }
}

function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  }
  response.on('drain', () => setTimeout(more, PIECE_MS))
  more()
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MOST_BODY_BYTES) throw new Refusal(413, 'Request entity too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new Refusal(400, 'Invalid JSON in the body')
  }
}

const fieldTypes: Readonly<Record<string, (value: unknown) => boolean>> = {
  audio_url: (value) => typeof value === 'string' && URL.canParse(value),
  speech_models: (value) => Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'),
  speaker_labels: (value) => typeof value === 'boolean',
  language_detection: (value) => typeof value === 'boolean',
  language_code: (value) => typeof value === 'string',
  speakers_expected: Number.isInteger,
  speaker_options: (value) => typeof value === 'object',
  keyterms_prompt: (value) => Array.isArray(value) && value.length <= 1000,
}

function checkRequest(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refusal(400, 'The body is no object')
  const fields = body as Record<string, unknown>
  if (fields['audio_url'] === undefined) throw new Refusal(400, "'audio_url' is required")
  for (const [name, fits] of Object.entries(fieldTypes)) {
    const value = fields[name]
    if (value !== undefined && value !== null && !fits(value)) throw new Refusal(400, `'${name}' is not valid`)
  }
}
