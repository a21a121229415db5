import { Duplex } from 'node:stream'
import { StreamDiagnostics } from '../diagnostics.ts'
import { oneLine } from '../redact.ts'
import { regionUrl, serverUrl } from '../protocol/endpoint.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import {
  checkKnownNames,
  checkParameters,
  type ConnectionParameters,
  movedValues,
  type ParameterName,
  toQuery,
  toUpdate,
  unknownNames,
  updatableNames,
} from '../protocol/parameters.ts'
import type { ConnectionAhead } from '../session/connection-ahead.ts'
import type { SessionTarget } from '../session/transport.ts'
import type { Gap, SessionChange, StreamStart } from '../stream/options.ts'
import {
  type IdentifiedSource,
  type inputIdentity,
  type ResumableHearing,
  resumableHearing,
  type Resumption,
} from '../checkpoint/stages.ts'
import { bytesToMs } from '../audio/format.ts'
import type { DonePosition, TurnTotals } from '../stream/turn-totals.ts'
import { ConfigurationError, InputError, SessionError } from '../errors.ts'
import type { Turn } from '../model.ts'
import { checkKnown } from '../options.ts'
import { connectAhead, learnsFrom, recordStage, onUpstream, relayEvents } from '../stage.ts'
import { abortBy, waitAtMost } from '../stream-helpers.ts'
import { type SpeakerModelIdentity, VoiceBookInFile } from '../voices/book.ts'
import type { SpeakerNaming } from './voices/speaker-naming.ts'
import { channelSettings } from './channels/options.ts'
import type { Diarize, OfChannel, SessionRecord, UpdatableParameters } from './diarize-events.ts'
import { DiarizeInput } from './diarize-input.ts'
import {
  type DiarizeOptions,
  liveSettings,
  pathOf,
  peerKind,
  type ResolvedDiarizeOptions,
  resolveDiarizeOptions,
} from './diarize-options.ts'
import type { Supervisor } from '../stream/supervisor.ts'
import type { ChannelSupervisor } from './channels/supervisor.ts'
import type { Loaded, Peer, Supervision, SupervisionEnd } from './engine-choice.ts'

const PROGRESS_MS = 1000
/** A live source that goes on is placed when this much time has passed, or so many frames have come. */
const SETTLE_MS = 1000
const MOST_EARLY = 1200

/** Why the sessions cannot be sent Opus as it is; `undefined` where they can. */
function packetsRefusal(options: ResolvedDiarizeOptions): string | undefined {
  if (peerKind(options) === 'embedded') return 'the engine in this process takes samples'
  if (channelSettings(options) !== undefined) return 'channels are heard apart'
  if (options.voices !== undefined && options.voices !== false) return 'voices are made of samples'
  if (options.range !== undefined) return 'a part of it is heard, which begins and ends at any sample'
  return (options.parallel ?? 1) > 1 ? 'parts of it are heard at the same time' : undefined
}
/** Final turns that may wait for whoever reads them: a quarter of an hour of speech and more. */
const MOST_QUEUED = 256
/** Kinds of disagreement with the server that are told. */
const MOST_WARNED = 100

/**
 * PCM16 mono in, speaker-labelled {@link Turn}s out, through streaming v3 sessions: one stream for as long as the audio
 * lasts. A session that is lost is opened again and hears again what it had not made final; one that expires is replaced
 * in time. No word is lost or repeated, times are those of the stream, and a speaker keeps the letter, known by the words
 * that two sessions heard (`replay.context`) and by `voices`, which may revise the turns of the last two minutes. The first session
 * opens with the first audio, so that a bad input costs none, and the stream ends only when the server has confirmed that
 * every word is out. With `channels`, interleaved PCM in, and one such session for each channel.
 *
 * @returns a Duplex: bytes, frames, or samples as `Int16Array` or `Float32Array` in, Turn objects out.
 * @throws ConfigurationError `INVALID_OPTION` or `MISSING_API_KEY`, before any work starts. Later errors destroy the
 * stream: SessionError (codes in `docs/errors.md`) once no further attempt can help, EngineError, InputError `NO_AUDIO`
 * where not one sample came, or `CHANNEL_MISMATCH` where the audio has not the channels it was said to have.
 */
export function diarize(options: DiarizeOptions = {}): Diarize {
  return new DiarizeStream(resolveDiarizeOptions(options)) as Duplex as Diarize
}

class DiarizeStream extends Duplex {
  readonly [recordStage] = true
  readonly #options: ResolvedDiarizeOptions
  readonly #input: DiarizeInput
  /** What was asked for before there was any audio. */
  #configuration: Record<string, unknown> | undefined
  #endpointForced = false
  /** End what is waited for that nothing else can end. */
  readonly #waits = new Set<() => void>()
  #peer: Promise<Peer> | undefined
  #opened: Peer | undefined
  /** The connection that is made as soon as there will be audio. */
  #ahead: Promise<ConnectionAhead | undefined> | undefined
  #supervisor: Supervision | undefined
  /** Whether the failure of the sessions is waited for. */
  #isWatched = false
  #engines: typeof import('./engine-choice.ts') | undefined
  #resumptions: typeof import('./resumption.ts') | undefined
  #loaded: Loaded = {}
  #loading: Promise<void> | undefined
  #waitingSend: (() => void) | undefined
  #full = false
  /** Whether the session is closed until turns are taken, of which is warned once. */
  #isHeld = false
  #reportedMs = 0
  #reportedDoneMs = 0
  #done!: DonePosition
  readonly #warned = new Set<string>()
  #totals!: TurnTotals
  #naming: SpeakerNaming | undefined
  readonly #diagnostics = new StreamDiagnostics(this)
  /** Where the stream goes on, until there is audio; and audio of it that was lost. */
  #resumption: Resumption | undefined
  #knownGaps: readonly Gap[] = []
  /** Frames that come before that. */
  #skip = 0
  /** Where the audio of the source begins, in ms of the stream. */
  #beginsAt = 0
  /** How much later in the stream the source's audio is than the source says, ms. */
  #shift = 0
  /** Wall time of millisecond 0 of the stream, where another process began it. */
  #origin: Date | undefined
  /** Frames of the source up to the end of what is to be heard. */
  #left = Infinity
  /** Where what is heard begins, ms of the stream. */
  #heardFrom = 0
  /** The end of the sessions, once all of a range has been sent. */
  #rangeEnd: ReturnType<Supervision['end']> | undefined
  #hasCheckpoint = false
  /** What tells the input from another, where that is known. */
  #identity: IdentifiedSource[typeof inputIdentity]
  /** Whether a recording is left before its end, with which another run goes on. */
  #isLeft = false
  /** Frames of a live source whose place is not known yet, and what looks at it. */
  #early: Buffer[] = []
  #settling: NodeJS.Timeout | undefined

  constructor(options: ResolvedDiarizeOptions) {
    super({
      // A frame must reach the socket as one message; in byte mode frames would merge or split.
      writableObjectMode: true,
      readableObjectMode: true,
      writableHighWaterMark: 2,
      readableHighWaterMark: 16,
    })
    this.#options = options
    this.#input = new DiarizeInput({
      ...options,
      stage: 'diarize()',
      channels: channelSettings(options)?.channels,
      packetsRefusal: () => (this.#hasCheckpoint ? 'a checkpoint counts samples' : packetsRefusal(options)),
    })
    relayEvents(this, (event, record) => (event === 'gap' ? this.#placed(record as Gap) : record))
    onUpstream(this, (upstream) => {
      this.#input.attach(upstream)
      void this[connectAhead]()
    })
    abortBy(options.signal, this)
  }

  [learnsFrom](identity: IdentifiedSource[typeof inputIdentity]): void {
    this.#identity = identity
  }

  get [resumableHearing](): ResumableHearing {
    return {
      check: async () => {
        this.#hasCheckpoint = true
        const { identityOf, obstacleOf } = await import('./resumption.ts')
        return { options: identityOf(this.#options), obstacle: obstacleOf(this.#options) }
      },
      state: () => this.#state,
      leave: () => {
        this.#isLeft = true
      },
      resumeFrom: async (from) => {
        this.#resumptions = await import('./resumption.ts')
        this.#resumption = from
        if (!from.live) this.#beginsAt = from.seek(this.#resumptions.seekingPoint(from, this.#options.overlap))
        this.#knownGaps = from.gaps
        await (this.#loading ??= this.#load())
        this.#totals.resumeFrom(from.totals)
      },
    }
  }

  updateConfiguration(update: UpdatableParameters): void {
    checkKnown('updateConfiguration()', update, updatableNames)
    checkParameters(update)
    if (this.#options.models === 'strict') checkKnownNames(update, (name) => name)
    this.#warnOfParameters(update, (name) => name)
    const configuration = { ...this.#configuration, ...toUpdate(update) }
    if (this.#supervisor) this.#supervisor.sendMessage({ type: 'UpdateConfiguration', ...configuration })
    else this.#configuration = configuration
  }

  forceEndpoint(): void {
    if (this.#supervisor) this.#supervisor.sendMessage({ type: 'ForceEndpoint' })
    else this.#endpointForced = true
  }

  // A fifth of the library, which who only decodes need not load.
  override _construct(callback: (error?: Error | null) => void): void {
    this.#loading ??= this.#load()
    this.#loading.then(() => callback(), callback)
  }

  async #load(): Promise<void> {
    const [engines, { DonePosition: Done, TurnTotals: Totals }] = await Promise.all([
      import('./engine-choice.ts'),
      import('../stream/turn-totals.ts'),
      this.#input.load(),
    ])
    this.#done = new Done()
    this.#totals = new Totals()
    this.#engines = engines
    this.#loaded = await engines.load(this.#options)
    await this.#openBook()
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let frames: Buffer[]
    try {
      frames = this.#input.push(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    this.#send(frames, 0, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finish().then(() => callback(), callback)
  }

  override _read(): void {
    this.#full = false
    this.#isHeld = false
    this.#supervisor?.resume()
    this.#resumeSending()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#resumeSending()
    for (const leave of this.#waits) leave()
    this.#free().then(
      () => callback(error),
      (cleanUpError: Error) => callback(error ?? cleanUpError),
    )
  }

  /** A book that cannot be used is told of before there is any work. */
  async #openBook(): Promise<void> {
    const { voices: book } = this.#options
    if (!(book instanceof VoiceBookInFile) || this.#loaded?.naming === undefined) return
    const naming = new this.#loaded.naming.SpeakerNaming(book, {
      revised: (turn) => this.#deliver(turn),
      warning: (warning) => this.emit('warning', warning),
      failed: (error) => this.destroy(error),
    })
    const warning = this.#loaded.naming.noVoices(book, await naming.contents())
    if (warning !== undefined) process.nextTick(() => this.emit('warning', warning))
    this.#naming = naming
  }

  /** Makes the connection of the first session, which opens with the first audio. */
  async [connectAhead](): Promise<void> {
    if (this.destroyed) return
    // What is wrong with it, the session tells.
    this.#ahead ??= this.#connection().catch(() => undefined)
    await this.#ahead
  }

  async #connection(): Promise<ConnectionAhead | undefined> {
    const { url, region = 'global', agent, ca } = this.#options
    const kind = peerKind(this.#options)
    // An agent makes connections as it likes.
    if (kind === 'embedded' || agent !== undefined) return undefined
    const ahead = await import('../session/connection-ahead.ts')
    return ahead.connectAhead(kind === 'server' ? serverUrl(url!) : new URL(regionUrl(region)), ca)
  }

  /** Voices that cannot be compared with those of the book would leave everybody without a name. */
  async #madeBy(model: SpeakerModelIdentity): Promise<void> {
    if (this.#naming === undefined) return
    try {
      await this.#naming.madeBy(model)
    } catch (error) {
      this.destroy(error as Error)
      throw error
    }
  }

  async #free(): Promise<void> {
    clearTimeout(this.#settling)
    this.#naming?.close()
    await this.#supervisor?.destroy()
    const ahead = await this.#ahead
    ahead?.close()
    const peer = await this.#peer?.catch(() => undefined)
    await peer?.close()
  }

  /** Hands frames to the sessions, from number `next` of them on: without a promise where there is nothing to wait for. */
  #send(frames: readonly Buffer[], next: number, done: (error?: Error | null) => void): void {
    try {
      for (let index = next; index < frames.length; index++) {
        if (this.destroyed) break
        if (this.#isHeldBack) {
          this.#waitingSend = () => this.#send(frames, index, done)
          return
        }
        const frame = frames[index]!
        if (this.#isEarly(frame)) continue
        const supervisor = (this.#supervisor ??= this.#supervise(frame.length))
        if (--this.#left < 0) {
          this.#endRange(supervisor)
          continue
        }
        if (this.#skip > 0) {
          this.#skip -= 1
          continue
        }
        const wait = this.#hear(supervisor, frame)
        if (supervisor.sentMs - this.#reportedMs >= PROGRESS_MS) this.#report()
        if (wait !== undefined) {
          wait.then(() => this.#send(frames, index + 1, done), done)
          return
        }
      }
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

  /** No session waits for audio that nobody wants, however long what is behind the range takes to come. */
  #endRange(supervisor: Supervision): void {
    if (this.#rangeEnd !== undefined) return
    this.#rangeEnd = supervisor.end()
    this.#rangeEnd?.catch((error: Error) => this.destroy(error))
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
    this.#settling ??= setTimeout(() => this.#place(), SETTLE_MS)
    if (this.#early.length >= MOST_EARLY) this.#place()
    return true
  }

  /** Hands on the frames that waited for their place. */
  #place(): void {
    clearTimeout(this.#settling)
    const frames = this.#early
    this.#early = []
    const [first] = frames
    if (first === undefined || this.destroyed) return
    try {
      this.#supervisor ??= this.#supervise(first.length)
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    // A live source is not held back.
    for (const frame of frames) void this.#hear(this.#supervisor, frame)
  }

  /** Hands a frame to the sessions, which begin with the first that is not skipped; a promise where there is something to wait for. */
  #hear(supervisor: Supervision, frame: Buffer): Promise<unknown> | undefined {
    const wait = supervisor.push(frame)
    if (this.#isWatched) return wait
    // Their failure must reach the stream also while nothing is written.
    this.#isWatched = true
    supervisor.done?.catch((error: Error) => this.destroy(error))
    return wait
  }

  get #state(): ReturnType<ResumableHearing['state']> {
    // One of parts is refused before.
    const supervisor = this.#supervisor as Supervisor | ChannelSupervisor | undefined
    const startedAt = this.#startedAt?.getTime()
    return {
      live: this.#input.live,
      reachedMs: supervisor?.receivedMs ?? 0,
      voices: supervisor?.voices ?? new Map(),
      ...(this.#naming !== undefined && { learned: this.#naming.learned }),
      ...(startedAt !== undefined && { startedAt }),
    }
  }

  /** Wall time of millisecond 0 of the stream, where the source knows its own. */
  get #startedAt(): Date | undefined {
    return this.#origin ?? this.#input.startedAt
  }

  /** A gap of the source where it is in the stream; `undefined` for one that is known already. */
  #placed(gap: Gap): Gap | undefined {
    const { start = 0, duration = Infinity } = this.#options.range ?? {}
    if (gap.end < start || gap.start > start + duration) return undefined
    if (this.#skip > 0 && this.#knownGaps.some(({ start, end }) => start === gap.start && end === gap.end))
      return undefined
    return this.#shift === 0 ? gap : { ...gap, start: gap.start + this.#shift, end: gap.end + this.#shift }
  }

  /**
   * Where the stream begins or goes on, now that there is audio.
   *
   * @throws CheckpointError where that is of another input; ConfigurationError `INVALID_PIPELINE`
   */
  #startOf(frameBytes: number): StreamStart | undefined {
    const frameMs = bytesToMs(frameBytes, this.#input.format)
    const from = this.#resumption
    const begin = this.#beginOfRange(frameMs)
    if (from === undefined) return begin
    this.#resumption = undefined
    from.check()
    const { byGroup, resumeRecording, resumeLive } = this.#resumptions!
    const arrival = this.#input.live
      ? resumeLive(
          from,
          frameMs,
          this.#input.startedAt?.getTime() ?? Date.now(),
          channelSettings(this.#options)?.channels,
        )
      : resumeRecording(from, frameMs, this.#options.overlap)
    // What speakers are known again by must not lie outside of the range.
    const first = Math.max(arrival.start.frame, this.#input.live ? 0 : (begin?.frame ?? 0))
    const before = Math.round(this.#beginsAt / frameMs)
    this.#left -= before
    this.#skip = this.#input.live ? arrival.skip : first - before
    this.#shift = arrival.shift
    this.#origin = arrival.startedAt
    this.#naming?.resumeFrom(
      arrival.start.turns,
      byGroup(from.voices, channelSettings(this.#options)?.channels),
      from.learned,
    )
    for (const gap of arrival.gaps ?? []) this.emit('gap', gap)
    return { ...arrival.start, frame: first }
  }

  /** The beginning of a range that does not begin with the recording. @throws ConfigurationError `INVALID_PIPELINE` */
  #beginOfRange(frameMs: number): StreamStart | undefined {
    const { range } = this.#options
    if (range === undefined) return undefined
    if (this.#input.live) {
      throw new ConfigurationError(
        'INVALID_PIPELINE',
        'diarize() is given a range, and the source is live; leave it out',
      )
    }
    const { start = 0, duration = Infinity } = range
    const frame = Math.floor(start / frameMs)
    this.#left = Math.ceil((start + duration) / frameMs)
    if (frame === 0) return undefined
    this.#skip = frame
    this.#heardFrom = frame * frameMs
    const settled = Math.round(frame * frameMs)
    return { frame, settled, turns: [], nextOrder: 0, speakers: [], voices: new Map() }
  }

  #supervise(frameBytes: number): Supervision {
    const supervisor = this.#engines!.supervision(this.#options, this.#loaded, this.#input, frameBytes, {
      start: this.#startOf(frameBytes),
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
      this.emit('unrecognized', speech)
    })
    for (const event of ['warning', 'reconnecting', 'gap'] as const) {
      supervisor.on(event, (record: unknown) => {
        this.emit(event, record)
      })
    }
    if (this.#configuration) supervisor.sendMessage({ type: 'UpdateConfiguration', ...this.#configuration })
    this.#configuration = undefined
    if (this.#endpointForced) supervisor.sendMessage({ type: 'ForceEndpoint' })
    return supervisor
  }

  async #connect(): Promise<SessionTarget> {
    const options = this.#options
    const peer = await (this.#peer ??= this.#openPeer())
    if (!this.#opened) {
      for (const warning of peer.warnings) this.emit('warning', warning)
      this.#warnOfParameters(options, pathOf)
      if (peer.kind === 'embedded' && (options.parallel ?? 1) > 1) {
        const message = 'the engine on this machine takes audio as fast as it can, so parallel is of no use with it'
        this.emit('warning', { code: 'PARALLEL_UNUSED', message })
      }
    }
    this.#opened = peer
    const parameters = {
      ...options,
      // The engine on this machine says what language it hears at no cost.
      ...(peer.kind === 'embedded' && { languageDetection: options.languageDetection ?? true }),
      speechModel: this.#model(),
      sampleRate: this.#input.format.sampleRate,
      ...(this.#input.preSkip !== undefined && { encoding: 'ogg_opus' as const }),
    }
    const target = this.#unlessDestroyed(peer.target(toQuery(parameters, options.query)))
    return waitAtMost(options.connectTimeout, target, () => {
      const message = `no key or token came within ${options.connectTimeout} ms`
      return new SessionError('TOKEN_FAILED', message, { retryable: true })
    })
  }

  /** What `work` gives; a function of the user's may never answer, and nobody waits for it when the stage is gone. */
  async #unlessDestroyed<T>(work: Promise<T>): Promise<T> {
    let leave = (): void => {}
    const gone = new Promise<never>((_resolve, reject) => {
      leave = () => reject(new SessionError('CONNECTION_LOST', 'the stream was closed before the session began'))
    })
    this.#waits.add(leave)
    if (this.destroyed) leave()
    try {
      return await Promise.race([work, gone])
    } finally {
      this.#waits.delete(leave)
    }
  }

  async #openPeer(): Promise<Peer> {
    return this.#engines!.openPeer(this.#options, await this.#ahead)
  }

  /** The embedded engine has one model, whatever the default of the service is. */
  #model(): string {
    return this.#opened?.model ?? this.#options.speechModel
  }

  #announce({ begin, offset, speakers, channel }: SessionChange): void {
    const { kind, name, url } = this.#opened as Peer
    const asked = this.#model()
    const began = this.#startedAt?.toISOString()
    const { model, speaker_labels: labels } = begin.configuration ?? {}
    const record: SessionRecord = {
      sessionId: begin.id,
      engine: kind,
      name,
      model: model ?? asked,
      url,
      offset,
      speakers,
      startedAt: new Date().toISOString(),
      ...(began !== undefined && { streamStartedAt: began }),
      ...(channel === undefined ? {} : { channel }),
      ...(begin.expires_at > 0 ? { expiresAt: new Date(begin.expires_at * 1000).toISOString() } : {}),
    }
    this.#diagnostics.session(record)
    this.emit('session', record)
    if (model && model !== asked) {
      this.#warn(
        'CONFIGURATION_MISMATCH',
        `asked for the model ${asked}, but the server runs ${oneLine(model, 100)}`,
        channel,
      )
    }
    if (typeof labels === 'boolean' && labels !== this.#options.speakerLabels) {
      this.#warn('CONFIGURATION_MISMATCH', `the server says that speaker labels are ${labels ? 'on' : 'off'}`, channel)
    }
  }

  #pass(message: ServerMessage & OfChannel): void {
    if (message.type === 'SpeechStarted') {
      this.#done.begins(this.#supervisor?.sentMs ?? 0, message.channel)
      this.emit('speechStarted', message)
    }
    if (message.type === 'Heartbeat') this.emit('heartbeat', message)
    else if (message.type === 'Silence') this.emit('silence', message)
  }

  #deliver(turn: Turn): void {
    if (this.destroyed) return
    if (turn.revision === 0) this.#done.turn(turn)
    if (!turn.endOfTurn) {
      this.emit('partial', turn)
      // A later one says the same and more.
      if (!this.#options.partials || this.#full) return
    } else {
      this.#diagnostics.turn(turn)
      if (turn.revision > 0) this.emit('revision', turn)
      this.#totals.add(turn)
      // Where all has been sent, it is only turns that tell how far the work has come.
      if (this.#done.at(this.#reportedMs) - this.#reportedDoneMs >= PROGRESS_MS) this.#report()
    }
    if (this.push(turn)) return
    this.#full = true
    if (this.#engines!.hearsInParallel(this.#options)) {
      // What comes at once is a part of the recording; it waits where it is.
      this.#supervisor?.hold()
      return
    }
    // A revision may change hundreds at once.
    if (turn.revision === 0 && this.readableLength >= MOST_QUEUED) this.#hold()
  }

  /** More turns than anybody says wait for a sink that is stuck: no more are asked for until it takes some. */
  #hold(): void {
    if (this.#isHeld) return
    this.#isHeld = true
    const message = `${this.readableLength} turns wait for whoever reads them, so the session is closed until they are taken`
    this.#supervisor?.hold()
    this.emit('warning', { code: 'OUTPUT_STALLED', message, turns: this.readableLength })
  }

  #report(isOver = false): void {
    const audioMs = this.#supervisor?.sentMs ?? 0
    this.#reportedMs = audioMs
    // What is heard in parallel comes at once, and in no order.
    const isAllAtOnce = isOver || this.#engines?.hearsInParallel(this.#options) === true
    const doneMs = isAllAtOnce ? audioMs : this.#done.at(audioMs)
    this.#reportedDoneMs = doneMs
    const { range } = this.#options
    const [sent, done] = [audioMs, doneMs].map((ms) => Math.max(0, ms - this.#heardFrom)) as [number, number]
    const { turns, speakers, languages, speakerNames, certainty } = this.#totals
    const names = speakerNames === undefined ? {} : { speakerNames }
    const part = range === undefined ? {} : { range: { ...range } }
    const heard = { turns, speakers, languages, certainty: certainty.figures }
    this.emit('progress', { audioMs: sent, doneMs: done, ...heard, ...names, ...part })
  }

  async #finish(): Promise<void> {
    this.#place()
    await new Promise<void>((resolve, reject) => {
      this.#send(this.#input.flush(), 0, (error) => (error ? reject(error) : resolve()))
    })
    if (this.#skip > 0 && this.#heardFrom > 0) {
      const message = `the recording ends before ${this.#options.range?.start} ms, where the range begins; nothing was heard`
      throw new InputError('NO_AUDIO', message)
    }
    if (this.#input.sizeWarning !== undefined) this.emit('warning', this.#input.sizeWarning)
    const ended = await this.#reporting(this.#rangeEnd ?? this.#supervisor?.end())
    if (!ended) {
      const message = 'the input ended without a single sample of audio, so there is nothing to caption'
      throw new InputError('NO_AUDIO', message)
    }
    if (this.#naming !== undefined)
      await this.#naming.settle(!this.#isLeft, await this.#heardInput())
    this.#report(true)
    for (const { audio_duration_seconds, session_duration_seconds, channel } of [ended].flat() as SupervisionEnd[]) {
      const times = { audioMs: audio_duration_seconds * 1000, sessionMs: session_duration_seconds * 1000 }
      this.emit('termination', { ...times, ...(channel === undefined ? {} : { channel }) })
    }
    this.push(null)
  }

  /** A hash of the recording that is heard, wherever it lies by now; `undefined` where that is not known, or live. */
  async #heardInput(): Promise<string | undefined> {
    if (this.#identity === undefined || this.#input.live) return undefined
    const { sha256 } = await import('../checkpoint/checkpoint.ts')
    return this.#loaded.naming?.recordingHash(this.#identity(sha256), this.#options.range, sha256)
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

  /** Warns of what the server may not take as it is. A server of your own may have models of its own. */
  #warnOfParameters(parameters: ConnectionParameters, path: (name: ParameterName) => string): void {
    const names = peerKind(this.#options) === 'assemblyai' ? unknownNames(parameters, path) : []
    for (const warning of [...movedValues(parameters, path), ...names]) this.emit('warning', warning)
  }

  /** Once in a stream: the sessions after the first, and those of other parts of it, are like that, too. */
  #warn(code: string, message: string, channel: string | undefined): void {
    const said = `${channel} ${message}`
    if (this.#warned.has(said) || this.#warned.size >= MOST_WARNED) return
    this.#warned.add(said)
    this.emit('warning', { code, message, ...(channel === undefined ? {} : { channel }) })
  }
}
