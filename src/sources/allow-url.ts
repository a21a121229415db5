import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { refused } from './http-failure.ts'

/**
 * Decides whether an address may be connected to. Called with it and with the IP addresses of its host; only `true`, or a
 * promise of it, allows it.
 */
export type AllowUrl = (url: URL, addresses: readonly string[]) => boolean | Promise<boolean>

/**
 * An IP address of the host that may be connected to: what the host's name means may change, so it must be used.
 *
 * @param host - name or IP address.
 * @param shown - the address for people, with no credentials in it.
 * @throws InputError `ADDRESS_REFUSED`, or what the name server says.
 */
export async function allowedAddress(url: URL, host: string, shown: string, allowUrl: AllowUrl): Promise<string> {
  const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
  let allowed: unknown
  try {
    // A copy, so that what the hook does to it changes nothing.
    allowed = await allowUrl(new URL(url.href), addresses)
  } catch (cause) {
    throw refused(shown, 'allowUrl threw', cause)
  }
  const [first] = addresses
  if (allowed !== true || first === undefined) throw refused(shown, 'allowUrl does not allow it')
  return first
}
