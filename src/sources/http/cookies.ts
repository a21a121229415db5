import type { Cookie, parseCookie } from 'undici'

/** Most cookies that are kept, and bytes of the longest, as browsers have it at least (RFC 6265, 6.1). */
const MOST_COOKIES = 50
const MOST_COOKIE_BYTES = 4096

/** A cookie that is kept. */
interface KeptCookie {
  name: string
  value: string
  origin: string
  /** Where the paths begin for which it is. */
  path: string
  /** Ms of `Date.now()` until which it counts. */
  until: number
}

/**
 * The cookies of one source, while it lasts: a server may give with a redirect or a playlist what it wants to see with each
 * segment. Whoever has set one gets it back, and no other origin, whatever its `Domain` says.
 */
export class CookieJar {
  /** Those first that have not been sent or set for the longest. */
  #kept: KeptCookie[] = []

  /**
   * Takes what an answer sets.
   *
   * @param parse - of undici.
   */
  take({ origin, pathname }: URL, lines: readonly string[], parse: typeof parseCookie): void {
    for (const line of lines) {
      const cookie = parse(line)
      if (cookie === null || cookie.name === '' || cookie.name.length + cookie.value.length > MOST_COOKIE_BYTES)
        continue
      const { name, value } = cookie
      // Without a path it is for the folder of what has set it.
      const path =
        cookie.path?.startsWith('/') === true ? cookie.path : pathname.slice(0, pathname.lastIndexOf('/') + 1)
      this.#kept = this.#kept.filter((one) => one.name !== name || one.origin !== origin || one.path !== path)
      const until = endOf(cookie)
      if (until > Date.now()) this.#kept.push({ name, value, origin, path, until })
    }
    this.#kept = this.#kept.slice(-MOST_COOKIES)
  }

  /** What to send to an address; `own`, what the user gives it, comes along but for what the server has set anew. */
  headerFor({ origin, pathname }: URL, own = ''): string | undefined {
    const now = Date.now()
    const ours = this.#kept
      .filter((one) => one.origin === origin && one.until > now && isWithin(pathname, one.path))
      // The nearer to the address, the earlier: servers take the first of a name.
      .toSorted((a, b) => b.path.length - a.path.length)
    // What others set meanwhile, such as those of adverts, does not drive out what is wanted again and again.
    this.#kept = [...this.#kept.filter((one) => !ours.includes(one)), ...ours]
    const others = own.split(';').map((pair) => pair.trim())
    const kept = others.filter((pair) => pair !== '' && !ours.some(({ name }) => pair.startsWith(`${name}=`)))
    const all = [...ours.map(({ name, value }) => `${name}=${value}`), ...kept]
    return all.length === 0 ? undefined : all.join('; ')
  }
}

function endOf({ maxAge, expires }: Cookie): number {
  if (maxAge !== undefined) return Date.now() + maxAge * 1000
  const until = Number(expires)
  // What is no date counts as none.
  return Number.isNaN(until) ? Infinity : until
}

function isWithin(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}
