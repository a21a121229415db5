import type { ServerMessage } from '../assemblyai/messages.ts'
import type { Engine, EngineListener, EngineSession, EngineTurn } from '../engine/engine.ts'
import { EngineError } from '../errors.ts'
import { AudioInput, FrameCheck, PacingCheck } from './audio-input.ts'
import { parseClientMessage } from './client-message.ts'
import {
  beginConfiguration,
  type MessageStyle,
  revisionMessage,
  turnMessage,
  type UnattributedLabel,
} from './outgoing.ts'
import { type ConnectionParameters, parseUpdate } from './parameters.ts'
import { Refusal } from './refusal.ts'
import { engineUpdate, resolveSettings, type SessionSettings } from './settings.ts'
import { WorkQueue } from './work-queue.ts'
import { randomUUID } from 'node:crypto'

/** Milliseconds of audio that wait for the engine before the socket is paused. */
const QUEUE_LIMIT = 5000
/** Milliseconds an engine gets to free itself before the session counts as ended all the same. */
const DESTROY_TIMEOUT = 5000

/** The protocol of one session: messages in, messages out, an engine between. */
export class Session implements ServerSession {
  readonly id = randomUUID()
  /** Settles when the session has ended and its engine is gone. */
  readonly ended: Promise<SessionEnd>
  readonly #context: SessionContext
  readonly #transport: SessionTransport
  readonly #input: AudioInput
  readonly #queue: WorkQueue
  readonly #timers: SessionTimers
  readonly #frames = new FrameCheck()
  readonly #pacing: PacingCheck
  #parameters: ConnectionParameters
  #settings: SessionSettings
  #state: 'opening' | 'open' | 'ended' = 'opening'
  #terminating = false
  #opening: Promise<EngineSession | undefined> = Promise.resolve(undefined)
  #beganAt = performance.now()
  #speechProbability = 0
  #settleEnded!: (end: SessionEnd) => void

  constructor(context: SessionContext, transport: SessionTransport) {
    this.#context = context
    this.#transport = transport
    this.#parameters = context.parameters
    this.#settings = this.#resolve()
    this.#input = new AudioInput(this.#settings, context.engine.sampleRate)
    this.#pacing = new PacingCheck(context.maxAheadMs)
    // Where pacing is judged, audio must be let in that far, or back-pressure would hide a client that is too fast.
    const limit = QUEUE_LIMIT + (Number.isFinite(context.maxAheadMs) ? context.maxAheadMs : 0)
    this.#queue = new WorkQueue(limit, {
      full: () => this.#setPaused(true),
      drained: () => this.#setPaused(false),
      failed: (error) => this.#fail(error),
    })
    this.#timers = new SessionTimers({
      heartbeat: () => this.#heartbeat(),
      inactive: () => {
        const seconds = (this.#settings.inactivityMs ?? 0) / 1000
        const text = `Session terminated due to inactivity: No messages received for ${seconds} seconds`
        this.#refuse(new Refusal(3006, text))
      },
      expired: () => this.#refuse(new Refusal(3008, 'Session Expired: Maximum session duration exceeded')),
    })
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve
    })
  }

  get parameters(): Readonly<ConnectionParameters> {
    return this.#parameters
  }

  get receivedMs(): number {
    return this.#input.receivedMs
  }

  /** Opens the engine, then sends `Begin`. What the client sends before that is kept. */
  start(): void {
    this.#opening = this.#open()
  }

  /** Takes a message of the client. */
  receive(data: Buffer, binary: boolean): void {
    if (this.#state === 'ended' || this.#terminating) return
    this.#timers.touch()
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
    let engine: EngineSession
    try {
      engine = await this.#context.engine.open(this.#settings.engine, this.#listener())
    } catch (error) {
      this.#fail(error)
      return undefined
    }
    if (this.#state === 'opening') this.#begin()
    return engine
  }

  #begin(): void {
    const { engine, apiVersion, maxAheadMs, maxDuration } = this.#context
    this.#state = 'open'
    this.#beganAt = performance.now()
    const expiresAt = Math.ceil(Date.now() / 1000 + maxDuration)
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
    this.#timers.expireAt(expiresAt * 1000)
    this.#timers.setHeartbeat(this.#settings.heartbeat)
    this.#expectMessages(true)
    this.#queue.start()
  }

  #receiveAudio(data: Buffer): void {
    const ms = this.#input.duration(data.length)
    this.#frames.accept(ms)
    this.#pacing.accept(ms, performance.now())
    const samples = this.#input.push(data)
    this.#work(ms, (engine) => engine.write(samples))
  }

  #receiveText(text: string): void {
    const message = parseClientMessage(text)
    switch (message.type) {
      case 'KeepAlive':
        return
      case 'ForceEndpoint':
        return this.#work(0, (engine) => engine.forceEndpoint())
      case 'UpdateConfiguration':
        return this.#configure(parseUpdate(message))
      case 'Terminate':
        this.#terminating = true
        this.#timers.expectMessageWithin(undefined)
        return this.#work(0, (engine) => this.#terminate(engine))
    }
  }

  #configure(update: ConnectionParameters): void {
    const before = this.#settings
    this.#parameters = { ...this.#parameters, ...update }
    this.#settings = this.#resolve()
    if (this.#state === 'open') this.#timers.setHeartbeat(this.#settings.heartbeat)
    const changes = engineUpdate(before.engine, this.#settings.engine)
    if (Object.keys(changes).length > 0) this.#work(0, (engine) => engine.configure(changes))
  }

  async #terminate(engine: EngineSession): Promise<void> {
    const tail = this.#input.flush()
    if (tail.length > 0) await engine.write(tail)
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

  /** Adds work for the engine, to be done in the order of the client's messages. */
  #work(weightMs: number, job: (engine: EngineSession) => Promise<void> | void): void {
    this.#queue.push(weightMs, async () => {
      const engine = await this.#opening
      if (engine !== undefined && this.#state !== 'ended') await job(engine)
    })
  }

  #resolve(): SessionSettings {
    return resolveSettings(this.#parameters, this.#context.engine.model)
  }

  #style(): MessageStyle {
    return {
      speakerLabels: this.#settings.engine.speakerLabels,
      languageDetection: this.#settings.languageDetection,
      unattributedLabel: this.#context.unattributedLabel,
    }
  }

  #listener(): EngineListener {
    const isLive = () => this.#state === 'open'
    return {
      speechStarted: (atMs, confidence) => {
        if (!isLive()) return
        this.#speechProbability = confidence
        const { family } = this.#settings
        if (family !== 'u3' && family !== 'u3.5') return
        this.#transport.send({ type: 'SpeechStarted', timestamp: atMs, confidence })
      },
      turn: (turn) => {
        if (isLive()) this.#sendTurn(turn)
      },
      revision: (revisions) => {
        const message = isLive() ? revisionMessage(revisions, this.#style()) : undefined
        if (message !== undefined) this.#transport.send(message)
      },
      warning: ({ code, message, lost }) => {
        if (!isLive()) return
        const warning = { type: 'Warning', warning_code: 0, warning: message, code } as const
        this.#transport.send(lost === undefined ? warning : { ...warning, audio_lost: lost })
      },
      failed: (error) => this.#fail(error),
    }
  }

  #sendTurn(turn: EngineTurn): void {
    if (!turn.endOfTurn && !this.#settings.engine.partials) return
    const message = turnMessage(turn, this.#style())
    if (message !== undefined) this.#transport.send(message)
  }

  #heartbeat(): void {
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
    // A client cannot be blamed for messages that are not read.
    this.#expectMessages(!paused)
    if (paused) this.#transport.pause()
    else this.#transport.resume()
  }

  #expectMessages(expected: boolean): void {
    const counts = expected && this.#state === 'open' && !this.#terminating
    this.#timers.expectMessageWithin(counts ? this.#settings.inactivityMs : undefined)
  }

  #fail(cause: unknown): void {
    const explained = this.#context.explainEngineErrors && cause instanceof EngineError ? `: ${cause.message}` : ''
    this.#refuse(new Refusal(3005, `Session Cancelled: An error occurred${explained}`), cause)
  }

  #refuse(refusal: Refusal, cause?: unknown): void {
    if (this.#state === 'ended') return
    this.#transport.refuse(refusal)
    this.#end({
      code: refusal.code,
      reason: refusal.message,
      terminated: false,
      ...(cause === undefined ? {} : { cause }),
    })
  }

  #end(end: SessionEnd): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#timers.stop()
    this.#queue.stop()
    void this.#freeEngine(end)
  }

  async #freeEngine(end: SessionEnd): Promise<void> {
    const timer = setTimeout(() => this.#settleEnded(end), DESTROY_TIMEOUT)
    try {
      const engine = await this.#opening
      await engine?.destroy()
    } catch {
      // The session has its end already; there is nobody left to tell.
    }
    clearTimeout(timer)
    this.#settleEnded(end)
  }
}

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

/** What a session needs of its server. */
export interface SessionContext {
  engine: Engine
  parameters: ConnectionParameters
  /** Echoed in `Begin`. */
  apiVersion: string
  /** Seconds the session may last. */
  maxDuration: number
  /** Milliseconds of audio ahead of the clock that are allowed; `Infinity` where pacing is not enforced. */
  maxAheadMs: number
  unattributedLabel: UnattributedLabel
  /** Whether the text of an engine's error is sent to the client. */
  explainEngineErrors: boolean
}

/** The socket, as a session needs it. */
export interface SessionTransport {
  send(message: ServerMessage): void
  /** Sends an `Error` message and closes with its code. */
  refuse(refusal: Refusal): void
  /** Closes after `Termination`. */
  finish(): void
  pause(): void
  resume(): void
}

/** Milliseconds between two `Heartbeat` messages. */
const HEARTBEAT_INTERVAL = 5000

/** What happens when time passes in a session. */
export interface SessionTimersListener {
  heartbeat(): void
  /** No message came for as long as allowed. */
  inactive(): void
  /** The session has lasted as long as allowed. */
  expired(): void
}

/** The clocks of one session. None of them keeps the process alive. */
export class SessionTimers {
  readonly #listener: SessionTimersListener
  #heartbeat: NodeJS.Timeout | undefined
  #inactivity: NodeJS.Timeout | undefined
  #expiry: NodeJS.Timeout | undefined

  constructor(listener: SessionTimersListener) {
    this.#listener = listener
  }

  /** Ends the session at `time`, in Unix milliseconds, and never before it. */
  expireAt(time: number): void {
    const left = time - Date.now()
    if (left <= 0) return this.#listener.expired()
    // Timers may fire a little early by the clock of the day, and that clock may be set back.
    this.#expiry = setTimeout(() => this.expireAt(time), left).unref()
  }

  /** Turns heartbeats on or off; on when they are on changes nothing. */
  setHeartbeat(on: boolean): void {
    if (on && this.#heartbeat === undefined) {
      this.#heartbeat = setInterval(() => this.#listener.heartbeat(), HEARTBEAT_INTERVAL).unref()
    } else if (!on) {
      clearInterval(this.#heartbeat)
      this.#heartbeat = undefined
    }
  }

  /** Starts to count silence of the client from now; `undefined` stops counting. */
  expectMessageWithin(ms: number | undefined): void {
    clearTimeout(this.#inactivity)
    this.#inactivity = ms === undefined ? undefined : setTimeout(() => this.#listener.inactive(), ms).unref()
  }

  /** A message came. */
  touch(): void {
    this.#inactivity?.refresh()
  }

  stop(): void {
    clearTimeout(this.#expiry)
    clearInterval(this.#heartbeat)
    clearTimeout(this.#inactivity)
    this.#expiry = this.#heartbeat = this.#inactivity = undefined
  }
}
