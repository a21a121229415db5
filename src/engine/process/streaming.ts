import { defined } from '../../options.ts'
import type { Recognition, Recogniser, Utterance } from '../parts.ts'
import { SpeechBuffer } from '../speech-buffer.ts'
import { noKeyterms } from '../words/hotwords.ts'
import { wordsOf } from '../words/word-times.ts'
import { callFailure } from './failure.ts'
import type { RecogniserPool } from './pool.ts'
import type { SherpaProcess } from './process.ts'
import type { SherpaCalls, TokenResult } from './sherpa.ts'

/** Longest time of one call, in ms; each is about 100 ms of audio, or the end of an utterance. */
const callLimit = 60_000

let nextStream = 0

/** A recogniser that hears as the audio comes, in the process that it has leased. */
export class StreamingRecogniser implements Recogniser {
  readonly parallel = 1
  readonly #pool: RecogniserPool
  #lease: Promise<{ process: SherpaProcess; release: () => void }>
  /** Utterances that have begun and not ended. */
  readonly #open = new Set<number>()
  #closed: Promise<void> | undefined

  constructor(pool: RecogniserPool) {
    this.#pool = pool
    this.#lease = pool.lease()
    this.#lease.catch(() => {})
  }

  setKeyterms(keyterms: readonly string[]): string | undefined {
    // The library's package takes none for a single stream.
    return keyterms.length > 0 ? noKeyterms(this.#pool.model) : undefined
  }

  begin(): Utterance {
    const stream = nextStream++
    this.#open.add(stream)
    return streamingUtterance(this, stream, this.#pool.model)
  }

  async call<Name extends 'start' | 'accept' | 'partial' | 'finish'>(
    name: Name,
    input: SherpaCalls[Name]['input'],
  ): Promise<SherpaCalls[Name]['output']> {
    try {
      const { process } = await this.#lease
      if (this.#closed !== undefined) throw new Error('it is closed')
      if (name === 'finish') this.#open.delete(input.stream)
      return await process.call(name, input, callLimit)
    } catch (error) {
      throw callFailure(error)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#release()
    return this.#closed
  }

  async #release(): Promise<void> {
    const lease = await this.#lease.catch(() => undefined)
    // The process goes on for others.
    for (const stream of this.#open) lease?.process.call('close', { stream }, callLimit).catch(() => {})
    lease?.release()
  }
}

function streamingUtterance(
  recogniser: StreamingRecogniser,
  stream: number,
  model: RecogniserPool['model'],
): Utterance {
  const audio = new SpeechBuffer()
  /** The first failure; all calls are made in order, and answered so. */
  let failure: Error | undefined
  void call('start', { stream })

  function accept(samples: Int16Array, speech: readonly number[]): Promise<void> {
    audio.push(samples, speech)
    return call('accept', { stream, samples })
  }

  async function partial(): Promise<Recognition> {
    return words(await recogniser.call('partial', { stream }))
  }

  async function finish(untilMs = Infinity): Promise<Recognition> {
    const result = await recogniser.call('finish', { stream })
    if (failure !== undefined) throw failure
    const heard = words(result)
    return { ...heard, words: heard.words.filter(({ start, end }) => (start + end) / 2 < untilMs) }
  }

  async function call<Name extends 'start' | 'accept'>(name: Name, input: SherpaCalls[Name]['input']): Promise<void> {
    try {
      await recogniser.call(name, input)
    } catch (error) {
      failure ??= error as Error
    }
  }

  function words(result: TokenResult): Recognition {
    const { startMs, endMs } = audio
    const heard = { samples: audio.samples(startMs, endMs), speech: audio.speech(startMs, endMs) }
    const language = model.languages.length === 1 ? model.languages[0] : undefined
    return { words: wordsOf(result, heard, model), ...defined({ language }) }
  }

  // What has been heard has been decoded, so there is nothing to prepare or to split.
  return { accept, partial, finish }
}
