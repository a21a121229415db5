import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableLines } from '../../../src/cli/view/text.ts'
import { headToWidth, tailToWidth } from '../../../src/cli/view/live-view.ts'
import { textWidth } from '../../../src/captions/width.ts'

describe('printable', () => {
  it('leaves nothing that moves the cursor, rings, colours, or turns the direction of what follows', () => {
    expect(printable('a\u001B[31mb\u0007\r\n\u009B2Jc\u202Ed\u2066')).toBe('a[31mb 2Jcd')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u)
      }),
    )
  })

  it('keeps the lines of a message', () => {
    expect(printableLines('one\r\n\n\u001B[2Jtwo\n')).toEqual(['one', '[2Jtwo'])
  })
})

describe('texts cut to a width', () => {
  it('keep the beginning or the end', () => {
    expect(headToWidth('one two three', 8)).toBe('one two…')
    expect(tailToWidth('one two three', 8)).toBe('… three')
    expect(tailToWidth('one two three', 13)).toBe('one two three')
    expect([headToWidth('a', 0), tailToWidth('a', 0)]).toEqual(['', ''])
  })

  it('always fit, also with wide characters and long words', () => {
    const text = fc.array(fc.constantFrom('a', 'long-word', '漢字漢字', '😀', 'é', 'x'.repeat(50)))
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), (words, width) => {
        for (const cut of [headToWidth, tailToWidth]) {
          expect(textWidth(cut(words.join(' '), width))).toBeLessThanOrEqual(width)
        }
      }),
    )
  })
})
