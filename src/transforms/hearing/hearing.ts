import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { bytesToMs } from '../../audio/format.ts'
import type { IdentifiedSource, inputIdentity, ResumableHearing, Resumption } from '../../checkpoint/stages.ts'
import type { StreamDiagnostics } from '../../diagnostics.ts'
import { InputError, SessionError } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import { Moment } from '../../moment.ts'
import { defined } from '../../options.ts'
import type { ClientMessage, ServerMessage } from '../../protocol/messages.ts'
import type { ConnectionAhead } from '../../session/connection-ahead.ts'
import type { SessionTarget } from '../../session/transport.ts'
import { passOn, unlessAborted, waitAtMost } from '../../stream-helpers.ts'
import type { Gap, SessionChange } from '../../stream/options.ts'
import type { Supervisor } from '../../stream/supervisor.ts'
import { DonePosition, TurnTotals } from '../../stream/turn-totals.ts'
import { type SpeakerModelIdentity, VoiceBookInFile } from '../../voices/book.ts'
import { channelSettings } from '../channels/options.ts'
import type { ChannelSupervisor } from '../channels/supervisor.ts'
import type { OfChannel } from '../diarize-events.ts'
import type { DiarizeInput } from '../diarize-input.ts'
import { inParts, liveSettings, parameterWarnings, pathOf, type ResolvedDiarizeOptions } from '../diarize-options.ts'
import { openPeer, type Peer } from './peer.ts'
import { mismatches, sessionQuery, sessionRecord } from './session-record.ts'
import { placeOfAll, placeOfArrival, placeOfRange, type StreamPlace } from './stream-place.ts'
import {
  hearsInParallel,
  load,
  type Loaded,
  type Supervision,
  supervision,
  type SupervisionEnd,
} from './supervision.ts'
import type { SpeakerNaming } from '../voices/speaker-naming.ts'

const PROGRESS_MS = 1000
/** A live source that goes on is placed when this much time has passed, or so many frames have come. */
const SETTLE_MS = 1000
const MOST_EARLY = 1200
/** Final turns that may wait for whoever reads them: a quarter of an hour of speech and more. */
const MOST_QUEUED = 256
/** Kinds of disagreement with the server that are told. */
const MOST_WARNED = 100

export interface HearingOptions {
  /** The stage, on which all is told, and out of which turns come. */
  stage: Duplex
  options: ResolvedDiarizeOptions
  input: DiarizeInput
  diagnostics: StreamDiagnostics
  /** What was asked for before there was any audio. */
  messages: ReadonlyMap<string, ClientMessage>
  /** The connection that is made as soon as there will be audio. */
  ahead: () => Promise<ConnectionAhead | undefined> | undefined
}

/** The work of `diarize()`: frames to the sessions, and their turns out of the stage. */
export class Hearing {
  readonly #stage: Duplex
  readonly #options: ResolvedDiarizeOptions
  readonly #input: DiarizeInput
  readonly #diagnostics: StreamDiagnostics
  readonly #messages: ReadonlyMap<string, ClientMessage>
  readonly #ahead: HearingOptions['ahead']
  readonly #loaded: Loaded
  /** Names of the channels, where they are kept apart. */
  readonly #channels: readonly string[] | undefined
  /** Fires when the stage is destroyed. */
  readonly #closed = new AbortController()
  #peer: Promise<Peer> | undefined
  #opened: Peer | undefined
  #supervisor: Supervision | undefined
  #waitingSend: (() => void) | undefined
  #full = false
  /** Whether the session is closed until turns are taken, of which is warned once. */
  #isHeld = false
  #reportedMs = 0
  #reportedDoneMs = 0
  readonly #done = new DonePosition()
  readonly #warned = new Set<string>()
  readonly #totals = new TurnTotals()
  #naming: SpeakerNaming | undefined
  /** Where the stream goes on, until there is audio; and audio of it that was lost. */
  #resumption: Resumption | undefined
  #resumptions: typeof import('../resumption.ts') | undefined
  #knownGaps: readonly Gap[] = []
  /** Where the audio of the source begins, in ms of the stream. */
  #beginsAt = 0
  /** Known for good with the first frame. */
  #place: StreamPlace = placeOfAll()
  /** Ms 0 of the stream, where another run began it: kept as it is, since reckoned anew it would move a little with each run. */
  #origin: Moment | undefined
  /** The end of the sessions, once all of a range has been sent. */
  #rangeEnd: ReturnType<Supervision['end']> | undefined
  /** Whether a recording is left before its end, with which another run goes on. */
  #isLeft = false
  /** Frames of a live source whose place is not known yet, and what looks at it. */
  #early: Buffer[] = []
  #settling: NodeJS.Timeout | undefined

  private constructor({ stage, options, input, diagnostics, messages, ahead }: HearingOptions, loaded: Loaded) {
    this.#stage = stage
    this.#options = options
    this.#input = input
    this.#diagnostics = diagnostics
    this.#messages = messages
    this.#ahead = ahead
    this.#loaded = loaded
    this.#channels = channelSettings(options)?.channels
    // Any number of sessions may be opened at the same time.
    setMaxListeners(0, this.#closed.signal)
  }

  /** Loads what is needed. @throws (rejects with) VoiceBookError where the book cannot be used. */
  static async open(options: HearingOptions): Promise<Hearing> {
    const hearing = new Hearing(options, await load(options.options))
    await hearing.#openBook()
    return hearing
  }

  /** Goes on where another process was. */
  async resumeFrom(from: Resumption): Promise<void> {
    this.#resumptions = await import('../resumption.ts')
    this.#resumption = from
    if (!from.live) this.#beginsAt = from.seek(this.#resumptions.seekingPoint(from, this.#options.overlap))
    this.#knownGaps = from.gaps
    this.#totals.resumeFrom(from.totals)
  }

  /** How far it has come, and whom it knows. */
  get state(): ReturnType<ResumableHearing['state']> {
    // One of parts is refused before.
    const supervisor = this.#supervisor as Supervisor | ChannelSupervisor | undefined
    const startedAt = this.#startedAt?.getTime()
    return {
      live: this.#input.live,
      reachedMs: supervisor?.receivedMs ?? 0,
      voices: supervisor?.voices ?? new Map(),
      ...defined({ learned: this.#naming?.learned, startedAt }),
    }
  }

  /** A recording is left before its end, with which another run goes on. */
  leave(): void {
    this.#isLeft = true
  }

  /** Sends a message to the sessions; `false` where there is none to come yet. */
  sendMessage(message: ClientMessage): boolean {
    this.#supervisor?.sendMessage(message)
    return this.#supervisor !== undefined
  }

  /** A gap of the source where it is in the stream; `undefined` for one that is known already. */
  placed(gap: Gap): Gap | undefined {
    const { skip, shift } = this.#place
    if (skip > 0 && this.#knownGaps.some(({ start, end }) => start === gap.start && end === gap.end)) return undefined
    return shift === 0 ? gap : { ...gap, start: gap.start + shift, end: gap.end + shift }
  }

  /** Hands frames to the sessions, from number `next` of them on: without a promise where there is nothing to wait for. */
  send(frames: readonly Buffer[], done: (error?: Error | null) => void, next = 0): void {
    try {
      for (let index = next; index < frames.length; index++) {
        if (this.#stage.destroyed) break
        if (this.#isHeldBack) {
          this.#waitingSend = () => this.send(frames, done, index)
          return
        }
        const frame = frames[index]!
        if (this.#isEarly(frame)) continue
        const supervisor = (this.#supervisor ??= this.#supervise(frame.length))
        if (--this.#place.left < 0) {
          this.#endRange(supervisor)
          continue
        }
        if (this.#place.skip > 0) {
          this.#place.skip -= 1
          continue
        }
        const wait = supervisor.push(frame)
        if (supervisor.sentMs - this.#reportedMs >= PROGRESS_MS) this.#report()
        if (wait !== undefined) {
          wait.then(() => this.send(frames, done, index + 1), done)
          return
        }
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  /**
   * No more audio: gives the last turns, and ends the stage.
   *
   * @param identity - what tells the input from another, where that is known.
   */
  async finish(identity: IdentifiedSource[typeof inputIdentity]): Promise<void> {
    this.#hearEarly()
    await new Promise<void>((resolve, reject) => {
      this.send(this.#input.flush(), (error) => (error ? reject(error) : resolve()))
    })
    if (this.#place.skip > 0 && this.#place.heardFrom > 0) {
      const message = `the recording ends before ${this.#options.range?.start} ms, where the range begins; nothing was heard`
      throw new InputError('NO_AUDIO', message)
    }
    if (this.#input.sizeWarning !== undefined) this.#stage.emit('warning', this.#input.sizeWarning)
    const ended = await this.#reporting(this.#rangeEnd ?? this.#supervisor?.end())
    if (!ended) {
      const message = 'the input ended without a single sample of audio, so there is nothing to caption'
      throw new InputError('NO_AUDIO', message)
    }
    const input = await this.#hashOf(identity)
    await this.#naming?.settle(!this.#isLeft, input)
    this.#report(true)
    for (const { audio_duration_seconds, session_duration_seconds, channel } of [ended].flat() as SupervisionEnd[]) {
      const times = { audioMs: audio_duration_seconds * 1000, sessionMs: session_duration_seconds * 1000 }
      this.#stage.emit('termination', { ...times, ...defined({ channel }) })
    }
    this.#stage.push(null)
  }

  /** Turns are taken. */
  resume(): void {
    this.#full = false
    this.#isHeld = false
    this.#supervisor?.resume()
    this.#resumeSending()
  }

  /** Drops everything; resolves when nothing is open any more. */
  async close(): Promise<void> {
    this.#closed.abort()
    this.#resumeSending()
    clearTimeout(this.#settling)
    this.#naming?.close()
    await this.#supervisor?.destroy()
    const peer = await this.#peer?.catch(() => undefined)
    await peer?.close()
  }

  /** No session waits for audio that nobody wants, however long what is behind the range takes to come. */
  #endRange(supervisor: Supervision): void {
    if (this.#rangeEnd !== undefined) return
    this.#rangeEnd = supervisor.end()
    this.#rangeEnd?.catch((error: Error) => this.#stage.destroy(error))
  }

  /** Turns that nobody takes hold the audio back, unless it is live; nor may that look like a pause of the source. */
  get #isHeldBack(): boolean {
    if (!this.#full) return false
    const { live, keepAlive } = liveSettings(this.#options, this.#input.live)
    return !live && !keepAlive
  }

  /** Goes on with frames that waited for a reader. */
  #resumeSending(): void {
    const waiting = this.#waitingSend
    this.#waitingSend = undefined
    waiting?.()
  }

  /** Whether a frame is kept until the source knows better when its first one was recorded: the first come in a burst. */
  #isEarly(frame: Buffer): boolean {
    if (this.#resumption === undefined || !this.#input.live) return false
    this.#early.push(Buffer.from(frame))
    this.#settling ??= setTimeout(() => this.#hearEarly(), SETTLE_MS)
    if (this.#early.length >= MOST_EARLY) this.#hearEarly()
    return true
  }

  /** Hands on the frames that waited for their place. */
  #hearEarly(): void {
    clearTimeout(this.#settling)
    const frames = this.#early
    this.#early = []
    const [first] = frames
    if (first === undefined || this.#stage.destroyed) return
    try {
      this.#supervisor ??= this.#supervise(first.length)
    } catch (error) {
      this.#stage.destroy(error as Error)
      return
    }
    // A live source is not held back.
    for (const frame of frames) void this.#supervisor.push(frame)
  }

  /** A book that cannot be used is told of before there is any work. */
  async #openBook(): Promise<void> {
    const { voices: book } = this.#options
    if (!(book instanceof VoiceBookInFile) || this.#loaded.naming === undefined) return
    const naming = new this.#loaded.naming.SpeakerNaming(book, {
      revised: (turn) => this.#deliver(turn),
      warning: (warning) => this.#stage.emit('warning', warning),
      failed: (error) => this.#stage.destroy(error),
    })
    const warning = this.#loaded.naming.noVoices(book, await naming.contents())
    if (warning !== undefined) process.nextTick(() => this.#stage.emit('warning', warning))
    this.#naming = naming
  }

  async #madeBy(model: SpeakerModelIdentity): Promise<void> {
    try {
      await this.#naming?.madeBy(model)
    } catch (error) {
      this.#stage.destroy(error as Error)
      throw error
    }
  }

  /** Wall time of millisecond 0 of the stream, where that is known: by the clock as it is set now. */
  get #startedAt(): Date | undefined {
    return this.#origin === undefined ? this.#input.startedAt : new Date(this.#origin.wall)
  }

  /**
   * Finds out where the stream begins or goes on, now that there is audio.
   *
   * @throws CheckpointError where that is of another input; ConfigurationError `INVALID_PIPELINE`
   */
  #findPlace(frameBytes: number): void {
    const frameMs = bytesToMs(frameBytes, this.#input.format)
    const { live, startedAt } = this.#input
    const { range, overlap } = this.#options
    this.#place = placeOfRange(range, frameMs, live)
    const from = this.#resumption
    if (from === undefined) return
    this.#resumption = undefined
    from.check()
    const { byGroup, resumeRecording, resumeLive } = this.#resumptions!
    const arrival = live
      ? resumeLive(from, frameMs, startedAt?.getTime() ?? Date.now(), this.#channels)
      : resumeRecording(from, frameMs, overlap)
    this.#place = placeOfArrival(this.#place, arrival, live ? undefined : Math.round(this.#beginsAt / frameMs))
    if (arrival.startedAt !== undefined) this.#origin = new Moment(arrival.startedAt)
    this.#naming?.resumeFrom(arrival.start.turns, byGroup(from.voices, this.#channels), from.learned)
    for (const gap of arrival.gaps ?? []) this.#stage.emit('gap', gap)
  }

  #supervise(frameBytes: number): Supervision {
    this.#findPlace(frameBytes)
    const supervisor = supervision(this.#options, this.#loaded, this.#input, frameBytes, {
      start: this.#place.start,
      connect: () => this.#connect(),
      failure: () => this.#opened?.failure(),
      explained: (error) => this.#opened?.explained(error) ?? error,
      madeBy: (model) => this.#madeBy(model),
    })
    supervisor.on('turn', (turn) => this.#deliver(this.#naming?.pass(turn) ?? turn))
    supervisor.on('voices', ({ voices, channel = '' }) => this.#naming?.heard(channel, voices))
    supervisor.on('session', (change) => this.#announce(change))
    supervisor.on('sessionEnd', (ended) => this.#diagnostics.sessionEnd(ended))
    supervisor.on('message', (message) => this.#pass(message))
    supervisor.on('unrecognized', (speech) => {
      this.#totals.certainty.addUnrecognized(speech)
      this.#stage.emit('unrecognized', speech)
    })
    passOn(supervisor, this.#stage, ['warning', 'reconnecting', 'gap'])
    // Their failure must reach the stream also while nothing is written.
    supervisor.done.catch((error: Error) => this.#stage.destroy(error))
    for (const message of this.#messages.values()) supervisor.sendMessage(message)
    return supervisor
  }

  async #connect(): Promise<SessionTarget> {
    const options = this.#options
    const peer = await (this.#peer ??= openPeer(options, this.#ahead()))
    if (!this.#opened) {
      for (const warning of peer.warnings) this.#stage.emit('warning', warning)
      for (const warning of parameterWarnings(options, options, pathOf)) this.#stage.emit('warning', warning)
      if (peer.kind === 'embedded' && inParts(options)) {
        const message = 'the engine on this machine takes audio as fast as it can, so parallel is of no use with it'
        this.#stage.emit('warning', { code: 'PARALLEL_UNUSED', message })
      }
    }
    this.#opened = peer
    // A function of the user's may never answer, and nobody waits for it when the stage is gone.
    const target = unlessAborted(
      peer.target(sessionQuery(options, peer, this.#input)),
      this.#closed.signal,
      () => new SessionError('CONNECTION_LOST', 'the stream was closed before the session began'),
    )
    return waitAtMost(options.connectTimeout, target, () => {
      const message = `no key or token came within ${options.connectTimeout} ms`
      return new SessionError('TOKEN_FAILED', message, { retryable: true })
    })
  }

  #announce(change: SessionChange): void {
    const peer = this.#opened!
    const record = sessionRecord(change, this.#options, peer, this.#startedAt)
    this.#diagnostics.session(record)
    this.#stage.emit('session', record)
    for (const message of mismatches(change.begin, this.#options, peer)) this.#warnOfMismatch(message, change.channel)
  }

  #pass(message: ServerMessage & OfChannel): void {
    if (message.type === 'SpeechStarted') {
      this.#done.begins(this.#supervisor?.sentMs ?? 0, message.channel)
      this.#stage.emit('speechStarted', message)
    }
    if (message.type === 'Heartbeat') this.#stage.emit('heartbeat', message)
    else if (message.type === 'Silence') this.#stage.emit('silence', message)
  }

  #deliver(turn: Turn): void {
    if (this.#stage.destroyed) return
    if (turn.revision === 0) this.#done.turn(turn)
    if (!turn.endOfTurn) {
      this.#stage.emit('partial', turn)
      // A later one says the same and more.
      if (!this.#options.partials || this.#full) return
    } else {
      this.#diagnostics.turn(turn)
      if (turn.revision > 0) this.#stage.emit('revision', turn)
      this.#totals.add(turn)
      // Where all has been sent, it is only turns that tell how far the work has come.
      if (this.#done.at(this.#reportedMs) - this.#reportedDoneMs >= PROGRESS_MS) this.#report()
    }
    if (this.#stage.push(turn)) return
    this.#full = true
    if (hearsInParallel(this.#options)) {
      // What comes at once is a part of the recording; it waits where it is.
      this.#supervisor?.hold()
      return
    }
    // A revision may change hundreds at once.
    if (turn.revision === 0 && this.#stage.readableLength >= MOST_QUEUED) this.#hold()
  }

  /** More turns than anybody says wait for a sink that is stuck: no more are asked for until it takes some. */
  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    const message = `${this.#stage.readableLength} turns wait for whoever reads them, so the session is closed until they are taken`
    this.#supervisor?.hold()
    this.#stage.emit('warning', { code: 'OUTPUT_STALLED', message, turns: this.#stage.readableLength })
  }

  #report(isOver = false): void {
    const audioMs = this.#supervisor?.sentMs ?? 0
    this.#reportedMs = audioMs
    // What is heard in parallel comes at once, and in no order.
    const isAllAtOnce = isOver || hearsInParallel(this.#options)
    const doneMs = isAllAtOnce ? audioMs : this.#done.at(audioMs)
    this.#reportedDoneMs = doneMs
    const { range } = this.#options
    const [sent, done] = [audioMs, doneMs].map((ms) => Math.max(0, ms - this.#place.heardFrom)) as [number, number]
    const part = range === undefined ? {} : { range: { ...range } }
    this.#stage.emit('progress', { audioMs: sent, doneMs: done, ...this.#totals.facts, ...part })
  }

  /** A hash of the recording that is heard, wherever it lies by now; `undefined` where that is not known, or live. */
  async #hashOf(identity: IdentifiedSource[typeof inputIdentity]): Promise<string | undefined> {
    if (identity === undefined || this.#input.live || this.#loaded.naming === undefined) return undefined
    const { sha256 } = await import('../../checkpoint/checkpoint.ts')
    return this.#loaded.naming.recordingHash(identity(sha256), this.#options.range, sha256)
  }

  /** Tells of progress while `work` is done: what is heard in parallel is heard after the last audio has come. */
  async #reporting<T>(work: T): Promise<Awaited<T>> {
    const timer = setInterval(() => {
      if ((this.#supervisor?.sentMs ?? 0) - this.#reportedMs >= PROGRESS_MS) this.#report()
    }, PROGRESS_MS)
    try {
      return await work
    } finally {
      clearInterval(timer)
    }
  }

  /** Once in a stream: the sessions after the first, and those of other parts of it, are like that, too. */
  #warnOfMismatch(message: string, channel: string | undefined): void {
    const said = `${channel} ${message}`
    if (this.#warned.has(said) || this.#warned.size >= MOST_WARNED) return
    this.#warned.add(said)
    const code = 'CONFIGURATION_MISMATCH'
    this.#stage.emit('warning', { code, message, ...defined({ channel }) })
  }
}
