import { channel } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import { errorCode } from './errors.ts'
import type { Turn } from './model.ts'
import { defined } from './options.ts'
import { redact } from './redact.ts'
import type { Gap, ReconnectingRecord, SessionEnded } from './stream/options.ts'
import type { SessionRecord } from './transforms/diarize-events.ts'

/** What tells the streams of a process apart in messages of its diagnostics channels. */
export interface DiagnosticsOfStream {
  /** Number of the `diarize()` or `transcribe()` that it is about: from 1, in the order in which they were first told of. */
  stream: number
}

/** Why something failed, in messages of diagnostics channels. */
export interface DiagnosticsError {
  /** Stable code, as in `docs/errors.md`; that of Node where it is an error of Node's; absent where it has none. */
  code?: string
  /** What failed, for people; holds no secret. */
  message: string
}

/** An output file, in messages of diagnostics channels. */
export interface DiagnosticsFile extends Partial<DiagnosticsOfStream> {
  /** Its absolute path. */
  path: string
  /** The sink that writes it, such as `srtSink()`. */
  stage: string
}

/**
 * The channels of `node:diagnostics_channel` that this library publishes on, by name, and the messages on each. Objects in
 * them are those of the pipeline: read them, never change them.
 *
 * ```ts
 * subscribe('diarize-stream:turn', (message) => {
 *   const { turn } = message as DiagnosticsChannels['diarize-stream:turn']
 * })
 * ```
 */
export interface DiagnosticsChannels {
  /** A session has taken over: once for each. */
  'diarize-stream:session:start': DiagnosticsOfStream & { session: SessionRecord }
  /** A session whose start was told of is over. */
  'diarize-stream:session:end': DiagnosticsOfStream & {
    sessionId: string
    /** Name of its channel, where channels are kept apart. */
    channel?: string
    /** Why it was lost; absent where the server confirmed its end. */
    error?: DiagnosticsError
  }
  /** A session was lost, or could not be opened: another attempt follows after `delay` ms. */
  'diarize-stream:session:reconnecting': DiagnosticsOfStream &
    Omit<ReconnectingRecord, 'error'> & { error: DiagnosticsError }
  /** A final turn, or a revision of one. */
  'diarize-stream:turn': DiagnosticsOfStream & { turn: Turn }
  /** Audio is missing, which the source lost or no session has heard. */
  'diarize-stream:gap': DiagnosticsOfStream & { gap: Gap }
  /** A sink has made its file. */
  'diarize-stream:file:start': DiagnosticsFile
  /** A sink has closed its file. */
  'diarize-stream:file:end': DiagnosticsFile & {
    /** Why it is not complete; absent where it is. */
    error?: DiagnosticsError
  }
}

/** Publishes what `make` gives; does nothing where nobody subscribes. */
function publish<Name extends keyof DiagnosticsChannels>(name: Name, make: () => DiagnosticsChannels[Name]): void {
  const told = channel(name)
  if (told.hasSubscribers) told.publish(make())
}

/** Numbers of stages, and of session records, by which stages below know whose they are. */
const numbers = new WeakMap<object, number>()
let streams = 0

/** Publishes what becomes of the sessions and turns of a stage. */
export class StreamDiagnostics {
  readonly #stage: object
  /** Sessions whose start was published, and that are not over. */
  readonly #open = new Set<string>()

  constructor(stage: EventEmitter) {
    this.#stage = stage
    stage.on('gap', (gap: Gap) => publish('diarize-stream:gap', () => ({ stream: this.#number, gap })))
    stage.on('reconnecting', ({ error, ...record }: ReconnectingRecord) => {
      const name = 'diarize-stream:session:reconnecting'
      publish(name, () => ({ stream: this.#number, ...record, error: diagnosed(error) }))
    })
  }

  /** Is told again where one more speaker of a session is known. */
  session(session: SessionRecord): void {
    numbers.set(session, this.#number)
    if (this.#open.has(session.sessionId)) return
    publish('diarize-stream:session:start', () => {
      this.#open.add(session.sessionId)
      return { stream: this.#number, session: { ...session, url: redact(session.url) } }
    })
  }

  sessionEnd({ sessionId, error, channel: name }: SessionEnded): void {
    if (!this.#open.delete(sessionId)) return
    publish('diarize-stream:session:end', () => ({
      stream: this.#number,
      sessionId,
      ...defined({ channel: name }),
      ...(error !== undefined && { error: diagnosed(error) }),
    }))
  }

  turn(turn: Turn): void {
    publish('diarize-stream:turn', () => ({ stream: this.#number, turn }))
  }

  get #number(): number {
    const known = numbers.get(this.#stage)
    if (known !== undefined) return known
    streams += 1
    numbers.set(this.#stage, streams)
    return streams
  }
}

/** Publishes what becomes of the file of a sink. */
export class FileDiagnostics {
  readonly #stage: string
  readonly #path: string | undefined
  #stream: number | undefined
  #isOpen = false

  /** @param path - absent where the sink writes no file, of which nothing is published. */
  constructor(stage: string, path: string | undefined, sink: EventEmitter) {
    this.#stage = stage
    this.#path = path
    if (path !== undefined) sink.once('session', (session: SessionRecord) => (this.#stream = numbers.get(session)))
  }

  start(): void {
    if (this.#isOpen || this.#path === undefined) return
    this.#isOpen = true
    publish('diarize-stream:file:start', () => this.#file(this.#path!))
  }

  end(error?: Error | null): void {
    if (!this.#isOpen || this.#path === undefined) return
    this.#isOpen = false
    const failed = error !== undefined && error !== null && { error: diagnosed(error) }
    publish('diarize-stream:file:end', () => ({ ...this.#file(this.#path!), ...failed }))
  }

  #file(path: string): DiagnosticsFile {
    return { path, stage: this.#stage, ...defined({ stream: this.#stream }) }
  }
}

/** What may be told of an error: its causes may hold what nobody has redacted. */
function diagnosed(error: Error): DiagnosticsError {
  const code = errorCode(error)
  return { ...(typeof code === 'string' && { code }), message: redact(error.message) }
}
