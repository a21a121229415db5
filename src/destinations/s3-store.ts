import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { backOff } from '../back-off.ts'
import { ConfigurationError, isAbortError } from '../errors.ts'
import { redact } from '../redact.ts'
import { follow } from '../stream-helpers.ts'
import type { ObjectStore, StoredBytes } from './object-store.ts'
import type { S3ClientLike } from './s3.ts'

/** How often a request is tried that may pass at the next attempt, and how long it waits, in ms: half a minute in all. */
const RETRY = { attempts: 10, retryDelay: 100, maxRetryDelay: 8000 }
const CONNECT_MS = 10_000
const REQUEST_MS = 30_000

type Sdk = typeof import('@aws-sdk/client-s3')

/** The objects of a bucket below a key. */
export class S3Store implements ObjectStore {
  readonly address: string
  readonly #bucket: string
  readonly #key: string
  readonly #client: S3ClientLike | undefined

  constructor(at: { address: string; bucket: string; key: string }, client: S3ClientLike | undefined) {
    this.address = at.address
    this.#bucket = at.bucket
    this.#key = at.key
    this.#client = client
  }

  async get(
    name: string,
    { from, length }: { from: number; length: number },
    signal: AbortSignal,
  ): Promise<StoredBytes | undefined> {
    const { sdk, client } = await this.#load()
    const at = { Bucket: this.#bucket, Key: this.#keyOf(name) }
    const command = (): unknown => new sdk.GetObjectCommand({ ...at, Range: `bytes=${from}-${from + length - 1}` })
    try {
      return await send(client, command, signal, async (answer, alive) => {
        const size = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? answer.ContentLength)
        if (answer.ContentRange === undefined && (from > 0 || size > length)) {
          throw new TypeError('the server does not know ranges of bytes')
        }
        return { bytes: await bytesOf(answer.Body ?? [], alive), version: answer.ETag ?? '', size }
      })
    } catch (error) {
      if (isMissing(error)) return undefined
      // Of nothing there is no range.
      if (statusOf(error) === 416) return this.#empty(name, from, signal)
      throw explained(error, signal)
    }
  }

  async put(
    name: string,
    bytes: Uint8Array,
    replaced: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { sdk, client } = await this.#load()
    const command = (): unknown =>
      new sdk.PutObjectCommand({
        Bucket: this.#bucket,
        Key: this.#keyOf(name),
        Body: bytes,
        ContentType: typeOf(this.#keyOf(name)),
        ...(replaced === undefined ? { IfNoneMatch: '*' } : { IfMatch: replaced }),
      })
    try {
      return await send(client, command, signal, (answer) => answer.ETag ?? '')
    } catch (error) {
      if (statusOf(error) === 412 || (replaced !== undefined && isMissing(error))) return undefined
      throw explained(error, signal)
    }
  }

  /** What has no byte at `from`. */
  async #empty(name: string, from: number, signal: AbortSignal): Promise<StoredBytes | undefined> {
    const { sdk, client } = await this.#load()
    const command = (): unknown => new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(name) })
    try {
      const version = await send(client, command, signal, (answer) => answer.ETag ?? '')
      return { bytes: new Uint8Array(), version, size: from }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw explained(error, signal)
    }
  }

  #keyOf(name: string): string {
    return name === '' ? this.#key : `${this.#key}/${name}`
  }

  async #load(): Promise<{ sdk: Sdk; client: S3ClientLike }> {
    const sdk = await import('@aws-sdk/client-s3').catch(() => {
      const install = 'run npm install @aws-sdk/client-s3'
      const message = `s3Destination() needs the npm package @aws-sdk/client-s3, which cannot be loaded: ${install}`
      throw Object.assign(new Error(message), { isAdvised: true })
    })
    if (this.#client !== undefined) return { sdk, client: this.#client }
    shared ??= makeClient(sdk).catch((error: unknown) => {
      shared = undefined
      throw error
    })
    return { sdk, client: await shared }
  }
}

const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  srt: 'application/x-subrip',
  vtt: 'text/vtt',
  ttml: 'application/ttml+xml',
  csv: 'text/csv',
}

/** The type of the content of an object, by the ending of its key. */
function typeOf(key: string): string {
  return TYPES[/\.(\w+)$/.exec(key)?.[1]?.toLowerCase() ?? ''] ?? 'text/plain; charset=utf-8'
}

let shared: Promise<S3Client> | undefined

async function makeClient({ S3Client: Client }: Sdk): Promise<S3Client> {
  const options = {
    // It gives up trying again for good where too much has failed, whoever of the process it was.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
  }
  const client = new Client(options)
  if (!(await hasOwnEndpoint(client))) return client
  const isRegionKnown = await client.config.region().then(
    () => true,
    () => false,
  )
  client.destroy()
  // Few servers but Amazon's have a name for each bucket, and any region does for most.
  return new Client({ ...options, forcePathStyle: true, ...(!isRegionKnown && { region: 'us-east-1' }) })
}

/** Whether the environment or `~/.aws/config` names another server than Amazon's. @throws where that is no address */
async function hasOwnEndpoint({ config }: S3Client): Promise<boolean> {
  const variable = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((name) => (process.env[name] ?? '') !== '')
  const given = variable === undefined ? undefined : process.env[variable]
  // Where the client looks at its first request; its types do not tell of it.
  const { serviceConfiguredEndpoint } = config as { serviceConfiguredEndpoint?: () => Promise<string | undefined> }
  const endpoint = given ?? (await serviceConfiguredEndpoint?.())
  if (endpoint === undefined || endpoint === '') return false
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return true
  const message = `${variable ?? 'endpoint_url in ~/.aws/config'} must be an address such as http://127.0.0.1:9000; it is ${redact(endpoint)}`
  throw Object.assign(new Error(message), { isAdvised: true })
}

async function bytesOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, alive: () => void): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of body) {
    parts.push(part)
    alive()
  }
  return Buffer.concat(parts)
}

/**
 * Sends a request, again where that may help, and takes the answer in.
 *
 * @param take - calls `alive` whenever some more of the answer has come.
 */
async function send<T>(
  client: S3ClientLike,
  command: () => unknown,
  signal: AbortSignal,
  // oxlint-disable-next-line no-explicit-any -- as of the client
  take: (answer: any, alive: () => void) => T | Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    // The client never lets go of a signal that it was given, so each request has one of its own.
    const own = new AbortController()
    const unfollow = follow(signal, own)
    let timer: NodeJS.Timeout | undefined
    try {
      const answer = await client.send(command(), { abortSignal: own.signal })
      // The client's own time-outs are over when an answer begins.
      const stalled = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          reject(Object.assign(new Error('the server stopped in the middle of its answer'), { name: 'TimeoutError' }))
          own.abort()
        }, REQUEST_MS)
      })
      return await Promise.race([take(answer, () => timer?.refresh()), stalled])
    } catch (error) {
      if (signal.aborted || attempt >= RETRY.attempts || !isTransient(error)) throw error
    } finally {
      clearTimeout(timer)
      unfollow()
    }
    await sleep(backOff(attempt, RETRY, false), undefined, { signal })
  }
}

/** Errors that may be gone at the next attempt whatever their status: the client sets its clock by the answer. */
const PASSING =
  /^RequestTim(?:eout|eTooSkewed)|^Request(?:Expired|InTheFuture)|Throttl|SlowDown|(?:Request|Bandwidth)LimitExceeded/
/** Codes of the system, and of its resolver, such as ECONNRESET and EAI_AGAIN; not those of Node, which begin with ERR_. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z_]+$/

/** Whether a failure may be gone at the next attempt. 409 is that of a conditional write beside another one, 501 stays. */
function isTransient(error: unknown): boolean {
  const status = statusOf(error)
  const { name = '', code } = error as { name?: string; code?: unknown }
  if (PASSING.test(name)) return true
  if (status !== undefined && status >= 300) {
    return (status >= 500 && status !== 501) || [408, 409, 429].includes(status)
  }
  return name === 'TimeoutError' || (typeof code === 'string' && SYSTEM_CODE.test(code))
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode
}

/** Whether there is no such object, in a bucket that is there. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket'
}

/** What failed, in words of ours where those of the client do not say what to do; `retryable` where that may pass. */
function explained(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || isAbortError(error) || error instanceof ConfigurationError) return error
  const { name, message } = error as Error
  const advice = ADVICE.find(([pattern]) => pattern.test(`${name} ${message}`))?.[1]
  const text = `${name}${message === '' || message === name ? '' : `: ${message}`}${advice === undefined ? '' : ` (${advice})`}`
  // The error of the client holds the request, and with it the signature: it is not handed on.
  return Object.assign(new Error(text), { retryable: isTransient(error), isAdvised: advice !== undefined })
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /credential|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken/i,
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
  [/Region is missing/i, 'set AWS_REGION'],
  [/NoSuchBucket/, 'make the bucket first'],
  [
    /AccessDenied/,
    'it takes s3:GetObject and s3:PutObject, and s3:ListBucket to tell what is not there from what is forbidden',
  ],
  [/NotImplemented/, 'the server must know If-Match and If-None-Match of PutObject'],
]
