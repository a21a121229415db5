import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesInHex, textOfHex } from '../../../src/engine/process/worker.ts'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('bytesInHex', () => {
  it('gives each token its bytes in hexadecimal, in base64 as the library wants it', () => {
    const table = bytesInHex(`${base64(utf8(' the'))} 262\n${base64(Uint8Array.of(0xe3, 0x83))} 1474\r\n\n`)
    const lines = table.split('\n').map((line) => line.split(' '))
    expect(lines.map(([bytes, number]) => [Buffer.from(bytes!, 'base64').toString('latin1'), number])).toEqual([
      ['20746865', '262'],
      ['e383', '1474'],
    ])
  })
})

describe('textOfHex', () => {
  it('joins a character whose bytes are in several tokens, in the last of them', () => {
    const bytes = utf8('ピ')
    expect(textOfHex([hex(utf8('ス')), hex(bytes.subarray(0, 2)), hex(bytes.subarray(2)), hex(utf8('ー'))])).toEqual([
      'ス',
      '',
      'ピ',
      'ー',
    ])
  })

  it('begins anew with each utterance', () => {
    textOfHex([hex(utf8('ピ').subarray(0, 2))])
    expect(textOfHex([hex(utf8('a'))])).toEqual(['a'])
  })

  it('keeps spaces, which begin words', () => {
    expect(textOfHex([hex(utf8(' the')), hex(utf8(' '))])).toEqual([' the', ' '])
  })

  it('gives any text back, however its bytes are cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(40)), (text, cuts) => {
        const bytes = utf8(text)
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        const tokens = at.slice(1).map((end, index) => hex(bytes.subarray(at[index], end)))
        // A decoder takes a mark of byte order at the beginning for no character.
        expect(textOfHex(tokens).join('')).toBe(text.replace(/^\uFEFF/, ''))
      }),
    )
  })
})
