import { Duplex } from 'node:stream'
import { type AudioFormat, bytesToMs } from '../audio/format.ts'
import type { DownmixCheck } from '../audio/downmix-check.ts'
import type { MonoMixer } from '../audio/mono-mixer.ts'
import type { AudioQueue, SilenceLimit } from '../audio/silence.ts'
import { type DiarizeStreamError, FfmpegError, InputError } from '../errors.ts'
import { abortBy, LoopYield } from '../stream-helpers.ts'
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
import type { AudioTrack, InputFacts, ProcessEnd, Surround } from './log.ts'
import type { NutReader, NutRun } from './nut.ts'
import type { OpusOutput } from './opus-output.ts'
import type { Placer } from './placement.ts'
import { headLimit, type Silence } from './probe.ts'
import type { FfmpegProcess } from './process.ts'
import type { RunCheck } from './runs.ts'
import type { ClockCorrector } from './program/corrector.ts'
import type { TrackWish } from './tracks.ts'

/** 100 ms of 16 kHz mono, in bytes. Twice as much is held at most: what is handed on costs by the piece. */
const OUTPUT_BYTES = 3200
const INPUT_BYTES = 16_384
/** Bytes that are kept until it is known which tracks there are; FFmpeg looks at 5 MB at most. */
const MOST_KEPT_BYTES = 8_388_608
/** So many of several files may follow one another that cannot be decoded: each costs a process. */
const MOST_UNHEARD = 20
/** A file whose samples have lain further than this from their times is decoded from its beginning, in ms. */
const MOST_DRIFT_MS = 20
/** Silence behind a place that was sought, in s, from which on it may be that FFmpeg has gone past it. */
const MOST_PAST_SEEK_S = 0.02
/** Silence in the middle that is told as a gap, in ms. */
const LEAST_GAP_MS = 1000
/** The most that is taken from FFmpeg at once, in bytes. */
const MOST_AT_ONCE_BYTES = 65_536

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
  /** Silences that have been told of. */
  readonly #silencesTold = new Set<Silence>()
  /** Whether its input is ended before its end. */
  protected isCutShort = false
  /** Whether it was told to end before its input does. */
  #endedEarly = false
  /** What FFmpeg was given to read, until it is known that it is to decode the right track. */
  #given: Buffer[] | undefined = []
  #givenLength = 0
  /** Which audio track is decoded, from 0. */
  #track = 0
  /** Whether that is known to have more than two channels, or may have them later. */
  #surround: Surround | undefined
  /** Settles when a process that was begun with less knowledge is gone. */
  #replaced: Promise<void> = Promise.resolve()
  /** What FFmpeg says of the input; nothing it writes is read before. */
  #facts: InputFacts | undefined
  #nut!: NutReader
  /** What goes out; known once there is audio. */
  #output: AudioFormat | undefined
  /** Goes on with the next of several files, once the one at hand has been decoded. */
  #nextPart: (() => void) | undefined
  /** Samples of the files before the one at hand. */
  #samplesBefore = 0
  /** What the file at hand goes on with, where it is of the same stream, and only its sound is coded in another way. */
  #ongoing: { clocks: ClockCorrector['clocks']; placer: Placer | undefined } | undefined
  /** Files in a row that could not be decoded. */
  #unheard = 0
  /** Whether it has been said that there are several. */
  #joinTold = false
  /** Why packets are not handed on as they are; `undefined` once the stage below takes them. */
  #packetsRefusal: string | undefined = 'no stage that takes Opus stands straight below'
  /** Packets that are handed on as they are; absent where samples are. */
  #packets: OpusOutput | undefined
  #copies = false
  /** Where several channels are to become one. */
  #mixer: MonoMixer<Int16Array> | undefined
  /** Whether FFmpeg is not to mix two channels itself: they have cancelled each other out. */
  #mixesHere = false
  /** Whether it does so at the moment. */
  #isMixed = false
  /** Watches what FFmpeg mixes. */
  #check: DownmixCheck | undefined
  /** What it has mixed, until it is known that nothing is lost in it. */
  #held: NutRun[] = []
  /** Whether FFmpeg is to work in large pieces no more: packets are missing. */
  #isInPackets = false
  /** Holds what FFmpeg has written until it is known what follows; absent where it need not. */
  #runs: RunCheck | undefined
  /** What FFmpeg was told to open. */
  #opened: FfmpegInput | undefined
  /** Bytes of audio that have gone into the queue, and those to be left out, since they have gone before FFmpeg began anew. */
  #queued = 0
  #queuedBefore = 0
  /** Trouble that has been told of, where FFmpeg may say it again. */
  readonly #troublesTold = new Set<string>()
  #placer: Placer | undefined
  /** Where it begins, in ms: later than 0 where it is told to. */
  #from = 0
  /** Whether FFmpeg is to seek there; else what comes before is decoded and left out. */
  #seeks = true
  /** Whether it is one file so far. */
  #isOne = true
  /** What goes out next. */
  #queue!: AudioQueue
  readonly #loop = new LoopYield(() => this.#pump())
  #leapTold = false
  #cancelTold = false
  #tracksTold = false
  #refusalTold = false
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
    this.#queue = new this.#decoding.AudioQueue()
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
    if (!this.#isOne || this.#placer === undefined) return false
    const { container = '', tracks = [] } = this.#facts ?? {}
    return this.#decoding.seeksExactly(container, tracks[this.#track]) && this.#placer.drift <= MOST_DRIFT_MS
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
    this.#joinTold ||= isUsual
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
    if (!this.#endedEarly) {
      const placer = this.#placer ?? this.#ongoing?.placer
      this.#ongoing = this.#clock?.other === undefined ? undefined : { clocks: this.#clock.clocks, placer }
      if (this.#ongoing === undefined) this.#samplesBefore += placer?.position ?? 0
      this.#process = this.#facts = this.#clock = this.#mixer = undefined
      this.#declared = new this.#decoding.DeclaredLength()
      this.#placer = this.#runs = undefined
      this.#nut = new this.#decoding.NutReader()
      this.#given = []
      this.#troubles = []
      this.#givenLength = this.#received = this.#track = 0
      this.#surround = undefined
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
    this.#clock = this.#decoding.clockCorrector(bytes, true, this.#ongoing?.clocks)
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
      this.destroy(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (typeof this.#options.audioTrack === 'number') this.#track = this.#options.audioTrack
    const options = [...input.inputOptions, '-ss', String(this.#from / 1000)]
    this.#run(this.#from === 0 ? input : { ...input, inputOptions: options })
  }

  /** Whether FFmpeg was told to seek. */
  get #isSought(): boolean {
    return this.#from > 0 && this.#seeks
  }

  /** Begins anew where FFmpeg has gone past what it was told to seek: it goes by the picture, which may begin later. */
  #beginUnsought(): void {
    this.#seeks = false
    this.#placer = undefined
    this.#decodeOther(this.#options.input!)
  }

  #run(input: FfmpegInput): void {
    // Whoever hears warnings and errors may not be there before somebody reads, where FFmpeg was started ahead.
    const tell = (act: () => void): void => {
      const say = (): void => {
        if (this.#process === current) act()
      }
      if (this.#wanted || this.#options.input === undefined) say()
      else this.#said.push(say)
    }
    const { isStereo } = input
    const isToBeMono = this.#target?.channels === 1 && this.#surround === undefined && !this.#copies
    this.#isMixed = isStereo === true && isToBeMono && !this.#mixesHere
    this.#opened = input
    const current = new this.#starting.FfmpegProcess({
      ffmpeg: this.#ffmpeg,
      args: this.#copies
        ? copyArguments({ input, audioTrack: this.#track })
        : decodeArguments({
            input,
            audioTrack: this.#track,
            target: this.#target,
            surround: this.#surround,
            mayBeginAnew: this.#options.input === undefined || this.#options.limit === undefined,
            mixesTwo: this.#isMixed,
          }),
      readsBytes: this.#options.input === undefined,
      onTrouble: (line) => tell(() => this.#trouble(line)),
      onInput: (facts) => tell(() => this.#learn(facts, input)),
      onEnd: (end) => tell(() => this.#end(end)),
    })
    this.#process = current
    current.output?.on('readable', () => this.#pump())
  }

  /** It is known what the input is: decoding goes on, or begins anew with another track. */
  #learn(facts: InputFacts, input: FfmpegInput): void {
    if (this.destroyed || this.#facts !== undefined) return
    const { inputName } = this.#options
    try {
      // Of one that FFmpeg could not open nothing is known; how it ends says why.
      const isKnown = facts.container !== ''
      const choice = isKnown
        ? this.#decoding.chooseTrack(facts.tracks, this.#options, inputName)
        : { index: this.#track }
      const { index, message } = choice
      const canBegin = this.#options.input === undefined ? this.#given !== undefined : this.#options.limit === undefined
      const track = facts.tracks[index]
      const copies = isKnown && this.#takesPackets(track)
      const surround =
        track === undefined || this.#target?.channels !== 1
          ? undefined
          : this.#decoding.surroundOf(track, facts.container)
      const isOther = surround !== undefined && this.#surround === undefined
      if ((index !== this.#track || copies !== this.#copies || isOther) && canBegin) {
        this.#track = index
        this.#copies = copies
        this.#surround = surround
        return this.#decodeOther(input)
      }
      this.#given = undefined
      this.#facts = facts
      if (message !== undefined && index === this.#track && !this.#tracksTold) {
        this.#tracksTold = true
        this.emit('warning', { code: 'SEVERAL_AUDIO_TRACKS', message, tracks: facts.tracks })
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
    if (this.#copies) return true
    const asBytes = this.#options.input === undefined ? 'the input comes as bytes, and may be several files' : undefined
    const refusal = this.#packetsRefusal ?? asBytes ?? this.#decoding.passThroughRefusal(track)
    if (refusal === undefined) return true
    if (!this.#refusalTold) {
      this.#refusalTold = true
      const message = `the audio of ${this.#options.inputName} is decoded and not passed through: ${refusal}`
      this.emit('warning', { code: 'PASS_THROUGH_UNUSED', message, reason: refusal })
    }
    return false
  }

  /** Begins anew with what is known of the track by now. */
  #decodeOther(input: FfmpegInput): void {
    const other = this.#process
    this.#troubles = []
    this.#check = this.#runs = undefined
    this.#held = []
    this.#nut = new this.#decoding.NutReader(this.#copies ? 'packets' : 'samples')
    this.#run(input)
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
      if (this.#queue.isSilent && !this.#loop.take()) return
      const room = 2 * OUTPUT_BYTES - this.readableLength
      const piece = this.#packets === undefined ? this.#queue.shift(this.#output, room) : this.#packets.shift()
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
      if (this.#copies) this.#takePackets(chunk, this.#facts)
      else this.#take(chunk, this.#facts)
    }
  }

  /** Whether there has been audio of the file at hand. */
  get #produced(): boolean {
    return this.#placer !== undefined || this.#packets !== undefined
  }

  /** Puts what FFmpeg has written where it belongs in time. */
  #take(chunk: Buffer, input: InputFacts): void {
    try {
      const runs = this.#nut.push(chunk)
      if (this.#isMixed) {
        for (const run of runs) this.#checkMix(run)
        this.#release(input)
      } else this.#placeSure(runs, input)
    } catch (cause) {
      const message = `FFmpeg wrote what cannot be read from ${this.#options.inputName}; report it, with its version`
      this.destroy(new FfmpegError('FFMPEG_FAILED', message, { cause }))
    }
    if (this.#mixer?.noticed() === true && !this.#cancelTold) {
      this.#cancelTold = true
      this.emit('warning', { ...this.#decoding.channelsCancel })
    }
  }

  /** Keeps what FFmpeg has mixed, or takes what it says of that. */
  #checkMix({ track, at, samples }: NutRun): void {
    const [mean, difference] = [this.#nut.formatOf(0)!.sampleRate, this.#nut.formatOf(1)!.sampleRate]
    this.#check ??= new this.#decoding.DownmixCheck({ mean, difference })
    if (track !== 0) return this.#check.difference(at, samplesOf(samples))
    // What is read next uses the memory again.
    const own = Buffer.from(samples)
    this.#held.push({ track, at, samples: own })
    this.#check.mean(at, samplesOf(own))
  }

  /** Hands on of what FFmpeg has mixed what is known to be right; where anything may be lost, it is mixed here from there on. */
  #release(input: InputFacts): void {
    const check = this.#check
    if (check === undefined) return
    if (check.isLost) {
      this.#mixesHere = true
      return this.#beginAnew(this.#opened!)
    }
    const kept = this.#held.findIndex(({ at, samples }) => at + samples.length / 2 > check.checkedTo)
    this.#placeSure(this.#held.splice(0, kept < 0 ? Infinity : kept), input)
  }

  /** Places what is known to be right by what follows it; begins anew with less at once where FFmpeg has joined what does not follow. */
  #placeSure(runs: readonly NutRun[], input: InputFacts): void {
    if (runs.length === 0) return
    const { sampleRate, channels } = this.#nut.format!
    const isInPieces = (this.#opened?.firstFilters ?? []).length > 0
    this.#runs ??= this.#decoding.runCheck(input.container, isInPieces, sampleRate, 2 * channels)
    this.#place(this.#runs?.push(runs) ?? runs, input)
    if (this.#runs?.isBroken !== true) return
    this.#isInPackets = true
    this.#beginAnew({ ...this.#opened!, firstFilters: [] })
  }

  /** Decodes all anew in another way; what has gone out already is left out. */
  #beginAnew(input: FfmpegInput): void {
    this.#queuedBefore = this.#queued
    this.#placer = undefined
    this.#decodeOther(input)
  }

  #place(runs: readonly NutRun[], input: InputFacts): void {
    let audio: Buffer[] = []
    const flush = (): void => {
      const all = audio.length === 1 ? audio[0]! : Buffer.concat(audio)
      audio = []
      this.#queue.push(all.subarray(this.#bytesToQueue(all.length)))
    }
    for (const { at, samples } of runs) {
      const format = this.#nut.format!
      const block = 2 * format.channels
      const isFirst = this.#placer === undefined
      this.#placer ??= this.#begin(input)
      const out = 2 * this.#output!.channels
      const before = this.#samplesBefore + this.#placer.position
      const count = Math.floor(samples.length / block)
      const place = this.#placer.place(at - timeOffset * format.sampleRate, count, () => isQuiet(samples))
      if (isFirst && this.#isSought && place.silence > MOST_PAST_SEEK_S * format.sampleRate) {
        return this.#beginUnsought()
      }
      if (place.silence > 0) {
        if (this.#mixer !== undefined) audio.push(bytesOf(this.#mixer.flush()))
        flush()
        const silence = place.silence * out
        const told = this.#bytesToQueue(silence)
        this.#queue.pushSilence(silence - told)
        if (place.isGap && told < silence) {
          const toMs = (position: number): number => Math.round(bytesToMs(position * block, format))
          const [start, end] = [toMs(before), toMs(before + place.silence)]
          this.emit('gap', { start, end, missing: end - start })
        }
      }
      if (place.leap !== undefined) this.#warnOfLeap(place.leap / format.sampleRate)
      const { limit } = this.#options
      limit?.silence((place.silence * 1000) / format.sampleRate)
      limit?.audio((count * 1000) / format.sampleRate)
      this.#silence(at, samples, input)
      const rest = place.skip === 0 ? samples : samples.subarray(place.skip * block)
      if (this.#mixer !== undefined) audio.push(bytesOf(this.#mixer.process(samplesOf(rest))))
      else audio.push(this.#isMixed ? rest : Buffer.from(rest))
    }
    flush()
  }

  /** Takes the sound out where the file says that there is none. */
  #silence(at: number, samples: Buffer, input: InputFacts): void {
    const { sampleRate, channels } = this.#nut.format!
    if (!this.#isOne) return
    for (const silence of this.silences[this.#track] ?? []) {
      const [from, to] = [silence.start, silence.end].map(
        (seconds) => (Math.round((seconds + timeOffset) * sampleRate) - at) * 2 * channels,
      ) as [number, number]
      if (from >= samples.length || to <= 0) continue
      samples.fill(0, Math.max(0, from), to > samples.length ? undefined : to)
      const [start, end] = [silence.start, silence.end].map((seconds) => Math.round((seconds - input.start) * 1000))
      if (end! - start! < LEAST_GAP_MS || this.#silencesTold.has(silence)) continue
      this.#silencesTold.add(silence)
      this.emit('gap', { start, end, missing: end! - start! })
    }
  }

  /** How many of so many bytes that come next have gone into the queue before; the rest counts as being there now. */
  #bytesToQueue(bytes: number): number {
    const before = Math.min(bytes, this.#queuedBefore)
    this.#queuedBefore -= before
    this.#queued += bytes - before
    return before
  }

  /** Hands on what FFmpeg has copied, each packet where it belongs in time. */
  #takePackets(chunk: Buffer, input: InputFacts): void {
    const { inputName } = this.#options
    try {
      const packets = this.#nut.push(chunk)
      if (packets.length === 0) return
      if (this.#packets === undefined) {
        const preSkip = this.#decoding.readOpusHead(this.#nut.codecHeader)?.preSkip ?? 0
        this.#packets = new this.#decoding.OpusOutput({ ...input, start: input.start + timeOffset }, preSkip)
        this.#warnOfTroubles()
        this.#releaseInput()
      }
      const { gaps, leap, damaged } = this.#packets.take(packets)
      for (const { start, end } of gaps) this.emit('gap', { start, end, missing: end - start })
      if (leap !== undefined) this.#warnOfLeap(leap)
      if (damaged > 0) this.#trouble(`${damaged} packets of Opus are damaged; there is silence in their place`)
    } catch (cause) {
      const message = `FFmpeg wrote what cannot be read from ${inputName}; report it, with its version`
      this.destroy(new FfmpegError('FFMPEG_FAILED', message, { cause }))
    }
  }

  #warnOfLeap(seconds: number): void {
    if (this.#leapTold) return
    this.#leapTold = true
    const message = `the times of ${this.#options.inputName} leap ahead by ${Math.round(seconds)} s, which is not believed: they go on as if nothing were missing there`
    this.emit('warning', { code: 'TIMESTAMP_JUMP', message, leap: Math.round(seconds * 1000) })
  }

  /** The first audio has come. A header alone would be none: it goes out together with it. */
  #begin(input: InputFacts): Placer {
    const { channels, sampleRate } = this.#nut.format!
    if (this.#target?.channels === 1 && channels > 1)
      this.#mixer = new this.#decoding.MonoMixer(channels, sampleRate, Int16Array)
    if (this.#output === undefined) {
      this.#output = { ...this.#nut.format!, channels: this.#mixer === undefined ? channels : 1 }
      this.#target = this.#output
      this.#queue.push(this.#decoding.writeWavHeader(this.#output))
    } else if (!this.#joinTold && !this.#isOne) {
      this.#joinTold = true
      const message = `${this.#options.inputName} is several files, one behind the other, as where they were joined by cat; they are heard as they follow one another, but few players play more than the first`
      this.emit('warning', { code: 'INPUT_JOINED', message })
    }
    this.#warnOfTroubles()
    this.#releaseInput()
    const { limit } = this.#options
    if (this.#ongoing?.placer !== undefined) return this.#ongoing.placer
    const from = this.#isSought ? this.#from : 0
    const leftOut = this.#isOne ? this.#from - from : 0
    this.#queuedBefore += 2 * this.#output.channels * Math.round((leftOut * sampleRate) / 1000)
    const [longest, ahead] = limit === undefined ? [] : [() => limit.most, () => limit.ahead]
    return new this.#decoding.Placer({ input, sampleRate, longest, ahead, from })
  }

  #end(end: ProcessEnd): void {
    const ended = this.#process
    if (this.destroyed || this.#endedEarly) return
    if (this.#check !== undefined) {
      this.#check.end()
      this.#release(this.#facts!)
      if (this.#process !== ended) return
    }
    if (this.#runs !== undefined) this.#place(this.#runs.end(), this.#facts!)
    if (this.#isSought && !this.#produced) return this.#beginUnsought()
    const { inputName } = this.#options
    const failure = this.#decoding.explainEnd({
      end,
      ffmpeg: this.#ffmpeg,
      input: inputName,
      audioTrack: this.#track,
      track: this.#facts?.tracks[this.#track],
      produced: this.#produced,
      fileKind: this.#opened?.url.startsWith('file:') === true ? this.#facts?.container : undefined,
      stderr: this.#process?.log.tail ?? '',
    })
    if (failure !== undefined) {
      const isPart = this.#nextPart !== undefined || this.#output !== undefined
      this.#unheard += 1
      if (!isPart || !(failure instanceof InputError) || this.#unheard > MOST_UNHEARD) {
        this.destroy(failure)
        return
      }
      this.#warnOfUnheard(failure)
    } else this.#unheard = 0
    const missing = this.#options.missing ?? (this.#inputEnded ? (this.#declared.length ?? 0) - this.#received : 0)
    if (missing > 0 && !this.isCutShort) {
      const message = `${inputName} lacks ${missing} bytes at its end, by its own header; only what is there was decoded`
      this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing })
    }
    const lost = this.#nextPart === undefined && !this.isCutShort ? (this.#options.lost?.() ?? 0) : 0
    if (lost > 0) {
      const message = `${inputName} was cut short by ${lost} bytes while it was read; only what was still there was decoded`
      this.emit('warning', { code: 'INPUT_TRUNCATED', message, missing: Math.max(0, missing) + lost })
    }
    const rest = this.#mixer?.flush()
    if (rest !== undefined) this.#queue.push(bytesOf(rest).subarray(this.#bytesToQueue(2 * rest.length)))
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
    const own = this.#facts?.tracks[this.#track]?.stream
    for (const line of lines) {
      // Damage to a picture, or to another track, takes nothing of what is heard.
      const [, stream] = /(?:\(stream =|packet in stream) (\d+)/.exec(line) ?? []
      if (stream !== undefined && own !== undefined && Number(stream) !== own) continue
      if ((this.#mixesHere || this.#isInPackets) && this.#troublesTold.has(line)) continue
      this.#troublesTold.add(line)
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

/** Nobody hears samples below this. */
const quiet = 64

function isQuiet(samples: Buffer): boolean {
  for (let at = 0; at + 1 < samples.length; at += 2) if (Math.abs(samples.readInt16LE(at)) >= quiet) return false
  return true
}

function samplesOf(bytes: Buffer): Int16Array {
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
}

function bytesOf(samples: Int16Array): Buffer {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
}
