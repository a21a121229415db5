import { ConfigurationError } from '../errors.ts'
import { invalidOption } from '../options.ts'

/** Data zones of the service; `global` routes to the nearest and may process in either. */
export type Region = 'us' | 'eu' | 'global'

const hosts: Readonly<Record<Region, string>> = {
  global: 'wss://streaming.assemblyai.com',
  us: 'wss://streaming.us.assemblyai.com',
  eu: 'wss://streaming.eu.assemblyai.com',
}

/** All regions, for validation. */
export const regions = Object.keys(hosts) as Region[]

/** The service's socket address in `region`. */
export function regionUrl(region: Region): string {
  return `${hosts[region]}/v3/ws`
}

/**
 * Reads a server address given by the user: `ws:` or `wss:`, the path defaulting to `/v3/ws`.
 *
 * @throws ConfigurationError `INVALID_OPTION` where it is no such address, or carries a query or credentials that would
 * end up in logs.
 */
export function serverUrl(value: string | URL): URL {
  let url: URL
  try {
    url = new URL(value)
  } catch {
    throw invalidOption('url', "a WebSocket address such as 'wss://localhost:8080'", value)
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new ConfigurationError(
      'INVALID_OPTION',
      `url, when given, must begin with ws:// or wss://; got ${url.protocol}//`,
      {
        option: 'url',
      },
    )
  }
  if (url.search || url.hash || url.username || url.password) {
    throw new ConfigurationError(
      'INVALID_OPTION',
      'url, when given, must hold no query, fragment or credentials; use query, apiKey or token for those',
      { option: 'url' },
    )
  }
  if (url.pathname === '/') url.pathname = '/v3/ws'
  return url
}

/** Whether `url` stays on this machine, so that plain `ws:` gives nothing away. */
export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
}
