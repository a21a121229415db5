import { type AudioFormat, bytesToMs } from '../audio/format.ts'
import { OPUS_FRAME_MS, opusWire, silentOpusFrame } from '../audio/opus-frames.ts'
import { decodeSamples, samplesAt16k } from '../audio/pcm.ts'
import { checkedListener } from '../engine/checked-listener.ts'
import type { Engine, EngineListener, EngineSession } from '../engine/engine.ts'
import { ConfigurationError, DiarizeStreamError, EngineError, SessionError, type Warning } from '../errors.ts'
import { proxyFor } from '../network.ts'
import {
  type AuthenticationOptions,
  credentials,
  environmentKey,
  isLoopback,
  regionUrl,
  serverUrl,
} from '../protocol/endpoint.ts'
import type { BeginMessage, TerminationMessage } from '../protocol/messages.ts'
import type { ConnectionAhead } from '../session/connection-ahead.ts'
import type { SessionTarget } from '../session/transport.ts'
import type { StreamStart, SupervisorOptions } from '../stream/options.ts'
import { toError } from '../stream-helpers.ts'
import { useMeter } from '../stream/session-meter.ts'
import type { SpeakerModelIdentity } from '../voices/book.ts'
import type { VoiceSource } from '../stream/stream-voices.ts'
import type { ParallelSupervisor } from './parallel.ts'
import { Supervisor } from '../stream/supervisor.ts'
import { channelSettings } from './channels/options.ts'
import type { ChannelSupervisor } from './channels/supervisor.ts'
import type { OfChannel } from './diarize-events.ts'
import type { DiarizeInput } from './diarize-input.ts'
import { liveSettings, peerKind, type PeerKind, type ResolvedDiarizeOptions } from './diarize-options.ts'

const RETRIES = 10
/** After the last audio: a service has the last words at once. */
const TERMINATION_MS = 15_000
/** The engine on this machine may have half a minute of speech to decode, on a machine that is slow. */
const OWN_TERMINATION_MS = 150_000
/** Before anything ever worked, a mistake is likelier than an outage. */
const FIRST_RETRIES = 2

export interface Peer {
  kind: PeerKind
  name: string
  url: string
  /** Model to ask for where the user named none. */
  model?: string
  /** What the user should know about the choice. */
  warnings: Warning[]
  /** Address and credentials of one connection with the given query. */
  target(query: URLSearchParams): Promise<SessionTarget>
  /** The error behind a session that the engine itself broke. */
  failure(): DiarizeStreamError | undefined
  /** The error behind one that the wire tells of a session, where it is known here. */
  explained(error: Error): Error
  /** Frees whatever was started for the peer. */
  close(): Promise<void>
}

/** What is loaded only for those who ask for it. */
export interface Loaded {
  channels?: typeof import('./channels/supervisor.ts')
  parallel?: typeof import('./parallel.ts')
  naming?: typeof import('./voices/speaker-naming.ts')
}

/** Loads what `options` need, and what a session over a socket needs, while the first audio is on its way. */
export async function load(options: ResolvedDiarizeOptions): Promise<Loaded> {
  // What goes wrong is told where it is needed.
  if (peerKind(options) !== 'embedded') import('../session/web-socket.ts').catch(() => {})
  const naming = typeof options.voices === 'object' ? { naming: await import('./voices/speaker-naming.ts') } : {}
  if (channelSettings(options) !== undefined) return { ...naming, channels: await import('./channels/supervisor.ts') }
  return hearsInParallel(options) ? { ...naming, parallel: await import('./parallel.ts') } : naming
}

/**
 * Chooses the engine, and starts it where it runs in this process.
 *
 * @param ahead - a connection to the server, for the first session.
 */
export async function openPeer(options: ResolvedDiarizeOptions, ahead?: ConnectionAhead): Promise<Peer> {
  const { engine, url } = options
  if (typeof engine === 'object') return embeddedPeer(engine)
  const kind = peerKind(options)
  if (kind === 'server') return serverPeer(serverUrl(url!), options, ahead)
  if (kind === 'assemblyai') {
    return servicePeer(options, options.apiKey ?? (options.token === undefined ? environmentKey() : undefined), ahead)
  }
  const { embeddedEngine } = await import('../engine/embedded.ts')
  const peer = await embeddedPeer(embeddedEngine())
  if (engine === undefined) {
    peer.warnings.push({
      code: 'EMBEDDED_ENGINE',
      message: `no API key is set, so the engine on this machine runs (${peer.model}); set ASSEMBLYAI_API_KEY to use AssemblyAI`,
    })
  }
  return peer
}

function servicePeer(
  options: ResolvedDiarizeOptions,
  key: AuthenticationOptions['apiKey'],
  ahead: ConnectionAhead | undefined,
): Peer {
  const authentication: AuthenticationOptions = key === undefined ? { token: options.token as string } : { apiKey: key }
  const url = new URL(regionUrl(options.region ?? 'global'))
  return remotePeer('assemblyai', 'AssemblyAI', url, authentication, { ...options, ahead })
}

function serverPeer(url: URL, options: ResolvedDiarizeOptions, ahead: ConnectionAhead | undefined): Peer {
  const { apiKey, token } = options
  const authentication = { ...(apiKey !== undefined && { apiKey }), ...(token !== undefined && { token }) }
  const peer = remotePeer('server', url.host, url, authentication, { ...options, ahead })
  if (url.protocol === 'ws:' && !isLoopback(url)) {
    peer.warnings.push({
      code: 'UNENCRYPTED',
      message: `audio${(apiKey ?? token) ? ' and credentials' : ''} go to ${url.host} unencrypted; use wss:// where the network is not yours`,
    })
  }
  return peer
}

function remotePeer(
  kind: PeerKind,
  name: string,
  url: URL,
  authentication: AuthenticationOptions,
  { agent, ca, ahead }: ResolvedDiarizeOptions & { ahead: ConnectionAhead | undefined },
): Peer {
  return {
    kind,
    name,
    url: url.href,
    warnings: [],
    async target(query) {
      const { headers, query: secretQuery, secrets } = await credentials(authentication)
      const address = new URL(url)
      address.search = new URLSearchParams([...query, ...Object.entries(secretQuery)]).toString()
      // An agent makes connections as it likes.
      const proxy = agent === undefined ? proxyFor(url) : undefined
      return {
        url: address.href,
        headers,
        secrets,
        ...(agent && { agent }),
        ...(ca && { ca }),
        ...(proxy && { proxy }),
        ...(ahead && { ahead }),
      }
    },
    failure: () => undefined,
    explained: (error) => error,
    close: () => Promise.resolve(),
  }
}

/** Runs `engine` behind the strict server, in the memory of this process. */
async function embeddedPeer(engine: Engine): Promise<Peer> {
  const { serveInMemory } = await import('../server/in-memory.ts')
  let failure: DiarizeStreamError | undefined
  // The wire carries only a close code and a text; this keeps the engine's own error for the user.
  const told = (error: unknown, retryable: boolean): DiarizeStreamError => {
    if (error instanceof DiarizeStreamError) return error
    const message = `the ${engine.name} engine failed: ${String(error)}`
    return new EngineError('ENGINE_FAILED', message, { cause: error, retryable })
  }
  const remember = (error: unknown): void => {
    failure ??= told(error, false)
  }
  // Another session may do better.
  let trouble: DiarizeStreamError | undefined
  const note = (error: unknown): void => {
    trouble = told(error, true)
  }
  const server = serveInMemory({
    name: engine.name,
    sampleRate: engine.sampleRate,
    fasterThanRealTime: engine.fasterThanRealTime,
    ...(engine.model === undefined ? {} : { model: engine.model }),
    async open(settings, listener) {
      const noted: EngineListener = {
        ...listener,
        failed(error) {
          remember(error)
          listener.failed(error)
        },
      }
      // What is no report fails the session; another one may do better.
      const wrong = (error: unknown): void => {
        note(error)
        listener.failed(toError(error))
      }
      try {
        const session: unknown = await engine.open(settings, checkedListener(engine.name, noted, wrong))
        if (!isSession(session)) throw new TypeError('open() has to resolve to an object with the method write()')
        trouble = undefined
        return noting(session, note)
      } catch (error) {
        remember(error)
        throw error
      }
    },
  })
  const url = `embedded:${encodeURIComponent(engine.name)}`
  return {
    kind: 'embedded',
    name: engine.name,
    url,
    warnings: [],
    target: (query) =>
      Promise.resolve({
        url: `${url}?${query.toString()}`,
        headers: {},
        secrets: [],
        accept: (client) => server.accept(query, client),
      }),
    ...(engine.model === undefined ? {} : { model: engine.model }),
    failure: () => failure,
    explained: (error) => (hasFailed(error) ? (trouble ?? error) : error),
    close: () => server.close(),
  }
}

function isSession(value: unknown): value is EngineSession {
  return typeof (value as Partial<EngineSession> | null | undefined)?.write === 'function'
}

/** Whether the wire tells that the engine of a session has failed. */
function hasFailed(error: Error): boolean {
  return error instanceof SessionError && error.code === 'SERVER_ERROR'
}

/** A session of an engine that has what its methods fail with noted, until it is destroyed. */
function noting(session: EngineSession, note: (error: unknown) => void): EngineSession {
  let isDestroyed = false
  const noted = async (call: () => Promise<void>): Promise<void> => {
    try {
      await call()
    } catch (error) {
      if (!isDestroyed) note(error)
      throw error
    }
  }
  return {
    write: (samples) => noted(() => session.write(samples)),
    forceEndpoint: () => noted(() => session.forceEndpoint()),
    configure(update) {
      try {
        session.configure(update)
      } catch (error) {
        note(error)
        throw error
      }
    },
    end: () => noted(() => session.end()),
    destroy() {
      isDestroyed = true
      return session.destroy()
    },
  }
}

/** What looks after the sessions: those of the stream, or those of each of its channels. */
export type Supervision = Supervisor | ChannelSupervisor | ParallelSupervisor

export type SupervisionEnd = TerminationMessage & OfChannel

export interface SupervisionPeer {
  /** Address and fresh credentials for one more session. */
  connect: () => Promise<SessionTarget>
  /** The error behind a session that the engine itself broke. */
  failure: () => Error | undefined
  /** The error behind one that the wire tells of a session, where it is known. */
  explained: (error: Error) => Error
  /** Where the stream goes on that another process began. */
  start?: StreamStart | undefined
  /** Is told by which model voices are made. */
  madeBy: (model: SpeakerModelIdentity) => Promise<void>
}

/** Makes what looks after the sessions, for frames of `frameBytes` bytes. */
export function supervision(
  options: ResolvedDiarizeOptions,
  { channels, parallel }: Loaded,
  input: DiarizeInput,
  frameBytes: number,
  peer: SupervisionPeer,
): Supervision {
  const { format } = input
  const ofLive = liveSettings(options, input.live)
  // Voices are made of samples.
  const hearsVoices = options.speakerLabels && options.voices !== false && input.preSkip === undefined
  const one = {
    ...options,
    ...peer,
    rate: (begin: BeginMessage) => paceOf(options.pace, begin),
    ...framesOf(input, frameBytes),
    retries: options.retries ?? RETRIES,
    firstRetries: options.retries ?? FIRST_RETRIES,
    terminationTimeout:
      options.terminationTimeout ?? (peerKind(options) === 'embedded' ? OWN_TERMINATION_MS : TERMINATION_MS),
    ...ofLive,
    ...meterOf(options, ofLive.live),
    awaitFormatted: options.formatTurns === true,
    voices: hearsVoices ? voiceSource(format, options, peer) : undefined,
  }
  const settings = channelSettings(options)
  if (parallel !== undefined) {
    if (one.live) throw invalidPipeline()
    return new parallel.ParallelSupervisor({
      parallel: options.parallel!,
      format,
      frameBytes,
      overlap: options.overlap,
      serverLabels: options.serverLabels,
      hearsVoices: one.voices !== undefined,
      supervise: (isFirst) =>
        new Supervisor({
          ...one,
          keepAlive: false,
          pending: () => Buffer.alloc(0),
          firstRetries: isFirst ? one.firstRetries : one.retries,
        }),
    })
  }
  if (settings === undefined || channels === undefined) return new Supervisor(one)
  return new channels.ChannelSupervisor({
    settings,
    format,
    frameBytes,
    speakerLabels: options.speakerLabels,
    maxReplay: options.maxReplay,
    partials: options.includePartialTurns !== false && options.redactPii !== true,
    start: peer.start,
    supervise: (name, channel, start) =>
      new Supervisor({ ...one, start, channel: name, pending: () => input.pendingOf(channel) }),
  })
}

/** Voices of audio whose channels have `format`, by the speaker model on this machine. */
function voiceSource(
  { sampleRate, encoding }: AudioFormat,
  { voices: book }: ResolvedDiarizeOptions,
  { madeBy }: SupervisionPeer,
): VoiceSource {
  const isBook = typeof book === 'object'
  return {
    isWanted: isBook,
    async open() {
      const { openEmbedder } = await import('../engine/voices/embedder.ts')
      const embedder = await openEmbedder({ model: isBook ? book.speakerModel : undefined })
      try {
        await madeBy(embedder.model)
      } catch (error) {
        await embedder.close()
        throw error
      }
      return embedder
    },
    samplesOf: (frames) => samplesAt16k(frames, { sampleRate, encoding, channels: 1 }),
  }
}

/** What frames are: samples, or packets of Opus, of which a session gets a stream of its own. */
function framesOf(
  input: DiarizeInput,
  frameBytes: number,
): Pick<SupervisorOptions, 'frameMs' | 'silentFrame' | 'wire' | 'pending' | 'isQuiet'> {
  const { format, preSkip } = input
  const pending = (): Buffer => input.pending
  if (preSkip !== undefined) {
    return {
      frameMs: OPUS_FRAME_MS,
      silentFrame: silentOpusFrame,
      wire: () => opusWire(preSkip),
      pending,
      isQuiet: () => false,
    }
  }
  const silentFrame = input.silence(frameBytes / format.channels)
  const isQuiet = (audio: Buffer): boolean => levelOf(audio, format.encoding) < SPEECH_LEVEL
  return { frameMs: bytesToMs(frameBytes, format), silentFrame, pending, isQuiet }
}

/** Mean square, of full scale, of sound in which somebody may speak: -45 dB. */
const SPEECH_LEVEL = 3e-5

function levelOf(audio: Buffer, encoding: AudioFormat['encoding']): number {
  const samples = decodeSamples(audio, encoding)
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length)
}

/** What sessions are counted by: an engine in this process takes any number. */
function meterOf(options: ResolvedDiarizeOptions, live: boolean): Pick<SupervisorOptions, 'meter' | 'admission'> {
  const kind = peerKind(options)
  if (kind === 'embedded') return {}
  if (options.admission !== undefined) return { admission: options.admission }
  // An account is the same in all data zones.
  const place = kind === 'server' ? serverUrl(options.url!).host : kind
  const key = options.apiKey ?? options.token ?? (kind === 'server' ? undefined : environmentKey())
  return { meter: () => useMeter(place, key, { live, perMinute: options.sessionRate }) }
}

/** Whether parts of the audio are heard at the same time; the engine on this machine has no more than its processors. */
export function hearsInParallel(options: ResolvedDiarizeOptions): boolean {
  return (options.parallel ?? 1) > 1 && peerKind(options) !== 'embedded'
}

function invalidPipeline(): ConfigurationError {
  const message = 'parallel is for finished recordings, and the source is live: leave parallel out'
  return new ConfigurationError('INVALID_PIPELINE', message)
}

/** Ms of audio per ms; `Infinity` for no pace. */
function paceOf(pace: ResolvedDiarizeOptions['pace'], begin: BeginMessage): number {
  if (typeof pace === 'number') return pace
  if (pace === 'auto') return begin.configuration?.faster_than_real_time === true ? Infinity : 1
  return pace === 'realtime' ? 1 : Infinity
}
