import type { BeginMessage, TerminationMessage } from '../assemblyai/messages.ts'
import type { SessionTarget } from '../assemblyai/session-error.ts'
import { Supervisor } from '../assemblyai/supervisor.ts'
import { bytesToMs } from '../audio/format.ts'
import { channelSettings } from './channels/channel-options.ts'
import { ChannelSupervisor } from './channels/channel-supervisor.ts'
import type { OfChannel } from './diarize-events.ts'
import type { DiarizeInput } from './diarize-input.ts'
import { liveSettings, type ResolvedDiarizeOptions } from './diarize-options.ts'
import { peerKind } from './diarize-peer.ts'

const RETRIES = 10
/** After the last audio: a service has the last words at once. */
const TERMINATION_MS = 15_000
/** The engine on this machine may have half a minute of speech to decode, on a machine that is slow. */
const OWN_TERMINATION_MS = 150_000
/** Before anything ever worked, a mistake is likelier than an outage. */
const FIRST_RETRIES = 2

/** What looks after the sessions: those of the stream, or those of each of its channels. */
export type Supervision = Supervisor | ChannelSupervisor

/** How the last session ended, or that of one channel. */
export type SupervisionEnd = TerminationMessage & OfChannel

/** How sessions are reached. */
export interface SupervisionPeer {
  /** Address and fresh credentials for one more session. */
  connect: () => Promise<SessionTarget>
  /** The error behind a session that the engine itself broke. */
  failure: () => Error | undefined
}

/** Makes what looks after the sessions, for frames of `frameBytes` bytes. */
export function supervision(
  options: ResolvedDiarizeOptions,
  input: DiarizeInput,
  frameBytes: number,
  peer: SupervisionPeer,
): Supervision {
  const { format } = input
  const one = {
    ...options,
    ...peer,
    rate: (begin: BeginMessage) => paceOf(options.pace, begin),
    frameMs: bytesToMs(frameBytes, format),
    silentFrame: input.silence(frameBytes / format.channels),
    pending: () => input.pending,
    retries: options.retries ?? RETRIES,
    firstRetries: options.retries ?? FIRST_RETRIES,
    terminationTimeout:
      options.terminationTimeout ?? (peerKind(options) === 'embedded' ? OWN_TERMINATION_MS : TERMINATION_MS),
    ...liveSettings(options, input.live),
    awaitFormatted: options.formatTurns === true,
  }
  const settings = channelSettings(options)
  if (settings === undefined) return new Supervisor(one)
  return new ChannelSupervisor({
    settings,
    format,
    frameBytes,
    speakerLabels: options.speakerLabels,
    maxReplay: options.maxReplay,
    partials: options.includePartialTurns !== false && options.redactPii !== true,
    supervise: (name, channel) => new Supervisor({ ...one, channel: name, pending: () => input.pendingOf(channel) }),
  })
}

/** Ms of audio per ms; `Infinity` for no pace. */
function paceOf(pace: ResolvedDiarizeOptions['pace'], begin: BeginMessage): number {
  if (typeof pace === 'number') return pace
  if (pace === 'auto') return begin.configuration?.faster_than_real_time === true ? Infinity : 1
  return pace === 'realtime' ? 1 : Infinity
}
