export { serve, type StreamingServer, type StreamingServerEvents } from './server.ts'
export type { KeyCheck, ServerOptions } from './server.ts'
export type { TlsOptions } from './listener.ts'
export type { ReceivedMessage, ServerSession, SessionEnd } from './session.ts'
export type { ConnectionParameters } from './parameters.ts'
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
