import { randomUUID } from 'node:crypto'
import { setImmediate as nextTick } from 'node:timers/promises'
import { defined } from '../options.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { checkedListener } from '../engine/checked-listener.ts'
import type { Engine, EngineListener, EngineSession } from '../engine/engine.ts'
import { JobQueue } from '../engine/job-queue.ts'
import { EngineError } from '../errors.ts'
import { AudioInput, type ClientAudio } from './audio-input.ts'
import { CompressedInput } from './compressed-input.ts'
import { parseClientMessage } from '../protocol/messages.ts'
import {
  beginConfiguration,
  type MessageStyle,
  revisionMessage,
  turnMessage,
  type UnattributedLabel,
} from './outgoing.ts'
import type { UnknownModels } from '../protocol/models.ts'
import { type ConnectionParameters, type ParameterName, parameterTable, unknownNames } from '../protocol/parameters.ts'
import { parseQuery, parseUpdate } from '../protocol/queries.ts'
import { Refusal } from '../protocol/close-codes.ts'
import { waitAtMost } from '../stream-helpers.ts'
import type { ResolvedServerOptions } from './options.ts'
import { engineUpdate, resolveSettings, type SessionSettings } from './settings.ts'

/** Milliseconds of audio that wait for the engine before the socket is paused. */
const QUEUE_LIMIT = 5000
/** Milliseconds of audio that a command, or an empty message, counts as in the queue, so that these are bounded too. */
const LEAST_WEIGHT = 20
/** Milliseconds an engine gets to free itself before the session counts as ended all the same. */
const DESTROY_TIMEOUT = 5000
const HEARTBEAT_INTERVAL = 5000
/** Warnings of an engine that is being opened; further ones are left out. */
const MOST_EARLY = 100

/** A frame as it came: audio, or the text of a JSON message. */
export type ReceivedMessage = { binary: true; data: Buffer } | { binary: false; data: string }

/** One client's stream of audio, as users of the server see it. */
export interface ServerSession {
  /** The `id` of `Begin`. */
  readonly id: string
  /** The connection parameters the client sent, with later updates. */
  readonly parameters: Readonly<ConnectionParameters>
  /** Milliseconds of audio received. */
  readonly receivedMs: number
  /** Milliseconds of it that wait for the engine. */
  readonly waitingMs: number
}

/** How a session ended. */
export interface SessionEnd {
  /** Close code sent; 1000 after `Termination`, 1005 or 1006 where the client left. */
  code: number
  /** Text of the `Error` message; empty where there was none. */
  reason: string
  /** Whether the client asked for the end and got its `Termination`. */
  terminated: boolean
  /** What the engine threw, where that ended the session. */
  cause?: unknown
}

export interface SessionContext {
  engine: Engine
  parameters: ConnectionParameters
  apiVersion: string
  maxDurationMs: number
  /** Milliseconds of audio ahead of the clock that are allowed; `Infinity` where pacing is not enforced. */
  maxAheadMs: number
  /** What becomes of modes that are not known, in updates. */
  models: UnknownModels
  unattributedLabel: UnattributedLabel
  /** Whether the text of an engine's error is sent to the client. */
  explainEngineErrors: boolean
}

/** Version of the protocol, where the client names none. */
export const API_VERSION = '2025-05-12'

/** What a session is to be that a client asks for by `query`. @throws Refusal for a query that is wrong */
export function contextOf(query: URLSearchParams, options: ResolvedServerOptions): SessionContext {
  const { engine, models, unattributedLabel } = options
  return {
    engine,
    parameters: parseQuery(query, { ownModels: ownModels(engine), models }),
    apiVersion: API_VERSION,
    maxDurationMs: options.maxSessionDuration,
    maxAheadMs: options.pacing === 'enforce' ? options.maxAhead : Infinity,
    models,
    unattributedLabel,
    explainEngineErrors: options.loopback,
  }
}

/** The models that an engine knows beside those of the service. */
function ownModels({ name, model }: Engine): string[] {
  return model === undefined ? [name] : [name, model]
}

export interface SessionTransport {
  send(message: ServerMessage): void
  /** Sends an `Error` message and closes with its code. */
  refuse(refusal: Refusal): void
  /** Closes after `Termination`. */
  finish(): void
  pause(): void
  resume(): void
}

/**
 * The protocol of one session: messages in, messages out, an engine between. What a client asks for is done in order and
 * one after another: the engine takes audio at its own speed, and commands between two pieces of audio stay between
 * them. Timers do not keep the process alive.
 */
export class Session implements ServerSession {
  readonly id = randomUUID()
  /** Settles when the session has ended and its engine is gone. */
  readonly ended: Promise<SessionEnd>
  readonly #context: SessionContext
  readonly #transport: SessionTransport
  readonly #audio: ClientAudio
  readonly #queue = new JobQueue((error) => this.#fail(error))
  readonly #queueLimit: number
  /** The engine's session; `undefined` where none was opened. */
  readonly #engine: Promise<EngineSession | undefined>
  #setEngine!: (engine: Promise<EngineSession | undefined> | undefined) => void
  #settleEnded!: (end: SessionEnd) => void
  #parameters: ConnectionParameters
  #settings: SessionSettings
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #terminating = false
  /** What the engine warns of while it opens, which follows `Begin`. */
  readonly #early: ServerMessage[] = []
  /** Milliseconds of audio that wait for the engine, with the piece in work. */
  #waitingMs = 0
  #paused = false
  #beganAt = performance.now()
  #speechProbability = 0
  #expiry: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #inactivity: NodeJS.Timeout | undefined

  constructor(context: SessionContext, transport: SessionTransport) {
    const { engine, parameters, maxAheadMs } = context
    this.#context = context
    this.#transport = transport
    this.#parameters = parameters
    this.#settings = resolveSettings(parameters, engine.model)
    const { encoding, sampleRate } = this.#settings
    this.#audio =
      encoding === 'pcm_s16le' || encoding === 'pcm_mulaw'
        ? new AudioInput({ encoding, sampleRate }, engine.sampleRate, maxAheadMs)
        : new CompressedInput(encoding, engine.sampleRate, maxAheadMs, (pump) => this.#enqueue(0, pump))
    // Where pacing is judged, audio must be let in that far, or back-pressure would hide a client that is too fast.
    this.#queueLimit = QUEUE_LIMIT + (Number.isFinite(maxAheadMs) ? maxAheadMs : 0)
    this.#engine = new Promise((resolve) => {
      this.#setEngine = resolve
    })
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve
    })
  }

  get parameters(): Readonly<ConnectionParameters> {
    return this.#parameters
  }

  get receivedMs(): number {
    return this.#audio.receivedMs
  }

  get waitingMs(): number {
    return this.#waitingMs
  }

  /** Opens the engine, then sends `Begin`. What the client sends before that is kept. */
  start(): void {
    if (this.#state === 'opening') this.#setEngine(this.#open())
  }

  receive(data: Buffer, binary: boolean): void {
    if (this.#state === 'ended' || this.#terminating) return
    this.#inactivity?.refresh()
    try {
      if (binary) this.#receiveAudio(data)
      else this.#receiveText(data.toString('utf8'))
    } catch (error) {
      if (error instanceof Refusal) this.#refuse(error)
      else this.#fail(error)
    }
  }

  /** Ends the session without a word: the client is gone, or the server closes. */
  abandon(code: number, reason = ''): void {
    this.#end({ code, reason, terminated: false })
  }

  async #open(): Promise<EngineSession | undefined> {
    let engine: EngineSession | undefined
    try {
      const { engine: factory } = this.#context
      const opened: Partial<EngineSession> | undefined = await factory.open(
        this.#settings.engine,
        checkedListener(factory.name, this.#listener(), (error) => this.#fail(error)),
      )
      if (typeof opened?.write !== 'function') {
        throw new EngineError(
          'ENGINE_FAILED',
          `open() of the engine ${factory.name} gave no session; return one from it`,
        )
      }
      engine = opened as EngineSession
      if (this.#state === 'opening') this.#begin()
    } catch (error) {
      this.#fail(error)
    }
    return engine
  }

  #begin(): void {
    const { engine, apiVersion, maxAheadMs, maxDurationMs } = this.#context
    this.#state = 'open'
    this.#beganAt = performance.now()
    const expiresAt = Math.ceil((Date.now() + maxDurationMs) / 1000)
    this.#transport.send({
      type: 'Begin',
      id: this.id,
      expires_at: expiresAt,
      configuration: beginConfiguration(this.#settings, {
        engineModel: engine.model,
        apiVersion,
        fasterThanRealTime: engine.fasterThanRealTime && maxAheadMs === Infinity,
      }),
    })
    this.#warnOfNames(this.#parameters)
    if (this.#parameters.redactPii === true) {
      const warning = 'redact_pii has no effect on this server: everything is sent as it was said'
      this.#transport.send({ type: 'Warning', warning_code: 0, warning, code: 'REDACTION_IGNORED' })
    }
    for (const message of this.#early.splice(0)) this.#transport.send(message)
    this.#expireAt(expiresAt * 1000)
    this.#setHeartbeat(this.#settings.heartbeat)
    this.#watchInactivity()
  }

  #receiveAudio(data: Buffer): void {
    const before = this.receivedMs
    const write = this.#audio.accept(data, performance.now())
    this.#enqueue(this.receivedMs - before, write)
  }

  /** Adds a command for the engine, behind all the audio that came before it. */
  #command(job: (engine: EngineSession) => Promise<void> | void): void {
    this.#enqueue(0, async (engine) => {
      await this.#audio.catchUp(engine)
      await job(engine)
    })
  }

  #receiveText(text: string): void {
    const message = parseClientMessage(text)
    switch (message.type) {
      case 'KeepAlive':
        return
      case 'ForceEndpoint':
        return this.#command((engine) => engine.forceEndpoint())
      case 'UpdateConfiguration':
        return this.#configure(parseUpdate(message, { models: this.#context.models }))
      case 'Terminate':
        this.#terminating = true
        this.#watchInactivity()
        return this.#enqueue(0, (engine) => this.#terminate(engine))
    }
  }

  /** The service may know names that are not known here. */
  #warnOfNames(parameters: ConnectionParameters): void {
    const wire = (name: ParameterName): string => parameterTable[name].wire
    for (const { code, message } of unknownNames(parameters, wire, ownModels(this.#context.engine))) {
      const warning = `${message}; the session goes by the defaults of the newest`
      this.#transport.send({ type: 'Warning', warning_code: 0, warning, code })
    }
  }

  #configure(update: ConnectionParameters): void {
    if (this.#state === 'open') this.#warnOfNames(update)
    const before = this.#settings
    this.#parameters = { ...this.#parameters, ...update }
    this.#settings = resolveSettings(this.#parameters, this.#context.engine.model)
    if (this.#state === 'open') this.#setHeartbeat(this.#settings.heartbeat)
    const changes = engineUpdate(before.engine, this.#settings.engine)
    if (Object.keys(changes).length > 0) this.#command((engine) => engine.configure(changes))
  }

  async #terminate(engine: EngineSession): Promise<void> {
    await this.#audio.finish(engine)
    await engine.end()
    if (this.#state === 'ended') return
    this.#transport.send({
      type: 'Termination',
      audio_duration_seconds: Math.round(this.receivedMs / 1000),
      session_duration_seconds: Math.round((performance.now() - this.#beganAt) / 1000),
    })
    this.#transport.finish()
    this.#end({ code: 1000, reason: '', terminated: true })
  }

  /** Adds work for the engine, worth `ms` milliseconds of audio. Where too much waits, the socket is left unread. */
  #enqueue(ms: number, job: (engine: EngineSession) => Promise<void> | void): void {
    const weight = Math.max(ms, LEAST_WEIGHT)
    this.#waitingMs += weight
    if (this.#waitingMs > this.#queueLimit) this.#setPaused(true)
    void this.#queue.add(async () => {
      const engine = await this.#engine
      if (engine === undefined || this.#queue.closed) return
      await job(engine)
      this.#waitingMs -= weight
      if (this.#waitingMs <= this.#queueLimit / 2 && !this.#queue.closed) this.#setPaused(false)
      // An engine that computes in this thread would otherwise keep sockets and timers waiting.
      await nextTick()
    })
  }

  #listener(): EngineListener {
    const send = (message: ServerMessage | undefined): void => {
      if (this.#state === 'open' && message !== undefined) this.#transport.send(message)
    }
    return {
      speechStarted: (atMs, confidence) => {
        if (this.#state === 'open') this.#speechProbability = confidence
        const { family } = this.#settings
        if (family === 'u3' || family === 'u3.5') send({ type: 'SpeechStarted', timestamp: atMs, confidence })
      },
      turn: (turn) => {
        if (turn.endOfTurn || this.#settings.engine.partials) send(turnMessage(turn, this.#style()))
      },
      revision: (revisions) => send(revisionMessage(revisions, this.#style())),
      warning: ({ code, message, lost }) => {
        const warning = { type: 'Warning', warning_code: 0, warning: message, code } as const
        const told = lost === undefined ? warning : { ...warning, audio_lost: lost }
        if (this.#state !== 'opening') send(told)
        else if (this.#early.length < MOST_EARLY) this.#early.push(told)
      },
      unrecognized: ({ start, end, reason, repeatedWords }) =>
        send({
          type: 'UnrecognizedSpeech',
          start_ms: start,
          end_ms: end,
          reason: reason === 'noWords' ? 'no_words' : reason,
          ...defined({ repeated_words: repeatedWords }),
        }),
      failed: (error) => this.#fail(error),
    }
  }

  #style(): MessageStyle {
    return {
      speakerLabels: this.#settings.engine.speakerLabels,
      languageDetection: this.#settings.languageDetection,
      unattributedLabel: this.#context.unattributedLabel,
    }
  }

  /** Ends the session at `time`, in Unix milliseconds, and never before it. */
  #expireAt(time: number): void {
    const left = time - Date.now()
    if (left <= 0) return this.#refuse(new Refusal(3008, 'Session Expired: Maximum session duration exceeded'))
    // Timers may fire a little early by the clock of the day, and that clock may be set back.
    this.#expiry = setTimeout(() => this.#expireAt(time), left).unref()
  }

  #setHeartbeat(on: boolean): void {
    if (on) {
      this.#heartbeat ??= setInterval(() => this.#sendHeartbeat(), HEARTBEAT_INTERVAL).unref()
    } else {
      clearInterval(this.#heartbeat)
      this.#heartbeat = undefined
    }
  }

  #sendHeartbeat(): void {
    const passed = Math.round(performance.now() - this.#beganAt)
    this.#transport.send({
      type: 'Heartbeat',
      total_audio_received_ms: Math.round(this.receivedMs),
      total_duration_ms: passed,
      realtime_factor: Math.round((this.receivedMs / Math.max(passed, 1)) * 10_000) / 10_000,
      max_speech_probability: this.#speechProbability,
    })
    this.#speechProbability = 0
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    this.#watchInactivity()
    if (paused) this.#transport.pause()
    else this.#transport.resume()
  }

  /** Counts silence of the client from now. It cannot be blamed for messages that are not read, nor for its last one. */
  #watchInactivity(): void {
    clearTimeout(this.#inactivity)
    const { inactivityMs } = this.#settings
    const watched = this.#state === 'open' && !this.#terminating && !this.#paused && inactivityMs !== undefined
    this.#inactivity = watched ? setTimeout(() => this.#refuseInactive(inactivityMs), inactivityMs).unref() : undefined
  }

  #refuseInactive(ms: number): void {
    const text = `Session terminated due to inactivity: No messages received for ${ms / 1000} seconds`
    this.#refuse(new Refusal(3006, text))
  }

  #fail(cause: unknown): void {
    if (cause instanceof Refusal) return this.#refuse(cause)
    const explained = this.#context.explainEngineErrors && cause instanceof EngineError ? `: ${cause.message}` : ''
    this.#refuse(new Refusal(3005, `Session Cancelled: An error occurred${explained}`), cause)
  }

  #refuse(refusal: Refusal, cause?: unknown): void {
    if (this.#state === 'ended') return
    this.#transport.refuse(refusal)
    const { code, message } = refusal
    this.#end({ code, reason: message, terminated: false, ...defined({ cause }) })
  }

  #end(end: SessionEnd): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#expiry)
    clearInterval(this.#heartbeat)
    clearTimeout(this.#inactivity)
    this.#setEngine(undefined)
    void this.#queue.close()
    void this.#freeEngine(end)
  }

  async #freeEngine(end: SessionEnd): Promise<void> {
    const engineGone = this.#engine.then((engine) => engine?.destroy())
    // The session has its end already; there is nobody left to tell of a failure.
    await waitAtMost(DESTROY_TIMEOUT, Promise.allSettled([engineGone, this.#audio.destroy()]))
    this.#settleEnded(end)
  }
}
