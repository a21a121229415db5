import { describe, expect, it } from 'vitest'
import { readHumanCaptions } from '../../bench/captions/human.ts'
import { boundaryF1, measureCut } from '../../bench/captions/quality.ts'
import { eightWords, greedy, greedyWithPunctuation, whisperRule } from '../../bench/captions/rivals.ts'
import { inventedSpeech } from '../../bench/captions/speech.ts'
import { turnsOf } from '../../bench/captions/turns.ts'
import type { Word } from '../../src/index.ts'

/** Words of 100 ms, one after the other; `|` is a pause of a second, `A:` and `B:` change the speaker. */
function spoken(text: string): Word[] {
  const words: Word[] = []
  let now = 0
  let speaker = 'A'
  for (const token of text.split(' ')) {
    if (token === '|') now += 1000
    else if (token === 'A:' || token === 'B:') speaker = token.charAt(0)
    else {
      words.push({ text: token, start: now, end: now + 100, confidence: 1, speaker, final: true })
      now += 100
    }
  }
  return words
}

/** The text of each cue. */
function cut(words: readonly Word[], ends: readonly number[]): string[] {
  return ends.map((end, i) =>
    words
      .slice(ends[i - 1] ?? 0, end)
      .map(({ text }) => text)
      .join(' '),
  )
}

describe('readHumanCaptions()', () => {
  const file = [
    '1\n00:00:01,000 --> 00:00:02,000\n<i>It is late,</i>\n{\\an8}Bob.',
    '2\n00:00:02,500 --> 00:00:03,500\n- What?\n- Nothing at all.',
    '3\n00:00:05,000 --> 00:00:06,000\n[door slams]',
    '4\n00:00:06,000 --> 00:00:07,000\n♪ la la la ♪',
    '5\n00:00:08,000 --> 00:00:09,000\nMAN: (sighs) - Well.',
  ].join('\n\n')

  it('gives the words without markup, sounds, music and labels, and the ends of the cues', () => {
    const { words, ends } = readHumanCaptions(`\uFEFF${file}\n`)
    expect(cut(words, ends)).toEqual(['It is late, Bob.', 'What? Nothing at all.', 'Well.'])
  })

  it('changes the speaker at the dashes of a cue of two', () => {
    expect(
      readHumanCaptions(file)
        .words.map(({ speaker }) => speaker)
        .join(''),
    ).toBe('AAAABAAAA')
  })

  it('spreads words by their characters, and fills short gaps but not long ones', () => {
    const { words } = readHumanCaptions(file)
    expect(words[0]).toMatchObject({ text: 'It', start: 1000 })
    expect(words[3]).toMatchObject({ text: 'Bob.', end: 2500 })
    expect(words[4]).toMatchObject({ text: 'What?', start: 2500 })
    expect(words[7]).toMatchObject({ text: 'all.', end: 3500 })
    for (const [i, word] of words.entries()) {
      expect(word.end).toBeGreaterThanOrEqual(word.start)
      expect(word.start).toBeGreaterThanOrEqual(words[i - 1]?.end ?? 0)
    }
  })
})

describe('the ways to cut', () => {
  it('cuts every eight words and at a change of speaker', () => {
    const words = spoken('1 2 3 4 5 6 7 8 9 B: 10 11')
    expect(cut(words, eightWords(words))).toEqual(['1 2 3 4 5 6 7 8', '9', '10 11'])
  })

  it('fills 84 characters, and stops at a change of speaker and at a pause', () => {
    const words = spoken(`${'abcd '.repeat(17)}x y | z B: u`)
    expect(cut(words, greedy(words))).toEqual(['abcd '.repeat(17).trim(), 'x y', 'z', 'u'])
  })

  it('stops at sentences as well', () => {
    const words = spoken('Yes. "Really?" That, too! Or so')
    expect(cut(words, greedyWithPunctuation(words))).toEqual(['Yes.', '"Really?"', 'That, too!', 'Or so'])
  })

  it("follows whisper's rule: two lines of 42 characters, whoever speaks", () => {
    const words = spoken(`${'abcd '.repeat(8)}B: ${'abcd '.repeat(8)}x y`)
    expect(cut(words, whisperRule(words))).toEqual([`${'abcd '.repeat(16)}x`, 'y'])
    const slow = spoken('a | | | b c')
    expect(cut(slow, whisperRule(slow))).toEqual(['a', 'b c'])
  })

  it('gives nothing for nothing', () => {
    for (const way of [eightWords, greedy, greedyWithPunctuation, whisperRule]) expect(way([])).toEqual([])
  })
})

describe('measureCut()', () => {
  const isFunctionWord = (text: string) => text === 'the'

  it('counts flashes, function words and mixed speakers', () => {
    const words = spoken('a b the B: c | d e f g h i j k')
    expect(measureCut(words, [3, 4, 12], { isFunctionWord, ends: [4, 12] })).toEqual({
      cues: 3,
      boundaryF1: 2 / 3,
      flashes: 2 / 3,
      functionWordEnds: 1 / 3,
      mixed: 0,
    })
    expect(measureCut(words, [4, 12], { isFunctionWord })).toMatchObject({ cues: 2, flashes: 0, mixed: 0.5 })
  })

  it('refuses a cut that loses words or has empty cues', () => {
    const words = spoken('a b c')
    expect(() => measureCut(words, [2], { isFunctionWord })).toThrow('2 of 3')
    expect(() => measureCut(words, [2, 2, 3], { isFunctionWord })).toThrow('no words')
  })
})

describe('boundaryF1()', () => {
  it('is the harmonic mean of precision and recall, without the end of the text', () => {
    expect(boundaryF1([2, 5, 9], [2, 5, 9])).toBe(1)
    expect(boundaryF1([3, 9], [2, 5, 9])).toBe(0)
    expect(boundaryF1([2, 9], [2, 5, 9])).toBeCloseTo(2 / 3)
    expect(boundaryF1([9], [9])).toBe(1)
  })
})

describe('inventedSpeech()', () => {
  it('gives as many words as asked for, in order of time, the same for the same seed', () => {
    const turns = [...inventedSpeech({ seed: 4, words: 3000 })].flat()
    const words = turns.flatMap((segment) => segment.words)
    expect(words).toHaveLength(3000)
    expect(new Set(words.map(({ speaker }) => speaker))).toEqual(new Set(['A', 'B', 'C']))
    for (const [i, word] of words.entries()) expect(word.start).toBeGreaterThanOrEqual(words[i - 1]?.end ?? 0)
    expect([...inventedSpeech({ seed: 4, words: 3000 })].flat()).toEqual(turns)
    expect([...inventedSpeech({ seed: 5, words: 3000 })].flat()).not.toEqual(turns)
  })
})

describe('turnsOf()', () => {
  it('ends a turn at a change of speaker and at a pause', () => {
    const turns = turnsOf(spoken('a b B: c | d'))
    expect(turns.map(([segment]) => segment?.text)).toEqual(['a b', 'c', 'd'])
    expect(turns[2]?.[0]).toMatchObject({ speaker: 'B', start: 1300, end: 1400, turn: { order: 2 } })
  })
})
