import { Readable } from 'node:stream'
import { toneAudio, TONE_WORD_MS, type ToneWord } from '../../src/testing/index.ts'
import { stamp } from './stamps.ts'

const BYTES_PER_MS = 32
/** Wall time between two deliveries of a live source. */
const TICK_MS = 10

/** What a {@link toneSource} is made of. */
export interface ToneSourceOptions {
  words: Iterable<ToneWord>
  /** Milliseconds of audio. */
  duration: number
  /** Milliseconds of a chunk. @defaultValue 100 */
  chunkMs?: number
  /** How many times faster than real time a live source plays, whether or not it is read; absent: as fast as it is read. */
  liveSpeed?: number
  /** Whether every millisecond carries its number. @defaultValue true */
  stamped?: boolean
  /** Stretches of the stream during which a live source says nothing for so long, in wall ms: [stream ms, wall ms]. */
  pauses?: readonly (readonly [at: number, wallMs: number])[]
}

/** Speaks words as PCM16 at 16 kHz, made as it is read: a stream of a day holds one chunk. */
export class ToneSource extends Readable {
  /** Most milliseconds of audio that a live source had ready and nobody took. */
  backlogMs = 0
  readonly #options: ToneSourceOptions
  readonly #chunkMs: number
  readonly #words: Iterator<ToneWord>
  #ahead: ToneWord[] = []
  #exhausted = false
  #at = 0
  #clock: NodeJS.Timeout | undefined
  #owed = 0
  #lastTick = 0
  readonly #pauses: (readonly [at: number, wallMs: number])[]

  constructor(options: ToneSourceOptions) {
    const { chunkMs = 100 } = options
    super({ highWaterMark: chunkMs * BYTES_PER_MS })
    this.#chunkMs = chunkMs
    this.#options = options
    this.#words = options.words[Symbol.iterator]()
    this.#pauses = [...(options.pauses ?? [])]
  }

  /** Milliseconds of audio given so far. */
  get deliveredMs(): number {
    return this.#at
  }

  override _read(): void {
    const { liveSpeed } = this.#options
    if (liveSpeed === undefined) {
      this.#give()
    } else if (!this.#clock) {
      this.#lastTick = performance.now()
      this.#clock = setInterval(() => this.#tick(liveSpeed), TICK_MS)
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#clock)
    callback(error)
  }

  #tick(speed: number): void {
    const now = performance.now()
    const [pause] = this.#pauses
    // Silence in the middle of a word would break it, whoever puts it there.
    const speaking = this.#ahead.some(({ start }) => start < this.#at && start + TONE_WORD_MS > this.#at)
    if (pause !== undefined && this.#at >= pause[0] && !speaking) {
      this.#pauses.shift()
      this.#lastTick = now + pause[1]
    }
    if (now <= this.#lastTick) return
    this.#owed += (now - this.#lastTick) * speed
    this.#lastTick = now
    for (; this.#owed >= this.#chunkMs && this.#at < this.#options.duration; this.#owed -= this.#chunkMs) this.#give()
    this.backlogMs = Math.max(this.backlogMs, this.readableLength / BYTES_PER_MS)
  }

  #give(): void {
    const { duration, stamped = true } = this.#options
    const from = this.#at
    const to = Math.min(from + this.#chunkMs, duration)
    if (from < to) {
      this.#at = to
      const pcm = toneAudio(this.#wordsUntil(from, to), { from, to })
      if (stamped) stamp(pcm, from)
      this.push(pcm)
    }
    if (to >= duration) {
      clearInterval(this.#clock)
      this.push(null)
    }
  }

  /** The words that sound between `from` and `to`, and perhaps a few around them. */
  #wordsUntil(from: number, to: number): ToneWord[] {
    while (!this.#exhausted && (this.#ahead.at(-1)?.start ?? 0) < to) {
      const next = this.#words.next()
      if (next.done) this.#exhausted = true
      else this.#ahead.push(next.value)
    }
    this.#ahead = this.#ahead.filter((word) => word.start + TONE_WORD_MS > from)
    return this.#ahead
  }
}
