import type { Readable } from 'node:stream'
import { type AudioFormat, blockSize, bytesToMs, describeFormat, sameFormat } from '../../audio/format.ts'
import { BlockAligner } from '../../audio/framer.ts'
import { WavReader } from '../../audio/wav-reader.ts'
import { InputError } from '../../errors.ts'
import { waitAtMost } from '../../stream-helpers.ts'
import { destroyed } from './joint.ts'
import { ArrivalClock, PauseClock, type SourceGap } from './timeline.ts'

/** How long an opening that is no longer wanted is waited for, in ms. */
const OPENING_WAIT_MS = 2000

/** One opening of the input: its WAV as whole samples, and when they came. */
export class Attempt {
  readonly opened: Promise<Readable>
  readonly clock = new ArrivalClock()
  readonly pauses = new PauseClock()
  /** Ms of the stream at which its first sample stands, once that is known. */
  at: number | undefined
  /** What it has said of missing audio, in ms of its own, and has not been told yet. */
  readonly gaps: SourceGap[] = []
  readonly #wanted: AudioFormat | undefined
  readonly #now: () => number
  readonly #reader = new WavReader()
  #aligner: BlockAligner | undefined
  #bytes = 0
  #settledOrigin: number | undefined
  #stream: Readable | undefined
  /** What the audio is, once the first of it has come. */
  format: AudioFormat | undefined
  /** When that was. */
  firstAt: number | undefined

  /** @param wanted - what the WAV must hold; any where `undefined`. */
  constructor(opened: Promise<Readable>, wanted: AudioFormat | undefined, now: () => number) {
    this.#wanted = wanted
    this.#now = now
    this.opened = opened.then((stream) => (this.#stream = stream))
  }

  /** Ms by which the audio ran ahead of the clock since {@link settle}. */
  get lead(): number {
    return this.#settledOrigin === undefined ? 0 : Math.max(0, this.#settledOrigin - this.clock.origin)
  }

  /** Says that the first burst is over. */
  settle(): void {
    this.#settledOrigin = this.clock.origin
  }

  /**
   * The next audio, whole samples only; `undefined` where nothing has come.
   *
   * @throws InputError `UNSUPPORTED_AUDIO` where it is no WAV, or not of the format that is wanted.
   */
  read(): Buffer | undefined {
    for (;;) {
      const chunk: unknown = this.#stream?.read()
      if (!Buffer.isBuffer(chunk)) return undefined
      const audio = this.#take(chunk)
      if (audio.length > 0) return audio
    }
  }

  /** Resolves when everything that belongs to it is gone. */
  async close(): Promise<void> {
    const gone = this.opened.then(destroyed, () => {})
    // One that is open is waited for. What opens it may be a function of the user, which need not come to an end.
    await (this.#stream === undefined ? waitAtMost(OPENING_WAIT_MS, gone) : gone)
  }

  #take(chunk: Buffer): Buffer {
    const audio = this.#reader.push(chunk)
    if (this.#reader.kind === 'other') {
      throw new InputError('UNSUPPORTED_AUDIO', 'the input of a live source must be WAV; put decode() behind it')
    }
    const found = this.#reader.header?.format
    if (found === undefined) return audio
    this.format ??= found
    if (this.#wanted !== undefined && !sameFormat(found, this.#wanted)) {
      const message = `the live source came back with ${describeFormat(found)} instead of ${describeFormat(this.#wanted)}`
      throw new InputError('UNSUPPORTED_AUDIO', message)
    }
    this.#aligner ??= new BlockAligner(blockSize(found))
    const whole = this.#aligner.push(audio)
    if (whole.length === 0) return whole
    const now = this.#now()
    this.firstAt ??= now
    this.#bytes += whole.length
    const position = bytesToMs(this.#bytes, found)
    this.clock.note(now, position)
    this.pauses.note(now, position)
    return whole
  }
}
