import { type Check, checkKnown, integer, invalidOption, string } from '../../options.ts'
import { faultName } from '../faults.ts'
import { planOf as planOfOne } from '../planned-server.ts'

/** The requests that the API knows. */
export type PrerecordedOperation = 'upload' | 'create' | 'poll' | 'list' | 'delete'

const operations: readonly PrerecordedOperation[] = ['upload', 'create', 'poll', 'list', 'delete']

/**
 * What a {@link prerecordedServer} can do wrong with a request.
 *
 * - `none`: does nothing wrong: a good server.
 * - `status`: answers with `status` and `message`, and does nothing.
 * - `drop`: resets the connection after `afterBytes` of the request's body, and does nothing.
 * - `loseAnswer`: does what it was asked to, and resets the connection instead of an answer.
 * - `hang`: takes the request and never answers.
 * - `stall`: takes `afterBytes` of an upload, then nothing more.
 * - `slow`: takes an upload slowly, `bytesPerSecond`.
 * - `garbage`: answers with what is no JSON.
 * - `endless`: sends an answer that never ends.
 * - `failed`: for `create`: the transcript ends in `status: 'error'`, with `message`.
 * - `neverReady`: for `create`: the transcript is never ready.
 * - `cutShort`: for `create`: only the first `heardMs` of the audio are heard.
 */
export type PrerecordedFaultName =
  | 'none'
  | 'status'
  | 'drop'
  | 'loseAnswer'
  | 'hang'
  | 'stall'
  | 'slow'
  | 'garbage'
  | 'endless'
  | 'failed'
  | 'neverReady'
  | 'cutShort'

const faultNames: readonly PrerecordedFaultName[] = [
  'none',
  'status',
  'drop',
  'loseAnswer',
  'hang',
  'stall',
  'slow',
  'garbage',
  'endless',
  'failed',
  'neverReady',
  'cutShort',
]

/** One fault of one request. */
export interface PrerecordedFault {
  /** Which fault; see {@link PrerecordedFaultName}. */
  fault: PrerecordedFaultName
  /** HTTP status of `status`. @defaultValue 500 */
  status?: number
  /** What `status` and `failed` say. @defaultValue a text of the server's */
  message?: string
  /** Seconds in the header `Retry-After` of `status`. @defaultValue none */
  retryAfter?: number
  /** Bytes of the body that `drop` and `stall` take. @defaultValue 0 */
  afterBytes?: number
  /** Bytes a second of `slow`. @defaultValue 1000000 */
  bytesPerSecond?: number
  /** Milliseconds of the audio that `cutShort` hears. @defaultValue 1000 */
  heardMs?: number
}

/**
 * Which request gets which fault: for each kind, one for all, or a list, after whose end all is well; or a function of the
 * number of the request among those of its kind, from 0, and the kind.
 */
export type PrerecordedFaultPlan =
  | Partial<Record<PrerecordedOperation, PrerecordedFault | readonly PrerecordedFault[]>>
  | ((index: number, operation: PrerecordedOperation) => PrerecordedFault)

export const faultChecks: Readonly<Record<string, Check>> = {
  fault: faultName(faultNames),
  status: integer(300, 599),
  message: string(0),
  retryAfter: integer(0, undefined, 'seconds'),
  afterBytes: integer(0, undefined, 'bytes'),
  bytesPerSecond: integer(1, undefined, 'bytes a second'),
  heardMs: integer(0, undefined, 'ms'),
}

/** A plan as a function; faults that are known already are checked at once. */
export function planOf(
  plan: PrerecordedFaultPlan,
): (index: number, operation: PrerecordedOperation) => PrerecordedFault {
  if (typeof plan === 'function') return plan
  if (typeof plan !== 'object' || plan === null) throw invalidOption('faults', 'an object or a function', plan)
  checkKnown('faults', plan, operations)
  const plans = Object.entries(plan).map(([operation, own]) => [operation, planOfOne(own, faultChecks)] as const)
  const faultOf = new Map<string, (index: number) => PrerecordedFault>(plans)
  return (index, operation) => faultOf.get(operation)?.(index) ?? { fault: 'none' }
}
