import { describe, expect, it } from 'vitest'
import { formatWords } from '../../src/engine/text.ts'

describe('formatWords', () => {
  it('makes the first letter a capital and ends with a full stop', () => {
    expect(formatWords(['good', 'morning'])).toEqual(['Good', 'morning.'])
    expect(formatWords(['yes'])).toEqual(['Yes.'])
  })

  it('writes I as a capital, alone and in its short forms, and nowhere else', () => {
    expect(formatWords(['so', 'i', "i'm", "i've", 'in', 'it'])).toEqual(['So', 'I', "I'm", "I've", 'in', 'it.'])
  })

  it('does not double a full stop and takes no words as well', () => {
    expect(formatWords(['mr.'])).toEqual(['Mr.'])
    expect(formatWords([])).toEqual([])
  })
})
