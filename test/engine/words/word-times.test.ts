import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordsOf } from '../../../src/engine/words/word-times.ts'

const result = (pairs: readonly (readonly [token: string, seconds: number])[], probabilities: number[] = []) => ({
  tokens: pairs.map(([token]) => token),
  timestamps: pairs.map(([, seconds]) => seconds),
  logProbabilities: probabilities.map(Math.log),
})

/** A tone where `said` says so, silence elsewhere; the detector notices it 60 ms late. */
function audio(ms: number, ...said: [from: number, to: number][]) {
  const inside = (at: number, late = 0): boolean => said.some(([from, to]) => at >= from + late && at < to)
  return {
    samples: Int16Array.from({ length: ms * 16 }, (_, at) => (inside(at / 16) ? 5000 * Math.sin(at / 3) : 0)),
    speech: Array.from({ length: ms / 10 }, (_, frame) => (inside(frame * 10, 60) ? 0.7 : 0)),
  }
}

const plain = { lateMs: 0, onlyCapitals: false }

describe('wordsOf', () => {
  it('joins tokens to words, each with its punctuation', () => {
    const words = wordsOf(
      result([
        [' "', 0],
        ['Hel', 0],
        ['lo', 0.2],
        [',', 0.4],
        [' world', 0.5],
        ['!', 0.9],
        ['"', 0.9],
        [' -', 0.9],
        ['▁9', 1],
        ['.', 1.1],
        ['5', 1.2],
      ]),
      audio(1500, [100, 1400]),
      plain,
    )
    expect(words.map(({ text }) => text)).toEqual(['"Hello,', 'world!"', '9.5'])
  })

  it('leaves out signs of the model, and lets an ideograph be a word', () => {
    const tokens = result([
      ['<unk>', 0],
      ['▁', 0.1],
      ['中', 0.2],
      ['文', 0.4],
      ['。', 0.6],
      ['ス', 0.7],
      ['', 0.75],
      ['ピー', 0.8],
      ['<|en|>', 0.9],
    ])
    const words = wordsOf(tokens, audio(1000, [100, 900]), plain)
    expect(words.map(({ text }) => text)).toEqual(['中', '文。', 'ス', 'ピー'])
  })

  it('makes small letters of capitals where the model has no others', () => {
    const words = wordsOf(result([['▁HELLO', 0]]), audio(1000, [100, 900]), { ...plain, onlyCapitals: true })
    expect(words[0]!.text).toBe('hello')
  })

  it('takes the mean probability of the tokens as confidence, and has none where the model gives none', () => {
    const tokens: [string, number][] = [
      ['▁a', 0],
      ['b', 0.1],
    ]
    const [word] = wordsOf(result(tokens, [0.9, 0.4]), audio(1000, [0, 900]), plain)
    expect(word!.confidence).toBeCloseTo(0.6)
    expect(wordsOf(result(tokens), audio(1000, [0, 900]), plain)[0]).not.toHaveProperty('confidence')
  })

  it('begins the first word where the sound does, not at the 0.00 of the model', () => {
    const [word] = wordsOf(result([[' hello', 0]]), audio(1000, [230, 700]), plain)
    expect(word).toEqual({ text: 'hello', start: 220, end: 710 })
  })

  it('begins a first word that was heard in something long before the others near them', () => {
    const words = wordsOf(
      result([
        [' So', 0],
        [' tell', 3],
        [' me', 3.3],
      ]),
      audio(4000, [100, 900], [2700, 3700]),
      plain,
    )
    expect(words[0]!.start).toBeGreaterThan(2600)
  })

  it('takes the usual delay of the model off', () => {
    const tokens = result([
      [' one', 0],
      [' two', 0.9],
    ])
    const late = wordsOf(tokens, audio(2000, [100, 1900]), { ...plain, lateMs: 100 })
    const early = wordsOf(tokens, audio(2000, [100, 1900]), { ...plain, lateMs: -100 })
    expect(late[1]!.start).toBeLessThan(900)
    expect(early[1]!.start).toBeGreaterThan(900)
  })

  it('lets a pause end a word and its end begin the next', () => {
    const words = wordsOf(
      result([
        [' hello', 0],
        [' world', 0.65],
      ]),
      audio(1400, [100, 500], [760, 1200]),
      plain,
    )
    expect(words).toEqual([
      { text: 'hello', start: 90, end: 510 },
      { text: 'world', start: 750, end: 1210 },
    ])
  })

  it('lets no short quiet inside a word end it, where the detector hears on and no other word begins behind it', () => {
    const closed = audio(1400, [100, 400], [520, 700])
    const heard = { ...closed, speech: closed.speech.map((_, frame) => (frame >= 16 && frame < 80 ? 0.7 : 0)) }
    expect(wordsOf(result([[' background', 0]]), heard, plain)).toEqual([{ text: 'background', start: 90, end: 710 }])
    // With no speech between them, or so much of it that nobody would take as long, the sounds are not of one word.
    expect(wordsOf(result([[' background', 0]]), closed, plain)[0]!.end).toBe(410)
    expect(wordsOf(result([[' a', 0]]), heard, plain)[0]!.end).toBeLessThan(520)
  })

  it('ends a word that fades where the detector stops hearing it, as far as it does not hold on', () => {
    const { samples } = audio(1400, [100, 400])
    const fading = (toMs: number) => ({
      samples,
      speech: Array.from({ length: 140 }, (_, frame) => (frame >= 16 && frame < toMs / 10 ? 0.7 : 0)),
    })
    const endOf = (toMs: number): number => wordsOf(result([[' hello', 0]]), fading(toMs), plain)[0]!.end
    expect(endOf(560)).toBe(410)
    expect(endOf(700)).toBe(550)
    expect(endOf(1300)).toBe(710)
  })

  it('lets no word last longer than anybody would say it', () => {
    const words = wordsOf(result([[' oh', 0]]), audio(9000, [100, 8900]), plain)
    expect(words[0]!.end - words[0]!.start).toBeLessThanOrEqual(1000)
  })

  it('gives words with a length, in order within the utterance, whatever comes, and the same again', () => {
    const token = fc.oneof(fc.constantFrom('▁a', 'b', ' c', '▁', '<blk>', '字'), fc.string())
    const seconds = fc.oneof(fc.double({ min: -1, max: 9, noNaN: true }), fc.double())
    const probability = fc.oneof(fc.double(), fc.double({ min: -20, max: 0 }))
    const sound = fc.record({
      samples: fc.array(fc.integer({ min: -32_768, max: 32_767 }), { maxLength: 12_000 }),
      speech: fc.array(fc.constantFrom(0, 0.3, 0.7), { maxLength: 100 }),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(token, seconds, probability)), sound, fc.integer(), (items, heard, lateMs) => {
        const tokens = {
          tokens: items.map(([text]) => text),
          timestamps: items.map(([, time]) => time),
          logProbabilities: items.map(([, , value]) => value),
        }
        const given = { samples: Int16Array.from(heard.samples), speech: heard.speech }
        const words = wordsOf(tokens, given, { lateMs, onlyCapitals: true })
        let from = 0
        for (const word of words) {
          expect(word.text).not.toBe('')
          expect(word.start).toBeGreaterThanOrEqual(from)
          expect(word.end).toBeGreaterThan(word.start)
          expect(word.end).toBeLessThanOrEqual(given.samples.length / 16)
          expect(word.confidence ?? 0).toBeGreaterThanOrEqual(0)
          expect(word.confidence ?? 0).toBeLessThanOrEqual(1)
          from = word.end
        }
        expect(wordsOf(tokens, given, { lateMs, onlyCapitals: true })).toEqual(words)
      }),
    )
  })
})
