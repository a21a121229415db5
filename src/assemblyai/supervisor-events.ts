import type { Warning } from '../errors.ts'
import type { Turn } from '../model.ts'
import type { ServerMessage } from './messages.ts'
import type { Gap, ReconnectingRecord, SessionChange } from './supervisor-options.ts'

/** Events of a `Supervisor`. */
export interface SupervisorEvents {
  turn: [Turn]
  /** A session has taken over, or one more of its labels has been matched. */
  session: [SessionChange]
  reconnecting: [ReconnectingRecord]
  gap: [Gap]
  warning: [Warning]
  /** Any message that is no turn. */
  message: [ServerMessage & { channel?: string }]
}
