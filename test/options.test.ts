import { describe, expect, it } from 'vitest'
import {
  checkBoolean,
  checkInteger,
  checkKnown,
  checkNumber,
  checkOneOf,
  checkSignal,
  checkString,
  defined,
  invalidOption,
} from '../src/options.ts'

describe('the one sentence of a refused option', () => {
  it.each([
    [() => checkInteger('n', 0, 1, 10), 'n, when given, must be an integer from 1 to 10; got 0'],
    [() => checkInteger('n', '5', 1), "n, when given, must be an integer of at least 1; got '5'"],
    [() => checkInteger('n', 0, 1, 9, 'ms'), 'n, when given, must be an integer from 1 to 9 ms; got 0'],
    [() => checkNumber('n', Infinity, 0, 1), 'n, when given, must be a number from 0 to 1; got Infinity'],
    [() => checkBoolean('b', 1), 'b, when given, must be true or false; got 1'],
    [() => checkString('s', ''), "s, when given, must be a string of 1 to 65536 characters; got ''"],
    [() => checkOneOf('o', 'x', ['a']), "o, when given, must be 'a'; got 'x'"],
    [() => checkOneOf('o', null, ['a', 2, 'c']), "o, when given, must be 'a', 2 or 'c'; got null"],
    [() => checkSignal('signal', {}), 'signal, when given, must be an AbortSignal; got an object'],
    [() => checkKnown('f()', { maxSpeaker: 2 }, ['maxSpeakers']), 'f() has no option maxSpeaker; it has maxSpeakers'],
    [() => checkKnown('f()', null as never, ['a']), 'options of f(), when given, must be an object; got null'],
    [() => checkKnown('group', 'ab' as never, ['a']), "group, when given, must be an object; got 'ab'"],
    [() => checkKnown('f()', [] as never, ['a']), 'options of f(), when given, must be an object; got an array of 0'],
  ])('%#', (check, message) => {
    expect(check).toThrow(expect.objectContaining({ message, code: 'INVALID_OPTION', name: 'ConfigurationError' }))
  })

  it('shows long values shortened and never the content of objects or functions', () => {
    expect(invalidOption('o', 'short', 'x'.repeat(100)).message).toMatch(/got 'x{57}\.{3}'$/)
    expect(invalidOption('o', 'short', { apiKey: 'secret' }).message).not.toContain('secret')
    expect(invalidOption('o', 'short', () => 'secret').message).not.toContain('secret')
  })

  it('lets absent options pass', () => {
    expect(() => {
      checkInteger('n', undefined, 1)
      checkNumber('n', undefined, 0, 1)
      checkBoolean('b', undefined)
      checkString('s', undefined)
      checkOneOf('o', undefined, ['a'])
      checkSignal('s', undefined)
    }).not.toThrow()
  })
})

it('keeps the fields that have a value, in their order, and no key of one that has none', () => {
  const kept = defined({ b: 0, c: undefined, a: null, d: '' })
  expect(Object.entries(kept)).toEqual([
    ['b', 0],
    ['a', null],
    ['d', ''],
  ])
})
