import { open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { EngineError, isAbortError } from '../../errors.ts'

/** Redirects in a row that are followed. */
const mostRedirects = 5

/** How a file is downloaded; times in ms. */
export interface DownloadOptions {
  url: string
  /** Where the bytes go; what is there of the same file already is kept and continued. */
  file: string
  /** Most bytes the file may have. */
  mostBytes: number
  /** Is told of every chunk; `total` where the server says it. */
  onProgress?: (received: number, total: number | undefined) => void
  signal?: AbortSignal | undefined
  /** Longest time until a server answers. @defaultValue 30000 */
  answerTimeout?: number
  /** Longest pause between two chunks. @defaultValue 30000 */
  stallTimeout?: number
  /** Attempts in a row that may bring nothing. @defaultValue 5 */
  attempts?: number
  /** First pause between two attempts; each further one is twice as long. @defaultValue 1000 */
  retryDelay?: number
}

const defaults = { answerTimeout: 30_000, stallTimeout: 30_000, attempts: 5, retryDelay: 1000 }

/** What is known of a file of which only a part is there; lies beside it. */
interface Partial {
  url: string
  /** What the server calls this very version of the file. */
  validator: string
}

/** A failure after which trying again may help. */
class Interrupted extends Error {}

/**
 * Downloads a file over https, going on where an earlier attempt broke off if the server still has the same version.
 * Plain http is taken from the loopback interface only.
 *
 * @throws EngineError `DOWNLOAD_FAILED`; `retryable` where another attempt may help, and goes on with what is there.
 */
export async function download(options: DownloadOptions): Promise<void> {
  const settings = { ...defaults, ...options }
  const { url, signal, attempts, retryDelay } = settings
  for (let failures = 0; ;) {
    const before = await sizeOf(settings.file)
    try {
      return await attempt(settings)
    } catch (error) {
      signal?.throwIfAborted()
      if (isAbortError(error)) throw error
      if (!(error instanceof Interrupted)) {
        for (const left of [settings.file, `${settings.file}.json`]) await rm(left, { force: true })
        throw error instanceof EngineError ? error : failed(url, describe(error), false, error)
      }
      failures = (await sizeOf(settings.file)) > before ? 1 : failures + 1
      if (failures >= attempts) throw failed(url, error.message, true, error)
      await delay(retryDelay * 2 ** (failures - 1), undefined, { ...(signal && { signal }) })
    }
  }
}

type Settings = DownloadOptions & typeof defaults

async function attempt(settings: Settings): Promise<void> {
  const { url, file, mostBytes, onProgress, stallTimeout } = settings
  const noteFile = `${file}.json`
  const note = await readNote(noteFile)
  const have = note?.url === url ? await sizeOf(file) : 0
  const headers = { ...(have > 0 && { range: `bytes=${have}-`, 'if-range': note!.validator }) }
  const timer = new Timer(settings.signal)
  try {
    timer.set(settings.answerTimeout, 'gave no answer')
    const response = await timer.guard(ask(settings, headers, timer.signal))
    if (response.status === 416) {
      await rm(file, { force: true })
      throw new Interrupted('the server has less of the file than was downloaded before')
    }
    const from = response.status === 206 ? have : 0
    const total = expectedSize(response, from, url)
    const tooLarge = (): EngineError => failed(url, `it has more than the ${mostBytes} bytes that it may have`, false)
    if ((total ?? 0) > mostBytes) throw tooLarge()
    const validator = validatorOf(response)
    if (validator === undefined) await rm(noteFile, { force: true })
    else await writeFile(noteFile, JSON.stringify({ url, validator } satisfies Partial))
    const target = await open(file, from === 0 ? 'w' : 'a')
    let received = from
    try {
      onProgress?.(received, total)
      const body = response.body?.getReader()
      for (;;) {
        timer.set(stallTimeout, 'sent nothing more')
        const next = await timer.guard(body?.read() ?? Promise.resolve({ done: true as const, value: undefined }))
        if (next.done) break
        received += next.value.length
        if (received > mostBytes) throw tooLarge()
        await target.write(next.value)
        onProgress?.(received, total)
      }
    } finally {
      await target.close()
    }
    if (total !== undefined && received !== total) throw new Interrupted(`it broke off after ${received} bytes`)
    await rm(noteFile, { force: true })
  } finally {
    timer.clear()
  }
}

/** Asks for the file, following redirects. */
async function ask(settings: Settings, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  const first = new URL(settings.url)
  let url = first
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    if (!isAllowed(url, first)) throw failed(settings.url, `${shown(url)} is not an https: address`, false)
    const response = await fetch(url.href, {
      redirect: 'manual',
      signal,
      headers: { ...headers, 'accept-encoding': 'identity' },
    })
    const { status } = response
    const location = response.headers.get('location')
    if (status >= 300 && status < 400 && status !== 304 && location !== null) {
      await response.body?.cancel()
      if (!URL.canParse(location, url.href)) throw failed(settings.url, `${shown(url)} redirects to no address`, false)
      url = new URL(location, url)
      continue
    }
    if (status === 200 || status === 206 || status === 416) return response
    await response.body?.cancel()
    const what = `${shown(url)} answers with status ${status}`
    if (status >= 500 || status === 429 || status === 408) throw new Interrupted(what)
    throw failed(settings.url, what, false)
  }
  throw failed(settings.url, `it redirects more than ${mostRedirects} times`, false)
}

/** Size of the whole file, if it is known. */
function expectedSize({ status, headers }: Response, from: number, url: string): number | undefined {
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    throw failed(url, 'it comes compressed, which was not asked for', false)
  }
  if (status === 206) {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
    if (Number(start) !== from || total === undefined) throw failed(url, 'the server sent another part of it', false)
    return Number(total)
  }
  const length = headers.get('content-length')
  return length === null ? undefined : Number(length)
}

/** A strong validator, which alone says that two answers are parts of the same bytes. */
function validatorOf({ headers }: Response): string | undefined {
  const etag = headers.get('etag')
  return etag !== null && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined)
}

const loopback = ['localhost', '127.0.0.1', '[::1]']

/** Whether an address may be asked: never from this machine's loopback interface to elsewhere, nor the other way round. */
function isAllowed(url: URL, first: URL): boolean {
  if (url.username !== '' || url.password !== '') return false
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && loopback.includes(url.hostname) && loopback.includes(first.hostname)
}

/** Ends what takes too long, and what its user has ended. */
class Timer {
  readonly #controller = new AbortController()
  readonly #user: AbortSignal | undefined
  readonly #onAbort = (): void => this.#controller.abort()
  #timer: NodeJS.Timeout | undefined
  #reason: string | undefined

  constructor(user: AbortSignal | undefined) {
    this.#user = user
    user?.throwIfAborted()
    user?.addEventListener('abort', this.#onAbort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  set(limit: number, reason: string): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#reason = `the server ${reason} for ${limit / 1000} s`
      this.#controller.abort()
    }, limit)
  }

  /** What the network gives; its failures are worth another attempt. */
  async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      this.#user?.throwIfAborted()
      if (error instanceof EngineError || error instanceof Interrupted) throw error
      throw new Interrupted(this.#reason ?? describe(error), { cause: error })
    }
  }

  /** Frees the connection as well. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#user?.removeEventListener('abort', this.#onAbort)
    this.#controller.abort()
  }
}

async function readNote(file: string): Promise<Partial | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial
  } catch {
    return undefined
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch {
    return 0
  }
}

/** Without query, in which storage services put signatures. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/** What fetch hides in causes. */
function describe(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}

/** The error for a download or what was downloaded. */
export function failed(url: string, reason: string, retryable: boolean, cause?: unknown): EngineError {
  const next = retryable ? 'check the network and try again: it goes on where it broke off' : 'nothing was kept of it'
  const address = URL.canParse(url) ? shown(new URL(url)) : url
  return new EngineError('DOWNLOAD_FAILED', `${address} could not be downloaded: ${reason}; ${next}`, {
    retryable,
    ...(cause !== undefined && { cause }),
  })
}
