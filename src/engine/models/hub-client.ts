import { type ConfigurationError, EngineError } from '../../errors.ts'
import { proxiedFetch } from '../../network.ts'
import { defined, refusedOption } from '../../options.ts'
import { oneLine, redact } from '../../redact.ts'
import type { Environment } from './places.ts'

export interface HubSettings {
  /** Address without a `/` at its end: that of the Hub, or what `HF_ENDPOINT` names. */
  endpoint: string
  token: string | undefined
  /** Whether there is one that is not sent, since everybody on the way could read it: over plain http. */
  isTokenWithheld: boolean
  offline: boolean
}

export interface HubTimeouts {
  /** Longest wait for an answer to a request. */
  answerTimeout: number
  /** Longest wait for the next bytes of an answer. */
  stallTimeout: number
}

/** Most bytes of an answer that is no file, and of one that tells of an error. */
const maxBytes = { answer: 4 << 20, error: 64 << 10 }

/** What the environment says of the Hub. @throws ConfigurationError `INVALID_OPTION`, without any secret */
export function hubSettings(env: Environment = process.env): HubSettings {
  const wrong = (option: string, rule: string): ConfigurationError =>
    refusedOption(option, `${option}, when set, must be ${rule}`)
  const address = env['HF_ENDPOINT'] || 'https://huggingface.co'
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw wrong('HF_ENDPOINT', 'an address of a mirror of the Hugging Face Hub, http: or https:')
  }
  if (url.username !== '' || url.password !== '') throw wrong('HF_ENDPOINT', 'an address without user and password')
  const token = env['HF_TOKEN'] || undefined
  // Mirrors have tokens of other forms than the Hub.
  if (token !== undefined && !/^[!-~]{1,4096}$/.test(token)) throw wrong('HF_TOKEN', 'a token, without spaces')
  const isSafe = url.protocol === 'https:' || /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return {
    endpoint: url.href.replace(/\/+$/, ''),
    token: isSafe ? token : undefined,
    isTokenWithheld: token !== undefined && !isSafe,
    offline: /^(?:1|true|yes|on)$/i.test(env['HF_HUB_OFFLINE'] ?? ''),
  }
}

/** The answer to a request for the rest of a file was the whole file. */
export class RangeIgnored extends Error {}

/** A `fetch` bounded in time, and in size for all but files. The token does not follow a redirect to another host. */
export function boundedFetch(
  { endpoint, token }: HubSettings,
  answerTimeout: number,
  signal: AbortSignal,
): typeof fetch {
  return async (input, init = {}) => {
    const late = new AbortController()
    const address = input instanceof Request ? input.url : input.toString()
    const isFile = address.includes('/resolve/')
    const headers = new Headers(init.headers)
    if (token !== undefined && address.startsWith(`${endpoint}/`)) headers.set('authorization', `Bearer ${token}`)
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${answerTimeout / 1000} s`)), answerTimeout)
    try {
      const range = headers.get('range')
      const response = await proxiedFetch(input, { ...init, headers, signal: AbortSignal.any([signal, late.signal]) })
      const { status } = response
      // What the library asks for to learn of a file: it does not read the body, which would keep the connection.
      if (response.ok && range === 'bytes=0-0') {
        await response.body?.cancel()
        return new Response(undefined, { status, headers: response.headers })
      }
      if (!response.ok || !isFile) {
        const body = await readBounded(response, response.ok ? maxBytes.answer : maxBytes.error)
        return new Response(body, { status, headers: withoutEncoding(response.headers) })
      }
      if (range !== null && status !== 206) {
        await response.body?.cancel()
        throw new RangeIgnored('the server sends only whole files')
      }
      return response
    } finally {
      clearTimeout(timer)
    }
  }
}

async function readBounded(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > most) {
      // An error is told by its beginning, too.
      if (!response.ok) break
      throw new Error(`an answer has more than ${most} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body has been decoded. */
function withoutEncoding(headers: Headers): Headers {
  const rest = new Headers(headers)
  rest.delete('content-encoding')
  rest.delete('content-length')
  return rest
}

/** What the library says on the console is not for our users; counts how many ask for quiet. */
let quietCalls = 0
let spoken: Pick<Console, 'debug' | 'info'> | undefined

/** Runs `work` while `console.debug` and `console.info` say nothing. */
export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  if (quietCalls++ === 0) {
    spoken = { debug: console.debug, info: console.info }
    console.debug = console.info = () => {}
  }
  try {
    return await work()
  } finally {
    if (--quietCalls === 0 && spoken !== undefined) Object.assign(console, spoken)
  }
}

/** The error for a request that failed, with the next step; `retryable` where the same may succeed later. */
export function hubFailure(
  error: unknown,
  what: string,
  { endpoint, token, isTokenWithheld }: HubSettings,
): EngineError {
  if (error instanceof EngineError) return error
  const { message: text, reasons } = describe(error)
  const status = statusOf(error, text)
  let reason: string
  let retryable = false
  if (status === 401 || status === 403) {
    const given = isTokenWithheld
      ? 'HF_TOKEN is not sent over http:, so that HF_ENDPOINT must be an https: address'
      : 'the token in HF_TOKEN may not read it'
    const isGiven = token !== undefined || isTokenWithheld
    const next = isGiven ? given : 'set HF_TOKEN to a token that may read it'
    reason = `the server answers with status ${status}: ${next}, and accept its terms on ${endpoint} if it has any`
  } else if (status === 404) {
    reason = 'the server answers with status 404: it has no such file; a mirror in HF_ENDPOINT may lack it'
  } else if (status !== undefined) {
    retryable = status === 408 || status === 429 || status >= 500
    reason = `the server answers with status ${status}${retryable ? '; try again later' : ''}`
  } else {
    retryable = true
    reason = `${oneLine(reasons)}; check the network, or name a mirror in HF_ENDPOINT, and pull again to go on where it was`
  }
  const message = redact(`${what} cannot be downloaded from ${endpoint}: ${reason}`, token === undefined ? [] : [token])
  // The lower error names signed addresses, and is kept out.
  return new EngineError('DOWNLOAD_FAILED', message, { retryable, ...defined({ status }) })
}

function statusOf(error: unknown, text: string): number | undefined {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown }
  if (typeof statusCode === 'number') return statusCode
  const [, status] = /\bstatus (\d{3})\b/.exec(text) ?? []
  return status === undefined ? undefined : Number(status)
}

function describe(error: unknown): { message: string; reasons: string } {
  // The library passes on the text of some errors only.
  const message = error instanceof Error ? error.message : String(error)
  const cause = (error as { cause?: unknown } | undefined)?.cause
  const { code } = (cause ?? error ?? {}) as { code?: unknown }
  const plain =
    message === 'fetch failed' || message === '' || message === 'terminated' ? 'the connection failed' : message
  return { message, reasons: typeof code === 'string' ? `${plain} (${code})` : plain }
}
