import { EventEmitter } from 'node:events'
import { splitChannels } from '../../audio/pcm.ts'
import type { Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import type { ClientMessage, TerminationMessage } from '../../protocol/messages.ts'
import { passOn } from '../../stream-helpers.ts'
import type { StreamStart, SupervisorEvents } from '../../stream/options.ts'
import type { Supervisor } from '../../stream/supervisor.ts'
import type { VoiceProfile } from '../../voices/profile.ts'
import type { WireFormat } from '../diarize-input.ts'
import { BleedFilter, LevelHistory, SAME_WORD_MS } from './bleed.ts'
import { channelError, ChannelStream, startOfChannel } from './channel-stream.ts'
import { TurnMerger } from './merger.ts'
import type { ChannelSettings } from './options.ts'

/** How often turns that are held back are looked at while no audio comes. */
const LOOK_MS = 250
/** How far back words of two channels are compared, beside what may be replayed or held back. */
const COMPARED_MS = 300_000

export interface ChannelSupervisorOptions {
  settings: ChannelSettings
  format: WireFormat
  /** Length of a frame; may be fractional. */
  frameMs: number
  /** A frame of silence of one channel. */
  silentFrame: Buffer
  /** Looks after the sessions of a channel, which goes on from `start` where another process began it. */
  supervise(this: void, channel: number, start: StreamStart | undefined): Supervisor
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
  readonly #channels: ChannelStream[]
  readonly #merger: TurnMerger
  readonly #levels: LevelHistory | undefined
  readonly #bleed: BleedFilter | undefined
  #warnedOfLabels = false
  /** How each channel that is done with ended. */
  readonly #ends = new Map<ChannelStream, { termination?: TerminationMessage; failure?: Error }>()
  #settleDone!: { resolve: (terminations: TerminationMessage[]) => void; reject: (error: Error) => void }
  readonly done = new Promise<TerminationMessage[]>((resolve, reject) => (this.#settleDone = { resolve, reject }))
  #frames = 0
  #audioEnded = false
  #destroyed = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: ChannelSupervisorOptions) {
    super()
    const { settings, format, frameMs, silentFrame, partials, maxReplay, start } = options
    const names = settings.channels
    const starts = names.map((name) => start && startOfChannel(start, name, names))
    this.#frames = start?.frame ?? 0
    const { encoding } = format
    this.#options = options
    // Whoever asks for the outcome gets it; until then it must not count as unhandled.
    this.done.catch(() => {})
    const drop = settings.bleed === 'drop'
    this.#merger = new TurnMerger({
      channels: names.length,
      mergeDelay: settings.mergeDelay,
      partials,
      ...(drop && { beyondEnd: SAME_WORD_MS, trim: (channel, turn) => this.#bleed!.filter(channel, turn) }),
      ...(start !== undefined && {
        start: { nextOrder: start.nextOrder, finals: starts.map((one) => endOf(one?.turns ?? [])) },
      }),
    })
    if (drop) {
      const keepMs = COMPARED_MS + maxReplay + settings.mergeDelay
      const levels = new LevelHistory(names.length, frameMs, keepMs, encoding, this.#frames)
      this.#levels = levels
      this.#bleed = new BleedFilter(names.length, keepMs, (...where) => levels.level(...where))
      // Their words may be heard again on another channel, and not come out again on their own.
      for (const [channel, one] of starts.entries())
        for (const turn of one?.turns ?? []) this.#bleed.hear(channel, turn)
    }
    this.#channels = names.map((name, number) => {
      const own = starts[number]
      // Who has spoken goes on at once: the words that are known have their places.
      const goesOn = own !== undefined && (own.turns.length > 0 || own.speakers.length > 0)
      const channel = new ChannelStream(options.supervise(number, own), {
        number,
        name,
        frameMs,
        silentFrame,
        encoding,
        speakerLabels: options.speakerLabels,
        skipSilent: settings.skipSilent && !goesOn,
        from: this.#frames,
      })
      this.#relay(channel)
      channel.supervisor.done.then(
        (termination) => this.#ended(channel, { termination }),
        (error: Error) => this.#failed(channel, error),
      )
      return channel
    })
  }

  /** Ms of the stream that have come. */
  get receivedMs(): number {
    return Math.round(this.#frames * this.#options.frameMs)
  }

  /** The voices behind the speakers of all channels, as far as they are known by now. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return new Map(this.#channels.flatMap((channel) => [...channel.voices]))
  }

  /** Ms of the stream that every channel has been sent. */
  get sentMs(): number {
    return Math.min(this.receivedMs, ...this.#living.map((channel) => channel.sentMs))
  }

  /** Takes one frame of all channels; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<unknown> | undefined {
    const parts = splitChannels(frame, this.#options.format)
    this.#frames += 1
    this.#levels?.add(parts)
    const waits = this.#channels.flatMap((channel) => channel.push(parts[channel.number]!) ?? [])
    this.#give()
    return waits.length === 0 ? undefined : Promise.all(waits)
  }

  /** No more audio: resolves when every turn is out and the last session of every channel has confirmed its end. */
  end(): Promise<TerminationMessage[]> {
    this.#audioEnded = true
    for (const { supervisor, number, opened } of this.#channels) {
      void supervisor.end()
      if (!opened) this.#merger.end(number)
    }
    this.#settle()
    return this.done
  }

  /** Sends a message to the sessions of all channels. */
  sendMessage(message: ClientMessage): void {
    for (const { supervisor } of this.#channels) supervisor.sendMessage(message)
  }

  /** Nobody takes the turns: no session is open before {@link resume}. */
  hold(): void {
    for (const { supervisor } of this.#channels) supervisor.hold()
  }

  /** Turns are taken again. */
  resume(): void {
    for (const { supervisor } of this.#channels) supervisor.resume()
  }

  /** Drops everything at once; resolves when no socket is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    clearInterval(this.#timer)
    await Promise.all(this.#channels.map((channel) => channel.stop()))
  }

  get #living(): ChannelStream[] {
    return this.#channels.filter((channel) => !this.#ends.has(channel))
  }

  #relay(channel: ChannelStream): void {
    channel.on('turn', (turn) => this.#take(channel.number, turn))
    channel.on('session', (change) => {
      // An engine that takes audio faster than it plays gives its words when it has found them.
      if (change.begin.configuration?.faster_than_real_time === true) this.#merger.expectFinalsOnly()
      this.emit('session', change)
    })
    channel.on('warning', (warning) => this.#warn(warning))
    passOn(channel, this, ['message', 'sessionEnd', 'reconnecting', 'gap', 'unrecognized', 'voices'])
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
    // A final turn is filtered once the others are known, and its revisions by what was found then.
    const left = this.#bleed && turn.revision > 0 ? this.#bleed.filter(channel, turn) : turn
    const atOnce = left && this.#merger.add(channel, left, performance.now())
    if (atOnce !== undefined) this.#emitTurn(atOnce)
    this.#give()
  }

  /** Gives out the turns that need not wait any longer. */
  #give(): void {
    const now = performance.now()
    const answered = this.#channels.map((channel) => channel.answeredMs(now))
    const furthest = Math.max(...answered.filter((_, number) => this.#channels[number]!.opened))
    for (const { number, opened } of this.#channels) {
      // A channel that was silent so far has nothing to answer, and is no clock for the others.
      this.#merger.answered(number, opened ? answered[number]! : Math.min(this.receivedMs, furthest))
    }
    for (const { turn } of this.#merger.take(now)) this.#emitTurn(turn)
    this.#lookAgain()
  }

  #emitTurn(turn: Turn): void {
    if (!this.#destroyed) this.emit('turn', turn)
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

  #failed(channel: ChannelStream, cause: Error): void {
    const failure = channelError(channel.name, cause)
    const continues = this.#options.settings.channelFailure === 'continue' && !this.#destroyed
    if (!continues || this.#channels.every((other) => other === channel || this.#ends.get(other)?.failure)) {
      // What is final is not lost with the rest.
      for (const { number } of this.#channels) this.#merger.end(number)
      this.#give()
      this.#settleDone.reject(failure)
      return
    }
    void channel.stop()
    const facts = { channel: channel.name, error: failure }
    this.emit('warning', { code: 'CHANNEL_FAILED', message: `${failure.message}; the others go on`, ...facts })
    this.#ended(channel, { failure })
  }

  #ended(channel: ChannelStream, end: { termination?: TerminationMessage; failure?: Error }): void {
    this.#ends.set(channel, end)
    this.#merger.end(channel.number)
    this.#settle()
  }

  /** Gives out what need not wait any longer: all, once the audio has ended and so has every channel that ever began. */
  #settle(): void {
    this.#give()
    if (!this.#audioEnded || this.#living.some((channel) => channel.opened)) return
    for (const channel of this.#channels) this.#reportMissing(channel, this.#ends.get(channel)?.failure)
    this.#settleDone.resolve(
      this.#channels.flatMap((channel) => {
        const termination = this.#ends.get(channel)?.termination
        return termination ? [{ ...termination, channel: channel.name }] : []
      }),
    )
  }

  /** What a channel did not hear to the end. */
  #reportMissing({ name: channel, opened, reachedMs: start }: ChannelStream, failure: Error | undefined): void {
    if (failure !== undefined && start < this.receivedMs) {
      this.emit('gap', { start, end: this.receivedMs, channel })
    }
    if (opened) return
    const message = `channel ${channel} was silent throughout, so that no session was opened for it`
    this.emit('warning', { code: 'CHANNEL_SILENT', message, channel })
  }
}

function endOf(turns: readonly Turn[]): number {
  return turns.reduce((end, turn) => Math.max(end, turn.end), 0)
}
