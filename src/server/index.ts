export { serve, type StreamingServer } from './server.ts'
export type { StreamingServerEvents } from './connection.ts'
export type { KeyCheck } from './authentication.ts'
export type { ServerOptions } from './options.ts'
export type { TlsOptions } from './listener.ts'
export type { ReceivedMessage, ServerSession, SessionEnd } from './session.ts'
export type { ConnectionParameters } from '../protocol/parameters.ts'
export type { UnattributedLabel } from './outgoing.ts'
export { embeddedEngine, type EmbeddedEngineOptions } from '../engine/embedded.ts'
export type {
  Engine,
  EngineListener,
  EngineRevision,
  EngineSession,
  EngineSettings,
  EngineSettingsUpdate,
  EngineTurn,
  EngineWarning,
  EngineWord,
} from '../engine/engine.ts'
