import { EngineError } from '../../errors.ts'
import type { RecognisedWord, Recogniser } from '../parts.ts'
import { nextStep } from '../pocketsphinx-library.ts'
import type { Lease } from './host.ts'
import type { SherpaCalls, TokenResult } from './messages.ts'
import { ProcessEnded } from './process.ts'
import { wordsFromTokens } from './words.ts'

/** Longest time of one call in ms; each is about 100 ms of audio, or the end of an utterance. */
const callLimit = 60_000

/** The error for a call that failed after the model had been loaded. */
export function callFailure(error: unknown): EngineError {
  const log = error instanceof ProcessEnded ? error.log : ''
  return new EngineError('ENGINE_FAILED', `the local engine failed: ${(error as Error).message}; ${nextStep}`, {
    cause: error,
    retryable: true,
    ...(log && { stderr: log }),
  })
}

/** One stream of utterances through the recogniser in the process. */
export class SherpaRecogniser implements Recogniser {
  readonly #lease: Lease
  readonly #lowerCase: boolean
  #length = 0
  #closed: Promise<void> | undefined

  constructor(lease: Lease, lowerCase: boolean) {
    this.#lease = lease
    this.#lowerCase = lowerCase
  }

  async start(): Promise<void> {
    this.#length = 0
    await this.#call('start', { stream: this.#lease.stream })
  }

  async accept(samples: Int16Array): Promise<void> {
    this.#length += samples.length
    await this.#call('accept', { stream: this.#lease.stream, samples })
  }

  async partial(): Promise<RecognisedWord[]> {
    return this.#words(await this.#call('partial', { stream: this.#lease.stream }))
  }

  async finish(): Promise<RecognisedWord[]> {
    return this.#words(await this.#call('finish', { stream: this.#lease.stream }))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { process, stream, isLast } = this.#lease
    // Calls are answered in order, so after this one none is under way. With the last user the process ends, calls and all.
    if (!isLast) await process.call('close', { stream }, callLimit).catch(() => {})
    await this.#lease.release()
  }

  #words(result: TokenResult): RecognisedWord[] {
    return wordsFromTokens(result, Math.floor(this.#length / 16), this.#lowerCase)
  }

  async #call<Name extends keyof SherpaCalls>(
    name: Name,
    input: SherpaCalls[Name]['input'],
  ): Promise<SherpaCalls[Name]['output']> {
    if (this.#closed !== undefined) throw new EngineError('ENGINE_FAILED', 'the recogniser is closed; open another')
    try {
      return await this.#lease.process.call(name, input, callLimit)
    } catch (error) {
      throw callFailure(error)
    }
  }
}
