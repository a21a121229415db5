import { describe, expect, it } from 'vitest'
import type { Word } from '../../../src/model.ts'
import { splice } from '../../../src/stream/turns/splice.ts'

const LENGTH = 200

/** Words of 200 ms, one every `spacing` ms from `start` on. */
function say(text: string, start = 0, spacing = 250): Word[] {
  const words = text === '' ? [] : text.split(' ')
  return words.map((word, index) => at(word, start + index * spacing))
}

function at(text: string, start: number, end = start + LENGTH): Word {
  return { text, start, end, confidence: 1, final: true }
}

/** What of `words` is new after `tail`, where the session hears from `from` on. */
function fresh(words: Word[], tail: Word[], from = 0): string {
  const { first } = splice([words], [tail], from)
  return words
    .slice(first)
    .map(({ text }) => text)
    .join(' ')
}

describe('splice()', () => {
  it('drops words that come again at the same time', () => {
    expect(fresh(say('one two three four five'), say('one two three'))).toBe('four five')
  })

  it('keeps nothing of a turn that was final whole', () => {
    expect(fresh(say('one two three'), say('one two three'))).toBe('')
    expect(fresh(say('one two'), say('one two three'))).toBe('')
  })

  it('keeps everything of a turn after the last final word', () => {
    expect(fresh(say('four five', 750), say('one two three'), 700)).toBe('four five')
  })

  it('keeps everything where nothing was final before', () => {
    expect(fresh(say('one two'), [])).toBe('one two')
    expect(splice([], [], 0)).toEqual({ first: 0, complete: true, pairs: [] })
    expect(splice([[]], [say('one')], 0)).toEqual({ first: 0, complete: false, pairs: [] })
  })

  it.each([-300, -200, -100, 100, 200, 300])('finds the last final word %i ms away', (shift) => {
    expect(fresh(say('one two three four five', shift), say('one two three'))).toBe('four five')
  })

  it('keeps a last final word that is said again', () => {
    expect(fresh([...say('one two three'), at('three', 1000)], say('one two three'))).toBe('three')
    expect(fresh([at('three', 1000)], say('one two three'), 800)).toBe('three')
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
    expect(fresh(say('no no no', 250), say('no no no', 0), 250)).toBe('no')
  })

  it('goes by times where the sessions heard different words', () => {
    expect(fresh(say('won too free for five'), say('one two three'))).toBe('for five')
    expect(fresh(say('one two tree four'), say('one two three'))).toBe('four')
  })

  it.each([240, 900, 1344])('keeps what begins within an end that is %i ms late', (late) => {
    const tail = [at('one', 1000, 1300), at('two', 1400, 1700 + late)]
    const next = [at('three', 1800, 2050), at('four', 2100, 2400)]
    const again = [at('one', 1000, 1300), at('two', 1400, 1700 + late)]
    const all = splice([again], [tail], 0)
    expect(all).toMatchObject({ first: 2, complete: true })
    expect(splice([[...tail, ...next]], [tail], 0)).toMatchObject({ first: 2, complete: true })
    // Without having heard the word again, too.
    expect(splice([next], [tail], 1750)).toMatchObject({ first: 0, complete: true })
  })

  it.each([-990, -500])('finds a word whose turn begins %i ms early in one of the sessions', (early) => {
    const [first, again] = [say('no no yes', 2000), say('no no yes well', 2000)]
    const began = (words: Word[]): Word[] => words.with(0, { ...words[0]!, start: words[0]!.start + early })
    expect(fresh(began(again), first)).toBe('well')
    expect(fresh(again, began(first))).toBe('well')
  })

  it('finds the words again where the turns are cut elsewhere', () => {
    const words = say('one two three four five six seven')
    const before = [words.slice(0, 2), words.slice(2, 5)]
    expect(splice([words.slice(0, 4)], before, 0)).toMatchObject({ first: 4, complete: false })
    expect(splice([words.slice(0, 4), words.slice(4, 6)], before, 0)).toMatchObject({ first: 5, complete: true })
    expect(splice([words], before, 0)).toMatchObject({ first: 5, complete: true })
  })

  it('goes on behind a word that only one of the sessions heard', () => {
    expect(fresh(say('one two three four').toSpliced(1, 1), say('one two three'))).toBe('four')
    expect(fresh(say('one two three four'), say('one two three').toSpliced(1, 1))).toBe('four')
    expect(fresh(say('one two three four', 0, 400).toSpliced(2, 1), say('one two three', 0, 400))).toBe('four')
  })

  it('pairs the words that are the same', () => {
    const { pairs } = splice([say('won two four', 20)], [say('one two three')], 0)
    expect(pairs.map(({ before, again }) => [before.text, again.text])).toEqual([
      ['one', 'won'],
      ['two', 'two'],
      ['three', 'four'],
    ])
  })

  it('takes a second, not a minute, for more words than anybody says', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => at('no', index, index + 1))
    const { first } = splice([many], [many], 0)
    expect(first).toBeGreaterThanOrEqual(0)
  })
})
