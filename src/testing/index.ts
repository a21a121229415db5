export { faultServer, type FaultServer, type FaultServerEvents, type FaultServerOptions } from './fault-server.ts'
export type { FaultPlan } from './fault-server.ts'
export type { FaultDetails } from './faults.ts'
export type { FaultConnection } from './fault-server.ts'
export type { Fault, FaultName } from './faults.ts'
export {
  scriptedEngine,
  type ScriptedEngine,
  type ScriptedEngineOptions,
  type ScriptedEvent,
  type ScriptedSession,
} from './scripted-engine.ts'
export type { ScriptedTurn, ScriptedWord } from './scripted-engine.ts'
export { relabelled } from './relabelled.ts'
export { seededRandom } from './random.ts'
export { TONE_MIN_GAP_MS, toneAudio, toneNumber, toneSpeech, toneText, type ToneWord } from './tone-audio.ts'
export { TONE_RATE, TONE_WORD_MS } from './tone-audio.ts'
export { toneEngine, type ToneEngine, type ToneEngineOptions } from './tone-engine.ts'
export { toneScript, type ToneScriptOptions } from './tone-audio.ts'
export {
  httpFaultServer,
  type HttpFaultServer,
  type HttpFaultServerOptions,
  type HttpRequestRecord,
  type HttpServed,
} from './http-fault-server.ts'
export type { HttpFault, HttpFaultName, HttpFaultPlan } from './http-fault-server.ts'
export {
  rtspFaultServer,
  type RtspFaultServer,
  type RtspFaultServerEvents,
  type RtspFaultServerOptions,
} from './rtsp-fault-server.ts'
export type { RtspFault, RtspFaultPlan } from './rtsp-fault-server.ts'
export type { RtspConnection } from './rtsp-fault-server.ts'
export type { RtspCodec } from './rtsp-fault-server.ts'
