import { Transform } from 'node:stream'
import type { Turn } from '../model.ts'
import { recordStage, relayEvents } from '../stage.ts'
import type { Gap, UnrecognizedSpeech } from '../stream/options.ts'
import type { Place } from './checkpoint.ts'
import { CommitRequest } from './stages.ts'
import type { TurnRecord } from './turn-record.ts'

/** A checkpoint is made no more often than this, and takes about a tenth of the time at most; ms. */
const LEAST_INTERVAL_MS = 200
const SHARE = 10
/** As many gaps are kept, the newest. */
const MOST_GAPS = 1000

export interface RecorderOptions {
  record: TurnRecord
  gaps: readonly Gap[]
  /** How many sinks there are. */
  sinks: number
  /** Whether more than turns and gaps is known at the end, which the last checkpoint is to say. */
  hasMore: () => boolean
  /** As often as this they may be asked, at most, in ms. */
  interval: number
  /** What is known when a request is made, besides the turns: it is saved once all sinks hold these. */
  snapshot: (gaps: readonly Gap[], isLast: boolean) => (places: ReadonlyMap<string, Place>) => Promise<void>
}

/** Hands turns on, keeps a record of them, and has what all sinks have written saved now and then. */
export class CheckpointRecorder extends Transform {
  readonly [recordStage] = true
  readonly #options: RecorderOptions
  #gaps: Gap[]
  #isNews = false
  #isFrozen = false
  #timer: NodeJS.Timeout | undefined
  #notBefore = 0
  /** The request that is under way; it may never be answered, where the run fails. */
  #pending: Promise<void> | undefined
  #isPending = false

  constructor(options: RecorderOptions) {
    super({ objectMode: true, readableHighWaterMark: 16, writableHighWaterMark: 1 })
    this.#options = options
    this.#gaps = [...options.gaps]
    relayEvents(this)
    this.on('gap', (gap: Gap) => {
      this.#gaps = [...this.#gaps, gap].slice(-MOST_GAPS)
      this.#isNews = true
    })
    this.on('unrecognized', (speech: UnrecognizedSpeech) => {
      options.record.addUnrecognized(speech)
      this.#isNews = true
    })
  }

  /** Saves nothing from now on. */
  freeze(): void {
    this.#isFrozen = true
    clearTimeout(this.#timer)
  }

  /** Resolves when what was asked for is saved. */
  get saved(): Promise<void> {
    return this.#pending ?? Promise.resolve()
  }

  override _transform(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    this.push(turn)
    if (turn.endOfTurn) {
      this.#options.record.add(turn)
      this.#isNews = true
      this.#plan()
    }
    done()
  }

  override _flush(done: () => void): void {
    clearTimeout(this.#timer)
    const last = (): void => {
      if ((this.#isNews || this.#options.hasMore()) && !this.destroyed) this.#request(true)
      done()
    }
    if (this.#isPending) this.saved.then(last, last)
    else last()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    done(error)
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#isPending || this.#isFrozen) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        if (!this.#isPending && !this.destroyed && !this.writableEnded) this.#request()
      },
      Math.max(0, this.#notBefore - performance.now()),
    )
  }

  #request(isLast = false): void {
    if (this.#isFrozen) return
    this.#isNews = false
    this.#isPending = true
    const save = this.#options.snapshot(this.#gaps, isLast)
    this.#pending = new Promise<void>((resolve, reject) => {
      const settled = (places: ReadonlyMap<string, Place>): void => {
        const began = performance.now()
        save(places)
          .finally(() => {
            this.#isPending = false
            const now = performance.now()
            this.#notBefore = now + Math.max(LEAST_INTERVAL_MS, this.#options.interval, SHARE * (now - began))
            if (this.#isNews && !this.destroyed && !this.writableEnded) this.#plan()
          })
          .then(resolve, reject)
      }
      this.push(new CommitRequest(this.#options.sinks, settled))
    })
    this.#pending.catch((error: Error) => this.destroy(error))
  }
}
