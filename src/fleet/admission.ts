import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { SessionError } from '../errors.ts'
import type { SessionAdmission } from '../stream/options.ts'
import { type BucketOptions, noteRefusal, readBucket, takeToken } from './session-bucket.ts'
import type { Store } from './store.ts'

/** Asks again after this where the store does not answer, in ms. */
const AGAIN_MS = 1000

/** Whether a server has taken a session for one too many. */
export function isRefusal(error: Error): boolean {
  const { code, httpStatus } = error as Partial<SessionError>
  return code === 'TOO_MANY_SESSIONS' || httpStatus === 429
}

/** The bucket of a key at a server, which all processes of a fleet share by their store. */
export class SessionAdmissions {
  readonly #store: Store
  readonly #name: string
  readonly #options: BucketOptions

  /**
   * @param server - where sessions are opened.
   * @param key - what they are opened with; a function stands for the one key of the queue.
   */
  constructor(store: Store, server: string, key: unknown, options: BucketOptions) {
    this.#store = store
    this.#options = options
    const secret = typeof key === 'string' ? key : ''
    // Nobody can tell the key by it.
    this.#name = `sessions:${createHash('sha256').update(`${server}\n${secret}`).digest('hex').slice(0, 32)}`
  }

  /** Resolves when a session may be opened. */
  readonly admit: SessionAdmission = async ({ live, signal }) => {
    const id = randomUUID()
    for (;;) {
      signal.throwIfAborted()
      const wait = await this.#ask({ id, live }).catch(() => AGAIN_MS)
      if (wait === 0) return
      // Not all at the same moment.
      await delay(wait * (0.75 + Math.random() / 2), undefined, { signal })
    }
  }

  /** A server has refused one as too many. */
  async refused(): Promise<void> {
    await this.#store.update(this.#name, (text, now) => {
      const state = noteRefusal(readBucket(text, this.#options), this.#options, now)
      return { value: JSON.stringify(state), result: undefined }
    })
  }

  #ask(request: { id: string; live: boolean }): Promise<number> {
    return this.#store.update(this.#name, (text, now) => {
      const { state, wait } = takeToken(readBucket(text, this.#options), request, this.#options, now)
      return { value: JSON.stringify(state), result: wait }
    })
  }
}
