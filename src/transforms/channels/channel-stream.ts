import { EventEmitter } from 'node:events'
import { DiarizeStreamError } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import { passOn } from '../../stream-helpers.ts'
import type { StreamStart, SupervisorEvents } from '../../stream/options.ts'
import type { Supervisor } from '../../stream/supervisor.ts'
import type { VoiceProfile } from '../../voices/profile.ts'
import type { WireFormat } from '../diarize-input.ts'
import { letterOn } from './options.ts'

/** A server has answered by then what it has to say of audio that it was sent, ms of the clock. */
const ANSWER_MS = 500
const MARK_MS = 50
/** Silent frames before the first sound that a late session hears: its server must know how quiet it was before. */
const LEAD_IN_FRAMES = 10

export interface ChannelStreamOptions {
  /** Its place among the channels, from 0. */
  number: number
  name: string
  frameMs: number
  silentFrame: Buffer
  encoding: WireFormat['encoding']
  /** Whether the speakers within the channel are told apart. */
  speakerLabels: boolean
  /** Whether no session is opened before there is sound. */
  skipSilent: boolean
  /** Frames of the stream before the first that comes. */
  from: number
}

/**
 * One channel of several: its supervisor, with events in the time of the stream and speakers named within the channel.
 */
export class ChannelStream extends EventEmitter<SupervisorEvents> {
  readonly number: number
  readonly name: string
  /** What looks after its sessions, in a time that begins with its first frame. */
  readonly supervisor: Supervisor
  readonly #options: ChannelStreamOptions
  #frames = 0
  /** Number of the first frame that the supervisor was given; absent while all is silence. */
  #first: number | undefined
  /** How far the server was at some times, oldest first. */
  #marks: { at: number; ms: number }[] = []
  #answered = 0
  #stopped = false

  constructor(supervisor: Supervisor, options: ChannelStreamOptions) {
    super()
    this.number = options.number
    this.name = options.name
    this.supervisor = supervisor
    this.#options = options
    this.#relay()
  }

  /** Whether some of it has gone to its supervisor. */
  get opened(): boolean {
    return this.#first !== undefined
  }

  /** Ms of the stream that some session has been sent, or need not be. */
  get sentMs(): number {
    return this.opened ? this.#offset + this.supervisor.sentMs : this.#msAt(this.#options.from + this.#frames)
  }

  /** The voices behind its speakers, as far as they are known by now. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return this.#named(this.supervisor.voices)
  }

  /** Ms of the stream up to which turns are final, where no session is open. */
  get reachedMs(): number {
    return this.#offset + this.supervisor.reachedMs
  }

  /** Ms of the stream that the session was sent long enough ago to have answered. */
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
    const { skipSilent, encoding, silentFrame } = this.#options
    this.#frames += 1
    if (this.#stopped) return undefined
    if (this.#first === undefined) {
      if (skipSilent && isSilent(frame, encoding)) return undefined
      const leadIn = skipSilent ? Math.min(LEAD_IN_FRAMES, this.#frames - 1) : 0
      this.#first = this.#frames - 1 - leadIn
      // At once, since a live source does not wait before it gives the next frame; half a second more finds room.
      for (let count = 0; count < leadIn; count++) void this.supervisor.push(silentFrame)
    }
    return this.supervisor.push(frame)
  }

  /** Drops everything at once and takes nothing more; resolves when no socket is left. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.supervisor.destroy()
  }

  get #offset(): number {
    return this.#msAt(this.#first ?? this.#frames)
  }

  #msAt(frame: number): number {
    return Math.round(frame * this.#options.frameMs)
  }

  #relay(): void {
    const { supervisor, name: channel } = this
    passOn(supervisor, this, ['message', 'warning', 'sessionEnd', 'reconnecting'], (record) => ({ ...record, channel }))
    supervisor.on('turn', (turn) => this.emit('turn', this.#placed(turn)))
    supervisor.on('gap', ({ start, end }) => this.emit('gap', { ...this.#moved({ start, end }), channel }))
    supervisor.on('unrecognized', (speech) => this.emit('unrecognized', { ...this.#moved(speech), channel }))
    supervisor.on('voices', ({ voices }) => this.emit('voices', { voices: this.#named(voices), channel }))
    supervisor.on('session', (change) => {
      const labels = Object.entries(change.speakers).map(([label, letter]) => [label, this.#speaker(letter)] as const)
      const offset = change.offset + this.#offset
      this.emit('session', { ...change, offset, speakers: Object.fromEntries(labels), channel })
    })
  }

  #named(voices: ReadonlyMap<string, VoiceProfile>): Map<string, VoiceProfile> {
    return new Map([...voices].map(([letter, profile]) => [this.#speaker(letter), profile]))
  }

  #speaker(letter: string): string {
    return `${this.name}/${letter}`
  }

  /** The same in the time of the stream. */
  #moved<T extends { start: number; end: number }>(stretch: T): T {
    return { ...stretch, start: stretch.start + this.#offset, end: stretch.end + this.#offset }
  }

  /** A turn in the time of the stream, with speakers named within the channel. */
  #placed(turn: Turn): Turn {
    const named = <T extends { speaker?: string }>({
      speaker,
      ...rest
    }: T): Omit<T, 'speaker'> & { speaker?: string } =>
      speaker === undefined || !this.#options.speakerLabels ? rest : { ...rest, speaker: this.#speaker(speaker) }
    const words = turn.words.map((word) => this.#moved(named(word)))
    return { ...this.#moved(named(turn)), channel: this.name, words }
  }
}

/** Where a channel goes on, as if it were a stream by itself: its turns, and whom it knows. */
export function startOfChannel(start: StreamStart, name: string, names: readonly string[]): StreamStart {
  const own = (label: string): string | undefined => letterOn(label, name, names)
  const unnamed = <T extends { speaker?: string }>({ speaker, ...rest }: T): T => {
    const letter = speaker === undefined ? undefined : own(speaker)
    return (letter === undefined ? rest : { ...rest, speaker: letter }) as T
  }
  const turns = start.turns.filter(({ channel }) => channel === name)
  return {
    ...start,
    turns: turns.map((turn) => ({ ...unnamed(turn), words: turn.words.map(unnamed) })),
    speakers: start.speakers.map(own).filter((letter) => letter !== undefined),
    voices: new Map(
      [...start.voices].flatMap(([label, profile]) => {
        const letter = own(label)
        return letter === undefined ? [] : [[letter, profile] as const]
      }),
    ),
  }
}

/** An error of one channel, with the channel's name in its message and as its field `channel`; else the same. */
export function channelError(channel: string, error: Error): Error {
  if (!(error instanceof DiarizeStreamError)) return error
  const { name: _, code, retryable, ...facts } = error
  const Same = error.constructor as typeof DiarizeStreamError
  const named = { ...facts, retryable, channel, cause: error.cause ?? error }
  return new Same(code, `channel ${channel}: ${error.message}`, named)
}

/** Samples one step beside zero are still silence: converters leave such noise in what was silent. */
const NOISE = 1
/** The two codes of zero, and those beside it. */
const quietCodes: ReadonlySet<number> = new Set([0xff, 0x7f, 0xfe, 0x7e])

/** Whether PCM is digital silence: nothing but zeros, or one step beside them. */
export function isSilent(bytes: Buffer, encoding: WireFormat['encoding']): boolean {
  if (encoding === 'mulaw') return bytes.every((code) => quietCodes.has(code))
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const sample = bytes.readInt16LE(at)
    if (sample > NOISE || sample < -NOISE) return false
  }
  return true
}
