import { setTimeout as delay } from 'node:timers/promises'
import { backOff, delayAsked } from '../../back-off.ts'
import { isAbortError, SessionError, type Warning } from '../../errors.ts'
import { defined } from '../../options.ts'
import { oneLine } from '../../redact.ts'
import type { ReconnectingRecord } from '../../stream/options.ts'
import { waitAtMost } from '../../stream-helpers.ts'
import type { PrerecordedApi } from './api.ts'
import type { ResolvedTranscribeOptions } from './options.ts'
import type { TranscriptAnswer } from './turns.ts'

const ATTEMPTS = 10
/** Before anything ever worked, a mistake is likelier than an outage. */
const FIRST_ATTEMPTS = 2
/** Beside the length of the audio: files wait in a queue where an account has too many of them. */
const PROCESSING_MS = 1_800_000
/** Longest time to leave nothing behind: `run()` waits 10 s for a stage to close, and what is kept is to be told by then. */
const CLEAN_UP_MS = 8000
/** Bytes that a transcript may have, beside those for each ms of audio: speech has about one. */
const TRANSCRIPT_BYTES = 8 << 20
const TRANSCRIPT_BYTES_PER_MS = 20
/** Failures of the service's own, after which its documents say to ask again. */
const serverFault = /server error|internal error|resubmit|try again|temporar|timed? ?out/i

/** Who is told how it goes. */
export interface JobListener {
  reconnecting(record: ReconnectingRecord): void
  /** Bytes of the upload that is under way that are on their way. */
  uploaded(bytes: number): void
  /** The service has been asked, and is not ready. */
  waiting(): void
  warning(warning: Warning): void
}

/** The audio as it is to be uploaded. */
export interface JobAudio {
  /** Its length in ms. */
  duration: number
  /** Its length in bytes. */
  bytes: number
  /** All of its bytes, from the first one on; as often as they are wanted. */
  pieces(): AsyncIterable<Buffer>
}

type JobOptions = Pick<ResolvedTranscribeOptions, 'reconnect' | 'polling' | 'timeouts' | 'request'>

/** One transcript, from the upload to its deletion. */
export class TranscriptJob {
  readonly #api: PrerecordedApi
  readonly #options: JobOptions
  readonly #listener: JobListener
  readonly #stop = new AbortController()
  /** For what must be done although all is stopped. */
  readonly #cleanUp = new AbortController()
  /** Whether the service has ever answered. */
  #isKnown = false
  #audioUrl: string | undefined
  #id: string | undefined
  /** The request for a transcript that is under way, or whose answer was lost: there may be one without an id. */
  #creating: Promise<unknown> | undefined

  constructor(api: PrerecordedApi, options: JobOptions, listener: JobListener) {
    this.#api = api
    this.#options = options
    this.#listener = listener
  }

  /** Asks whether the key is taken. */
  async check(): Promise<void> {
    await this.#persist(() => this.#api.check(this.#stop.signal))
  }

  /**
   * Uploads the audio and waits for its transcript.
   *
   * @throws SessionError; `TRANSCRIPT_FAILED` where the service made none, `TRANSCRIPT_TIMEOUT` where it took too long.
   */
  async run(audio: JobAudio): Promise<TranscriptAnswer> {
    const { signal } = this.#stop
    this.#audioUrl = await this.#persist(() => {
      let sent = 0
      return this.#api.upload(audio.pieces(), audio.bytes, (bytes) => this.#listener.uploaded((sent += bytes)), signal)
    })
    for (let isLast = false; ; isLast = true) {
      const id = await this.#create(this.#audioUrl)
      const transcript = await this.#poll(id, audio.duration)
      if (transcript.status === 'completed') return transcript
      const error = failed(transcript, this.#api)
      if (isLast || !error.retryable) throw error
      await this.#persist(() => this.#api.delete(id, signal))
      this.#id = undefined
      this.#listener.reconnecting({ attempt: 1, delay: 0, error })
    }
  }

  /** Stops whatever is under way; {@link discard} or nothing may follow. */
  stop(): void {
    this.#stop.abort()
  }

  /** Deletes the transcript, if there is one, within a bounded time. What remains is a warning. */
  async discard(): Promise<void> {
    this.stop()
    const timer = setTimeout(() => this.#cleanUp.abort(), CLEAN_UP_MS)
    const { signal } = this.#cleanUp
    try {
      const settled = this.#creating?.catch(() => {})
      if (settled !== undefined) await waitAtMost(CLEAN_UP_MS / 2, settled)
      const isLost = this.#creating !== undefined && this.#id === undefined && this.#audioUrl !== undefined
      const id = isLost ? await this.#persist(() => this.#api.find(this.#audioUrl!, signal), signal) : this.#id
      if (id === undefined) return
      this.#id = id
      await this.#persist(() => this.#api.delete(id, signal), signal)
      this.#id = undefined
    } catch (error) {
      const which = this.#id === undefined ? 'one may be there' : this.#id
      const message = `the transcript could not be deleted at ${this.#api.url} (${which}): ${oneLine((error as Error).message)}`
      this.#listener.warning({ code: 'TRANSCRIPT_KEPT', message, ...defined({ transcriptId: this.#id }) })
    } finally {
      clearTimeout(timer)
      this.#cleanUp.abort()
    }
  }

  /** Asks for a transcript, and never for two: an answer that was lost is looked for before the service is asked again. */
  async #create(audioUrl: string): Promise<string> {
    const { signal } = this.#stop
    const request = { ...this.#options.request, audio_url: audioUrl }
    return await this.#persist(async () => {
      if (this.#creating !== undefined) this.#id = await this.#api.find(audioUrl, signal)
      if (this.#id === undefined) {
        // Not stopped in its middle: nobody would know which transcript it began.
        this.#creating = this.#api.create(request, this.#cleanUp.signal).then(({ id }) => (this.#id = id))
        await this.#creating.catch((error: unknown) => {
          const isRefused = error instanceof SessionError && (error.httpStatus ?? 500) < 500
          if (isRefused) this.#creating = undefined
          throw error
        })
      }
      this.#creating = undefined
      signal.throwIfAborted()
      return this.#id!
    })
  }

  async #poll(id: string, duration: number): Promise<TranscriptAnswer> {
    const { polling, timeouts } = this.#options
    const most = timeouts.processing ?? PROCESSING_MS + duration
    const mostBytes = TRANSCRIPT_BYTES + Math.round(TRANSCRIPT_BYTES_PER_MS * duration)
    const tooLong = new AbortController()
    const timer = setTimeout(() => tooLong.abort(), most)
    const signal = AbortSignal.any([this.#stop.signal, tooLong.signal])
    try {
      for (let wait = polling.delay; ; wait = Math.min(wait * 1.5, polling.maxDelay)) {
        await delay(Math.min(wait, polling.maxDelay), undefined, { signal })
        const transcript = await this.#persist(() => this.#api.get(id, mostBytes, signal), signal)
        if (transcript.status === 'completed' || transcript.status === 'error') return transcript
        this.#listener.waiting()
      }
    } catch (error) {
      if (!tooLong.signal.aborted || this.#stop.signal.aborted) throw error
      const message = `${this.#api.url}: transcript ${id} was not ready within ${Math.round(most / 1000)} s; try again later, or raise timeouts.processing`
      throw new SessionError('TRANSCRIPT_TIMEOUT', message, { retryable: true, sessionId: id })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Makes a request again where that can help. */
  async #persist<T>(request: () => Promise<T>, signal = this.#stop.signal): Promise<T> {
    const { attempts, delay: retryDelay, maxDelay: maxRetryDelay } = this.#options.reconnect
    const spacing = { retryDelay, maxRetryDelay }
    for (let attempt = 1; ; attempt++) {
      try {
        signal.throwIfAborted()
        const answer = await request()
        this.#isKnown = true
        return answer
      } catch (error) {
        if (!(error instanceof SessionError) || signal.aborted || isAbortError(error)) throw error
        if (error.httpStatus !== undefined) this.#isKnown = true
        if (!error.retryable || attempt > (attempts ?? (this.#isKnown ? ATTEMPTS : FIRST_ATTEMPTS))) throw error
        const pause = delayAsked(backOff(attempt, spacing, false), error, spacing)
        this.#listener.reconnecting({ attempt, delay: pause, error })
        await delay(pause, undefined, { signal })
      }
    }
  }
}

function failed(transcript: TranscriptAnswer, api: PrerecordedApi): SessionError {
  const { error, status } = transcript
  const said = api.quoted(typeof error === 'string' ? error : `status ${status}`, 300)
  return new SessionError('TRANSCRIPT_FAILED', `${api.url}: no transcript was made: ${said}`, {
    retryable: serverFault.test(said),
    serverMessage: said,
    sessionId: transcript.id,
  })
}
