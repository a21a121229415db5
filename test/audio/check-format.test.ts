import { describe, expect, it } from 'vitest'
import { checkFormat } from '../../src/audio/check-format.ts'

const good = { sampleRate: 44_100, channels: 2, encoding: 's24le' }

describe('checkFormat', () => {
  it('passes a whole format, and none', () => {
    expect(() => checkFormat('input', good)).not.toThrow()
    expect(() => checkFormat('input', undefined)).not.toThrow()
  })

  it.each([
    [null, /^input, when given, must be an object with sampleRate, channels and encoding; got null$/],
    ['s16le', /an object with/],
    [{ sampleRate: 16_000, channels: 1 }, /an object with/],
    [{ ...good, format: 's16le' }, /input has no option format/],
    [{ ...good, sampleRate: 999 }, /input\.sampleRate, .* from 1000 to 768000 Hz; got 999/],
    [{ ...good, sampleRate: undefined }, /input\.sampleRate/],
    [{ ...good, channels: 9 }, /input\.channels, .* from 1 to 8; got 9/],
    [{ ...good, encoding: 's16be' }, /input\.encoding, .* 'mulaw'; got 's16be'/],
  ])('refuses %j', (value, message) => {
    expect(() => checkFormat('input', value)).toThrow(message)
    expect(() => checkFormat('input', value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
