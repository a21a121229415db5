import { checkBoolean, checkInteger, checkKnown, checkNumber, checkOneOf, checkString } from '../options.ts'
import { faults, type Fault } from './faults.ts'

/**
 * Which connection gets which fault: one for every connection; or a list, whose first fault the first connection gets,
 * and so on, and those after the last get a good server; or a function of the number of the connection, from 0. Upgrades
 * that are never answered count as well.
 */
export type FaultPlan = Fault | readonly Fault[] | ((index: number) => Fault)

const healthy: Fault = { fault: 'none' }

/** A plan as a function; faults that are known already are checked at once. */
export function planOf(plan: FaultPlan): (index: number) => Fault {
  if (typeof plan === 'function') return (index) => checkFault(plan(index))
  if ('fault' in plan) {
    checkFault(plan)
    return () => plan
  }
  plan.forEach(checkFault)
  return (index) => plan[index] ?? healthy
}

const fields = [
  'fault',
  'afterMs',
  'afterWallMs',
  'afterFinals',
  'afterTerminate',
  'forMs',
  'delayMs',
  'lifetimeMs',
  'rate',
  'code',
  'text',
  'status',
  'body',
  'bytes',
]

const DAY = 86_400_000

function checkFault(fault: Fault): Fault {
  checkKnown('a fault', fault, fields)
  checkOneOf('fault', fault.fault ?? null, Object.keys(faults))
  checkNumber('afterMs', fault.afterMs, 0, Infinity, 'ms')
  checkNumber('afterWallMs', fault.afterWallMs, 0, DAY, 'ms')
  checkInteger('afterFinals', fault.afterFinals, 0)
  checkBoolean('afterTerminate', fault.afterTerminate)
  checkNumber('forMs', fault.forMs, 0, DAY, 'ms')
  checkInteger('delayMs', fault.delayMs, 0, 3_600_000, 'ms')
  checkNumber('lifetimeMs', fault.lifetimeMs, 0, DAY, 'ms')
  checkNumber('rate', fault.rate, 0.001, 1000)
  checkInteger('code', fault.code, 1000, 4999)
  checkString('text', fault.text, 0)
  checkInteger('status', fault.status, 200, 599)
  checkString('body', fault.body, 0)
  checkInteger('bytes', fault.bytes, fault.fault === 'oversized' ? 0 : 1, 268_435_456, 'bytes')
  return fault
}
