import { type AudioFormat, blockSize } from './format.ts'

/** Most silence made at a time, in bytes: 100 ms of 16 kHz mono. */
const SILENCE_BYTES = 3200

/** Audio and silence in the order in which they go out. However long the silence, little of it is in memory. */
export class AudioQueue {
  readonly #pieces: (Buffer | number)[] = []

  get isSilent(): boolean {
    return typeof this.#pieces[0] === 'number'
  }

  push(audio: Buffer): void {
    if (audio.length > 0) this.#pieces.push(audio)
  }

  pushSilence(bytes: number): void {
    const last = this.#pieces.at(-1)
    if (bytes === 0) return
    if (typeof last === 'number') this.#pieces[this.#pieces.length - 1] = last + bytes
    else this.#pieces.push(bytes)
  }

  /** The next bytes, `most` of audio, whole samples of `format` where they are silence; `undefined` where there are none. */
  shift(format: AudioFormat | undefined, most = Infinity): Buffer | undefined {
    const first = this.#pieces.shift()
    if (first === undefined) return undefined
    if (typeof first !== 'number') {
      if (first.length <= most) return first
      this.#pieces.unshift(first.subarray(most))
      return first.subarray(0, most)
    }
    const block = format === undefined ? 1 : blockSize(format)
    const bytes = Math.min(first, Math.max(block, SILENCE_BYTES - (SILENCE_BYTES % block)))
    if (first > bytes) this.#pieces.unshift(first - bytes)
    return Buffer.alloc(bytes)
  }
}

/** How much silence a live stream can need: what is said to be missing is bounded by the time that went by, in all. */
export class SilenceLimit {
  readonly #late: number
  readonly #now: () => number
  /** Up to when there is audio, or silence in its place; at first, when it was opened. */
  #heardUntil: number
  /** When the first of the audio was recorded, at the latest; when it was opened until there is some. */
  #origin: number
  /** The same by the first of it alone. */
  #firstOrigin: number | undefined
  /** Whether that is known by more than when it was decoded. */
  #hasBegun = false
  /** Ms of audio that have come, and of the silence before the first of them. */
  #audio = 0
  /** Ms of the stream: audio and silence. */
  #position = 0

  /** @param late - how much later than recorded audio may come, in ms; `now` is a clock that never goes back. */
  constructor(late = 2000, now: () => number = () => performance.now()) {
    this.#late = late
    this.#now = now
    this.#heardUntil = now()
    this.#origin = this.#heardUntil
  }

  /** The most silence, in ms, that what comes now can have before it. */
  get most(): number {
    const now = this.#now()
    return Math.max(0, this.#late + Math.min(now - this.#heardUntil, now - this.#origin - this.#position))
  }

  /** Ms by which the audio has come faster than time went by, since its first. */
  get ahead(): number {
    return (this.#firstOrigin ?? this.#origin) - this.#origin
  }

  /** Says that the first of the audio is recorded: FFmpeg may hold it for seconds. */
  begin(): void {
    this.#origin = this.#now()
    this.#hasBegun = true
  }

  silence(ms: number): void {
    this.#count(ms, this.#now())
  }

  audio(ms: number): void {
    const now = this.#now()
    const isFirst = this.#audio === 0
    this.#count(ms, now)
    this.#audio = isFirst ? this.#position : this.#audio + ms
    // Audio that comes in a burst was recorded before; silence proves nothing.
    this.#origin = isFirst && !this.#hasBegun ? now - this.#audio : Math.min(this.#origin, now - this.#audio)
    this.#firstOrigin ??= this.#origin
  }

  /** What comes after a pause proves that the source was heard for as long as it lasts: FFmpeg holds back the last packet before one. */
  #count(ms: number, now: number): void {
    this.#heardUntil = Math.min(now, this.#heardUntil + ms)
    this.#position += ms
  }
}
