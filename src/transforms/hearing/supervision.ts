import { type AudioFormat, bytesToMs } from '../../audio/format.ts'
import { OPUS_FRAME_MS, opusWire, silentOpusFrame } from '../../audio/opus-frames.ts'
import { meanSquare, samplesAt16k } from '../../audio/pcm.ts'
import { ConfigurationError } from '../../errors.ts'
import { environmentKey } from '../../protocol/endpoint.ts'
import type { BeginMessage, TerminationMessage } from '../../protocol/messages.ts'
import type { SupervisorOptions } from '../../stream/options.ts'
import { useMeter } from '../../stream/session-meter.ts'
import type { VoiceSource } from '../../stream/stream-voices.ts'
import { Supervisor } from '../../stream/supervisor.ts'
import type { SpeakerModelIdentity } from '../../voices/book.ts'
import { channelSettings } from '../channels/options.ts'
import type { ChannelSupervisor } from '../channels/supervisor.ts'
import type { OfChannel } from '../diarize-events.ts'
import type { DiarizeInput } from '../diarize-input.ts'
import { inParts, liveSettings, peerKind, remoteAddress, type ResolvedDiarizeOptions } from '../diarize-options.ts'
import type { ParallelSupervisor } from '../parallel.ts'

const RETRIES = 10
/** After the last audio: a service has the last words at once. */
const TERMINATION_MS = 15_000
/** The engine on this machine may have half a minute of speech to decode, on a machine that is slow. */
const OWN_TERMINATION_MS = 150_000
/** Before anything ever worked, a mistake is likelier than an outage. */
const FIRST_RETRIES = 2

/** What is loaded only for those who ask for it. */
export interface Loaded {
  channels?: typeof import('../channels/supervisor.ts')
  parallel?: typeof import('../parallel.ts')
  naming?: typeof import('../voices/speaker-naming.ts')
}

/** Loads what `options` need, and what a session over a socket needs, while the first audio is on its way. */
export async function load(options: ResolvedDiarizeOptions): Promise<Loaded> {
  // What goes wrong is told where it is needed.
  if (peerKind(options) !== 'embedded') import('../../session/web-socket.ts').catch(() => {})
  const naming = typeof options.voices === 'object' ? { naming: await import('../voices/speaker-naming.ts') } : {}
  if (options.channels !== undefined) return { ...naming, channels: await import('../channels/supervisor.ts') }
  return hearsInParallel(options) ? { ...naming, parallel: await import('../parallel.ts') } : naming
}

/** What looks after the sessions: those of the stream, or those of each of its channels. */
export type Supervision = Supervisor | ChannelSupervisor | ParallelSupervisor

export type SupervisionEnd = TerminationMessage & OfChannel

/** What is asked, and told, of the peer that sessions talk to. */
export type SupervisionPeer = Pick<SupervisorOptions, 'connect' | 'failure' | 'explained' | 'start'> & {
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
    frameMs: one.frameMs,
    silentFrame: one.silentFrame,
    speakerLabels: options.speakerLabels,
    maxReplay: options.maxReplay,
    partials: options.includePartialTurns !== false && options.redactPii !== true,
    start: peer.start,
    supervise: (channel, start) => new Supervisor({ ...one, start, pending: () => input.pendingOf(channel) }),
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
      const { openEmbedder } = await import('../../engine/voices/embedder.ts')
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
  const isQuiet = (audio: Buffer): boolean => meanSquare(audio, format.encoding) < SPEECH_LEVEL
  return { frameMs: bytesToMs(frameBytes, format), silentFrame, pending, isQuiet }
}

/** Mean square, of full scale, of sound in which somebody may speak: -45 dB. */
const SPEECH_LEVEL = 3e-5

/** What sessions are counted by: an engine in this process takes any number. */
function meterOf(options: ResolvedDiarizeOptions, live: boolean): Pick<SupervisorOptions, 'meter' | 'admission'> {
  const kind = peerKind(options)
  if (kind === 'embedded') return {}
  if (options.admission !== undefined) return { admission: options.admission }
  // An account is the same in all data zones.
  const place = kind === 'server' ? remoteAddress(options).host : kind
  const key = options.apiKey ?? options.token ?? (kind === 'server' ? undefined : environmentKey())
  return { meter: () => useMeter(place, key, { live, perMinute: options.sessionRate }) }
}

/** Whether parts of the audio are heard at the same time; the engine on this machine has no more than its processors. */
export function hearsInParallel(options: ResolvedDiarizeOptions): boolean {
  return inParts(options) && peerKind(options) !== 'embedded'
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
