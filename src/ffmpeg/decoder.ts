import { Duplex } from 'node:stream'
import type { SilenceLimit } from '../audio/silence.ts'
import { type DiarizeStreamError, FfmpegError, type Warning } from '../errors.ts'
import { defined } from '../options.ts'
import { abortBy, LoopYield, toError } from '../stream-helpers.ts'
import {
  canSeek,
  seekTo,
  endEarly,
  inputEndsEarly,
  liveSource,
  announce,
  type RequestedFormat,
  requestFormat,
  startAhead,
  requestPackets,
} from '../stage.ts'
import {
  argumentsOf,
  type DecodingWay,
  type FfmpegInput,
  firstWay,
  timeOffset,
  type TrackWish,
  type WayArguments,
} from './arguments.ts'
import type { Lack } from './bytes/ogg-end.ts'
import type { InputFacts, ProcessEnd } from './log.ts'
import type { NutRun } from './nut.ts'
import type { OpusOutput } from './opus-output.ts'
import type { Silence } from './probe.ts'
import type { FfmpegProcess } from './process.ts'
import type { RunReader } from './runs.ts'
import type { SampleEvents, SampleOutput } from './sample-output.ts'

/** 100 ms of 16 kHz mono, in bytes. Twice as much is held at most: what is handed on costs by the piece. */
const OUTPUT_BYTES = 3200
const INPUT_BYTES = 16_384
/** A file whose samples have lain further than this from their times is decoded from its beginning, in ms. */
const MOST_DRIFT_MS = 20
/** The most that is taken from FFmpeg at once, in bytes. */
const MOST_AT_ONCE_BYTES = 65_536

/** One run of FFmpeg on the file at hand. */
interface Attempt extends Omit<WayArguments, 'args'> {
  process: FfmpegProcess
  /** The binary. */
  ffmpeg: string
  /** What FFmpeg opens, and how it decodes that. */
  opened: FfmpegInput
  way: DecodingWay
  /** What FFmpeg says of the input; nothing it writes is read before. */
  facts: InputFacts | undefined
  /** What reads what it writes, once there is some. */
  reader?: RunReader
  /** Trouble that is not told yet. */
  troubles: string[]
}

/** What an {@link FfmpegDecoder} decodes, and how. */
export interface FfmpegDecoderOptions extends TrackWish {
  /** What FFmpeg opens; absent where it is given bytes: see `FfmpegByteDecoder`. */
  input?: FfmpegInput
  /** The input as people know it, for messages. */
  inputName: string
  /** The binary; looked for if absent. */
  ffmpegPath: string | undefined
  signal: AbortSignal | undefined
  /** Bytes that `input` lacks at its end; 0 or less if it is complete. */
  missing?: number
  /** Bytes that a file has lost since it was looked at. */
  lost?: () => number
  /** Length of the audio in ms, where it is known beforehand. */
  duration?: number | undefined
  /** Why there will be no audio: FFmpeg is not started, the stream fails with this. */
  refusal?: DiarizeStreamError | undefined
  /** Whether it is a whole file, of which nothing need be handed on as it comes. */
  isRecording?: boolean
  /** Whether the sound in them has as many channels at its end as at its beginning. */
  keepsChannels?: boolean
  /** Where its sound is to be silent, of each audio track. */
  silences?: readonly (readonly Silence[])[] | undefined
  /** Of an input that comes as it is recorded: times that leap further than this allows are not believed. */
  limit?: SilenceLimit | undefined
  /** Whether mono Opus is handed on as it is, to a stage that takes it. */
  passThrough?: boolean
  /** Called once, when somebody first asks for audio. */
  onWanted?: () => void
}

/**
 * WAV out of any media, by one FFmpeg process that this stream alone owns. The process starts when data first moves, so
 * that until then a stage below can ask for its format with `[requestFormat]`. The stream ends only after FFmpeg has
 * succeeded, and closes only after the process is gone.
 */
export class FfmpegDecoder extends Duplex {
  readonly #options: FfmpegDecoderOptions
  /** What it works with; there before anybody reads or writes. */
  #decoding!: typeof import('./decoding.ts')
  /** What starts FFmpeg; there before the rest, where that is to be ahead. */
  #starting!: Pick<typeof import('./decoding.ts'), 'findFfmpeg' | 'FfmpegProcess'>
  /** Resolves once FFmpeg has been started ahead, or cannot be. */
  #ahead: Promise<void> | undefined
  #target: RequestedFormat | undefined
  /** FFmpeg on the file at hand, as it is decoded by what is known of that so far. */
  #attempt: Attempt | undefined
  #wanted = false
  /** What a process that was started ahead has said. */
  readonly #said: (() => void)[] = []
  #hungry = false
  /** Where the sound of the file at hand is to be silent, of each audio track, in whose place FFmpeg plays what was before. */
  protected silences: readonly (readonly Silence[])[]
  /** Whether its input is ended before its end. */
  protected isCutShort = false
  /** Whether it was told to end before its input does. */
  #endedEarly = false
  /** Settles when a process that was begun with less knowledge is gone. */
  #replaced: Promise<void> = Promise.resolve()
  /** Codes of the warnings of which one is enough that have been given, or need not be. */
  protected readonly told = new Set<string>()
  /** Why packets are not handed on as they are; `undefined` once the stage below takes them. */
  #packetsRefusal: string | undefined = 'no stage that takes Opus stands straight below'
  /** Packets that are handed on as they are; absent where samples are. */
  #packets: OpusOutput | undefined
  /** Samples as they go out. */
  #samples!: SampleOutput
  /** Whether it has begun anew, and may say again of which trouble. */
  #isAgain = false
  /** Trouble that has been told of. */
  readonly #troublesTold = new Set<string>()
  /** Where it begins, in ms: later than 0 where it is told to. */
  #from = 0
  /** Whether it is one file so far. */
  #isOne = true
  readonly #loop = new LoopYield(() => this.#pump())
  #finished = false

  constructor(options: FfmpegDecoderOptions) {
    const duplexOptions = {
      readableHighWaterMark: OUTPUT_BYTES,
      writableHighWaterMark: INPUT_BYTES,
      // Missing in the typings: `false` makes a stream that is only read.
      writable: options.input === undefined && options.refusal === undefined,
    }
    super(duplexOptions)
    announce(this)
    this.#options = options
    this.silences = options.silences ?? []
    abortBy(options.signal, this)
    if (options.refusal !== undefined) process.nextTick(() => this.#refuse())
  }

  /** Asks for WAV in `format`. `false` if the process runs, or if somebody else has asked for something different. */
  [requestFormat](format: RequestedFormat): boolean {
    const { sampleRate, channels, encoding } = format
    if (encoding !== 's16le' || this.process !== undefined || this.destroyed) return false
    this.#target ??= { ...format }
    return this.#target.sampleRate === sampleRate && this.#target.channels === channels
  }

  /** Starts FFmpeg on what it opens itself; what is wrong with that comes when somebody reads. */
  async [startAhead](format: RequestedFormat): Promise<void> {
    const { input, refusal, passThrough } = this.#options
    // Whether samples or packets are wanted, it is not known yet.
    if (passThrough === true || input === undefined || refusal !== undefined || !this[requestFormat](format)) return
    await (this.#ahead = this.#startAhead(input))
  }

  async #startAhead(input: FfmpegInput): Promise<void> {
    const [find, process] = await Promise.all([import('./find.ts'), import('./process.ts')])
    this.#starting = { ...find, ...process }
    try {
      find.findFfmpeg(this.#options.ffmpegPath)
    } catch {
      return
    }
    this.start(input)
  }

  override _construct(callback: (error?: Error | null) => void): void {
    this.load().then(() => callback(), callback)
  }

  protected async load(): Promise<void> {
    // The rest is loaded while FFmpeg starts.
    await this.#ahead
    this.#starting = this.#decoding = await import('./decoding.ts')
    this.#samples = new this.#decoding.SampleOutput(this.#options.limit)
  }

  /** Asks for packets; `false` where samples come in any case. */
  [requestPackets](refusal: string | undefined): boolean {
    if (this.#options.passThrough !== true || this.process !== undefined || this.destroyed) return false
    this.#packetsRefusal = refusal
    return refusal === undefined
  }

  /** Ends here: FFmpeg is stopped, and how it exits is of no interest any more. */
  [endEarly](): void {
    if (this.#options.refusal !== undefined || this.#endedEarly || this.destroyed) return
    this.#endedEarly = true
    // Bytes may go on being written to it for ever.
    this.once('end', () => this.destroy())
    this.push(null)
    this.releaseInput()
    this.process?.stop(() => {})
    this.beginNext()
  }

  /** What its input lacks then means nothing. */
  [inputEndsEarly](): void {
    this.isCutShort = true
  }

  /** Begins at `ms`, where FFmpeg opens the file itself and has not begun. Returns where it will begin. */
  [seekTo](ms: number): number {
    const { input, limit, passThrough, refusal } = this.#options
    const isFixed = input === undefined || limit !== undefined || passThrough === true || refusal !== undefined
    if (isFixed || this.process !== undefined || this.#wanted) return 0
    this.#from = ms
    return ms
  }

  /** Whether it could begin later with all samples at the same times, by what it has read so far. */
  [canSeek](): boolean {
    const { input, limit, passThrough } = this.#options
    return input !== undefined && limit === undefined && passThrough !== true && this.isTrueToClock
  }

  /** Whether it is one file of a kind in which FFmpeg seeks exactly, and all samples so far are where its clock has them. */
  get isTrueToClock(): boolean {
    // It may be asked before anything is loaded.
    if (!this.#isOne || !this.#samples?.hasBegun) return false
    const { facts, way = firstWay } = this.#attempt ?? {}
    const { container = '', tracks = [] } = facts ?? {}
    return this.#decoding.seeksExactly(container, tracks[way.track]) && this.#samples.drift <= MOST_DRIFT_MS
  }

  /** Length of the audio in ms, where it is known beforehand. */
  get duration(): number | undefined {
    return this.#options.duration
  }

  /** Whether the audio cannot be held back; `false` for a whole file. */
  get [liveSource](): boolean | undefined {
    return this.#options.isRecording === true ? false : undefined
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
    if (this.#options.input !== undefined) this.start(this.#options.input)
    for (const tell of this.#said.splice(0)) tell()
    this.#pump()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#loop.stop()
    this.releaseInput()
    this.forgetInput()
    const gone = (): void => void this.#replaced.then(() => callback(error))
    if (this.process === undefined) gone()
    else this.process.stop(gone)
  }

  /*
   * What a decoder of bytes works with.
   */

  /** FFmpeg, once it has been started on the file at hand. */
  protected get process(): FfmpegProcess | undefined {
    return this.#attempt?.process
  }

  /** Whether nobody wants audio any more. */
  protected get isOver(): boolean {
    return this.#endedEarly || this.destroyed
  }

  /** Whether there has been audio of the file at hand. */
  protected get hasAudio(): boolean {
    return this.#samples.hasBegun || this.#packets !== undefined
  }

  /** Whether there has been any. */
  protected get hasBegun(): boolean {
    return this.#samples.format !== undefined
  }

  /** What comes next is another file, whose sound comes right behind, and whose times go on with those of this one where `goesOn`. */
  protected beginFile(goesOn: boolean): void {
    this.#isOne = false
    if (this.#endedEarly) return
    this.#samples.beginPart(goesOn)
    this.#attempt = undefined
  }

  /*
   * What a decoder of bytes does otherwise.
   */

  /** Whether FFmpeg can be begun anew on all of the file at hand. */
  protected get canBeginAnew(): boolean {
    return this.#options.limit === undefined
  }

  /** Gives another FFmpeg the bytes that the one before it was given. */
  protected feedAgain(): void {}

  /** FFmpeg will not be begun anew: it is known what the input is. */
  protected forgetInput(): void {}

  /** No more bytes are needed, or it is known that they can be decoded. */
  protected releaseInput(): void {}

  /** Bytes that the file at hand lacks at its end. */
  protected get missing(): number {
    return this.#options.missing ?? 0
  }

  /** Whether no other file follows. */
  protected get isLast(): boolean {
    return true
  }

  /** Goes on with the file that follows. */
  protected beginNext(): void {}

  /** Whether decoding goes on, where the file at hand has ended with that. */
  protected isBorne(failure: DiarizeStreamError | undefined): boolean {
    return failure === undefined
  }

  /** Starts FFmpeg on a file of which nothing is known. */
  protected start(opened: FfmpegInput): void {
    if (this.process !== undefined || this.isOver) return
    try {
      const { audioTrack, ffmpegPath } = this.#options
      const ffmpeg = this.#starting.findFfmpeg(ffmpegPath)
      const way = typeof audioTrack === 'number' ? { ...firstWay, track: audioTrack } : firstWay
      this.#run({ ffmpeg, opened, way, facts: undefined })
    } catch (error) {
      this.destroy(toError(error))
    }
  }

  #run(file: Pick<Attempt, 'ffmpeg' | 'opened' | 'way' | 'facts'>): void {
    const { ffmpeg, opened, way } = file
    const readsBytes = this.#options.input === undefined
    const request = { input: opened, target: this.#target, from: this.#from, mayBeginAnew: this.canBeginAnew }
    const { args, ...ways } = argumentsOf(way, request)
    // Whoever hears warnings and errors may not be there before somebody reads, where FFmpeg was started ahead.
    const tell = (act: () => void): void => {
      const say = (): void => {
        if (this.#attempt === attempt) act()
      }
      if (this.#wanted || readsBytes) say()
      else this.#said.push(say)
    }
    const process = new this.#starting.FfmpegProcess({
      ffmpeg,
      args,
      readsBytes,
      onTrouble: (line) => tell(() => this.#trouble(line)),
      onInput: (facts) => tell(() => this.#learn(attempt, facts)),
      onEnd: (end) => tell(() => this.#end(attempt, end)),
    })
    const attempt: Attempt = { ...file, ...ways, process, troubles: [] }
    this.#attempt = attempt
    process.output?.on('readable', () => this.#pump())
  }

  /** It is known what the input is: decoding goes on, or begins anew with another track. */
  #learn(attempt: Attempt, facts: InputFacts): void {
    if (this.destroyed || attempt.facts !== undefined) return
    try {
      const packetsRefusal =
        this.#packetsRefusal ??
        (this.#options.input === undefined ? 'the input comes as bytes, and may be several files' : undefined)
      const wish = { ...this.#options, packetsRefusal, isMono: this.#target?.channels === 1 }
      const { way, isOther, message, refusal } = this.#decoding.wayOf(facts, attempt.way, wish)
      if (refusal !== undefined) {
        const told = `the audio of ${this.#options.inputName} is decoded and not passed through: ${refusal}`
        this.#warnOnce({ code: 'PASS_THROUGH_UNUSED', message: told, reason: refusal })
      }
      if (isOther && this.canBeginAnew) return this.#decodeOther(attempt, way)
      this.forgetInput()
      attempt.facts = facts
      if (message !== undefined && way.track === attempt.way.track) {
        this.#warnOnce({ code: 'SEVERAL_AUDIO_TRACKS', message, tracks: facts.tracks })
      }
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    this.#pump()
  }

  /** Begins anew in another way. */
  #decodeOther(attempt: Attempt, way: DecodingWay): void {
    const { ffmpeg, opened, facts } = attempt
    this.#run({ ffmpeg, opened, way, facts })
    this.feedAgain()
    this.#replaced = new Promise((resolve) => attempt.process.stop(resolve))
  }

  /** Hands on what FFmpeg has written, as long as somebody wants it. */
  #pump(): void {
    while (this.#hungry && !this.isOver) {
      if (this.#samples.isSilent && !this.#loop.take()) return
      const room = 2 * OUTPUT_BYTES - this.readableLength
      const piece = this.#packets === undefined ? this.#samples.shift(room) : this.#packets.shift()
      if (piece !== undefined) {
        this.#hungry = this.push(piece)
        continue
      }
      if (this.#finished) {
        this.#hungry = false
        this.push(null)
        return
      }
      const attempt = this.#attempt
      const output = attempt?.process.output
      if (output === undefined || attempt?.facts === undefined) return
      const length = Math.min(output.readableLength, MOST_AT_ONCE_BYTES)
      // With nothing buffered, read() without a length is what lets the pipe notice its end.
      const chunk: unknown = output.read(length === 0 ? undefined : length)
      if (!Buffer.isBuffer(chunk)) return
      this.#take(attempt, attempt.facts, chunk)
    }
  }

  /** Puts what FFmpeg has written where it belongs in time. */
  #take(attempt: Attempt, facts: InputFacts, chunk: Buffer): void {
    try {
      const reader = (attempt.reader ??= new this.#decoding.RunReader(facts.container, attempt.way, attempt))
      const runs = reader.push(chunk)
      if (attempt.way.copies) this.#takePackets(runs, facts, reader)
      else this.#takeSamples(attempt, facts, reader, runs)
    } catch (cause) {
      const message = `FFmpeg wrote what cannot be read from ${this.#options.inputName}; report it, with its version`
      this.destroy(new FfmpegError('FFMPEG_FAILED', message, { cause }))
    }
  }

  /** Hands on samples; where FFmpeg is wrong, it begins anew in another way. */
  #takeSamples(attempt: Attempt, facts: InputFacts, reader: RunReader, runs: readonly NutRun[]): void {
    if (runs.length > 0) {
      if (!this.#samples.hasBegun) this.#begin(attempt, facts, reader)
      const events = this.#samples.place(runs)
      if (events.isPast === true) return this.#beginAnew(attempt, { seeks: false })
      this.#emitEvents(events)
    }
    if (reader.remedy !== undefined) this.#beginAnew(attempt, reader.remedy)
  }

  /** Decodes all anew in another way; what has gone out already is left out. */
  #beginAnew(attempt: Attempt, change: Partial<DecodingWay>): void {
    this.#isAgain = true
    this.#samples.beginAnew()
    this.#decodeOther(attempt, { ...attempt.way, ...change })
  }

  /** Hands on what FFmpeg has copied, each packet where it belongs in time. */
  #takePackets(packets: readonly NutRun[], input: InputFacts, reader: RunReader): void {
    if (packets.length === 0) return
    if (this.#packets === undefined) {
      const preSkip = this.#decoding.readOpusHead(reader.codecHeader)?.preSkip ?? 0
      this.#packets = new this.#decoding.OpusOutput({ ...input, start: input.start + timeOffset }, preSkip)
      this.#warnOfTroubles()
      this.releaseInput()
    }
    const events = this.#packets.take(packets)
    this.#emitEvents(events)
    const { damaged } = events
    if (damaged > 0) this.#trouble(`${damaged} packets of Opus are damaged; there is silence in their place`)
  }

  /** Tells of what is missing in what goes out. */
  #emitEvents({ gaps, leap, cancels }: SampleEvents): void {
    for (const { start, end } of gaps) this.emit('gap', { start, end, missing: end - start })
    if (leap !== undefined) {
      const message = `the times of ${this.#options.inputName} leap ahead by ${Math.round(leap)} s, which is not believed: they go on as if nothing were missing there`
      this.#warnOnce({ code: 'TIMESTAMP_JUMP', message, leap: Math.round(leap * 1000) })
    }
    if (cancels === true) this.#warnOnce(this.#decoding.channelsCancel)
  }

  /** The first audio of the file at hand has come. */
  #begin({ way, sought, isMixed }: Attempt, input: InputFacts, { format }: RunReader): void {
    const { inputName } = this.#options
    if (this.#samples.format !== undefined && !this.#isOne) {
      const message = `${inputName} is several files, one behind the other, as where they were joined by cat; they are heard as they follow one another, but few players play more than the first`
      this.#warnOnce({ code: 'INPUT_JOINED', message })
    }
    this.#samples.begin({
      input,
      format,
      isMono: this.#target?.channels === 1,
      isKept: isMixed,
      silences: (this.#isOne ? this.silences[way.track] : undefined) ?? [],
      from: sought,
      leftOut: this.#isOne ? this.#from - sought : 0,
    })
    this.#target = this.#samples.format
    this.#warnOfTroubles()
    this.releaseInput()
  }

  #end(attempt: Attempt, end: ProcessEnd): void {
    if (this.isOver) return
    const { way, facts, reader, sought } = attempt
    if (facts !== undefined && reader !== undefined && !way.copies) {
      this.#takeSamples(attempt, facts, reader, reader.end())
    }
    if (this.#attempt !== attempt) return
    if (sought > 0 && !this.hasAudio) return this.#beginAnew(attempt, { seeks: false })
    const failure = this.#decoding.explainEnd({
      end,
      ffmpeg: attempt.ffmpeg,
      input: this.#options.inputName,
      audioTrack: way.track,
      track: facts?.tracks[way.track],
      produced: this.hasAudio,
      fileKind: attempt.opened.url.startsWith('file:') ? facts?.container : undefined,
      stderr: attempt.process.log.tail,
    })
    if (!this.isBorne(failure)) {
      this.destroy(failure)
      return
    }
    const { missing } = this
    if (missing > 0 && !this.isCutShort) {
      const what = `lacks ${missing} bytes at its end, by its own header; only what is there was decoded`
      this.warnOfTruncation({ missing }, what)
    }
    const lost = this.isLast && !this.isCutShort ? (this.#options.lost?.() ?? 0) : 0
    if (lost > 0) {
      const what = `was cut short by ${lost} bytes while it was read; only what was still there was decoded`
      this.warnOfTruncation({ missing: Math.max(0, missing) + lost }, what)
    }
    this.#samples.end()
    if (this.isLast) {
      this.#finished = true
      this.releaseInput()
    } else this.beginNext()
    this.#pump()
  }

  /** Before the first audio a line may belong to a failure, which carries it in its own message. */
  #trouble(line: string): void {
    // One that is being stopped complains of that.
    if (this.isOver) return
    this.#attempt?.troubles.push(line)
    if (this.hasAudio) this.#warnOfTroubles()
  }

  #warnOfTroubles(): void {
    const { troubles = [], facts, way = firstWay } = this.#attempt ?? {}
    const own = facts?.tracks[way.track]?.stream
    for (const line of troubles.splice(0)) {
      // Damage to a picture, or to another track, takes nothing of what is heard.
      const [, stream] = /(?:\(stream =|packet in stream) (\d+)/.exec(line) ?? []
      if (stream !== undefined && own !== undefined && Number(stream) !== own) continue
      if (this.#isAgain && this.#troublesTold.has(line)) continue
      this.#troublesTold.add(line)
      const message = `FFmpeg had trouble with ${this.#options.inputName}, part of its audio may be lost: ${line}`
      this.emit('warning', { code: 'FFMPEG_WARNING', message, line })
    }
  }

  /** @param what - follows the name of the input. */
  protected warnOfTruncation({ missing, missingMs }: Lack, what: string): void {
    const message = `${this.#options.inputName} ${what}`
    this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing, ...defined({ missingMs }) })
  }

  #warnOnce(warning: Warning): void {
    if (this.told.has(warning.code)) return
    this.told.add(warning.code)
    this.emit('warning', { ...warning })
  }
}
