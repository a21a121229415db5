import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serialize, deserialize } from '../src/model.ts'
import { makeTurn } from './captions/example-turn.ts'

describe('a packed value', () => {
  it('comes back as it was, whatever it says', () => {
    // Halves of surrogate pairs too: a server may send any.
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\uD83D', '\uDE00 \0', '😀'))
    fc.assert(
      fc.property(fc.array(fc.record({ text, start: fc.nat() })), (words) => {
        expect(deserialize(serialize(words))).toEqual(words)
      }),
    )
  })

  it('is another copy each time', () => {
    const packed = serialize(makeTurn(0, 'A:one two'))
    const one = deserialize(packed)
    one.words[0]!.text = 'changed'
    expect(deserialize(packed)).toEqual(makeTurn(0, 'A:one two'))
  })
})
