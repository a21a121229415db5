import { BlockList, isIPv6 } from 'node:net'

/** Addresses that are not reached over the public internet, by the registries of special-purpose addresses. */
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
}
/** Only 2000::/3 is public; of that, tunnels that carry an IPv4 address, and documentation, are not. */
const publicNetwork = new BlockList()
publicNetwork.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}

/** Whether an IP address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!isIPv6(address)) return !special.check(address, 'ipv4')
  return publicNetwork.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

/**
 * For the option `allowUrl` of {@link httpSource}, where addresses come from users: lets through only hosts all of whose
 * IP addresses are public, so that nothing inside your own network is reached.
 */
export function publicOnly(_url: URL, addresses: readonly string[]): boolean {
  return addresses.length > 0 && addresses.every(isPublicAddress)
}
