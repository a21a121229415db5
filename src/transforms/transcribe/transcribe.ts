import { Duplex } from 'node:stream'
import { bytesToMs } from '../../audio/format.ts'
import { InputError, SessionError } from '../../errors.ts'
import type { TypedDuplex } from '../../events.ts'
import type { Turn } from '../../model.ts'
import { StreamDiagnostics } from '../../diagnostics.ts'
import { defined } from '../../options.ts'
import { unencrypted } from '../../protocol/endpoint.ts'
import { oneLine } from '../../redact.ts'
import { onUpstream, recordStage, relayEvents } from '../../stage.ts'
import { abortBy } from '../../stream-helpers.ts'
import type { DiarizeEvents, DiarizeProgress, SessionRecord } from '../diarize-events.ts'
import { DiarizeInput } from '../diarize-input.ts'
import type { PrerecordedApi } from './api.ts'
import type { TranscriptJob } from './job.ts'
import { type ResolvedTranscribeOptions, resolveTranscribeOptions, type TranscribeOptions } from './options.ts'
import type { TurnTotals } from '../../stream/turn-totals.ts'
import type { Spool } from './spool.ts'
import type { TranscriptAnswer } from './turns.ts'

/** Wall time in ms between two reports. */
const PROGRESS_MS = 250
/** The service tells the length of the audio in whole seconds. */
const LENGTH_TOLERANCE_MS = 2000

/** How far a file has come. */
export interface TranscribeProgress extends Omit<DiarizeProgress, 'doneMs'> {
  /** Audio that has been heard, in ms: none until the transcript has come, then all. */
  audioMs: number
  /** What is being done: the audio is read, uploaded, waits for the service to hear it, or is done. */
  phase: 'reading' | 'uploading' | 'transcribing' | 'done'
  /** Audio read so far, in ms. */
  readMs: number
  /** Audio uploaded so far, in ms. */
  uploadedMs: number
}

/** What is told beside what the turns add up to. */
type TranscribeSteps = Pick<TranscribeProgress, 'phase' | 'audioMs' | 'readMs' | 'uploadedMs'>

/** Events of the stream that {@link transcribe} returns, beside those of every Duplex. */
export interface TranscribeEvents extends Pick<
  DiarizeEvents,
  'session' | 'reconnecting' | 'gap' | 'warning' | 'termination'
> {
  /** Given several times a second while audio is read and uploaded, then whenever the service was asked, and at the end. */
  progress: [TranscribeProgress]
}

/** A Duplex: PCM in, {@link Turn}s out. */
export type Transcribe = TypedDuplex<TranscribeEvents, Turn>

/**
 * PCM16 mono in, speaker-labelled {@link Turn}s out, by AssemblyAI's API for finished recordings: an hour takes minutes, and
 * the turns come all at once, when the last of the audio has been heard. The audio is kept in a temporary file, uploaded as
 * a stream, and forgotten; times are those of the stream, as with `diarize()`. A request that fails is made again, and
 * never is a second transcript begun for one whose answer was lost. Needs the npm package `assemblyai`.
 *
 * A transcript that does not reach its reader, because of an error, an abort or `destroy()`, is deleted at the service. An
 * upload that has no transcript yet cannot be deleted: the service drops it after two days.
 *
 * @returns a Duplex: bytes, frames, or samples as `Int16Array` or `Float32Array` in, Turn objects out.
 * @throws ConfigurationError `INVALID_OPTION` or `MISSING_API_KEY`, before any work starts. Later errors destroy the
 * stream: EngineError `ENGINE_UNAVAILABLE` where the package is missing, SessionError (codes in `docs/errors.md`),
 * InputError `NO_AUDIO` or `INPUT_TOO_LARGE`, OutputError `OUTPUT_UNWRITABLE` for the temporary file.
 */
export function transcribe(options: TranscribeOptions = {}): Transcribe {
  return new TranscribeStream(resolveTranscribeOptions(options)) as Duplex as Transcribe
}

class TranscribeStream extends Duplex {
  readonly [recordStage] = true
  readonly #options: ResolvedTranscribeOptions
  readonly #input: DiarizeInput
  #api: PrerecordedApi | undefined
  #job: TranscriptJob | undefined
  #work!: typeof import('./spool.ts') & typeof import('./turns.ts')
  #spool: Promise<Spool> | undefined
  #opened: Spool | undefined
  #checked: Promise<void> | undefined
  #names: typeof import('./names.ts') | undefined
  readonly #stopNaming = new AbortController()
  #named: Promise<readonly Turn[]> | undefined
  /** The transcript whose session was told of, and is not over. */
  #announced: string | undefined
  #delivered = false
  #wanted: (() => void) | undefined
  readonly #diagnostics = new StreamDiagnostics(this)
  #reportedAt = -Infinity
  #progress: TranscribeSteps = { phase: 'reading', audioMs: 0, readMs: 0, uploadedMs: 0 }
  #totals!: TurnTotals

  constructor(options: ResolvedTranscribeOptions) {
    super({
      writableObjectMode: true,
      readableObjectMode: true,
      writableHighWaterMark: 2,
      readableHighWaterMark: 16,
    })
    this.#options = options
    const { encoding, sampleRate } = options
    this.#input = new DiarizeInput({ stage: 'transcribe()', encoding, ...defined({ sampleRate }) })
    relayEvents(this)
    onUpstream(this, (upstream) => this.#input.attach(upstream))
    abortBy(options.signal, this)
  }

  // What asks the service is loaded only here, and what is missing is told before any audio is read.
  override _construct(callback: (error?: Error | null) => void): void {
    this.#open().then(() => callback(), callback)
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    try {
      const wait = this.#keep(this.#input.push(chunk))
      if (wait === undefined) callback()
      else wait.then(() => callback(), callback)
    } catch (error) {
      callback(error as Error)
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finish().then(() => callback(), callback)
  }

  override _read(): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this._read()
    this.#free(error).then(
      () => callback(error),
      (cleanUpError: Error) => callback(error ?? cleanUpError),
    )
  }

  async #open(): Promise<void> {
    const [api, job, spool, turns, totals] = await Promise.all([
      import('./api.ts'),
      import('./job.ts'),
      import('./spool.ts'),
      import('./turns.ts'),
      import('../../stream/turn-totals.ts'),
      this.#input.load(),
    ])
    this.#totals = new totals.TurnTotals()
    await this.#openBook()
    this.#work = { ...spool, ...turns }
    this.#api = await api.PrerecordedApi.open(this.#options)
    this.#job = new job.TranscriptJob(this.#api, this.#options, {
      reconnecting: (record) => this.emit('reconnecting', record),
      uploaded: (bytes) => this.#report({ phase: 'uploading', uploadedMs: Math.min(this.#ms(bytes), this.#readMs) }),
      waiting: () => this.#report({ phase: 'transcribing' }, true),
      warning: (warning) => this.emit('warning', warning),
    })
    const warning = unencrypted(this.#options.url, this.#options.apiKey !== undefined)
    if (warning !== undefined) this.emit('warning', warning)
  }

  /** A book that cannot be used is told of before there is any work. */
  async #openBook(): Promise<void> {
    const { voices: book } = this.#options
    if (book === undefined) return
    this.#names = await import('./names.ts')
    const warning = await this.#names.checkBook(book)
    if (warning !== undefined) process.nextTick(() => this.emit('warning', warning))
  }

  async #free(error: Error | null): Promise<void> {
    const isRead = error === null && this.#delivered && this.readableEnded
    this.#job?.stop()
    this.#stopNaming.abort()
    // Its turns were not all read.
    this.#endSession(error ?? new SessionError('CONNECTION_LOST', 'the session was closed by its owner'))
    try {
      await this.#named?.catch(() => {})
      if (!isRead || this.#options.deleteTranscript) await this.#job?.discard()
      await this.#checked?.catch(() => {})
    } finally {
      await this.#api?.close()
      const spool = await this.#spool?.catch(() => undefined)
      await spool?.close()
    }
  }

  /** Keeps frames for the upload; a promise where there is something to wait for. */
  #keep(frames: readonly Buffer[]): Promise<void> | undefined {
    if (frames.length === 0) return undefined
    if (this.#opened === undefined) return this.#begin(frames)
    let wait: Promise<void> | undefined
    for (const frame of frames) {
      const spool = this.#opened
      wait = wait === undefined ? spool.write(frame) : wait.then(() => spool.write(frame))
    }
    if (this.#readMs > this.#options.maxDuration) {
      const message = `the audio is longer than maxDuration, ${this.#options.maxDuration} ms; the service takes 10 hours at once`
      throw new InputError('INPUT_TOO_LARGE', message)
    }
    this.#report({ readMs: this.#readMs })
    return wait
  }

  /** With the first audio, so that a bad input costs nothing, the service is asked whether it takes the key. */
  async #begin(frames: readonly Buffer[]): Promise<void> {
    this.#checked = this.#job!.check()
    this.#checked.catch((error: Error) => this.destroy(error))
    this.#spool = this.#work.Spool.create(this.#options.temporaryFolder)
    this.#opened = await this.#spool
    await this.#keep(frames)
  }

  async #finish(): Promise<void> {
    await this.#keep(this.#input.flush())
    if (this.#input.sizeWarning !== undefined) this.emit('warning', this.#input.sizeWarning)
    const spool = this.#opened
    if (spool === undefined) {
      const message = 'the input ended without a single sample of audio, so there is nothing to caption'
      throw new InputError('NO_AUDIO', message)
    }
    await this.#checked
    this.#report({ phase: 'uploading', readMs: this.#readMs }, true)
    const { bytes } = spool
    const { writeWavHeader } = await import('../../audio/wav.ts')
    const header = writeWavHeader(this.#input.format, bytes)
    const began = performance.now()
    const transcript = await this.#job!.run({
      duration: this.#readMs,
      bytes: header.length + bytes,
      async *pieces() {
        yield header
        yield* spool.read()
      },
    })
    await this.#deliver(transcript, Math.ceil(performance.now() - began))
  }

  async #deliver(transcript: TranscriptAnswer, sessionMs: number): Promise<void> {
    const { turns: unnamed, speakers, lacking } = this.#work.turnsOf(transcript, this.#options.speakerLabels ?? true)
    if (unnamed.length === 0 && lacking !== undefined) {
      const message = `${this.#api!.url}: transcript ${transcript.id} has a text, but no words with times`
      throw new SessionError('SERVER_ERROR', message, { sessionId: transcript.id })
    }
    const turns = await (this.#named = this.#withNames(unnamed))
    if (this.destroyed) return
    this.#announce(transcript, speakers)
    if (lacking !== undefined) this.#warnOfMissing(transcript, lacking)
    for (const turn of turns) {
      this.#diagnostics.turn(turn)
      if (!this.push(turn)) await new Promise<void>((resolve) => (this.#wanted = resolve))
      if (this.destroyed) return
    }
    for (const turn of turns) this.#totals.add(turn)
    const audioMs = Math.round(this.#readMs)
    this.#report({ phase: 'done', audioMs }, true)
    const { audio_duration: seconds } = transcript
    const heardMs = typeof seconds === 'number' && seconds >= 0 ? Math.round(seconds * 1000) : audioMs
    if (heardMs < audioMs - LENGTH_TOLERANCE_MS) this.emit('gap', { start: heardMs, end: audioMs })
    this.#endSession()
    this.emit('termination', { audioMs: heardMs, sessionMs })
    this.#delivered = true
    this.push(null)
  }

  async #withNames(turns: readonly Turn[]): Promise<readonly Turn[]> {
    const { voices: book } = this.#options
    const spool = this.#opened
    if (book === undefined || spool === undefined || turns.length === 0) return turns
    return await this.#names!.nameTurns(turns, {
      book,
      format: this.#input.format,
      read: (from, to) => spool.read(from, to),
      signal: this.#stopNaming.signal,
      warning: (warning) => this.emit('warning', warning),
    })
  }

  #announce(transcript: TranscriptAnswer, speakers: Record<string, string>): void {
    const { url, isService, request } = this.#options
    const used = transcript.speech_model_used
    const [asked = ''] = request['speech_models'] as string[]
    const streamStartedAt = this.#input.startedAt?.toISOString()
    const record: SessionRecord = {
      sessionId: transcript.id,
      engine: isService ? 'assemblyai' : 'server',
      name: isService ? 'AssemblyAI' : url.host,
      model: typeof used === 'string' && used !== '' ? oneLine(used, 100) : asked,
      url: url.href,
      offset: 0,
      speakers,
      startedAt: new Date().toISOString(),
      ...defined({ streamStartedAt }),
    }
    this.#announced = transcript.id
    this.#diagnostics.session(record)
    this.emit('session', record)
    const { warnings } = (transcript.metadata ?? {}) as { warnings?: unknown }
    for (const warning of Array.isArray(warnings) ? warnings.slice(0, 20) : []) {
      const { message } = (warning ?? {}) as { message?: unknown }
      if (typeof message !== 'string') continue
      this.emit('warning', { code: 'SERVER_WARNING', message: this.#api!.quoted(message) })
    }
  }

  #warnOfMissing({ id: transcriptId }: TranscriptAnswer, lacking: number): void {
    const share = `about ${Math.round(lacking * 100)} % of its text`
    const message = `transcript ${transcriptId} has words with times for a part of its text only: ${share} is in no turn`
    this.emit('warning', { code: 'WORDS_MISSING', message, transcriptId })
  }

  #endSession(error?: Error): void {
    const sessionId = this.#announced
    this.#announced = undefined
    if (sessionId !== undefined) this.#diagnostics.sessionEnd({ sessionId, error })
  }

  get #readMs(): number {
    return this.#ms(this.#opened?.bytes ?? 0)
  }

  #ms(bytes: number): number {
    return bytesToMs(bytes, this.#input.format)
  }

  #report(steps: Partial<TranscribeSteps>, isDue = false): void {
    this.#progress = { ...this.#progress, ...steps }
    const now = performance.now()
    if (!isDue && now - this.#reportedAt < PROGRESS_MS) return
    this.#reportedAt = now
    this.emit('progress', { ...this.#progress, ...this.#totals.facts })
  }
}
