/** What a terminal, or whoever runs the command, ends it with. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The two ways in which the command can be ended from outside. */
export interface Interrupts {
  /** Fires at the first signal: the input is to end. */
  stop: AbortSignal
  /** Fires at the second: everything is to end. */
  abort: AbortSignal
}

/**
 * Takes Ctrl-C and its like: the first fires `stop`, the second `abort`; the third ends the process on the spot.
 *
 * @param say - is told what a first signal does.
 */
export function interrupts(say: (line: string) => void): Interrupts {
  const stop = new AbortController()
  const abort = new AbortController()
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(1)
    if (stop.signal.aborted) return abort.abort()
    stop.abort()
    say('ending: the last words are still to come; once more stops at once')
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return { stop: stop.signal, abort: abort.signal }
}
