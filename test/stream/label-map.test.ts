import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LabelMap } from '../../src/stream/label-map.ts'
import { SpeakerLetters } from '../../src/stream/speakers.ts'

/** Letters of a stream in whose first session these were heard. */
function lettersAfter(...labels: string[]): SpeakerLetters {
  const letters = new SpeakerLetters()
  const first = new LabelMap(letters)
  for (const label of labels) first.letter(label)
  return letters
}

function later(...labels: string[]): LabelMap {
  return new LabelMap(lettersAfter(...labels))
}

function vote(map: LabelMap, label: string, letter: string, words: number, ms = 240): void {
  for (let word = 0; word < words; word += 1) map.vote(label, letter, ms)
}

describe('the first session', () => {
  it('keeps its own labels, whatever they are', () => {
    const map = new LabelMap(new SpeakerLetters())
    expect(['C', 'A', 'AB'].map((label) => map.letter(label))).toEqual(['C', 'A', 'AB'])
    expect(map.mapping).toEqual({ C: 'C', A: 'A', AB: 'AB' })
  })
})

describe('labels that are no letters', () => {
  it.each([
    ['speaker_0', 'speaker_1'],
    ['1', '0'],
    ['b', 'a'],
    ['Agent', 'Caller'],
  ])('get letters in order of appearance: %s, %s', (first, second) => {
    const map = new LabelMap(new SpeakerLetters())
    expect(map.foreign).toBeUndefined()
    expect([first, second, first].map((label) => map.letter(label))).toEqual(['A', 'B', 'A'])
    expect(map.foreign).toBe(first)
  })

  it('are shown as they are where that is asked for, in every session', () => {
    const letters = new SpeakerLetters()
    for (let session = 0; session < 2; session += 1) {
      const map = new LabelMap(letters, 'asGiven')
      expect(['Agent', '1', 'Agent'].map((label) => map.letter(label))).toEqual(['Agent', '1', 'Agent'])
      expect(map.foreign).toBeUndefined()
    }
  })

  it('never share a letter with another label of the session', () => {
    const label = fc.constantFrom('A', 'B', 'C', 'speaker_0', '0', 'a')
    fc.assert(
      fc.property(fc.array(label), fc.boolean(), fc.constantFrom('letters', 'asGiven'), (labels, isLater, others) => {
        const map = new LabelMap(lettersAfter(...(isLater ? ['A'] : [])), others)
        const letters = new Map(labels.map((each) => [each, map.letter(each)]))
        expect(new Set(letters.values()).size).toBe(letters.size)
      }),
    )
  })

  it('are bounded against a server that makes them up without end', () => {
    const map = new LabelMap(new SpeakerLetters())
    for (let index = 0; index < 1000; index++) expect(map.letter(`speaker_${index}`)).toBeDefined()
    expect(map.letter('speaker_1000')).toBeUndefined()
    expect(map.letter('speaker_7')).toBe('H')
  })
})

describe('a later session', () => {
  it('gives its labels the letters of the words that both heard', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'B', 3)
    vote(map, 'B', 'A', 3)
    expect([map.letter('A'), map.letter('B')]).toEqual(['B', 'A'])
    expect(map.mapping).toEqual({ A: 'B', B: 'A' })
  })

  it('lets time decide, not the number of words', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'A', 3, 50)
    vote(map, 'A', 'B', 2, 400)
    expect(map.letter('A')).toBe('B')
  })

  it('never gives two labels the same letter', () => {
    const map = later('A')
    vote(map, 'A', 'A', 5)
    vote(map, 'B', 'A', 4)
    expect([map.letter('A'), map.letter('B')]).toEqual(['A', 'B'])
  })

  it('weighs all labels together, not the one that is asked for first', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'A', 4)
    vote(map, 'B', 'A', 9)
    vote(map, 'B', 'B', 1)
    // Alone, label A has no other letter than A; but label B has more of it.
    expect([map.letter('A'), map.letter('B')]).toEqual(['C', 'A'])
  })

  it('takes the next unused letter for a label nobody voted for', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'A', 3)
    expect([map.letter('D'), map.letter('A'), map.letter('C')]).toEqual(['C', 'A', 'D'])
  })

  it.each([
    ['one short word', [['A', 1, 240]], 'C'],
    ['one long word', [['A', 1, 400]], 'A'],
    ['two short words', [['A', 2, 100]], 'A'],
    ['a tie', [['A', 3, 240], ['B', 3, 240]], 'C'], // prettier-ignore
    ['just less than 60 %', [['A', 59, 10], ['B', 41, 10]], 'C'], // prettier-ignore
    ['60 %', [['A', 60, 10], ['B', 40, 10]], 'A'], // prettier-ignore
  ] as const)('is rather new than wrong: %s', (_, votes, letter) => {
    const map = later('A', 'B')
    for (const [name, words, ms] of votes) vote(map, 'X', name, words, ms)
    expect(map.letter('X')).toBe(letter)
  })

  it('never renames a label that has a letter', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'A', 1)
    expect(map.known('A')).toBeUndefined()
    expect(map.letter('A')).toBe('C')
    vote(map, 'A', 'B', 50)
    expect(map.letter('A')).toBe('C')
    expect(map.known('A')).toBe('C')
  })

  it('does not give away a letter that a label was fixed to before', () => {
    const map = later('A', 'B')
    vote(map, 'A', 'A', 2)
    expect(map.letter('A')).toBe('A')
    vote(map, 'B', 'A', 50)
    expect(map.letter('B')).toBe('C')
  })

  it('survives more labels than it can weigh', () => {
    const map = later('A')
    for (let label = 0; label < 40; label += 1) vote(map, `L${label}`, 'A', 2)
    const letters = Array.from({ length: 40 }, (_, label) => map.letter(`L${label}`))
    expect(new Set(letters).size).toBe(40)
  })

  it('is one-to-one and stable for any votes and questions', () => {
    const name = fc.constantFrom('A', 'B', 'C', 'D')
    const step = fc.oneof(
      fc.record({ label: name, letter: fc.constantFrom('A', 'B', 'C'), ms: fc.integer({ min: 1, max: 600 }) }),
      fc.record({ ask: name }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = later('A', 'B', 'C')
        const answers = new Map<string, string | undefined>()
        for (const each of steps) {
          if (!('ask' in each)) {
            map.vote(each.label, each.letter, each.ms)
            continue
          }
          const letter = map.letter(each.ask)
          expect(answers.get(each.ask) ?? letter).toBe(letter)
          answers.set(each.ask, letter)
        }
        expect(new Set(answers.values()).size).toBe(answers.size)
        expect(map.mapping).toEqual(Object.fromEntries(answers))
      }),
    )
  })
})
