/** Longest session of the service, ms. */
const LONGEST_MS = 3 * 3_600_000
/** The shortest that it can be asked for, ms; what the clock of this machine says of a shorter one says more of the clock. */
const SHORTEST_MS = 60_000
/** A date in a header is cut to the second. */
const DATE_STEP_MS = 1000

/** What a server's handshake tells of its clock: the header's date, and when it came by the clock of this machine; both ms. */
export interface ServerDate {
  date: number
  came: number
}

/**
 * How long a session that has just begun will last, by the clock of the server; `undefined` where that cannot be known. A
 * machine whose own clock is wrong would take a session of three hours for one that is over.
 *
 * @param expiresAt - what Begin says, as Unix time in ms; 0 or less for no expiry.
 * @param server - what the handshake told of the server's clock, if anything.
 * @param now - the time by the clock of this machine, Unix ms.
 */
export function sessionLife(expiresAt: number, server: ServerDate | undefined, now: number): number | undefined {
  if (expiresAt <= 0) return undefined
  if (server !== undefined) {
    const ahead = server.came - server.date
    const agree = ahead >= 0 && ahead < 2 * DATE_STEP_MS
    // Where the two agree, the one of this machine is exact.
    const life = agree ? expiresAt - now : expiresAt - (server.date + DATE_STEP_MS) - (now - server.came)
    return life > 0 ? life : undefined
  }
  const life = expiresAt - now
  return life >= SHORTEST_MS ? Math.min(life, LONGEST_MS) : undefined
}

/** When to open the session after one, and by when to change over to it. */
export interface RollOverTimes {
  start: number
  deadline: number
}

/**
 * The times for a session that lasts `life` ms from `now` on, on the clock of `now`.
 *
 * @param before - how long before its expiry the session after it is to be opened, ms.
 */
export function rollOverTimes(life: number | undefined, now: number, before: number): RollOverTimes {
  if (life === undefined) return { start: Infinity, deadline: Infinity }
  // A session that lives only a minute cannot spend five on its end: a quarter of its life is enough.
  const margin = Math.max(0, Math.min(before, life / 4))
  return { start: now + life - margin, deadline: now + life - margin / 4 }
}
