import { parseCookie } from 'undici'
import { expect, it } from 'vitest'
import { CookieJar } from '../../../src/sources/http/cookies.ts'

const list = new URL('https://cdn.example.org/live/list.m3u8')

/** A jar with what the list has set. */
function jarOf(...lines: string[]): CookieJar {
  const jar = new CookieJar()
  jar.take(list, lines, parseCookie)
  return jar
}

it.each([
  ['a=1', 'https://cdn.example.org/live/x/1.ts', 'a=1'],
  ['a=1', 'https://cdn.example.org/other/1.ts', undefined],
  ['a=1; Path=/', 'https://cdn.example.org/other/1.ts', 'a=1'],
  ['a=1; Path=/live', 'https://cdn.example.org/live', 'a=1'],
  ['a=1; Path=/live', 'https://cdn.example.org/liver', undefined],
  ['a=1; Domain=example.org; Path=/', 'https://example.org/live/1.ts', undefined],
  ['a=1; Path=/', 'http://cdn.example.org/live/1.ts', undefined],
  ['a=1; Path=/', 'https://cdn.example.org:8443/live/1.ts', undefined],
  ['a=1; Max-Age=0', 'https://cdn.example.org/live/1.ts', undefined],
  ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'https://cdn.example.org/live/1.ts', undefined],
  ['a=1; Max-Age=60; Secure; HttpOnly', 'https://cdn.example.org/live/1.ts', 'a=1'],
  ['a=exp=1~acl=/*~hmac=0f; Path=/', 'https://cdn.example.org/1.ts', 'a=exp=1~acl=/*~hmac=0f'],
  ['a=1; Expires=soon', 'https://cdn.example.org/live/1.ts', 'a=1'],
  ['a=x%3By%0D%0A', 'https://cdn.example.org/live/1.ts', 'a=x%3By%0D%0A'],
  ['=1', 'https://cdn.example.org/live/1.ts', undefined],
  [`a=${'x'.repeat(4096)}`, 'https://cdn.example.org/live/1.ts', undefined],
])('%s for %s', (line, address, expected) => {
  expect(jarOf(line).headerFor(new URL(address))).toBe(expected)
})

it('is changed, and taken away, by the same name and path', () => {
  const jar = jarOf('a=1', 'b=2', 'a=3; Path=/')
  expect(jar.headerFor(list)).toBe('a=1; b=2; a=3')
  jar.take(list, ['a=4', 'b=; Max-Age=0'], parseCookie)
  expect(jar.headerFor(list)).toBe('a=4; a=3')
})

it('leaves alone what the user gives, but what the server has set anew', () => {
  expect(jarOf().headerFor(list, 'a=0; c=1')).toBe('a=0; c=1')
  expect(jarOf('a=1').headerFor(list, 'a=0; c=1;')).toBe('a=1; c=1')
})

it('keeps the newest 50', () => {
  const jar = jarOf(...Array.from({ length: 200 }, (_, index) => `n${index}=1`))
  const names = jar.headerFor(list)?.split('; ')
  expect(names?.length).toBe(50)
  expect(names?.at(-1)).toBe('n199=1')
})

it('keeps what is sent again and again, however many others come', () => {
  const jar = jarOf('token=1')
  const advert = new URL('https://ads.example.org/')
  for (let index = 0; index < 200; index++) {
    jar.take(advert, [`n${index}=1`], parseCookie)
    expect(jar.headerFor(list)).toBe('token=1')
  }
})
