import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from '../../engine/engine.ts'
import { type Check, checkOptions, integer } from '../../options.ts'
import { requestUrl, resetConnection } from '../../server/listener.ts'
import { addressChecks, type FaultServerAddress, PlannedHttpServer, writeWithoutEnd } from '../planned-server.ts'
import { toneEngine } from '../tone-engine.ts'
import {
  faultChecks,
  planOf,
  type PrerecordedFault,
  type PrerecordedFaultPlan,
  type PrerecordedOperation,
} from './faults.ts'
import { UploadHearing } from './hearing.ts'
import { type PrerecordedTranscript, Refusal, Transcripts } from './transcripts.ts'

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

const optionChecks: Readonly<Record<string, Check>> = {
  engine: () => {},
  keys: () => {},
  polls: integer(0),
  faults: () => {},
  ...addressChecks,
}

const MOST_BODY_BYTES = 4 << 20

interface Reply {
  status: number
  body: unknown
  headers?: Record<string, string>
}

/** A running {@link prerecordedServer}. */
export class PrerecordedServer extends PlannedHttpServer<
  PrerecordedFault,
  [index: number, operation: PrerecordedOperation]
> {
  readonly #engine: Engine
  readonly #keys: readonly string[] | undefined
  readonly #requests: PrerecordedRequest[] = []
  /** Every request so far, in order. */
  readonly requests: readonly PrerecordedRequest[] = this.#requests
  readonly #counts = new Map<PrerecordedOperation, number>()
  readonly #transcripts: Transcripts

  /** @internal */
  constructor(options: PrerecordedServerOptions) {
    super(planOf(options.faults ?? {}), faultChecks, options)
    this.#keys = options.keys
    this.#engine = options.engine ?? toneEngine()
    this.#transcripts = new Transcripts(options.polls ?? 1)
  }

  /** Its address, for `url` of `transcribe()` or `baseUrl` of the official client. */
  get url(): string {
    return this.listener.url('http', '')
  }

  /** Every transcript so far, in order, those that were deleted as well. */
  get transcripts(): readonly PrerecordedTranscript[] {
    return this.#transcripts.all
  }

  /** Uploads that are whole. */
  get uploads(): number {
    return this.#transcripts.uploads
  }

  /** @internal */
  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      response.destroy()
      // A client may go away at any moment.
      if (error !== request.errored) this.fail(error)
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
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
        response.writeHead(200, { 'content-type': 'application/json' })
        return writeWithoutEnd(response, ' '.repeat(65_536))
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
    return this.#keys === undefined ? /^[!-~]+$/.test(key) : this.#keys.includes(key)
  }

  async #do(record: PrerecordedRequest, request: IncomingMessage): Promise<unknown> {
    const { operation, path, fault } = record
    const id = path.split('/').at(-1) ?? ''
    switch (operation) {
      case 'upload':
        return await this.#upload(record, request)
      case 'create':
        record.body = await jsonOf(request)
        return this.#transcripts.create(record.body, fault)
      case 'list':
        return this.#transcripts.list(new URL(path, this.url))
      case 'poll':
        return this.#transcripts.poll(id)
      case 'delete':
        return this.#transcripts.delete(id)
    }
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
    this.#transcripts.addUpload(address, await hearing.end())
    return { upload_url: address }
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

function operationOf(request: IncomingMessage): PrerecordedOperation | undefined {
  const path = requestUrl(request)?.pathname ?? ''
  const { method } = request
  if (path === '/v2/upload') return method === 'POST' ? 'upload' : undefined
  if (path === '/v2/transcript') return method === 'POST' ? 'create' : method === 'GET' ? 'list' : undefined
  if (!/^\/v2\/transcript\/[\w-]+$/.test(path)) return undefined
  return method === 'GET' ? 'poll' : method === 'DELETE' ? 'delete' : undefined
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
  if (most === 0) return
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    record.bytes += (chunk as Buffer).length
    if (record.bytes >= most) return
  }
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
