import { expect, it } from 'vitest'
import { isPublicAddress, publicOnly } from '../../src/sources/address.ts'

it.each(['8.8.8.8', '93.184.216.34', '172.15.0.1', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::8a'])(
  'is public: %s',
  (address) => {
    expect(isPublicAddress(address)).toBe(true)
  },
)

it.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  'fe80::1',
  'fd12:3456::1',
  'ff02::1',
  '2002:7f00:1::',
  '2001:db8::1',
])('is not: %s', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

it('asks for every address of a host', () => {
  const url = new URL('http://example.org/')
  expect(publicOnly(url, ['8.8.8.8', '2606:4700::1111'])).toBe(true)
  expect(publicOnly(url, ['8.8.8.8', '10.0.0.1'])).toBe(false)
  expect(publicOnly(url, [])).toBe(false)
})
