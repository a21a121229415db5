export { faultServer, type FaultServer, type FaultServerEvents, type FaultServerOptions } from './fault-server.ts'
export type { FaultConnection } from './faulty-connection.ts'
export type { Fault, FaultName } from './faults.ts'
export {
  scriptedEngine,
  type ScriptedEngine,
  type ScriptedEngineOptions,
  type ScriptedEvent,
  type ScriptedSession,
} from './scripted-engine.ts'
export type { ScriptedTurn, ScriptedWord } from './script.ts'
