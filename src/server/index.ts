export { serve, type StreamingServer } from './server.ts'
export type { StreamingServerEvents } from './connection.ts'
export type { KeyCheck } from './authentication.ts'
export type { ServerOptions } from './options.ts'
export type { TlsOptions } from './listener.ts'
export type { ReceivedMessage, ServerSession, SessionEnd } from './session.ts'
export type { ConnectionParameters } from '../protocol/parameters.ts'
export type { UnknownModels } from '../protocol/models.ts'
export type { UnattributedLabel } from './outgoing.ts'
export { embeddedEngine, type EmbeddedEngineOptions } from '../engine/embedded.ts'
export type * from '../engine/engine.ts'
export type {
  BeginConfiguration,
  BeginMessage,
  ErrorMessage,
  HeartbeatMessage,
  LlmGatewayResponseMessage,
  ServerMessage,
  SilenceMessage,
  SpeakerRevisionMessage,
  SpeechStartedMessage,
  TerminationMessage,
  TurnMessage,
  TurnRevision,
  UnrecognizedSpeechMessage,
  WarningMessage,
  WordMessage,
} from '../protocol/messages.ts'
