import { checkKnown, checkNumber, checkOneOf } from '../options.ts'

const names = ['none', 'refuse', 'mute', 'status', 'unauthorized', 'drop', 'stall'] as const

/** How a connection to an {@link rtspFaultServer} goes wrong. */
export interface RtspFault {
  /**
   * `none`; `refuse`: closed as soon as it is made; `mute`: never an answer; `status`: the stream is asked for and
   * answered by `status`; `unauthorized`: no password is right; `drop`: closed after `afterMs` of audio; `stall`: silent
   * after `afterMs` of audio, and still open.
   */
  fault: (typeof names)[number]
  /** Ms of audio before it strikes. @defaultValue `1000` */
  afterMs?: number
  /** Status of the answer, e.g. 503 or 404. @defaultValue `503` */
  status?: number
}

/** Which connection gets which fault: all the same; or a list, after which all is well; or a function of its number, from 0. */
export type RtspFaultPlan = RtspFault | readonly RtspFault[] | ((index: number) => RtspFault)

/**
 * A plan as a function; faults that are known already are checked at once.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function rtspPlanOf(plan: RtspFaultPlan): (index: number) => Required<RtspFault> {
  if (typeof plan === 'function') return (index) => check(plan(index))
  if ('fault' in plan) {
    const only = check(plan)
    return () => only
  }
  const list = plan.map(check)
  return (index) => list[index] ?? check({ fault: 'none' })
}

function check(fault: RtspFault): Required<RtspFault> {
  checkKnown('a fault', fault, ['fault', 'afterMs', 'status'])
  checkOneOf('fault', fault.fault ?? null, names)
  checkNumber('afterMs', fault.afterMs, 0, 86_400_000, 'ms')
  checkNumber('status', fault.status, 300, 599)
  return { afterMs: 1000, status: 503, ...fault }
}
