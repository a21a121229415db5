import { EventEmitter } from 'node:events'
import type { TerminationMessage } from '../../protocol/messages.ts'
import type { SupervisorEvents } from '../../stream/options.ts'
import type { Supervisor } from '../../stream/supervisor.ts'
import type { Turn } from '../../model.ts'
import { isSilent } from './silence.ts'

/** A server has answered by then what it has to say of audio that it was sent, ms of the clock. */
const ANSWER_MS = 500
const MARK_MS = 50
/** Silent frames before the first sound that a late session hears: its server must know how quiet it was before. */
const LEAD_IN_FRAMES = 10

/** How a {@link ChannelLane} behaves. */
export interface ChannelLaneOptions {
  /** Name of the channel. */
  name: string
  /** Length of a frame in ms; may be fractional. */
  frameMs: number
  silentFrame: Buffer
  encoding: 's16le' | 'mulaw'
  /** Whether the speakers within the channel are told apart. */
  speakerLabels: boolean
  /** Whether no session is opened before there is sound. */
  skipSilent: boolean
}

/**
 * One channel of several: its supervisor, whose events come out with the name of the channel, in the time of the whole
 * stream, and whose speakers are named within the channel.
 */
export class ChannelLane extends EventEmitter<SupervisorEvents> {
  readonly #options: ChannelLaneOptions
  readonly #supervisor: Supervisor
  /** Frames that have come. */
  #frames = 0
  /** Number of the first frame that the supervisor was given; absent while all is silence. */
  #first: number | undefined
  /** How far the server was at some times, oldest first. */
  #marks: { at: number; ms: number }[] = []
  #answered = 0
  #stopped = false

  constructor(supervisor: Supervisor, options: ChannelLaneOptions) {
    super()
    this.#supervisor = supervisor
    this.#options = options
    this.#relay()
  }

  get name(): string {
    return this.#options.name
  }

  /** Whether a session has been wanted. */
  get opened(): boolean {
    return this.#first !== undefined
  }

  /** Resolves or rejects when all is done; absent before the first sound. */
  get done(): Promise<TerminationMessage> | undefined {
    return this.#supervisor.done
  }

  /** Ms of the stream that some session has been sent, or need not be. */
  get sentMs(): number {
    return this.opened ? this.#offset + this.#supervisor.sentMs : this.#msAt(this.#frames)
  }

  /** Ms of the stream up to which turns are final, where no session is open. */
  get reachedMs(): number {
    return this.#offset + this.#supervisor.reachedMs
  }

  /**
   * Ms of the stream that the present session has been sent long enough ago to have answered.
   *
   * @param now - ms of a steady clock.
   */
  answeredMs(now: number): number {
    const ms = this.reachedMs
    if (ms < (this.#marks.at(-1)?.ms ?? this.#answered)) {
      // Another session hears some of it again.
      this.#marks = []
      this.#answered = Math.min(this.#answered, ms)
    }
    if (now - (this.#marks.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= MARK_MS) this.#marks.push({ at: now, ms })
    while ((this.#marks[0]?.at ?? Infinity) <= now - ANSWER_MS) this.#answered = this.#marks.shift()!.ms
    return this.#answered
  }

  /** Takes one frame; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<void> | undefined {
    const { skipSilent, encoding } = this.#options
    this.#frames += 1
    if (this.#stopped) return undefined
    if (this.#first !== undefined) return this.#supervisor.push(frame)
    if (skipSilent && isSilent(frame, encoding)) return undefined
    const leadIn = skipSilent ? Math.min(LEAD_IN_FRAMES, this.#frames - 1) : 0
    this.#first = this.#frames - 1 - leadIn
    return this.#begin(leadIn, frame)
  }

  /** No more audio: resolves when every turn is out; at once where there was no sound. */
  end(): Promise<TerminationMessage> | undefined {
    return this.opened ? this.#supervisor.end() : undefined
  }

  sendMessage(message: Parameters<Supervisor['sendMessage']>[0]): void {
    this.#supervisor.sendMessage(message)
  }

  /** Nobody takes the turns. */
  hold(): void {
    this.#supervisor.hold()
  }

  /** Turns are taken again. */
  resume(): void {
    this.#supervisor.resume()
  }

  /** Drops everything at once and takes nothing more; resolves when no socket is left. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.#supervisor.destroy()
  }

  async #begin(leadIn: number, frame: Buffer): Promise<void> {
    for (let count = 0; count < leadIn; count++) await this.#supervisor.push(this.#options.silentFrame)
    await this.#supervisor.push(frame)
  }

  get #offset(): number {
    return this.#msAt(this.#first ?? this.#frames)
  }

  #msAt(frame: number): number {
    return Math.round(frame * this.#options.frameMs)
  }

  #relay(): void {
    const supervisor = this.#supervisor
    const channel = this.name
    supervisor.on('turn', (turn) => this.emit('turn', this.#placed(turn)))
    supervisor.on('message', (message) => this.emit('message', { ...message, channel }))
    supervisor.on('warning', (warning) => this.emit('warning', { ...warning, channel }))
    supervisor.on('reconnecting', (record) => this.emit('reconnecting', { ...record, channel }))
    supervisor.on('gap', ({ start, end }) => {
      this.emit('gap', { start: start + this.#offset, end: end + this.#offset, channel })
    })
    supervisor.on('session', (change) => {
      const speakers = Object.entries(change.speakers).map(([label, letter]) => [label, this.#speaker(letter)])
      const offset = change.offset + this.#offset
      this.emit('session', {
        ...change,
        offset,
        speakers: Object.fromEntries(speakers) as typeof change.speakers,
        channel,
      })
    })
  }

  #speaker(letter: string): string {
    return `${this.name}/${letter}`
  }

  /** A turn in the time of the stream, with speakers named within the channel. */
  #placed(turn: Turn): Turn {
    const offset = this.#offset
    const named = <T extends { speaker?: string }>({
      speaker,
      ...rest
    }: T): Omit<T, 'speaker'> & { speaker?: string } =>
      speaker === undefined || !this.#options.speakerLabels ? rest : { ...rest, speaker: this.#speaker(speaker) }
    const words = turn.words.map((word) => ({ ...named(word), start: word.start + offset, end: word.end + offset }))
    return { ...named(turn), channel: this.name, words, start: turn.start + offset, end: turn.end + offset }
  }
}
