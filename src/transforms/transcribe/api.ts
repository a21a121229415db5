import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { retryAfter } from '../../back-off.ts'
import { DiarizeStreamError, EngineError, type ErrorCode, isAbortError, SessionError } from '../../errors.ts'
import { createConnect, ProxyError, toUndici } from '../../network.ts'
import { defined } from '../../options.ts'
import { certificateSentence, sessionError } from '../../protocol/close-codes.ts'
import { credentials, type Secret } from '../../protocol/endpoint.ts'
import { oneLine, redact } from '../../redact.ts'
import { unlessAborted, waitAtMost } from '../../stream-helpers.ts'
import type { TranscriptAnswer } from './turns.ts'

/** How the service is reached, and how long it may take; times in ms. */
export interface ApiSettings {
  url: URL
  apiKey?: Secret
  ca?: string | Buffer
  timeouts: { connect: number; stall: number; answer: number }
}

/** Bytes that an answer may have: most of them are short, and what refuses is told by its beginning. */
const MOST_BYTES = 4 << 20
const MOST_REFUSAL_BYTES = 65_536
/** Bytes of an answer that renew the time it may take. */
const RENEWING_BYTES = 65_536
/** Transcripts that are looked through for one whose answer was lost. */
const MOST_LISTED = 100
/** Keys that are kept from what is shown, where a function gives another for each request. */
const MOST_SECRETS = 10

/** Codes of connections that never were. */
const unconnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'])

type Sdk = typeof import('assemblyai')
type Undici = typeof import('undici')

/** One request. */
interface Call {
  /** What it is for, to follow "to". */
  purpose: string
  signal: AbortSignal
  /** Bytes of its body, where that is a stream, and what is told how many more are on their way. */
  length?: number
  sent?: (bytes: number) => void
  /** Bytes that its answer may have. */
  mostBytes?: number
}

type Send = (path: string, init?: RequestInit) => Promise<Response>

/**
 * Loads the official client, which only `transcribe()` needs.
 *
 * @throws EngineError `ENGINE_UNAVAILABLE` where it is not installed, or is one whose requests cannot be made here.
 */
async function loadSdk(): Promise<Sdk> {
  const facts = { package: 'assemblyai' }
  let sdk: Sdk
  try {
    sdk = await import('assemblyai')
  } catch (cause) {
    const message = 'transcribe() needs the npm package assemblyai, which cannot be loaded: run npm install assemblyai'
    throw new EngineError('ENGINE_UNAVAILABLE', message, { ...facts, cause })
  }
  // Another one would make its requests itself, without any limit.
  if (!('fetchResponse' in sdk.FileService.prototype && 'fetchResponse' in sdk.TranscriptService.prototype)) {
    const message = 'transcribe() does not know the assemblyai that is installed: run npm install assemblyai@^4.41.5'
    throw new EngineError('ENGINE_UNAVAILABLE', message, facts)
  }
  return sdk
}

/**
 * AssemblyAI's API for finished recordings, spoken by the official client: it knows paths, methods and bodies. It knows no
 * limits of time or size, no signal, and of a refusal no more than the text; so the requests themselves are made here.
 */
export class PrerecordedApi {
  readonly #settings: ApiSettings
  readonly #sdk: Sdk
  /** The last keys that were used: what the service says later may quote one. */
  #secrets: string[] = []
  readonly #agent: InstanceType<Undici['Agent']>
  readonly #base: string

  private constructor(settings: ApiSettings, sdk: Sdk, undici: Undici) {
    this.#settings = settings
    this.#sdk = sdk
    this.#base = settings.url.href.replace(/\/+$/, '')
    const connect = createConnect(undici, { ca: settings.ca, connectTimeout: settings.timeouts.connect })
    this.#agent = new undici.Agent({ connect: toUndici(connect), headersTimeout: 0, bodyTimeout: 0 })
  }

  /** @throws EngineError `ENGINE_UNAVAILABLE` where the official client is not installed. */
  static async open(settings: ApiSettings): Promise<PrerecordedApi> {
    const [sdk, undici] = await Promise.all([loadSdk(), import('undici')])
    return new PrerecordedApi(settings, sdk, undici)
  }

  /** Address of the service, for people. */
  get url(): string {
    return this.#base
  }

  /** Whether the service answers and takes the key, before it is sent hours of audio. */
  async check(signal: AbortSignal): Promise<void> {
    const call = { purpose: 'take the key', signal }
    await this.#do(call, ({ transcripts }) => transcripts.list({ limit: 1 }))
  }

  /**
   * Uploads a file of `length` bytes.
   *
   * @param sent - called with the number of bytes, whenever some are on their way.
   * @returns the address by which the service knows it.
   */
  upload(
    pieces: AsyncIterable<Buffer>,
    length: number,
    sent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const call = { purpose: 'take the audio', signal, length, sent }
    return this.#do(call, async ({ files }) => {
      const address: unknown = await files.upload(Readable.from(pieces, { objectMode: false }))
      if (typeof address !== 'string' || address === '') throw new Error('it says no upload_url')
      return address
    })
  }

  /** Asks for a transcript. */
  create(request: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<TranscriptAnswer> {
    const call = { purpose: 'begin a transcript', signal }
    return this.#do(call, async ({ transcripts }) => {
      // Names that are newer than the types of the client go through.
      return checked(await transcripts.submit(request as unknown as Parameters<typeof transcripts.submit>[0]))
    })
  }

  /** The id of the transcript of an upload, where the service has one. */
  find(audioUrl: string, signal: AbortSignal): Promise<string | undefined> {
    const call = { purpose: 'list its transcripts', signal }
    return this.#do(call, async ({ transcripts }) => {
      const { transcripts: listed } = await transcripts.list({ limit: MOST_LISTED })
      const found = listed.find((item) => item.audio_url === audioUrl)
      return found === undefined ? undefined : checked(found).id
    })
  }

  /** A transcript as it is now. @param mostBytes - bytes that it may have. */
  get(id: string, mostBytes: number, signal: AbortSignal): Promise<TranscriptAnswer> {
    const call = { purpose: `give transcript ${id}`, signal, mostBytes }
    return this.#do(call, async ({ transcripts }) => checked(await transcripts.get(id)))
  }

  /** Deletes a transcript, whether or not there is one. */
  async delete(id: string, signal: AbortSignal): Promise<void> {
    const call = { purpose: `delete transcript ${id}`, signal }
    try {
      await this.#do(call, ({ transcripts }) => transcripts.delete(id))
    } catch (error) {
      if (!(error instanceof SessionError && error.httpStatus === 404)) throw error
    }
  }

  /** Text of the service's as it may be shown: one line, without the key. */
  quoted(text: string, most = 500): string {
    return redact(oneLine(text, most, this.#secrets), this.#secrets)
  }

  /** Cuts all connections. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #do<T>(call: Call, use: (clients: Clients) => Promise<T>): Promise<T> {
    const { apiKey, timeouts } = this.#settings
    const asked = credentials(defined({ apiKey }))
    const unlessStopped = unlessAborted(asked, call.signal, () => call.signal.reason as Error)
    const { headers, secrets } = await waitAtMost(timeouts.connect, unlessStopped, () => {
      return new SessionError('TOKEN_FAILED', `no key came within ${timeouts.connect} ms`, { retryable: true })
    })
    this.#secrets = [...new Set([...this.#secrets, ...secrets])].slice(-MOST_SECRETS)
    try {
      const send: Send = (path, init) => this.#send(call, path, { ...init, headers: headersOf(init, headers) }, secrets)
      return await use(clientsOf(this.#sdk, secrets[0] ?? '', send))
    } catch (error) {
      if (error instanceof DiarizeStreamError || call.signal.aborted || isAbortError(error)) throw error
      throw this.#failure(call, error, secrets)
    }
  }

  /** Makes one request, and gives its whole answer. */
  async #send(call: Call, path: string, init: RequestInit, secrets: string[]): Promise<Response> {
    const { connect, stall, answer } = this.#settings.timeouts
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    let isOver = false
    const within = (ms: number, what: string): void => {
      clearTimeout(timer)
      // What was to be sent may be read on for a moment.
      if (isOver) return
      timer = setTimeout(() => late.abort(this.#error('CONNECTION_LOST', call, `${what} within ${ms} ms`, true)), ms)
    }
    const signal = AbortSignal.any([call.signal, late.signal])
    const { origin, pathname } = new URL(this.#base)
    const { method = 'GET', headers } = init as { method?: 'GET'; headers: Record<string, string> }
    const given: unknown = init.body
    let body: AsyncIterable<Uint8Array> | string | undefined
    try {
      if (given instanceof Readable) {
        within(connect + stall, 'it took nothing of it')
        headers['Content-Length'] = String(call.length)
        body = watch(given as AsyncIterable<Uint8Array>, {
          more: (bytes) => {
            call.sent?.(bytes)
            within(stall, 'it took no more of it')
          },
          end: () => within(answer, 'it gave no answer'),
        })
      } else {
        within(connect + answer, 'it gave no answer')
        if (typeof given === 'string') body = given
      }
      // Not by fetch(), which keeps all of a body that is a stream, for the case that it must be sent again.
      const options = { origin, path: pathname.replace(/\/$/, '') + path, method, headers, signal }
      const response = await this.#agent.request({ ...options, ...(body !== undefined && { body: body as Readable }) })
      const { statusCode: status } = response
      const ok = status >= 200 && status < 300
      const bytes = await readBounded(response.body, ok ? (call.mostBytes ?? MOST_BYTES) : MOST_REFUSAL_BYTES, () =>
        within(answer, 'it gave no more of its answer'),
      )
      if (bytes === undefined && ok) throw this.#error('SERVER_FLOOD', call, 'its answer is longer than any could be')
      const text = Buffer.from(bytes ?? []).toString()
      if (!ok) throw this.#refusal(call, path, { status, text, headers: response.headers }, secrets)
      return new Response(text === '' ? undefined : text, { status: text === '' ? 200 : status })
    } catch (error) {
      // What ended it is told, not how it ended.
      if (call.signal.aborted) throw call.signal.reason
      throw late.signal.aborted ? late.signal.reason : error
    } finally {
      isOver = true
      clearTimeout(timer)
    }
  }

  #refusal(
    call: Call,
    path: string,
    { status: httpStatus, text: body, headers }: Refused,
    secrets: string[],
  ): SessionError {
    const said = redact(oneLine(errorText(body), 300, secrets), secrets)
    const meaning = refusalMeaning(httpStatus, said)
    const { code, retryable } = meaning
    const address = redirection(httpStatus, headers, this.#base, path)
    const advice =
      address === undefined ? meaning.advice : `It redirects to ${this.quoted(address, 200)}: give that address as url.`
    const wait = retryAfter(headers)
    const what = `it does not ${call.purpose}: HTTP ${httpStatus}${said === '' ? '' : `: ${said}`}`
    const facts = { retryable, httpStatus, serverMessage: said, ...wait, ...defined({ advice }) }
    return sessionError({ url: this.#base, secrets }, code, what, facts)
  }

  #failure(call: Call, cause: unknown, secrets: string[]): SessionError {
    const { code, message } = cause as { code?: unknown; message?: unknown }
    const reason = oneLine(
      typeof code === 'string' && code !== '' && code !== 'UND_ERR_SOCKET' ? code : String(message),
      500,
      secrets,
    )
    const named = (kind: ErrorCode, what: string, retryable: boolean, advice?: string): SessionError =>
      sessionError({ url: this.#base, secrets }, kind, what, { retryable, cause, ...(advice && { advice }) })
    if (cause instanceof ProxyError && cause.status < 500) {
      return named('CONNECT_FAILED', reason, false, "Check the proxy's address, its user and password, and its rules.")
    }
    const advice = certificateSentence(reason)
    if (advice !== undefined) {
      const what = `its certificate is not trusted (${reason})`
      return named('CONNECT_FAILED', what, false, advice)
    }
    if (reason === 'UND_ERR_CONNECT_TIMEOUT') {
      return named('CONNECT_TIMEOUT', `no connection within ${this.#settings.timeouts.connect} ms`, true)
    }
    if (unconnected.has(reason) || cause instanceof ProxyError) {
      return named('CONNECT_FAILED', `it cannot be reached (${reason})`, true, 'Check the address and the network.')
    }
    // The client, or what reads its answers here, has met something else than was asked for.
    if (code === undefined) {
      return named('SERVER_ERROR', `it was asked to ${call.purpose} and gave an answer that cannot be read`, true)
    }
    return named('CONNECTION_LOST', `the connection was lost while it was asked to ${call.purpose} (${reason})`, true)
  }

  #error(code: ErrorCode, call: Call, what: string, retryable = false): SessionError {
    const text = `it was asked to ${call.purpose}, and ${what}`
    return sessionError({ url: this.#base, secrets: [] }, code, text, { retryable })
  }
}

/** The services of the official client that are used here; their requests are made by `send`. */
function clientsOf(sdk: Sdk, apiKey: string, send: Send) {
  class Files extends sdk.FileService {
    protected override fetchResponse(path: string, init?: RequestInit): Promise<Response> {
      return send(path, init)
    }
  }
  class Transcripts extends sdk.TranscriptService {
    protected override fetchResponse(path: string, init?: RequestInit): Promise<Response> {
      return send(path, init)
    }
  }
  const files = new Files({ apiKey })
  return { files, transcripts: new Transcripts({ apiKey }, files) }
}

type Clients = ReturnType<typeof clientsOf>

function headersOf(init: RequestInit | undefined, credential: Record<string, string>): Record<string, string> {
  const given = (init?.headers ?? {}) as Record<string, string>
  return { 'Content-Type': 'application/json', ...given, ...credential, 'User-Agent': 'diarize-stream' }
}

async function* watch(
  pieces: AsyncIterable<Uint8Array>,
  { more, end }: { more: (bytes: number) => void; end: () => void },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    more(piece.length)
    yield piece
  }
  end()
}

/** Reads a body; `undefined` where it is longer than `most`. */
async function readBounded(
  body: AsyncIterable<Uint8Array>,
  most: number,
  renewed: () => void,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  let renewing = 0
  for await (const chunk of body) {
    size += chunk.length
    renewing += chunk.length
    if (size > most) return undefined
    chunks.push(chunk)
    if (renewing < RENEWING_BYTES) continue
    renewing = 0
    renewed()
  }
  return Buffer.concat(chunks)
}

/** What a refusal says, whether or not it is one of the API. */
function errorText(body: string): string {
  try {
    const { error, detail, message } = JSON.parse(body) as Record<string, unknown>
    const said = error ?? detail ?? message
    return typeof said === 'string' ? said : JSON.stringify(said ?? '')
  } catch {
    return body.replaceAll(/<[^>]*>/g, ' ')
  }
}

/** The base address that a redirect leads to, without the path of the request; `undefined` where it leads to no other. */
function redirection(status: number, { location = '' }: IncomingHttpHeaders, base: string, path: string) {
  const isRedirect = status >= 300 && status < 400 && location !== ''
  if (!isRedirect || !URL.canParse(location, base + path)) return undefined
  const { protocol, host, pathname } = new URL(location, base + path)
  const [asked = ''] = path.split('?')
  const place = pathname.endsWith(asked) ? pathname.slice(0, -asked.length) : pathname
  const address = `${protocol}//${host}${place}`.replace(/\/+$/, '')
  return address === base ? undefined : address
}

/** An answer that is no success. */
interface Refused {
  status: number
  text: string
  headers: IncomingHttpHeaders
}

interface RefusalMeaning {
  code: ErrorCode
  retryable: boolean
  advice?: string
}

const TOO_MANY: RefusalMeaning = { code: 'TOO_MANY_REQUESTS', retryable: true }

function refusalMeaning(status: number, said: string): RefusalMeaning {
  // The service says 403 for too many requests, too.
  if (status === 429 || (status === 403 && /too many|rate|limit/i.test(said))) return TOO_MANY
  if (status === 401 || status === 403) {
    const advice = 'Check the API key (raw, without "Bearer") and the region that it is for.'
    return { code: 'UNAUTHORIZED', retryable: false, advice }
  }
  if (status === 413) return { code: 'AUDIO_REJECTED', retryable: false, advice: 'Caption a shorter part of it.' }
  if (status >= 500 || status === 408 || status === 425) return { code: 'SERVER_ERROR', retryable: true }
  if (status === 402)
    return { code: 'INVALID_REQUEST', retryable: false, advice: 'Check the balance of the account that the key is of.' }
  // Where nothing is said, or all it says is that it is elsewhere, no option is named.
  const advice = said === '' || status < 400 ? undefined : 'Correct the option that the text names.'
  return { code: 'INVALID_REQUEST', retryable: false, ...defined({ advice }) }
}

/** The id becomes a part of paths. */
function checked(answer: TranscriptAnswer): TranscriptAnswer {
  const { id, status } = answer as { id: unknown; status: unknown }
  const isOne = typeof id === 'string' && /^[\w-]{1,100}$/.test(id) && typeof status === 'string'
  if (!isOne) throw new Error('it names no transcript')
  return answer
}
