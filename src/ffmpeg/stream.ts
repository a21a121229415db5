import { addAbortSignal, Duplex } from 'node:stream'
import { type DiarizeStreamError, InputError } from '../errors.ts'
import {
  endEarly,
  liveSource,
  onUpstream,
  relayEvents,
  requestFormat,
  type RequestedFormat,
  streamStartedAt,
  type UpstreamStage,
} from '../stage.ts'
import { decodeArguments, type FfmpegInput, pipeInput } from './arguments.ts'
import { declaredLength, hasAudio, headLimit, readingMode } from './container.ts'
import { explainEnd, type ProcessEnd } from './failure.ts'
import { findFfmpeg } from './find.ts'
import { FfmpegProcess } from './process.ts'

/** 100 ms of 16 kHz mono, in bytes; also the most that is handed on at once. */
const outputHighWaterMark = 3200
const inputHighWaterMark = 16_384

/** What an {@link FfmpegStream} decodes, and how. */
export interface FfmpegStreamOptions {
  /** What FFmpeg opens; absent if it decodes the bytes written to the stream. */
  input?: FfmpegInput
  /** The input as people know it, for messages. */
  inputName: string
  /** Which audio track, from 0. */
  audioTrack: number
  /** The binary; looked for by {@link findFfmpeg} if absent. */
  ffmpegPath: string | undefined
  signal: AbortSignal | undefined
  /** Bytes that `input` lacks at its end; 0 or less if it is complete. */
  missing?: number
  /** Length of the audio in ms, where it is known beforehand. */
  duration?: number | undefined
  /** Why there will be no audio: FFmpeg is not started, the stream fails with this. */
  refusal?: DiarizeStreamError | undefined
  /** Called once, when somebody first asks for audio. */
  onWanted?: () => void
}

/**
 * WAV out of any media, by one FFmpeg process that this stream alone owns. The process starts when data first moves, so
 * that until then a stage below can ask for its format with `[requestFormat]`. The stream ends only after FFmpeg has
 * succeeded, and closes only after the process is gone.
 */
export class FfmpegStream extends Duplex {
  readonly #options: FfmpegStreamOptions
  #target: RequestedFormat | undefined
  #upstream: UpstreamStage | undefined
  #process: FfmpegProcess | undefined
  #ffmpeg = ''
  #wanted = false
  #hungry = false
  /** The bytes written before the process starts. */
  #head: Buffer = Buffer.alloc(0)
  /** Bytes the input will have, by its own header. */
  #declared: number | undefined
  #received = 0
  #inputEnded = false
  /** Whether it was told to end before its input does. */
  #endedEarly = false
  /** Bytes of the WAV header, until the first audio follows them. */
  #header: Buffer | undefined = Buffer.alloc(0)
  #troubles: string[] = []
  #finishInput: ((error?: Error | null) => void) | undefined

  constructor(options: FfmpegStreamOptions) {
    const duplexOptions = {
      readableHighWaterMark: outputHighWaterMark,
      writableHighWaterMark: inputHighWaterMark,
      // Missing in the typings: `false` makes a stream that is only read.
      writable: options.input === undefined && options.refusal === undefined,
    }
    super(duplexOptions)
    this.#options = options
    if (this.writable) {
      relayEvents(this)
      onUpstream(this, (upstream) => (this.#upstream ??= upstream))
    }
    // By option the signal would act inside super(), before the fields above exist.
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
    if (options.refusal !== undefined) process.nextTick(() => this.#refuse())
  }

  /** Asks for WAV in `format`. `false` if the process runs, or if somebody else has asked for something different. */
  [requestFormat](format: RequestedFormat): boolean {
    const { sampleRate, channels, encoding } = format
    if (encoding !== 's16le' || this.#process !== undefined || this.destroyed) return false
    this.#target ??= { ...format }
    return this.#target.sampleRate === sampleRate && this.#target.channels === channels
  }

  /** Ends here: FFmpeg is stopped, and how it exits is of no interest any more. */
  [endEarly](): void {
    if (this.#options.refusal !== undefined || this.#endedEarly || this.destroyed) return
    this.#endedEarly = true
    // Bytes may go on being written to it for ever.
    this.once('end', () => this.destroy())
    this.push(null)
    this.#releaseInput()
    this.#process?.stop(() => {})
  }

  /** Length of the audio in ms, where it is known beforehand. */
  get duration(): number | undefined {
    return this.#options.duration
  }

  /** Whether the audio cannot be held back, as the stage above says. */
  get [liveSource](): boolean | undefined {
    return this.#upstream?.[liveSource]
  }

  get [streamStartedAt](): Date | undefined {
    return this.#upstream?.[streamStartedAt]
  }

  /** A refusal waits for somebody who can hear it: an error nobody listens for ends the whole program. */
  #refuse(): void {
    if (this.#wanted || this.listenerCount('error') > 0) this.destroy(this.#options.refusal)
  }

  override _read(): void {
    const first = !this.#wanted
    this.#wanted = true
    this.#hungry = true
    if (this.#options.refusal !== undefined) return this.#refuse()
    if (first) this.#options.onWanted?.()
    if (this.#options.input !== undefined) this.#start(this.#options.input)
    this.#pump()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#received += chunk.length
    if (this.#process !== undefined) return this.#write(chunk, callback)
    this.#head = Buffer.concat([this.#head, chunk])
    this.#startOnBytes(callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#inputEnded = true
    if (this.#received === 0) {
      return callback(
        new InputError('NO_AUDIO', `${this.#options.inputName} ended without a byte; check what is piped in`),
      )
    }
    // Finished means understood: whoever only waits for the input side learns of a failure, too.
    this.#finishInput = callback
    this.#startOnBytes(() => this.#process?.endInput())
    if (this.#header === undefined) this.#releaseInput()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#releaseInput()
    if (this.#process === undefined) callback(error)
    else this.#process.stop(() => callback(error))
  }

  /** Starts the process on the head if that says how; calls `next` once the process has it, or more is needed. */
  #startOnBytes(next: () => void): void {
    if (this.#process !== undefined) return next()
    const mode = readingMode(this.#head, this.#inputEnded)
    if (mode === undefined && this.#head.length < headLimit) return next()
    this.#start(pipeInput(mode === 'spooled'))
    const bytes = this.#head
    this.#declared = declaredLength(bytes)
    this.#head = Buffer.alloc(0)
    this.#write(bytes, next)
  }

  #write(bytes: Buffer, taken: () => void): void {
    // Without a process the start has failed, and this stream with it.
    if (this.#process === undefined) taken()
    else this.#process.write(bytes, taken)
  }

  #start(input: FfmpegInput): void {
    if (this.#process !== undefined || this.destroyed || this.#endedEarly) return
    try {
      this.#ffmpeg = findFfmpeg(this.#options.ffmpegPath)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#process = new FfmpegProcess({
      ffmpeg: this.#ffmpeg,
      args: decodeArguments({ input, audioTrack: this.#options.audioTrack, target: this.#target }),
      readsBytes: this.#options.input === undefined,
      onTrouble: (line) => this.#trouble(line),
      onEnd: (end) => this.#end(end),
    })
    this.#process.output?.on('readable', () => this.#pump())
  }

  /** Hands on what FFmpeg has written, as long as somebody wants it. */
  #pump(): void {
    const output = this.#process?.output
    if (output === undefined) return
    while (this.#hungry && !this.destroyed && !this.#endedEarly) {
      const length = Math.min(output.readableLength, outputHighWaterMark)
      // With nothing buffered, read() without a length is what lets the pipe notice its end.
      const chunk: unknown = output.read(length === 0 ? undefined : length)
      if (!Buffer.isBuffer(chunk)) return
      this.#take(chunk)
    }
  }

  #take(chunk: Buffer): void {
    if (this.#header === undefined) {
      this.#hungry = this.push(chunk)
      return
    }
    // A header alone is no audio: it goes out together with the first sample.
    this.#header = Buffer.concat([this.#header, chunk])
    if (!hasAudio(this.#header) && this.#header.length < headLimit) return
    const bytes = this.#header
    this.#header = undefined
    this.#hungry = this.push(bytes)
    this.#warnOfTroubles()
    this.#releaseInput()
  }

  #end(end: ProcessEnd): void {
    if (this.destroyed || this.#endedEarly) return
    const { inputName, audioTrack } = this.#options
    const failure = explainEnd({
      end,
      ffmpeg: this.#ffmpeg,
      input: inputName,
      audioTrack,
      produced: this.#header === undefined,
      stderr: this.#process?.log.tail ?? '',
    })
    if (failure !== undefined) {
      this.destroy(failure)
      return
    }
    const missing = this.#options.missing ?? (this.#inputEnded ? (this.#declared ?? 0) - this.#received : 0)
    if (missing > 0) {
      const message = `${inputName} lacks ${missing} bytes at its end, by its own header; only what is there was decoded`
      this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing })
    }
    this.push(null)
    this.#releaseInput()
  }

  /** Before the first audio a line may belong to a failure, which carries it in its own message. */
  #trouble(line: string): void {
    // One that is being stopped complains of that.
    if (this.destroyed || this.#endedEarly) return
    this.#troubles.push(line)
    if (this.#header === undefined) this.#warnOfTroubles()
  }

  #warnOfTroubles(): void {
    const lines = this.#troubles
    this.#troubles = []
    for (const line of lines) {
      const message = `FFmpeg had trouble with ${this.#options.inputName}, part of its audio may be lost: ${line}`
      this.emit('warning', { code: 'FFMPEG_WARNING', message, line })
    }
  }

  #releaseInput(): void {
    const finish = this.#finishInput
    this.#finishInput = undefined
    finish?.()
  }
}
