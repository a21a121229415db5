import { describe, expect, it } from 'vitest'
import { detokenise } from '../../../src/engine/words/detokenise.ts'
import { chooseBetter, judge, withSilence } from '../../../src/engine/words/hallucinations.ts'

/** What tiny.en gave for recordings; `said` as token and seconds. */
const result = (...said: [token: string, seconds: number][]) => ({
  tokens: said.map(([token]) => token),
  timestamps: said.map(([, seconds]) => seconds),
  logProbabilities: [],
})

/** Bursts of sound of 100 ms every `everyMs` in `said`, quiet around them; the detector is sure of `level`. */
function audio(ms: number, said: [from: number, to: number][], { everyMs = 200, level = 0.7 } = {}) {
  const inside = (at: number): boolean => said.some(([from, to]) => at >= from && at < to)
  return {
    samples: Int16Array.from({ length: ms * 16 }, (_, at) =>
      inside(at / 16) && (at / 16) % everyMs < 100 ? 5000 * Math.sin(at / 3) : 10 * Math.sin(at / 5),
    ),
    speech: Array.from({ length: ms / 10 }, (_, frame) => (inside(frame * 10) ? level : 0)),
  }
}

const habits = { lateMs: 74, onlyCapitals: false }
const texts = (words: readonly { text: string }[]): string => words.map(({ text }) => text).join(' ')

describe('judge', () => {
  const katie = result(
    [' Good', 0],
    [' morning', 0.36],
    [' Katie', 0.58],
    ['.', 0.74],
    [' Good', 0.76],
    [' morning', 0.76],
    [' Katie', 0.76],
  )

  it('keeps what was said', () => {
    const said = result([' Tell', 0], [' me', 0.5], [' more', 0.7], ['.', 1])
    const { words, suspicious, cutOff } = judge(said, audio(1600, [[250, 1250]]), habits)
    expect(texts(words)).toBe('Tell me more.')
    expect({ suspicious, cutOff }).toEqual({ suspicious: false, cutOff: false })
  })

  it('cuts a phrase that the model repeats at one place, and asks for another try', () => {
    const { words, suspicious, cutOff, repeatedWords } = judge(katie, audio(1300, [[250, 1050]]), habits)
    expect(texts(words)).toBe('Good morning Katie.')
    expect(repeatedWords).toBe(detokenise(katie).length - 3)
    expect({ suspicious, cutOff }).toEqual({ suspicious: true, cutOff: true })
  })

  it('counts the limit of the model by what it was given', () => {
    const said = audio(1300, [[250, 1050]])
    expect(judge(katie, said, habits, withSilence(said.samples).length).cutOff).toBe(false)
  })

  it.each([
    ['no', [0, 0.5, 0.84, 1.08], 1660],
    ['go', [0, 0.7, 1.18, 1.4, 1.8, 2.02, 2.08, 2.32, 2.4], 3060],
    ['ha', [0, 0.64, 0.88, 1.04, 1.12], 1650],
    ['0', [0, 0.78, 1.32], 2550],
  ] as const)('keeps "%s" as often as it was said', (word, times, ms) => {
    const said = result(...times.map((time): [string, number] => [` ${word}`, time]))
    const { words } = judge(said, audio(ms, [[250, ms - 300]]), habits)
    expect(words).toHaveLength(times.length)
  })

  it.each([
    ['one one two one one', [0, 0.5, 0.92, 1.2, 1.5]],
    ['I know I know I know', [0, 0.34, 0.68, 0.94, 1.34, 1.36]],
    ['we will we will rock you', [0, 0.48, 0.86, 0.88, 1.12, 1.26]],
  ])('keeps "%s"', (text, times) => {
    const said = result(...text.split(' ').map((word, at): [string, number] => [` ${word}`, times[at]!]))
    expect(texts(judge(said, audio(2000, [[250, 1750]]), habits).words)).toBe(text)
  })

  it('cuts what there is no time to say', () => {
    const times = [
      1.9, 2.06, 2.22, 2.3, 2.36, 2.46, 2.54, 2.66, 2.78, 2.84, 2.88, 2.88, 2.88, 2.88, 3.24, 3.24, 3.3, 3.3,
    ]
    const said = result(
      [' myself', 0],
      [' and', 0.72],
      [' my', 1.64],
      ...times.map((time): [string, number] => [' c', time]),
    )
    const { words, suspicious } = judge(said, audio(3520, [[250, 3300]]), habits)
    expect(words.length).toBeLessThan(14)
    expect(suspicious).toBe(true)
  })

  it('makes no words of sounds, and asks again where somebody surely spoke', () => {
    const wind = result([' (', 0], ['wind', 0.2], [' howling', 0.4], [')', 0.6])
    expect(judge(wind, audio(2000, [[250, 1700]]), habits)).toMatchObject({ words: [], suspicious: true })
    expect(judge(wind, audio(2000, []), habits)).toMatchObject({ words: [], suspicious: false })
    expect(judge(result([' 1', 0], ['/', 0.2], ['2', 0.4], ['"', 0.6]), audio(2000, []), habits).words).toEqual([])
  })

  it('leaves out words where nobody speaks', () => {
    const said = result([' hello', 0.3], [' there', 0.5], [' you', 1.9])
    expect(texts(judge(said, audio(2100, [[250, 800]]), habits).words)).toBe('hello there')
  })

  it('asks again where much speech has no word', () => {
    const said = result([' Just', 0], [' put', 0.4], [' it', 0.6], [' down', 0.8])
    expect(judge(said, audio(5000, [[250, 4700]]), habits).suspicious).toBe(true)
    expect(judge(said, audio(1600, [[250, 1300]]), habits).suspicious).toBe(false)
  })

  it('is not sure of a word in speech that only might be some', () => {
    const said = result([' What', 0], ['?', 0.2])
    const weak = judge(said, audio(1200, [[250, 850]], { level: 0.3 }), habits)
    expect(weak).toMatchObject({ words: [], suspicious: true, unsure: [{ text: 'What?' }] })
    expect(judge(said, audio(1200, [[250, 850]]), habits).words).toHaveLength(1)
  })
})

describe('better', () => {
  const word = (text: string) => ({ text, start: 0, end: 100 })
  const judgement = (words: string[], unsure: string[] = [], doubt = 0) => ({
    words: words.map((text) => word(text)),
    unsure: unsure.map((text) => word(text)),
    suspicious: true,
    cutOff: false,
    repeatedWords: 0,
    doubt,
  })

  it('takes the second try, unless more speaks against it', () => {
    expect(texts(chooseBetter(judgement(['a']), judgement(['b'])).words)).toBe('b')
    expect(texts(chooseBetter(judgement(['a'], [], 1), judgement(['b'], [], 3)).words)).toBe('a')
    expect(texts(chooseBetter(judgement([]), judgement(['b'], [], 3)).words)).toBe('b')
  })

  it('keeps what only the first heard, but no polite phrase', () => {
    expect(texts(chooseBetter(judgement(['hahaha']), judgement([])).words)).toBe('hahaha')
    expect(chooseBetter(judgement(['Thank', 'you.']), judgement([])).words).toEqual([])
  })

  it('takes what is unsure where something was heard both times', () => {
    expect(texts(chooseBetter(judgement([], ['Nope.']), judgement([], ['Yep.'])).words)).toBe('Yep.')
    expect(chooseBetter(judgement([], ['What?']), judgement([])).words).toEqual([])
  })
})

describe('withSilence', () => {
  it('makes 29 s of an utterance', () => {
    const padded = withSilence(Int16Array.of(1, 2, 3))
    expect(padded).toHaveLength(29 * 16_000)
    expect([...padded.subarray(0, 5)]).toEqual([1, 2, 3, 0, 0])
    expect(withSilence(new Int16Array(500_000))).toHaveLength(500_000)
  })
})
