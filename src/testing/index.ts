export { faultServer, type FaultServer, type FaultServerEvents, type FaultServerOptions } from './fault-server.ts'
export type { Fault, FaultName, FaultPlan } from './faults.ts'
export type { FaultConnection, FaultDetails } from './faulty-connection.ts'
export type * from '../engine/engine.ts'
export type { TlsOptions } from '../server/listener.ts'
export type { UnattributedLabel } from '../server/outgoing.ts'
export {
  scriptedEngine,
  type ScriptedEngine,
  type ScriptedEngineOptions,
  type ScriptedEvent,
  type ScriptedSession,
  type ScriptedTurn,
  type ScriptedWord,
} from './scripted-engine.ts'
export type { FaultServerAddress, Plan, PlannedHttpServer, PlannedServer } from './planned-server.ts'
export {
  TONE_MIN_GAP_MS,
  TONE_RATE,
  TONE_WORD_MS,
  toneAudio,
  toneNumber,
  type ToneSign,
  toneSpeech,
  toneText,
  type ToneWord,
} from './tone-audio.ts'
export { toneEngine, type ToneEngine, type ToneEngineOptions } from './tone-engine.ts'
export {
  type HttpFault,
  type HttpFaultName,
  type HttpFaultPlan,
  httpFaultServer,
  type HttpFaultServer,
  type HttpFaultServerOptions,
  type HttpRequestRecord,
  type HttpServed,
} from './http-fault-server.ts'
export type {
  PrerecordedFault,
  PrerecordedFaultName,
  PrerecordedFaultPlan,
  PrerecordedOperation,
} from './prerecorded/faults.ts'
export {
  type PrerecordedRequest,
  prerecordedServer,
  type PrerecordedServer,
  type PrerecordedServerOptions,
} from './prerecorded/server.ts'
export type { PrerecordedTranscript } from './prerecorded/transcripts.ts'
export {
  type RtspFaultPlan,
  rtspFaultServer,
  type RtspFaultServer,
  type RtspFaultServerEvents,
  type RtspFaultServerOptions,
} from './rtsp-fault-server.ts'
export type { RtspCodec, RtspConnection, RtspFault } from './rtsp-connection.ts'
