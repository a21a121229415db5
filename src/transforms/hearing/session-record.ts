import { defined } from '../../options.ts'
import type { BeginMessage } from '../../protocol/messages.ts'
import { toQuery } from '../../protocol/parameters.ts'
import { oneLine } from '../../redact.ts'
import type { SessionChange } from '../../stream/options.ts'
import type { SessionRecord } from '../diarize-events.ts'
import type { DiarizeInput } from '../diarize-input.ts'
import type { ResolvedDiarizeOptions } from '../diarize-options.ts'
import type { Peer } from './peer.ts'

/** The model that is asked for. The embedded engine has one, whatever the default of the service is. */
function askedModel({ speechModel }: ResolvedDiarizeOptions, peer: Peer): string {
  return peer.model ?? speechModel
}

/** What a session is asked for. */
export function sessionQuery(options: ResolvedDiarizeOptions, peer: Peer, input: DiarizeInput): URLSearchParams {
  const parameters = {
    ...options,
    // The engine on this machine says what language it hears at no cost.
    ...(peer.kind === 'embedded' && { languageDetection: options.languageDetection ?? true }),
    speechModel: askedModel(options, peer),
    sampleRate: input.format.sampleRate,
    ...(input.preSkip !== undefined && { encoding: 'ogg_opus' as const }),
  }
  return toQuery(parameters, options.query)
}

/** What is told of a session. @param streamStartedAt - wall time of millisecond 0 of the stream, where that is known. */
export function sessionRecord(
  { begin, beganAt, offset, speakers, channel }: SessionChange,
  options: ResolvedDiarizeOptions,
  peer: Peer,
  streamStartedAt: Date | undefined,
): SessionRecord {
  return {
    sessionId: begin.id,
    engine: peer.kind,
    name: peer.name,
    model: begin.configuration?.model ?? askedModel(options, peer),
    url: peer.url,
    offset,
    speakers,
    startedAt: beganAt.toISOString(),
    ...(streamStartedAt !== undefined && { streamStartedAt: streamStartedAt.toISOString() }),
    ...defined({ channel }),
    ...(begin.expires_at > 0 && { expiresAt: new Date(begin.expires_at * 1000).toISOString() }),
  }
}

/** What a server says of a session that is not as it was asked for. */
export function mismatches(
  { configuration = {} }: BeginMessage,
  options: ResolvedDiarizeOptions,
  peer: Peer,
): string[] {
  const { model, speaker_labels: labels } = configuration
  const asked = askedModel(options, peer)
  const found: string[] = []
  if (model && model !== asked) found.push(`asked for the model ${asked}, but the server runs ${oneLine(model, 100)}`)
  if (typeof labels === 'boolean' && labels !== options.speakerLabels) {
    found.push(`the server says that speaker labels are ${labels ? 'on' : 'off'}`)
  }
  return found
}
