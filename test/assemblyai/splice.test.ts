import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { firstNewWord, sameTime } from '../../src/assemblyai/splice.ts'
import type { Word } from '../../src/model.ts'

const LENGTH = 200

/** Words of 200 ms, one every `spacing` ms from `start` on. */
function say(text: string, start = 0, spacing = 250): Word[] {
  const words = text === '' ? [] : text.split(' ')
  return words.map((word, index) => at(word, start + index * spacing))
}

function at(text: string, start: number, end = start + LENGTH): Word {
  return { text, start, end, confidence: 1, final: true }
}

/** What of `words` is new after `tail`. */
function fresh(words: Word[], tail: Word[]): string {
  const kept = words.slice(firstNewWord(words, tail, tail.at(-1)?.end ?? 0))
  return kept.map(({ text }) => text).join(' ')
}

describe('firstNewWord()', () => {
  it('drops words that come again at the same time', () => {
    expect(fresh(say('one two three four five'), say('one two three'))).toBe('four five')
  })

  it('keeps nothing of a turn that was final whole', () => {
    expect(fresh(say('one two three'), say('one two three'))).toBe('')
    expect(fresh(say('one two'), say('one two three'))).toBe('')
  })

  it('keeps everything of a turn after the last final word', () => {
    expect(fresh(say('four five', 750), say('one two three'))).toBe('four five')
  })

  it('keeps everything where nothing was final before', () => {
    expect(fresh(say('one two'), [])).toBe('one two')
    expect(firstNewWord([], [], 0)).toBe(0)
    expect(firstNewWord([], say('one'), 200)).toBe(0)
  })

  it.each([-300, -200, -100, 100, 200, 300])('finds the last final word %i ms away', (shift) => {
    expect(fresh(say('one two three four five', shift), say('one two three'))).toBe('four five')
  })

  it('goes by time alone where the last final word is too far away to be the same', () => {
    // "three" is said again, 500 ms later.
    expect(fresh([...say('one two three'), at('three', 1000)], say('one two three'))).toBe('three')
    expect(fresh([at('three', 1000)], say('one two three'))).toBe('three')
  })

  it('compares text without case, punctuation and accents of formatting', () => {
    expect(fresh(say('One, two — "Three." Four'), [...say('one two'), at('three', 750)])).toBe('Four')
    expect(fresh(say("It's ça Über."), say('its ça über'))).toBe('')
  })

  it('takes the right one of repeated words', () => {
    expect(fresh(say('no no no'), say('no no no'))).toBe('')
    expect(fresh(say('no no no'), say('no no'))).toBe('no')
    expect(fresh(say('no no no no'), say('no'))).toBe('no no no')
    expect(fresh(say('no no no', 40), say('no no', 0))).toBe('no')
  })

  it('takes the right one of repeated words by the words before them, where times are shifted', () => {
    // The second "no" of the new session lies nearer to the last final one than the third does.
    expect(fresh(say('I said no no no never', 200), say('I said no no no'))).toBe('never')
    expect(fresh(say('I said no no no never', -200), say('I said no no no'))).toBe('never')
    expect(fresh(say('I said no no no', -200), say('I said no no'))).toBe('no')
  })

  it('takes the nearest of repeated words where a turn begins among them', () => {
    expect(fresh(say('no no no', 250), say('no no no', 0))).toBe('no')
  })

  it('goes by time where the sessions heard different words', () => {
    expect(fresh(say('won too free for five'), say('one two three'))).toBe('for five')
  })

  it('counts a word as new when most of it lies after the last final one', () => {
    const tail = [at('x', 0, 1000)]
    expect(fresh([at('a', 900, 1099)], tail)).toBe('')
    expect(fresh([at('b', 900, 1101)], tail)).toBe('b')
  })

  it('keeps words without length that lie at the end of the last final one or after it', () => {
    const tail = [at('x', 0, 1000)]
    expect(fresh([at('a', 999, 999)], tail)).toBe('')
    expect(fresh([at('b', 1000, 1000)], tail)).toBe('b')
    expect(fresh([at('x', 0, 1000), at('c', 1000, 1000), at('d', 1100)], tail)).toBe('c d')
  })

  it('recognises a last final word without length', () => {
    expect(fresh([at('one', 0), at('uh', 200, 200), at('two', 210)], [at('one', 0), at('uh', 200, 200)])).toBe('two')
  })

  it('splits any words at an index, and exactly where nothing is shifted', () => {
    const timed = fc.array(
      fc.record({
        text: fc.constantFrom('no', 'yes', 'No,', 'well', '…'),
        gap: fc.integer({ min: 0, max: 500 }),
        length: fc.integer({ min: 0, max: 600 }),
      }),
      { maxLength: 12 },
    )
    const words = timed.map((list) => {
      let time = 0
      return list.map(({ text, gap, length }) => {
        const start = time + gap
        time = start + length
        return at(text, start, time)
      })
    })
    fc.assert(
      fc.property(words, words, fc.integer({ min: 0, max: 10_000 }), (some, tail, end) => {
        const index = firstNewWord(some, tail, end)
        expect(Number.isInteger(index) && index >= 0 && index <= some.length).toBe(true)
        expect([...some.slice(0, index), ...some.slice(index)]).toEqual(some)
      }),
    )
    // Without words that lie at one and the same moment, a replay at the same times is split exactly.
    const apart = words.map((list) =>
      list.map((word, index) => ({ ...word, start: word.start + index, end: word.end + index })),
    )
    fc.assert(
      fc.property(apart, fc.nat(12), (spoken, count) => {
        const tail = spoken.slice(0, count)
        expect(firstNewWord(spoken, tail, tail.at(-1)?.end ?? 0)).toBe(tail.length)
      }),
    )
  })
})

describe('sameTime()', () => {
  it('finds the word that shares most time', () => {
    const [one, two] = [at('one', 0, 200), at('two', 200, 500)]
    expect(sameTime(at('x', 150, 400), [one, two])).toBe(two)
    expect(sameTime(at('x', 10, 210), [one, two])).toBe(one)
  })

  it('asks for half of the shorter word', () => {
    expect(sameTime(at('x', 100, 300), [at('one', 0, 200)])?.text).toBe('one')
    expect(sameTime(at('x', 101, 301), [at('one', 0, 200)])).toBeUndefined()
    // A short word within a long one shares all it has.
    expect(sameTime(at('x', 400, 450), [at('one', 0, 2000)])?.text).toBe('one')
  })

  it('finds none among none, none apart, and none for a word without length', () => {
    expect(sameTime(at('x', 0, 100), [])).toBeUndefined()
    expect(sameTime(at('x', 0, 100), [at('one', 100, 200)])).toBeUndefined()
    expect(sameTime(at('x', 50, 50), [at('one', 0, 100)])).toBeUndefined()
  })
})
