import { type AudioFormat, bytesToMs, silenceByte } from '../../audio/format.ts'
import { splitChannels } from '../../audio/pcm.ts'
import { DiarizeStreamError, type Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import type { ClientMessage, TerminationMessage } from '../../protocol/messages.ts'
import type { StreamStart, SupervisorEvents } from '../../stream/options.ts'
import type { Supervisor } from '../../stream/supervisor.ts'
import type { VoiceProfile } from '../../voices/profile.ts'
import { BleedFilter, LevelHistory, SAME_WORD_MS } from './bleed.ts'
import { TurnMerger } from './merger.ts'
import { type ChannelSettings, letterOn } from './options.ts'
import { EventEmitter } from 'node:events'

/** How often turns that are held back are looked at while no audio comes. */
const LOOK_MS = 250
/** How far back words of two channels are compared, beside what may be replayed or held back. */
const COMPARED_MS = 300_000

export interface ChannelSupervisorOptions {
  settings: ChannelSettings
  format: AudioFormat
  frameBytes: number
  /** Looks after the sessions of a channel, which goes on from `start` where another process began it. */
  supervise(this: void, name: string, channel: number, start: StreamStart | undefined): Supervisor
  /** Whether speakers within a channel are told apart. */
  speakerLabels: boolean
  partials: boolean
  /** Most audio in ms that a channel may hear again. */
  maxReplay: number
  /** Where the stream goes on that another process began: that of all channels together. */
  start?: StreamStart | undefined
}

/** Several channels in step, as if they were one: a frame goes to all, and the next comes when all have taken it. */
export class ChannelSupervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: ChannelSupervisorOptions
  readonly #lanes: ChannelLane[]
  readonly #merger: TurnMerger
  readonly #levels: LevelHistory | undefined
  readonly #bleed: BleedFilter | undefined
  #warnedOfLabels = false
  readonly #frameMs: number
  readonly #sampleBytes: 1 | 2
  /** How each channel that is done with ended. */
  readonly #ends = new Map<ChannelLane, { termination?: TerminationMessage; failure?: Error }>()
  readonly #watched = new Set<ChannelLane>()
  readonly done: Promise<TerminationMessage[]>
  #resolve: (terminations: TerminationMessage[]) => void = () => {}
  #reject: (error: Error) => void = () => {}
  #frames = 0
  #audioEnded = false
  #destroyed = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: ChannelSupervisorOptions) {
    super()
    const { settings, format, frameBytes, partials, maxReplay, start } = options
    const names = settings.channels
    const starts = names.map((name) => start && startOfChannel(start, name, names))
    this.#frames = start?.frame ?? 0
    const encoding = format.encoding === 'mulaw' ? 'mulaw' : 's16le'
    this.#options = options
    this.#frameMs = bytesToMs(frameBytes, format)
    this.#sampleBytes = encoding === 'mulaw' ? 1 : 2
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever asks for the outcome gets it; until then it must not count as unhandled.
    this.done.catch(() => {})
    const drop = settings.bleed === 'drop'
    this.#merger = new TurnMerger({
      channels: names.length,
      mergeDelay: settings.mergeDelay,
      partials,
      ...(drop && { beyondEnd: SAME_WORD_MS }),
      ...(start !== undefined && {
        start: { nextOrder: start.nextOrder, finals: starts.map((one) => endOf(one?.turns ?? [])) },
      }),
    })
    if (drop) {
      const keepMs = COMPARED_MS + maxReplay + settings.mergeDelay
      const levels = new LevelHistory(names.length, this.#frameMs, keepMs, encoding, this.#frames)
      this.#levels = levels
      this.#bleed = new BleedFilter(names.length, keepMs, (...where) => levels.level(...where))
      // Their words may be heard again on another channel, and not come out again on their own.
      for (const [channel, one] of starts.entries())
        for (const turn of one?.turns ?? []) this.#bleed.hear(channel, turn)
    }
    const silentFrame = Buffer.alloc(frameBytes / names.length, silenceByte[encoding])
    this.#lanes = names.map((name, channel) => {
      const { speakerLabels } = options
      const { skipSilent } = settings
      const laneStart = starts[channel]
      // Who has spoken goes on at once: the words that are known have their places.
      const goesOn = laneStart !== undefined && (laneStart.turns.length > 0 || laneStart.speakers.length > 0)
      const laneOptions = {
        name,
        frameMs: this.#frameMs,
        silentFrame,
        encoding,
        speakerLabels,
        skipSilent: skipSilent && !goesOn,
        from: this.#frames,
      } as const
      return this.#relay(new ChannelLane(options.supervise(name, channel, laneStart), laneOptions), channel)
    })
  }

  /** Ms of the stream that have come. */
  get receivedMs(): number {
    return this.#inputMs
  }

  /** The voices behind the speakers of all channels, as far as they are known by now. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return new Map(this.#lanes.flatMap((lane) => [...lane.voices]))
  }

  /** Ms of the stream that every channel has been sent. */
  get sentMs(): number {
    return Math.min(this.#inputMs, ...this.#living.map((lane) => lane.sentMs))
  }

  /** Takes one frame of all channels; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<unknown> | undefined {
    const parts = splitChannels(frame, this.#lanes.length, this.#sampleBytes)
    this.#frames += 1
    this.#levels?.add(parts)
    const waits = this.#lanes.flatMap((lane, channel) => lane.push(parts[channel]!) ?? [])
    this.#watch()
    this.#give()
    return waits.length === 0 ? undefined : Promise.all(waits)
  }

  /** No more audio: resolves when every turn is out and the last session of every channel has confirmed its end. */
  end(): Promise<TerminationMessage[]> {
    this.#audioEnded = true
    for (const [channel, lane] of this.#lanes.entries()) {
      // Its outcome is watched from its first frame on.
      void lane.end()?.catch(() => {})
      if (!lane.opened) this.#merger.end(channel)
    }
    this.#finish()
    return this.done
  }

  /** Sends a message to the sessions of all channels. */
  sendMessage(message: ClientMessage): void {
    for (const lane of this.#lanes) lane.sendMessage(message)
  }

  /** Nobody takes the turns: no session is open before {@link resume}. */
  hold(): void {
    for (const lane of this.#lanes) lane.hold()
  }

  /** Turns are taken again. */
  resume(): void {
    for (const lane of this.#lanes) lane.resume()
  }

  /** Drops everything at once; resolves when no socket is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    clearInterval(this.#timer)
    await Promise.all(this.#lanes.map((lane) => lane.stop()))
  }

  get #inputMs(): number {
    return Math.round(this.#frames * this.#frameMs)
  }

  get #living(): ChannelLane[] {
    return this.#lanes.filter((lane) => !this.#ends.has(lane))
  }

  #relay(lane: ChannelLane, channel: number): ChannelLane {
    lane.on('turn', (turn) => this.#take(channel, turn))
    lane.on('session', (change) => {
      // An engine that takes audio faster than it plays gives its words when it has found them.
      if (change.begin.configuration?.faster_than_real_time === true) this.#merger.expectFinalsOnly()
      this.emit('session', change)
    })
    lane.on('message', (message) => this.emit('message', message))
    lane.on('warning', (warning) => this.#warn(warning))
    lane.on('sessionEnd', (record) => this.emit('sessionEnd', record))
    lane.on('reconnecting', (record) => this.emit('reconnecting', record))
    lane.on('gap', (gap) => this.emit('gap', gap))
    lane.on('unrecognized', (speech) => this.emit('unrecognized', speech))
    lane.on('voices', (record) => this.emit('voices', record))
    return lane
  }

  #warn(warning: Warning): void {
    // What is so of the server is so of every channel.
    if (warning.code === 'LABELS_RENAMED') {
      if (this.#warnedOfLabels) return
      this.#warnedOfLabels = true
    }
    this.emit('warning', warning)
  }

  #take(channel: number, turn: Turn): void {
    if (turn.endOfTurn && turn.revision === 0) this.#bleed?.hear(channel, turn)
    const atOnce = this.#merger.add(channel, turn, performance.now())
    if (atOnce !== undefined) this.#emitTurn(channel, atOnce)
    this.#give()
  }

  /** Gives out the turns that need not wait any longer. */
  #give(): void {
    const now = performance.now()
    const answered = this.#lanes.map((lane) => lane.answeredMs(now))
    const furthest = Math.max(...answered.filter((_, channel) => this.#lanes[channel]!.opened))
    for (const [channel, lane] of this.#lanes.entries()) {
      // A channel that was silent so far has nothing to answer, and is no clock for the others.
      this.#merger.answered(channel, lane.opened ? answered[channel]! : Math.min(this.#inputMs, furthest))
    }
    for (const { channel, turn } of this.#merger.take(now)) this.#emitTurn(channel, turn)
    this.#lookAgain()
  }

  #emitTurn(channel: number, turn: Turn): void {
    if (this.#destroyed) return
    const left = this.#bleed && turn.endOfTurn ? this.#bleed.filter(channel, turn) : turn
    if (left !== undefined) this.emit('turn', left)
  }

  /** Time passes while no audio comes, too. */
  #lookAgain(): void {
    if (this.#merger.holding && !this.#destroyed) {
      this.#timer ??= setInterval(() => this.#give(), LOOK_MS)
      return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Follows the outcome of the channels that have begun. */
  #watch(): void {
    if (this.#watched.size === this.#lanes.length) return
    for (const [channel, lane] of this.#lanes.entries()) {
      if (lane.done === undefined || this.#watched.has(lane)) continue
      this.#watched.add(lane)
      lane.done.then(
        (termination) => this.#ended(lane, channel, { termination }),
        (error: Error) => this.#failed(lane, channel, error),
      )
    }
  }

  #failed(lane: ChannelLane, channel: number, cause: Error): void {
    const failure = channelError(lane.name, cause)
    const continues = this.#options.settings.channelFailure === 'continue' && !this.#destroyed
    if (!continues || this.#lanes.every((other) => other === lane || this.#ends.get(other)?.failure)) {
      // What is final is not lost with the rest.
      for (const [every] of this.#lanes.entries()) this.#merger.end(every)
      this.#give()
      this.#reject(failure)
      return
    }
    void lane.stop()
    const facts = { channel: lane.name, error: failure }
    this.emit('warning', { code: 'CHANNEL_FAILED', message: `${failure.message}; the others go on`, ...facts })
    this.#ended(lane, channel, { failure })
  }

  #ended(lane: ChannelLane, channel: number, end: { termination?: TerminationMessage; failure?: Error }): void {
    this.#ends.set(lane, end)
    this.#merger.end(channel)
    this.#give()
    this.#finish()
  }

  /** Settles once the audio has ended and so has every channel that ever began. */
  #finish(): void {
    if (!this.#audioEnded || this.#living.some((lane) => lane.opened)) return
    this.#give()
    for (const lane of this.#lanes) this.#reportMissing(lane)
    this.#resolve(
      this.#lanes.flatMap((lane) => {
        const termination = this.#ends.get(lane)?.termination
        return termination ? [{ ...termination, channel: lane.name }] : []
      }),
    )
  }

  /** What a channel did not hear to the end. */
  #reportMissing(lane: ChannelLane): void {
    const channel = lane.name
    if (this.#ends.get(lane)?.failure) {
      const start = lane.reachedMs
      if (start < this.#inputMs) this.emit('gap', { start, end: this.#inputMs, channel })
    }
    if (lane.opened) return
    const message = `channel ${channel} was silent throughout, so that no session was opened for it`
    this.emit('warning', { code: 'CHANNEL_SILENT', message, channel })
  }
}

/** A server has answered by then what it has to say of audio that it was sent, ms of the clock. */
const ANSWER_MS = 500
const MARK_MS = 50
/** Silent frames before the first sound that a late session hears: its server must know how quiet it was before. */
const LEAD_IN_FRAMES = 10

export interface ChannelLaneOptions {
  name: string
  frameMs: number
  silentFrame: Buffer
  encoding: 's16le' | 'mulaw'
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
export class ChannelLane extends EventEmitter<SupervisorEvents> {
  readonly #options: ChannelLaneOptions
  readonly #supervisor: Supervisor
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

  get opened(): boolean {
    return this.#first !== undefined
  }

  /** Resolves or rejects when all is done; absent before the first sound. */
  get done(): Promise<TerminationMessage> | undefined {
    return this.#supervisor.done
  }

  /** Ms of the stream that some session has been sent, or need not be. */
  get sentMs(): number {
    return this.opened ? this.#offset + this.#supervisor.sentMs : this.#msAt(this.#options.from + this.#frames)
  }

  /** The voices behind its speakers, as far as they are known by now. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return this.#named(this.#supervisor.voices)
  }

  /** Ms of the stream up to which turns are final, where no session is open. */
  get reachedMs(): number {
    return this.#offset + this.#supervisor.reachedMs
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

  /** At once, since a live source does not wait before it gives the next frame; half a second more finds room. */
  #begin(leadIn: number, frame: Buffer): Promise<void> | undefined {
    for (let count = 0; count < leadIn; count++) void this.#supervisor.push(this.#options.silentFrame)
    return this.#supervisor.push(frame)
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
    supervisor.on('sessionEnd', (record) => this.emit('sessionEnd', { ...record, channel }))
    supervisor.on('reconnecting', (record) => this.emit('reconnecting', { ...record, channel }))
    supervisor.on('gap', ({ start, end }) => {
      this.emit('gap', { start: start + this.#offset, end: end + this.#offset, channel })
    })
    supervisor.on('unrecognized', ({ start, end, ...speech }) => {
      this.emit('unrecognized', { start: start + this.#offset, end: end + this.#offset, ...speech, channel })
    })
    supervisor.on('voices', ({ voices }) => this.emit('voices', { voices: this.#named(voices), channel }))
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

  #named(voices: ReadonlyMap<string, VoiceProfile>): Map<string, VoiceProfile> {
    return new Map([...voices].map(([letter, profile]) => [this.#speaker(letter), profile]))
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

function endOf(turns: readonly Turn[]): number {
  return turns.reduce((end, turn) => Math.max(end, turn.end), 0)
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
export function isSilent(bytes: Buffer, encoding: 's16le' | 'mulaw'): boolean {
  if (encoding === 'mulaw') return bytes.every((code) => quietCodes.has(code))
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const sample = bytes.readInt16LE(at)
    if (sample > NOISE || sample < -NOISE) return false
  }
  return true
}
