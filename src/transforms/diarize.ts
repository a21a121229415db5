import { Duplex } from 'node:stream'
import type { ClientMessage, ServerMessage } from '../assemblyai/messages.ts'
import { checkParameters, toQuery, toUpdate, updatableNames } from '../assemblyai/parameters.ts'
import { Session, type SessionEnd } from '../assemblyai/session.ts'
import { TurnAssembler } from '../assemblyai/turn-assembler.ts'
import { bytesToMs } from '../audio/format.ts'
import { InputError, SessionError } from '../errors.ts'
import type { Turn } from '../model.ts'
import { checkKnown } from '../options.ts'
import { onUpstream } from '../stage.ts'
import type { Diarize, UpdatableParameters } from './diarize-events.ts'
import { DiarizeInput } from './diarize-input.ts'
import { type DiarizeOptions, type ResolvedDiarizeOptions, resolveDiarizeOptions } from './diarize-options.ts'
import { type Peer, openPeer } from './diarize-peer.ts'

/** How long an unformatted final waits for its formatted form. */
const FORMATTED_WAIT_MS = 1500
const PROGRESS_MS = 1000
/** Messages kept until the session has begun. */
const MAX_PENDING_MESSAGES = 16

/**
 * PCM16 mono in, speaker-labelled {@link Turn}s out, through a streaming v3 session. The session opens with the first
 * audio, so that a bad input costs none, and the stream ends only when the server has confirmed that every word is out.
 *
 * @returns a Duplex: bytes or frames in, Turn objects out.
 * @throws ConfigurationError `INVALID_OPTION` or `MISSING_API_KEY`, before any work starts. Later errors destroy the
 * stream: SessionError (codes in `docs/errors.md`), EngineError, InputError `NO_AUDIO` where not one sample came.
 */
export function diarize(options: DiarizeOptions = {}): Diarize {
  return new DiarizeStream(resolveDiarizeOptions(options)) as Duplex as Diarize
}

class DiarizeStream extends Duplex {
  readonly #options: ResolvedDiarizeOptions
  readonly #input: DiarizeInput
  #peer: Promise<Peer> | undefined
  #opening: Promise<Session> | undefined
  #session: Session | undefined
  #assembler: TurnAssembler | undefined
  #ended: Promise<SessionEnd> | undefined
  #formattedTimer: NodeJS.Timeout | undefined
  #pending: ClientMessage[] = []
  #wanted: (() => void) | undefined
  #full = false
  #audioMs = 0
  #reportedMs = 0
  #turns = 0
  readonly #speakers = new Set<string>()

  constructor(options: ResolvedDiarizeOptions) {
    super({
      // A frame must reach the socket as one message; in byte mode frames would merge or split.
      writableObjectMode: true,
      readableObjectMode: true,
      writableHighWaterMark: 2,
      readableHighWaterMark: 16,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    this.#options = options
    this.#input = new DiarizeInput(options)
    onUpstream(this, (upstream) => this.#input.attach(upstream))
  }

  updateConfiguration(update: UpdatableParameters): void {
    checkKnown('updateConfiguration()', update, updatableNames)
    checkParameters(update)
    this.#message({ type: 'UpdateConfiguration', ...toUpdate(update) })
  }

  forceEndpoint(): void {
    this.#message({ type: 'ForceEndpoint' })
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#consume(chunk).then(() => callback(), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finish().then(() => callback(), callback)
  }

  override _read(): void {
    this.#full = false
    this.#wanted?.()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#formattedTimer)
    this.#wanted?.()
    this.#free().then(
      () => callback(error),
      (cleanUpError: Error) => callback(error ?? cleanUpError),
    )
  }

  async #free(): Promise<void> {
    await this.#session?.destroy()
    const peer = await this.#peer?.catch(() => undefined)
    await peer?.close()
  }

  async #consume(chunk: unknown): Promise<void> {
    for (const frame of this.#input.push(chunk)) await this.#send(frame)
  }

  async #send(frame: Buffer): Promise<void> {
    const session = await (this.#opening ??= this.#open())
    // Turns that nobody takes hold the audio back, so that a stuck sink stops the source.
    if (this.#full) await new Promise<void>((resolve) => (this.#wanted = resolve))
    const ms = bytesToMs(frame.length, this.#input.format)
    await session.send(frame, ms)
    this.#audioMs += ms
    if (this.#audioMs - this.#reportedMs >= PROGRESS_MS) this.#report()
  }

  /** Resolves once the session has begun; rejects with the reason where it does not. */
  async #open(): Promise<Session> {
    const options = this.#options
    const peer = await (this.#peer ??= openPeer(options))
    for (const warning of peer.warnings) this.emit('warning', warning)
    // The embedded engine has one model, whatever the default of the service is.
    const parameters = peer.model === undefined ? options : { ...options, speechModel: peer.model }
    const target = await bounded(
      peer.target(toQuery({ ...parameters, sampleRate: this.#input.format.sampleRate }, options.query)),
      options.connectTimeout,
      () =>
        new SessionError('TOKEN_FAILED', `no key or token came within ${options.connectTimeout} ms`, {
          retryable: true,
        }),
    )
    this.#mustLive()
    const session = new Session(target, options)
    this.#session = session
    this.#ended = new Promise((resolve) => session.once('end', resolve))
    session.on('warning', (warning) => this.emit('warning', warning))
    session.on('message', (message) => this.#receive(message))
    await new Promise<void>((resolve, reject) => {
      session.once('begin', () => resolve())
      session.once('end', (end) => {
        const error = peer.failure() ?? end.error
        if (error) reject(error)
        // After Begin nobody awaits this promise; the stream itself must fail.
        if (error) this.destroy(error)
      })
    })
    this.#begun(session, peer, parameters.speechModel, target.url)
    return session
  }

  #begun(session: Session, peer: Peer, model: string, url: string): void {
    const begin = session.begin
    if (!begin) return
    this.#assembler = new TurnAssembler({ sessionId: begin.id, awaitFormatted: this.#options.formatTurns === true })
    for (const message of this.#pending.splice(0)) session.sendMessage(message)
    this.emit('session', {
      sessionId: begin.id,
      engine: peer.kind,
      name: peer.name,
      model: begin.configuration?.model ?? model,
      url: url.split('?')[0] as string,
      offset: 0,
      startedAt: new Date().toISOString(),
      ...(begin.expires_at > 0 ? { expiresAt: new Date(begin.expires_at * 1000).toISOString() } : {}),
    })
    const answered = begin.configuration
    if (answered?.model && answered.model !== model) {
      this.#warn('CONFIGURATION_MISMATCH', `asked for the model ${model}, but the server runs ${answered.model}`)
    }
    if (typeof answered?.speaker_labels === 'boolean' && answered.speaker_labels !== this.#options.speakerLabels) {
      this.#warn(
        'CONFIGURATION_MISMATCH',
        `the server says that speaker labels are ${answered.speaker_labels ? 'on' : 'off'}`,
      )
    }
  }

  #receive(message: ServerMessage): void {
    const assembler = this.#assembler
    switch (message.type) {
      case 'Turn':
        for (const turn of assembler?.turn(message) ?? []) this.#deliver(turn)
        this.#boundWait()
        break
      case 'SpeakerRevision':
        for (const turn of assembler?.revision(message) ?? []) this.#deliver(turn)
        break
      case 'SpeechStarted':
        this.emit('speechStarted', message)
        break
      case 'Heartbeat':
        this.emit('heartbeat', message)
        break
      case 'Silence':
        this.emit('silence', message)
        break
      default:
        break
    }
  }

  /** The formatted form of a final may never come. */
  #boundWait(): void {
    clearTimeout(this.#formattedTimer)
    if (!this.#assembler?.holding) return
    this.#formattedTimer = setTimeout(() => this.#release(), FORMATTED_WAIT_MS)
  }

  #release(): void {
    for (const turn of this.#assembler?.release() ?? []) this.#deliver(turn)
  }

  #deliver(turn: Turn): void {
    if (!turn.endOfTurn) {
      this.emit('partial', turn)
      if (!this.#options.partials) return
    } else if (turn.revision > 0) {
      this.emit('revision', turn)
    } else {
      this.#turns += 1
    }
    for (const { speaker } of turn.words) if (speaker) this.#speakers.add(speaker)
    if (!this.push(turn)) this.#full = true
  }

  #report(): void {
    this.#reportedMs = this.#audioMs
    this.emit('progress', { audioMs: Math.round(this.#audioMs), turns: this.#turns, speakers: [...this.#speakers] })
  }

  async #finish(): Promise<void> {
    for (const frame of this.#input.flush()) await this.#send(frame)
    if (!this.#opening) {
      throw new InputError(
        'NO_AUDIO',
        'the input ended without a single sample of audio, so there is nothing to caption',
      )
    }
    const session = await this.#opening
    session.terminate()
    const end = (await this.#ended) as SessionEnd
    if (end.error) throw end.error
    clearTimeout(this.#formattedTimer)
    this.#release()
    this.#report()
    this.emit('termination', {
      sessionId: session.begin?.id ?? '',
      audioSeconds: end.termination.audio_duration_seconds,
      sessionSeconds: end.termination.session_duration_seconds,
    })
    this.push(null)
  }

  #message(message: ClientMessage): void {
    if (this.#session?.begin) this.#session.sendMessage(message)
    else if (this.#pending.length < MAX_PENDING_MESSAGES) this.#pending.push(message)
  }

  #mustLive(): void {
    if (this.destroyed) throw new SessionError('CONNECTION_LOST', 'the stream was closed before the session began')
  }

  #warn(code: string, message: string): void {
    this.emit('warning', { code, message })
  }
}

async function bounded<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
