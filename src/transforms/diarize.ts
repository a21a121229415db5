import { Duplex } from 'node:stream'
import {
  type IdentifiedSource,
  type inputIdentity,
  type ResumableHearing,
  resumableHearing,
} from '../checkpoint/stages.ts'
import { StreamDiagnostics } from '../diagnostics.ts'
import { checkKnown } from '../options.ts'
import type { ClientMessage } from '../protocol/messages.ts'
import { checkKnownNames, checkParameters, toUpdate, updatableNames } from '../protocol/parameters.ts'
import type { ConnectionAhead } from '../session/connection-ahead.ts'
import { connectAhead, learnsFrom, recordStage, onUpstream, relayEvents } from '../stage.ts'
import { abortBy } from '../stream-helpers.ts'
import type { Gap } from '../stream/options.ts'
import { channelSettings } from './channels/options.ts'
import type { Diarize, UpdatableParameters } from './diarize-events.ts'
import { DiarizeInput } from './diarize-input.ts'
import {
  type DiarizeOptions,
  inParts,
  parameterWarnings,
  peerKind,
  remoteAddress,
  type ResolvedDiarizeOptions,
  resolveDiarizeOptions,
} from './diarize-options.ts'
import type { Hearing } from './hearing/hearing.ts'

/** Why the sessions cannot be sent Opus as it is; `undefined` where they can. */
function packetsRefusal(options: ResolvedDiarizeOptions): string | undefined {
  if (peerKind(options) === 'embedded') return 'the engine in this process takes samples'
  if (options.channels !== undefined) return 'channels are heard apart'
  if (options.voices !== undefined && options.voices !== false) return 'voices are made of samples'
  if (options.range !== undefined) return 'a part of it is heard, which begins and ends at any sample'
  return inParts(options) ? 'parts of it are heard at the same time' : undefined
}

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
  #loading: Promise<void> | undefined
  #hearing: Hearing | undefined
  /** What was asked for before there was any audio. */
  readonly #messages = new Map<string, ClientMessage>()
  /** The connection that is made as soon as there will be audio. */
  #ahead: Promise<ConnectionAhead | undefined> | undefined
  readonly #diagnostics = new StreamDiagnostics(this)
  #hasCheckpoint = false
  /** What tells the input from another, where that is known. */
  #identity: IdentifiedSource[typeof inputIdentity]

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
        await this.#load()
        return { options: identityOf(this.#options), obstacle: obstacleOf(this.#options) }
      },
      state: () => this.#hearing!.state,
      leave: () => this.#hearing!.leave(),
      resumeFrom: (from) => this.#hearing!.resumeFrom(from),
    }
  }

  updateConfiguration(update: UpdatableParameters): void {
    checkKnown('updateConfiguration()', update, updatableNames)
    checkParameters(update)
    if (this.#options.models === 'strict') checkKnownNames(update, (name) => name)
    for (const warning of parameterWarnings(this.#options, update, (name) => name)) this.emit('warning', warning)
    this.#send({ type: 'UpdateConfiguration', ...toUpdate(update) })
  }

  forceEndpoint(): void {
    this.#send({ type: 'ForceEndpoint' })
  }

  #send(message: ClientMessage): void {
    if (this.#hearing?.sendMessage(message) === true) return
    // One of each kind says all, however often somebody asks before there is audio.
    this.#messages.set(message.type, { ...this.#messages.get(message.type), ...message })
  }

  // A fifth of the library, which who only decodes need not load.
  override _construct(callback: (error?: Error | null) => void): void {
    this.#load().then(() => callback(), callback)
  }

  #load(): Promise<void> {
    return (this.#loading ??= this.#open())
  }

  async #open(): Promise<void> {
    const [{ Hearing: Opened }] = await Promise.all([import('./hearing/hearing.ts'), this.#input.load()])
    this.#hearing = await Opened.open({
      stage: this,
      options: this.#options,
      input: this.#input,
      diagnostics: this.#diagnostics,
      messages: this.#messages,
      ahead: () => this.#ahead,
    })
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let frames: Buffer[]
    try {
      frames = this.#input.push(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    this.#hearing!.send(frames, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#hearing!.finish(this.#identity).then(() => callback(), callback)
  }

  override _read(): void {
    this.#hearing?.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#free().then(
      () => callback(error),
      (cleanUpError: Error) => callback(error ?? cleanUpError),
    )
  }

  async #free(): Promise<void> {
    await this.#hearing?.close()
    const ahead = await this.#ahead
    ahead?.close()
  }

  /** A gap of the source where it is in the stream; `undefined` for one that is known already, or not to be heard. */
  #placed(gap: Gap): Gap | undefined {
    const { start = 0, duration = Infinity } = this.#options.range ?? {}
    if (gap.end < start || gap.start > start + duration) return undefined
    return this.#hearing === undefined ? gap : this.#hearing.placed(gap)
  }

  /** Makes the connection of the first session, which opens with the first audio. */
  async [connectAhead](): Promise<void> {
    if (this.destroyed) return
    // What is wrong with it, the session tells.
    this.#ahead ??= this.#connection().catch(() => undefined)
    await this.#ahead
  }

  async #connection(): Promise<ConnectionAhead | undefined> {
    const { agent, ca } = this.#options
    // An agent makes connections as it likes.
    if (peerKind(this.#options) === 'embedded' || agent !== undefined) return undefined
    const ahead = await import('../session/connection-ahead.ts')
    return ahead.connectAhead(remoteAddress(this.#options), ca)
  }
}
