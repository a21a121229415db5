import {
  CheckpointError,
  ConfigurationError,
  EngineError,
  FleetError,
  isAbortError,
  OutputError,
  SessionError,
} from '../errors.ts'
import type { RunSummary } from '../pipeline/progress.ts'

/** How the command ended, as its exit code. */
export const EXIT = {
  /** Everything was heard and written. */
  complete: 0,
  /** The output could not be written, or was cut off by a second Ctrl-C. */
  output: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The input is missing, damaged, or has no audio. */
  input: 3,
  /** The engine, the network or the service failed. */
  engine: 4,
  /** Written, but some audio was heard by nobody, or is missing in the input. */
  gaps: 5,
  /** Of several inputs, some failed. */
  someFailed: 6,
  /** Ended by Ctrl-C; what was heard until then is whole. */
  interrupted: 130,
} as const

type HeardFacts = Pick<RunSummary, 'gaps' | 'truncated'>

/** Whether some audio was heard by nobody, or is missing in the input. */
export function isPartial({ gaps, truncated }: HeardFacts): boolean {
  return gaps.length > 0 || truncated !== undefined
}

/** The exit code for a run that succeeded. */
export function exitCodeFor(summary: HeardFacts, interrupted: boolean): number {
  if (isPartial(summary)) return EXIT.gaps
  return interrupted ? EXIT.interrupted : EXIT.complete
}

export function exitCodeOf(error: unknown): number {
  if (isAbortError(error) || error instanceof OutputError) return EXIT.output
  if (error instanceof ConfigurationError || error instanceof CheckpointError) return EXIT.usage
  const isElsewhere = error instanceof SessionError || error instanceof EngineError || error instanceof FleetError
  return isElsewhere ? EXIT.engine : EXIT.input
}

/** Whether an error means no more than that the reader of a pipe has gone, as after `| head -1`. */
export function isReaderGone(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  if (code === 'EPIPE') return true
  return error instanceof OutputError && cause !== undefined && isReaderGone(cause)
}

/** What a terminal, or whoever runs the command, ends it with. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The two ways in which the command can be ended from outside. */
export interface Interrupts {
  /** Fires at the first signal: the input is to end. */
  stop: AbortSignal
  /** Fires at the second: everything is to end. */
  abort: AbortSignal
}

/** Takes Ctrl-C and its like: first `stop`, which `say` tells of, then `abort`, then the end on the spot. */
export function interrupts(say: (line: string) => void): Interrupts {
  const stop = new AbortController()
  const abort = new AbortController()
  const onSignal = (): void => {
    if (abort.signal.aborted) endNow()
    if (stop.signal.aborted) return abort.abort()
    stop.abort()
    say('ending: the last words are still to come; once more stops at once')
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return { stop: stop.signal, abort: abort.signal }
}

/** What waits in a thread, as to write to a terminal that is held up, or for the address of a name. */
const IN_THREAD = /^(?:FSReq|GetAddrInfo)/

/** Ends the process whatever it waits for: Node waits for its threads, also where it is told to exit. */
function endNow(): never {
  process.once('exit', () => {
    if (process.getActiveResourcesInfo().some((name) => IN_THREAD.test(name))) process.kill(process.pid, 'SIGKILL')
  })
  process.exit(EXIT.output)
}
