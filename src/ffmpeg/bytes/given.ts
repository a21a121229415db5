import { headLimit } from '../probe.ts'
import { clockBegins } from '../program/clock.ts'
import type { ProgramClocks } from '../program/clocks.ts'
import { type ClockCorrector, clockCorrector } from '../program/corrector.ts'
import { isClockUnknown } from '../program/packets.ts'
import { DeclaredLength } from './declared-length.ts'
import { readingMode } from './reading-mode.ts'

/** Bytes that are kept until it is known which tracks there are; FFmpeg looks at 5 MB at most. */
const mostKeptBytes = 8_388_608

/** The bytes of one file on their way to FFmpeg. */
export class GivenBytes {
  /** Bytes of the file that have come, also those that are not handed on. */
  received = 0
  /** Whether all of them have. */
  isEnded = false
  /** Whether FFmpeg has been given all of them. */
  isGiven = false
  readonly #declared = new DeclaredLength()
  /** The clocks by which it goes on, where it is of the same stream as the one before it. */
  readonly #ongoing: ProgramClocks | undefined
  /** What has come before FFmpeg is started; `undefined` from then on. */
  #head: Buffer | undefined = Buffer.alloc(0)
  /** Mends the clock of what FFmpeg is given, where it is of a kind whose clock may leap. */
  #clock: ClockCorrector | undefined
  /** What FFmpeg was given, until it is known that it is to decode the right track. */
  #kept: Buffer[] | undefined = []
  #keptLength = 0

  constructor(ongoing?: ProgramClocks) {
    this.#ongoing = ongoing
  }

  /** Bytes that it lacks by its own header; 0 or less where it is complete, or has not ended. */
  get missing(): number {
    return this.isEnded ? (this.#declared.length ?? 0) - this.received : 0
  }

  /** What FFmpeg has been given, for another one to be given; `undefined` where that was too much, or need not be. */
  get kept(): readonly Buffer[] | undefined {
    return this.#kept
  }

  /** The clocks by which what {@link take} has left goes on. */
  get clocks(): ProgramClocks | undefined {
    return this.#clock?.other === undefined ? undefined : this.#clock.clocks
  }

  count(chunk: Buffer): void {
    this.received += chunk.length
    this.#declared.push(chunk)
  }

  /** Keeps bytes until FFmpeg is started. */
  hold(chunk: Buffer): void {
    this.#head = Buffer.concat([this.#head ?? Buffer.alloc(0), chunk])
  }

  /** How FFmpeg is to read what has come; `undefined` where more must come to tell. */
  get mode(): 'inOrder' | 'spooled' | undefined {
    const head = this.#head ?? Buffer.alloc(0)
    const mode = readingMode(head, this.isEnded)
    if (head.length >= headLimit) return mode ?? 'inOrder'
    return !this.isEnded && isClockUnknown(head) ? undefined : mode
  }

  /** What has been held: FFmpeg is started on it. */
  release(): Buffer {
    const head = this.#head ?? Buffer.alloc(0)
    this.#head = undefined
    this.#clock = clockCorrector(head, true, this.#ongoing)
    return head
  }

  /**
   * A second before the clock of what FFmpeg is given begins, as far as that is made here, in s. Told to count from its very beginning,
   * FFmpeg takes sound that comes late for what begins there.
   */
  get begins(): number {
    return this.#clock === undefined ? 0 : clockBegins - 1
  }

  /** What FFmpeg is to be given of bytes; and those of them that are another file, whose sound is coded in another way. */
  take(bytes: Buffer): { given: Buffer; other: Buffer | undefined } {
    const given = this.#clock?.push(bytes) ?? bytes
    return { given: this.#keep(given), other: this.#clock?.other }
  }

  /** The rest of what FFmpeg is to be given. */
  end(): Buffer {
    this.isGiven = true
    return this.#keep(this.#clock?.end() ?? Buffer.alloc(0))
  }

  /** No other FFmpeg will be given the same. */
  forget(): void {
    this.#kept = undefined
  }

  #keep(bytes: Buffer): Buffer {
    this.#kept?.push(bytes)
    this.#keptLength += bytes.length
    if (this.#keptLength > mostKeptBytes) this.#kept = undefined
    return bytes
  }
}
