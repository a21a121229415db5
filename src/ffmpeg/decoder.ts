import { Duplex } from 'node:stream'
import type { SilenceLimit } from '../audio/silence.ts'
import { type DiarizeStreamError, FfmpegError, InputError, type Warning } from '../errors.ts'
import { defined } from '../options.ts'
import { abortBy, LoopYield, toError } from '../stream-helpers.ts'
import {
  canSeek,
  seekTo,
  endEarly,
  inputEndsEarly,
  liveSource,
  announce,
  onUpstream,
  relayEvents,
  type RequestedFormat,
  requestFormat,
  startAhead,
  requestPackets,
  streamStartedAt,
  type UpstreamStage,
} from '../stage.ts'
import { copyArguments, decodeArguments, type FfmpegInput, pipeInput, timeOffset } from './arguments.ts'
import type { DeclaredLength } from './bytes/declared-length.ts'
import type { Lack } from './bytes/ogg-end.ts'
import type { AudioTrack, InputFacts, ProcessEnd, Surround } from './log.ts'
import type { NutReader, NutRun } from './nut.ts'
import type { OpusOutput } from './opus-output.ts'
import { headLimit, type Silence } from './probe.ts'
import type { FfmpegProcess } from './process.ts'
import type { MixCheck, RunCheck } from './runs.ts'
import type { SampleEvents, SampleOutput } from './sample-output.ts'
import type { ProgramClocks } from './program/clocks.ts'
import type { ClockCorrector } from './program/corrector.ts'
import type { TrackChoice, TrackWish } from './tracks.ts'

/** 100 ms of 16 kHz mono, in bytes. Twice as much is held at most: what is handed on costs by the piece. */
const OUTPUT_BYTES = 3200
const INPUT_BYTES = 16_384
/** Bytes that are kept until it is known which tracks there are; FFmpeg looks at 5 MB at most. */
const MOST_KEPT_BYTES = 8_388_608
/** So many of several files may follow one another that cannot be decoded: each costs a process. */
const MOST_UNHEARD = 20
/** A file whose samples have lain further than this from their times is decoded from its beginning, in ms. */
const MOST_DRIFT_MS = 20
/** The most that is taken from FFmpeg at once, in bytes. */
const MOST_AT_ONCE_BYTES = 65_536

/** How FFmpeg decodes a file. */
interface DecodingWay {
  /** Which audio track, from 0. */
  track: number
  /** Whether its packets are handed on as they are. */
  copies: boolean
  /** What it is known to have of more than two channels. */
  surround: Surround | undefined
  /** Whether FFmpeg may mix two channels itself: not where they have cancelled each other out. */
  mixesTwo: boolean
  /** Whether it may work in large pieces: not where packets are missing. */
  inPieces: boolean
  /** Whether it seeks to where it is to begin; else what comes before is decoded and left out. */
  seeks: boolean
}

const firstWay: DecodingWay = {
  track: 0,
  copies: false,
  surround: undefined,
  mixesTwo: true,
  inPieces: true,
  seeks: true,
}

/** What an {@link FfmpegDecoder} decodes, and how. */
export interface FfmpegDecoderOptions extends TrackWish {
  /** What FFmpeg opens; absent if it decodes the bytes written to the stream. */
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
  /** Whether the bytes written to the stream are all there, and need not be handed on as they come. */
  isWhole?: boolean
  /** Whether it is a whole file. */
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
  /** Whether FFmpeg is to be started as soon as that is there. */
  #isAhead = false
  /** Tells that it has been started, or cannot be. */
  #started = (): void => {}
  #target: RequestedFormat | undefined
  #upstream: UpstreamStage | undefined
  #process: FfmpegProcess | undefined
  #ffmpeg = ''
  #wanted = false
  /** What a process that was started ahead has said. */
  readonly #said: (() => void)[] = []
  #hungry = false
  /** The bytes written before the process starts. */
  #head: Buffer = Buffer.alloc(0)
  /** Mends the clock of what is written, where it is of a kind whose clock may leap. */
  #clock: ClockCorrector | undefined
  /** Bytes the input will have, by its own header. */
  #declared!: DeclaredLength
  #received = 0
  #inputEnded = false
  /** Where the sound of the file at hand is to be silent, of each audio track, in whose place FFmpeg plays what was before. */
  protected silences: readonly (readonly Silence[])[]
  /** Whether its input is ended before its end. */
  protected isCutShort = false
  /** Whether it was told to end before its input does. */
  #endedEarly = false
  /** What FFmpeg was given to read, until it is known that it is to decode the right track. */
  #given: Buffer[] | undefined = []
  #givenLength = 0
  /** How the file at hand is decoded, by what is known of it so far. */
  #way: DecodingWay = firstWay
  /** Settles when a process that was begun with less knowledge is gone. */
  #replaced: Promise<void> = Promise.resolve()
  /** What FFmpeg says of the input; nothing it writes is read before. */
  #facts: InputFacts | undefined
  #nut!: NutReader
  /** Goes on with the next of several files, once the one at hand has been decoded. */
  #nextPart: (() => void) | undefined
  /** The clocks by which the file at hand goes on, where it is of the same stream, and only its sound is coded in another way. */
  #ongoing: ProgramClocks | undefined
  /** Files in a row that could not be decoded. */
  #unheard = 0
  /** Codes of the warnings of which one is enough that have been given, or need not be. */
  readonly #told = new Set<string>()
  /** Why packets are not handed on as they are; `undefined` once the stage below takes them. */
  #packetsRefusal: string | undefined = 'no stage that takes Opus stands straight below'
  /** Packets that are handed on as they are; absent where samples are. */
  #packets: OpusOutput | undefined
  /** Samples as they go out. */
  #samples!: SampleOutput
  /** Whether FFmpeg mixes two channels at the moment. */
  #isMixed = false
  /** Holds what it has mixed until it is known that nothing is lost in it. */
  #mix: MixCheck | undefined
  /** Holds what FFmpeg has written until it is known what follows; absent where it need not. */
  #runs: RunCheck | undefined
  /** What FFmpeg opens. */
  #opened!: FfmpegInput
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
  #troubles: string[] = []
  #finishInput: ((error?: Error | null) => void) | undefined

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
    if (this.writable) {
      relayEvents(this)
      onUpstream(this, (upstream) => (this.#upstream ??= upstream))
    }
    abortBy(options.signal, this)
    if (options.refusal !== undefined) process.nextTick(() => this.#refuse())
  }

  /** Asks for WAV in `format`. `false` if the process runs, or if somebody else has asked for something different. */
  [requestFormat](format: RequestedFormat): boolean {
    const { sampleRate, channels, encoding } = format
    if (encoding !== 's16le' || this.#process !== undefined || this.destroyed) return false
    this.#target ??= { ...format }
    return this.#target.sampleRate === sampleRate && this.#target.channels === channels
  }

  /** Starts FFmpeg on what it opens itself; what is wrong with that comes when somebody reads. */
  async [startAhead](format: RequestedFormat): Promise<void> {
    const { input, refusal, passThrough } = this.#options
    // Whether samples or packets are wanted, it is not known yet.
    if (passThrough === true || input === undefined || refusal !== undefined || !this[requestFormat](format)) return
    this.#isAhead = true
    await new Promise<void>((resolve) => (this.#started = resolve))
  }

  override _construct(callback: (error?: Error | null) => void): void {
    const done = (error?: Error): void => {
      callback(error)
      this.#started()
    }
    this.load().then(() => done(), done)
  }

  protected async load(): Promise<void> {
    if (this.#isAhead) {
      const [find, process] = await Promise.all([import('./find.ts'), import('./process.ts')])
      this.#starting = { ...find, ...process }
      this.#startAhead()
      this.#started()
    }
    this.#starting = this.#decoding = await import('./decoding.ts')
    this.#nut = new this.#decoding.NutReader()
    this.#samples = new this.#decoding.SampleOutput(this.#options.limit)
    this.#declared = new this.#decoding.DeclaredLength()
  }

  #startAhead(): void {
    const { input, ffmpegPath } = this.#options
    try {
      this.#starting.findFfmpeg(ffmpegPath)
    } catch {
      return
    }
    if (input !== undefined) this.#start(input)
  }

  /** Asks for packets; `false` where samples come in any case. */
  [requestPackets](refusal: string | undefined): boolean {
    if (this.#options.passThrough !== true || this.#process !== undefined || this.destroyed) return false
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
    this.#releaseInput()
    this.#process?.stop(() => {})
    this.#beginPart()
  }

  /** What its input lacks then means nothing. */
  [inputEndsEarly](): void {
    this.isCutShort = true
  }

  /** Begins at `ms`, where FFmpeg opens the file itself and has not begun. Returns where it will begin. */
  [seekTo](ms: number): number {
    const { input, limit, passThrough, refusal } = this.#options
    const isFixed = input === undefined || limit !== undefined || passThrough === true || refusal !== undefined
    if (isFixed || this.#process !== undefined || this.#wanted) return 0
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
    const { container = '', tracks = [] } = this.#facts ?? {}
    return this.#decoding.seeksExactly(container, tracks[this.#way.track]) && this.#samples.drift <= MOST_DRIFT_MS
  }

  /** Length of the audio in ms, where it is known beforehand. */
  get duration(): number | undefined {
    return this.#options.duration
  }

  /** Whether the audio cannot be held back, as the stage above says; `false` for a whole file. */
  get [liveSource](): boolean | undefined {
    return this.#options.isRecording === true ? false : this.#upstream?.[liveSource]
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
    for (const tell of this.#said.splice(0)) tell()
    this.#pump()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#accept(chunk, callback)
  }

  #accept(chunk: Buffer, callback: () => void): void {
    this.#received += chunk.length
    this.#declared.push(chunk)
    if (this.#process !== undefined) return this.#write(chunk, callback)
    this.#head = Buffer.concat([this.#head, chunk])
    this.#startOnBytes(callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#inputEnded = true
    if (this.#received === 0) {
      return callback(
        new InputError('NO_AUDIO', `${this.#options.inputName} ended without a byte; check where it comes from`),
      )
    }
    // Finished means understood: whoever only waits for the input side learns of a failure, too.
    this.#finishInput = callback
    this.#startOnBytes(() => this.#endInput())
    if (this.#produced) this.#releaseInput()
  }

  /**
   * Ends the file at hand: what is written once `next` has been called is another one, which an FFmpeg of its own decodes, and
   * whose sound comes right behind.
   *
   * @param isUsual - whether that is as it should be, and needs no warning.
   */
  protected endPart(isUsual: boolean, next: () => void): void {
    if (isUsual) this.#told.add('INPUT_JOINED')
    this.#inputEnded = true
    this.#nextPart = next
    if (this.#endedEarly || this.destroyed) this.#beginPart()
    else this.#startOnBytes(() => this.#endInput())
  }

  #endInput(): void {
    const rest = this.#clock?.end()
    if (rest !== undefined && rest.length > 0) this.#give(rest, () => {})
    this.#process?.endInput()
  }

  /** Goes on with the next of several files. */
  #beginPart(): void {
    const next = this.#nextPart
    if (next === undefined) return
    this.#nextPart = undefined
    this.#inputEnded = this.#isOne = false
    this.#ongoing = this.#clock?.other === undefined ? undefined : this.#clock.clocks
    // What has been left as another file is not to be left once more.
    this.#clock = undefined
    if (!this.#endedEarly) {
      this.#samples.beginPart(this.#ongoing !== undefined)
      this.#process = this.#facts = this.#runs = undefined
      this.#declared = new this.#decoding.DeclaredLength()
      this.#nut = new this.#decoding.NutReader()
      this.#given = []
      this.#troubles = []
      this.#givenLength = this.#received = 0
      this.#way = firstWay
    }
    next()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#loop.stop()
    this.#releaseInput()
    this.#given = undefined
    const gone = (): void => void this.#replaced.then(() => callback(error))
    if (this.#process === undefined) gone()
    else this.#process.stop(gone)
  }

  /** Starts the process on the head if that says how; calls `next` once the process has it, or more is needed. */
  #startOnBytes(next: () => void): void {
    if (this.#process !== undefined) return next()
    const mode = this.#decoding.readingMode(this.#head, this.#inputEnded)
    const isUnknown = mode === undefined || (!this.#inputEnded && this.#decoding.isClockUnknown(this.#head))
    if (isUnknown && this.#head.length < headLimit) return next()
    this.#start(pipeInput(mode === 'spooled', this.#options))
    const bytes = this.#head
    this.#clock = this.#decoding.clockCorrector(bytes, true, this.#ongoing)
    this.#head = Buffer.alloc(0)
    this.#write(bytes, next)
  }

  #write(bytes: Buffer, taken: () => void): void {
    // Without a process the start has failed, and this stream with it.
    if (this.#process === undefined) return taken()
    const given = this.#clock?.push(bytes) ?? bytes
    const other = this.#clock?.other
    if (other === undefined) this.#give(given, taken)
    else this.#give(given, () => this.endPart(true, () => this.#accept(other, taken)))
  }

  #give(bytes: Buffer, taken: () => void): void {
    this.#given?.push(bytes)
    this.#givenLength += bytes.length
    if (this.#givenLength > MOST_KEPT_BYTES) this.#given = undefined
    this.#process?.write(bytes, taken)
  }

  #start(input: FfmpegInput): void {
    if (this.#process !== undefined || this.destroyed || this.#endedEarly) return
    try {
      this.#ffmpeg = this.#starting.findFfmpeg(this.#options.ffmpegPath)
    } catch (error) {
      this.destroy(toError(error))
      return
    }
    const { audioTrack } = this.#options
    if (typeof audioTrack === 'number') this.#way = { ...this.#way, track: audioTrack }
    this.#opened = input
    this.#run()
  }

  /** Where FFmpeg is told to seek to, in ms. */
  get #sought(): number {
    return this.#way.seeks ? this.#from : 0
  }

  #run(): void {
    const { track: audioTrack, copies, surround, mixesTwo, inPieces } = this.#way
    const seeking = this.#sought === 0 ? [] : ['-ss', String(this.#sought / 1000)]
    const { firstFilters = [], isStereo, inputOptions } = this.#opened
    const input = {
      ...this.#opened,
      firstFilters: inPieces ? firstFilters : [],
      inputOptions: [...inputOptions, ...seeking],
    }
    const target = this.#target
    const mayBeginAnew = this.#options.input === undefined || this.#options.limit === undefined
    this.#isMixed = isStereo === true && target?.channels === 1 && surround === undefined && !copies && mixesTwo
    // Whoever hears warnings and errors may not be there before somebody reads, where FFmpeg was started ahead.
    const tell = (act: () => void): void => {
      const say = (): void => {
        if (this.#process === current) act()
      }
      if (this.#wanted || this.#options.input === undefined) say()
      else this.#said.push(say)
    }
    const current = new this.#starting.FfmpegProcess({
      ffmpeg: this.#ffmpeg,
      args: copies
        ? copyArguments({ input, audioTrack })
        : decodeArguments({ input, audioTrack, target, surround, mayBeginAnew, mixesTwo: this.#isMixed }),
      readsBytes: this.#options.input === undefined,
      onTrouble: (line) => tell(() => this.#trouble(line)),
      onInput: (facts) => tell(() => this.#learn(facts)),
      onEnd: (end) => tell(() => this.#end(end)),
    })
    this.#process = current
    current.output?.on('readable', () => this.#pump())
  }

  /** It is known what the input is: decoding goes on, or begins anew with another track. */
  #learn(facts: InputFacts): void {
    if (this.destroyed || this.#facts !== undefined) return
    try {
      const way = this.#way
      // Of one that FFmpeg could not open nothing is known; how it ends says why.
      const isKnown = facts.container !== ''
      const { index, message }: TrackChoice = isKnown
        ? this.#decoding.chooseTrack(facts.tracks, this.#options, this.#options.inputName)
        : { index: way.track }
      const canBegin = this.#options.input === undefined ? this.#given !== undefined : this.#options.limit === undefined
      const track = facts.tracks[index]
      const copies = isKnown && this.#takesPackets(track)
      const surround =
        this.#target?.channels === 1 ? track && this.#decoding.surroundOf(track, facts.container) : undefined
      const isOther = surround !== undefined && way.surround === undefined
      if ((index !== way.track || copies !== way.copies || isOther) && canBegin) {
        return this.#decodeOther({ track: index, copies, surround })
      }
      this.#given = undefined
      this.#facts = facts
      if (message !== undefined && index === way.track) {
        this.#warnOnce({ code: 'SEVERAL_AUDIO_TRACKS', message, tracks: facts.tracks })
      }
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    this.#pump()
  }

  /** Whether what is handed on are the packets of this track. Warns where that was wished, and cannot be. */
  #takesPackets(track: AudioTrack | undefined): boolean {
    if (this.#options.passThrough !== true) return false
    if (this.#way.copies) return true
    const asBytes = this.#options.input === undefined ? 'the input comes as bytes, and may be several files' : undefined
    const refusal = this.#packetsRefusal ?? asBytes ?? this.#decoding.passThroughRefusal(track)
    if (refusal === undefined) return true
    const message = `the audio of ${this.#options.inputName} is decoded and not passed through: ${refusal}`
    this.#warnOnce({ code: 'PASS_THROUGH_UNUSED', message, reason: refusal })
    return false
  }

  /** Begins anew in another way. */
  #decodeOther(change: Partial<DecodingWay>): void {
    const other = this.#process
    this.#way = { ...this.#way, ...change }
    this.#troubles = []
    this.#mix = this.#runs = undefined
    this.#nut = new this.#decoding.NutReader(this.#way.copies ? 'packets' : 'samples')
    this.#run()
    for (const bytes of this.#given ?? []) this.#process?.write(bytes, () => {})
    if (this.#inputEnded && this.#head.length === 0) this.#process?.endInput()
    this.#replaced = new Promise((resolve) => {
      if (other === undefined) resolve()
      else other.stop(resolve)
    })
  }

  /** Hands on what FFmpeg has written, as long as somebody wants it. */
  #pump(): void {
    while (this.#hungry && !this.destroyed && !this.#endedEarly) {
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
      const output = this.#process?.output
      if (output === undefined || this.#facts === undefined) return
      const length = Math.min(output.readableLength, MOST_AT_ONCE_BYTES)
      // With nothing buffered, read() without a length is what lets the pipe notice its end.
      const chunk: unknown = output.read(length === 0 ? undefined : length)
      if (!Buffer.isBuffer(chunk)) return
      this.#take(chunk, this.#facts)
    }
  }

  /** Whether there has been audio of the file at hand. */
  get #produced(): boolean {
    return this.#samples.hasBegun || this.#packets !== undefined
  }

  /** Puts what FFmpeg has written where it belongs in time. */
  #take(chunk: Buffer, input: InputFacts): void {
    try {
      const runs = this.#nut.push(chunk)
      if (runs.length === 0) return
      if (this.#way.copies) this.#takePackets(runs, input)
      else this.#takeSamples(runs, input)
    } catch (cause) {
      const message = `FFmpeg wrote what cannot be read from ${this.#options.inputName}; report it, with its version`
      this.destroy(new FfmpegError('FFMPEG_FAILED', message, { cause }))
    }
  }

  /** Hands on of samples what is known to be right by what follows it; where FFmpeg is wrong, it begins anew in another way. */
  #takeSamples(runs: readonly NutRun[], input: InputFacts, isLast = false): void {
    const format = this.#nut.format!
    if (this.#isMixed) {
      const [mean, difference] = [format.sampleRate, this.#nut.formatOf(1)!.sampleRate]
      this.#mix ??= new this.#decoding.MixCheck({ mean, difference })
    }
    const isInPieces = this.#way.inPieces && (this.#opened.firstFilters ?? []).length > 0
    this.#runs ??= this.#decoding.runCheck(input.container, isInPieces, format.sampleRate, 2 * format.channels)
    const through = (check: RunCheck | undefined, some: readonly NutRun[]): readonly NutRun[] =>
      check === undefined ? some : isLast ? [...check.push(some), ...check.end()] : check.push(some)
    const mixed = through(this.#mix, runs)
    if (this.#mix?.isBroken === true) return this.#beginAnew({ mixesTwo: false })
    this.#place(through(this.#runs, mixed), input)
    if (this.#runs?.isBroken === true) this.#beginAnew({ inPieces: false })
  }

  /** Decodes all anew in another way; what has gone out already is left out. */
  #beginAnew(change: Partial<DecodingWay>): void {
    this.#isAgain = true
    this.#samples.beginAnew()
    this.#decodeOther(change)
  }

  #place(runs: readonly NutRun[], input: InputFacts): void {
    if (runs.length === 0) return
    if (!this.#samples.hasBegun) this.#begin(input)
    const events = this.#samples.place(runs)
    if (events.isPast === true) this.#beginAnew({ seeks: false })
    else this.#emitEvents(events)
  }

  /** Hands on what FFmpeg has copied, each packet where it belongs in time. */
  #takePackets(packets: readonly NutRun[], input: InputFacts): void {
    if (this.#packets === undefined) {
      const preSkip = this.#decoding.readOpusHead(this.#nut.codecHeader)?.preSkip ?? 0
      this.#packets = new this.#decoding.OpusOutput({ ...input, start: input.start + timeOffset }, preSkip)
      this.#warnOfTroubles()
      this.#releaseInput()
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
  #begin(input: InputFacts): void {
    const { inputName } = this.#options
    if (this.#samples.format !== undefined && !this.#isOne) {
      const message = `${inputName} is several files, one behind the other, as where they were joined by cat; they are heard as they follow one another, but few players play more than the first`
      this.#warnOnce({ code: 'INPUT_JOINED', message })
    }
    this.#samples.begin({
      input,
      format: this.#nut.format!,
      isMono: this.#target?.channels === 1,
      isKept: this.#isMixed,
      silences: (this.#isOne ? this.silences[this.#way.track] : undefined) ?? [],
      from: this.#sought,
      leftOut: this.#isOne ? this.#from - this.#sought : 0,
    })
    this.#target = this.#samples.format
    this.#warnOfTroubles()
    this.#releaseInput()
  }

  #end(end: ProcessEnd): void {
    const ended = this.#process
    if (this.destroyed || this.#endedEarly) return
    if (this.#mix !== undefined || this.#runs !== undefined) this.#takeSamples([], this.#facts!, true)
    if (this.#process !== ended) return
    if (this.#sought > 0 && !this.#produced) return this.#beginAnew({ seeks: false })
    const { inputName } = this.#options
    const failure = this.#decoding.explainEnd({
      end,
      ffmpeg: this.#ffmpeg,
      input: inputName,
      audioTrack: this.#way.track,
      track: this.#facts?.tracks[this.#way.track],
      produced: this.#produced,
      fileKind: this.#opened.url.startsWith('file:') ? this.#facts?.container : undefined,
      stderr: this.#process?.log.tail ?? '',
    })
    if (failure !== undefined) {
      const isPart = this.#nextPart !== undefined || (!this.#isOne && this.#samples.format !== undefined)
      this.#unheard += 1
      if (!isPart || !(failure instanceof InputError) || this.#unheard > MOST_UNHEARD) {
        this.destroy(failure)
        return
      }
      this.#warnOfUnheard(failure)
    } else this.#unheard = 0
    const missing = this.#options.missing ?? (this.#inputEnded ? (this.#declared.length ?? 0) - this.#received : 0)
    if (missing > 0 && !this.isCutShort) {
      const what = `lacks ${missing} bytes at its end, by its own header; only what is there was decoded`
      this.warnOfTruncation({ missing }, what)
    }
    const lost = this.#nextPart === undefined && !this.isCutShort ? (this.#options.lost?.() ?? 0) : 0
    if (lost > 0) {
      const what = `was cut short by ${lost} bytes while it was read; only what was still there was decoded`
      this.warnOfTruncation({ missing: Math.max(0, missing) + lost }, what)
    }
    this.#samples.end()
    if (this.#nextPart === undefined) {
      this.#finished = true
      this.#releaseInput()
    } else this.#beginPart()
    this.#pump()
  }

  /** One of several files could not be decoded. */
  #warnOfUnheard(cause: InputError): void {
    const { inputName } = this.#options
    const bytes = this.#received
    const message = `${inputName} is several files, one behind the other, and one of them, of ${bytes} bytes, is not heard: give each by itself. ${cause.message}`
    this.emit('warning', { code: 'INPUT_JOINED', message, bytes, cause })
  }

  /** Before the first audio a line may belong to a failure, which carries it in its own message. */
  #trouble(line: string): void {
    // One that is being stopped complains of that.
    if (this.destroyed || this.#endedEarly) return
    this.#troubles.push(line)
    if (this.#produced) this.#warnOfTroubles()
  }

  #warnOfTroubles(): void {
    const lines = this.#troubles
    this.#troubles = []
    const own = this.#facts?.tracks[this.#way.track]?.stream
    for (const line of lines) {
      // Damage to a picture, or to another track, takes nothing of what is heard.
      const [, stream] = /(?:\(stream =|packet in stream) (\d+)/.exec(line) ?? []
      if (stream !== undefined && own !== undefined && Number(stream) !== own) continue
      if (this.#isAgain && this.#troublesTold.has(line)) continue
      this.#troublesTold.add(line)
      const message = `FFmpeg had trouble with ${this.#options.inputName}, part of its audio may be lost: ${line}`
      this.emit('warning', { code: 'FFMPEG_WARNING', message, line })
    }
  }

  /** Bytes have come that are not written, or fewer than are. */
  protected countOthers(bytes: number): void {
    this.#received += bytes
  }

  /** @param what - follows the name of the input. */
  protected warnOfTruncation({ missing, missingMs }: Lack, what: string): void {
    const message = `${this.#options.inputName} ${what}`
    this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing, ...defined({ missingMs }) })
  }

  #warnOnce(warning: Warning): void {
    if (this.#told.has(warning.code)) return
    this.#told.add(warning.code)
    this.emit('warning', { ...warning })
  }

  #releaseInput(): void {
    const finish = this.#finishInput
    this.#finishInput = undefined
    finish?.()
  }
}
