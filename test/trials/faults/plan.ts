import type { Fault, FaultConnection } from '../../../src/testing/index.ts'
import type { Random } from '../random.ts'

/** When a fault does its harm. */
type Phase =
  /** Before the session begins. */
  | 'connect'
  /** It ends the session, at a point drawn for it. */
  | 'break'
  /** It does no harm by itself; the harness cuts the connection some time later, so that others get their turn. */
  | 'nuisance'
  /** Only when the session is ended. */
  | 'end'

/** A fault as drawn, and what the harness must know of it. */
export interface PlannedFault {
  fault: Fault
  phase: Phase
  /** Milliseconds of audio after which the harness cuts the connection itself. */
  cutAfterMs?: number
  /** Whether it goes on with the fault before, and does not count as one more. */
  repeated?: boolean
}

type Draw = (random: Random) => Fault

/** When in a session a fault happens: by audio, by finals, or by the clock. */
function when(random: Random): Pick<Fault, 'afterMs' | 'afterFinals' | 'afterWallMs'> {
  return random.weighted<() => ReturnType<typeof when>>([
    [7, () => ({ afterMs: random.chance(0.1) ? 0 : random.spread(100, 40_000) })],
    [2, () => ({ afterFinals: random.integer(1, 6) })],
    [1, () => ({ afterWallMs: random.integer(1, 120) })],
  ])()
}

const INACTIVE = 'Session terminated due to inactivity: No messages received for 5 seconds'

/** Faults before Begin. */
const connecting: readonly (readonly [number, Draw])[] = [
  [3, (random) => ({ fault: 'http-error', status: random.pick([429, 500, 502, 503, 504]), body: 'no' })],
  [2, () => ({ fault: 'no-upgrade' })],
  [2, () => ({ fault: 'reset-upgrade' })],
  [2, (random) => ({ fault: 'late-upgrade', delayMs: random.integer(1, 300) })],
  [2, () => ({ fault: 'no-begin' })],
  [3, (random) => ({ fault: 'late-begin', delayMs: random.integer(1, 300) })],
  [3, (random) => ({ fault: 'refuse', code: random.pick([1011, 1012, 1013, 3005, 3008]) })],
]

/** Faults that end a session. */
const breaking: readonly (readonly [number, Draw])[] = [
  [8, (random) => ({ fault: 'drop', ...when(random) })],
  [6, (random) => ({ fault: 'reset', ...when(random) })],
  [
    5,
    (random) => ({
      fault: 'close',
      code: random.pick([1000, 1001, 1006, 1011, 1012, 1013, 3005, 3008, 3009, 4000]),
      ...when(random),
      ...(random.chance(0.2) ? { text: 'going away' } : {}),
    }),
  ],
  [5, (random) => ({ fault: 'error', code: random.pick([1011, 1012, 1013, 3005, 3008]), ...when(random) })],
  [1, (random) => ({ fault: 'error', code: 3006, text: INACTIVE, ...when(random) })],
  [2, (random) => ({ fault: 'unasked-termination', ...when(random) })],
  [2, (random) => ({ fault: 'stall', ...when(random) })],
  [2, (random) => ({ fault: 'silence', ...when(random) })],
  [2, (random) => ({ fault: 'bad-frame', ...when(random) })],
  [2, (random) => ({ fault: 'bad-utf8', ...when(random) })],
  [1, (random) => ({ fault: 'oversized', bytes: 5_000_000, ...when(random) })],
  [2, (random) => ({ fault: 'error-without-close', ...when(random) })],
]

/** Faults that a session must outlive. */
const nuisances: readonly (readonly [number, Draw])[] = [
  [3, (random) => ({ fault: 'garbage', ...when(random) })],
  [3, (random) => ({ fault: 'unknown-message', ...when(random) })],
  [2, (random) => ({ fault: 'binary', ...when(random) })],
  [2, (random) => ({ fault: 'stall', forMs: random.integer(20, 200), ...when(random) })],
  [2, (random) => ({ fault: 'fragment', bytes: random.spread(1, 200) })],
  [2, (random) => ({ fault: 'small-writes', bytes: random.integer(20, 400), delayMs: 1 })],
  [2, (random) => ({ fault: 'delay', delayMs: random.integer(1, 60) })],
  [2, () => ({ fault: 'double-final' })],
  [2, () => ({ fault: 'early-revision' })],
  [1, (random) => ({ fault: 'slow-reader', rate: random.integer(100, 400) })],
]

/** Faults that happen when the client has sent Terminate. */
const ending: readonly (readonly [number, Draw])[] = [
  [1, () => ({ fault: 'empty-final' })],
  [2, () => ({ fault: 'no-termination' })],
  [2, () => ({ fault: 'close-without-termination' })],
  [2, () => ({ fault: 'drop', afterTerminate: true })],
  [1, () => ({ fault: 'reset', afterTerminate: true })],
  [1, (random) => ({ fault: 'close', code: random.pick([1001, 1011, 3008]), afterTerminate: true })],
  [1, (random) => ({ fault: 'error', code: random.pick([1011, 3005]), afterTerminate: true })],
  [1, () => ({ fault: 'stall', afterTerminate: true })],
  [1, () => ({ fault: 'silence', afterTerminate: true })],
]

/** Sessions that say in Begin that they will be short: a client changes over before, or is thrown out. */
const expiring: readonly (readonly [number, Draw])[] = [
  [3, (random) => ({ fault: 'expire', lifetimeMs: random.integer(500, 2000) })],
  [1, (random) => ({ fault: 'bare-expire', lifetimeMs: random.integer(500, 2000) })],
]

/** Faults after which a client must wait two seconds before it tries again: rare, or the benchmark would only wait. */
const tooMany: readonly Draw[] = [
  (random) => ({ fault: 'refuse', code: random.pick([1008, 3009]) }),
  (random) => ({ fault: 'error', code: 3009, ...when(random) }),
]

/** What a plan is drawn for. */
export interface PlanSettings {
  /** Probability that a connection is refused for too many sessions. */
  tooMany: number
  /** Probability that a session is a short one. */
  expire: number
  /** Probability that a fault at the end of the session is drawn. */
  end: number
  /** Whether faults that end a session before its time are drawn. */
  breaks: boolean
}

/** Draws the fault of one connection. */
export function drawFault(random: Random, settings: PlanSettings): PlannedFault {
  if (random.chance(settings.tooMany)) {
    const fault = random.pick(tooMany)(random)
    return { fault, phase: fault.fault === 'refuse' ? 'connect' : 'break' }
  }
  if (random.chance(settings.expire)) return { fault: random.weighted(expiring)(random), phase: 'end' }
  if (random.chance(settings.end)) return { fault: random.weighted(ending)(random), phase: 'end' }
  if (!settings.breaks) return { fault: random.weighted(nuisances)(random), phase: 'nuisance' }
  const phase = random.weighted<Phase>([
    [30, 'connect'],
    [50, 'break'],
    [15, 'nuisance'],
  ])
  if (phase === 'break') return { fault: random.weighted(breaking)(random), phase }
  const choices = phase === 'connect' ? connecting : nuisances
  // A connection that gets over its fault would go on to the end of the audio.
  return { fault: random.weighted(choices)(random), phase, cutAfterMs: random.spread(2000, 60_000) }
}

/** Whether a fault has struck on its connection; one of the connect phase always has. */
export function hasStruck({ fault, phase }: PlannedFault, connection: FaultConnection | undefined): boolean {
  if (phase === 'connect') return true
  if (connection === undefined) return false
  if (fault.fault === 'expire' || fault.fault === 'bare-expire') return connection.closeCode !== undefined
  if (phase === 'end') return connection.messages.some((text) => text.includes('"Terminate"'))
  const { afterMs = 0, afterFinals, afterWallMs } = fault
  // Those by finals or by the clock are the connection's last deed where they break it.
  if (afterFinals !== undefined || afterWallMs !== undefined) return connection.closeCode !== undefined
  return connection.receivedMs > 0 && connection.receivedMs >= afterMs
}
