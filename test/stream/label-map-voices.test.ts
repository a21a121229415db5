import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SpeakerLetters } from '../../src/stream/speakers.ts'
import { LabelMap, oddsByWords } from '../../src/stream/label-map.ts'
import { type Voice, voiceOf } from '../../src/voices/voice.ts'

/** Some speech of a person: voices of two have a cosine of 0.36, of one of about 0.97. */
function voice(person: number, frames = 400, take = 0): Voice {
  const vector = new Float32Array(64)
  vector[0] = 0.6
  vector[1 + person] = 0.8
  vector[40 + (take % 20)] = 0.15
  return voiceOf(vector, frames, false)
}

/** The labels of a session whose voices are heard. */
function voiced(letters: SpeakerLetters): LabelMap {
  return new LabelMap(letters, 'letters', true)
}

/** Letters of a stream in whose first session persons 0, 1, … were heard as A, B, … */
function lettersAfter(people: number, frames = 400): SpeakerLetters {
  const letters = new SpeakerLetters()
  const first = voiced(letters)
  for (let person = 0; person < people; person++) {
    const label = String.fromCodePoint(65 + person)
    first.letter(label, 0)
    first.hear(label, voice(person, frames))
  }
  return letters
}

function later(people: number): LabelMap {
  return voiced(lettersAfter(people))
}

function vote(map: LabelMap, label: string, letter: string, words = 4): void {
  for (let word = 0; word < words; word++) map.vote(label, letter, 240)
}

describe('a session whose labels have voices', () => {
  it('knows somebody again who was silent in what both sessions heard', () => {
    const map = later(3)
    vote(map, 'A', 'B')
    map.letter('A', 1000)
    // Nothing tells yet whether it is A or C.
    const first = map.letter('B', 2000)
    expect(first).toBe('D')
    expect(map.isOpen('B')).toBe(true)
    map.hear('B', voice(2))
    map.consider()
    expect(map.letter('B', 3000)).toBe('C')
    expect(map.isOpen('B')).toBe(false)
    expect(map.takeChanged()).toEqual(['B'])
    expect(map.takeChanged()).toEqual([])
  })

  it('gives somebody new a letter of his own, once there is enough to tell', () => {
    const map = later(2)
    map.letter('A', 1000)
    map.hear('A', voice(5, 150))
    map.consider()
    expect(map.isOpen('A')).toBe(true)
    map.hear('A', voice(5, 300))
    map.consider()
    expect(map.isOpen('A')).toBe(false)
    expect(map.letter('A', 2000)).toBe('C')
  })

  it('decides nothing for good while speech is still to be listened to, but not for ever', () => {
    const map = later(2)
    for (const label of 'AB') {
      map.letter(label, 0)
      map.expect(label)
      map.expect(label)
    }
    map.expectLess('B')
    map.expectLess('B')
    map.letter('A', 130_000)
    expect(['A', 'B'].map((label) => map.isOpen(label))).toEqual([true, false])
    map.letter('A', 241_000)
    expect(map.isOpen('A')).toBe(false)
  })

  it('takes back a letter that was not needed, for whoever is new next', () => {
    const letters = lettersAfter(2)
    const map = voiced(letters)
    expect(map.letter('A', 1000)).toBe('C')
    map.hear('A', voice(1))
    map.consider()
    expect(map.letter('A', 1000)).toBe('B')
    expect(letters.known).toEqual(['A', 'B'])
    map.letter('B', 2000)
    map.hear('B', voice(7))
    map.consider()
    expect(map.letter('B', 2000)).toBe('C')
  })

  it('weighs words and voices together: voices are heard out, words guess', () => {
    const map = later(2)
    vote(map, 'A', 'A', 3)
    expect(map.letter('A', 1000)).toBe('A')
    expect(map.isOpen('A')).toBe(true)
    map.hear('A', voice(1, 600))
    map.consider()
    expect(map.mapping).toEqual({ A: 'B' })
  })

  it('decides at the end, and after two minutes, by what there is', () => {
    const [ended, long] = [later(2), later(2)]
    for (const map of [ended, long]) {
      vote(map, 'A', 'B')
      expect(map.letter('A', 1000)).toBe('B')
      expect(map.isOpen('A')).toBe(true)
    }
    ended.settle()
    long.letter('A', 122_000)
    for (const map of [ended, long])
      expect({ is: map.isOpen('A'), anyOpen: map.anyOpen }).toEqual({ is: false, anyOpen: false })
    // What comes now is decided at once; nothing says that it is A.
    expect(ended.letter('B', 2000)).toBe('C')
    expect(ended.isOpen('B')).toBe(false)
  })

  it('does not learn the voice of a letter from a label that may be somebody else', () => {
    const letters = lettersAfter(2, 300)
    const map = voiced(letters)
    vote(map, 'A', 'A', 1)
    map.letter('A', 1000)
    map.settle()
    expect(map.letter('A', 1000)).toBe('A')
    map.hear('A', voice(5, 1000))
    expect(letters.voiceOf('A').wideband?.frames).toBe(300)
  })

  it('is as without voices where there are none after all', () => {
    const label = fc.constantFrom('A', 'B', 'C', 'D')
    const votes = fc.array(
      fc.record({ label, letter: fc.constantFrom('A', 'B', 'C'), ms: fc.integer({ min: 1, max: 600 }) }),
    )
    fc.assert(
      fc.property(votes, fc.array(label), (all, asked) => {
        const deaf = later(3)
        deaf.deafen()
        const plain = new LabelMap(lettersAfter(3))
        for (const map of [deaf, plain]) for (const each of all) map.vote(each.label, each.letter, each.ms)
        expect(asked.map((each) => deaf.letter(each, 0))).toEqual(asked.map((each) => plain.letter(each, 0)))
        expect(deaf.mapping).toEqual(plain.mapping)
      }),
    )
  })

  it('tells of labels that change where voices fail in between', () => {
    const map = later(1)
    vote(map, 'A', 'A', 1)
    expect(map.letter('A', 0)).toBe('A')
    map.deafen()
    expect(map.letter('A', 0)).toBe('B')
    expect(map.takeChanged()).toEqual(['A'])
  })

  it('never has two labels share a letter, whatever is heard when; and one that is sure keeps its letter', () => {
    const label = fc.constantFrom('A', 'B', 'C', 'D', 'speaker_1')
    const step = fc.oneof(
      fc.record({ label, person: fc.integer({ min: 0, max: 5 }), frames: fc.integer({ min: 30, max: 800 }) }),
      fc.record({ label, letter: fc.constantFrom('A', 'B', 'C') }),
      fc.record({ ask: label, at: fc.integer({ min: 0, max: 300_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = later(3)
        const sure = new Map<string, string>()
        for (const each of steps) {
          if ('ask' in each) map.letter(each.ask, each.at)
          else if ('person' in each) map.hear(each.label, voice(each.person, each.frames))
          else map.vote(each.label, each.letter, 300)
          map.consider(true)
          const mapping = Object.entries(map.mapping)
          expect(new Set(mapping.map(([, letter]) => letter)).size).toBe(mapping.length)
          for (const [own, letter] of mapping) {
            expect(sure.get(own) ?? letter).toBe(letter)
            if (!map.isOpen(own)) sure.set(own, letter)
          }
        }
      }),
    )
  })

  it('comes to the same letters in whatever order voices are heard', () => {
    const heard = [0, 1, 2].flatMap((person) => [person, person].map((_, take) => ({ person, take })))
    fc.assert(
      fc.property(fc.shuffledSubarray(heard, { minLength: heard.length }), (order) => {
        const map = later(3)
        for (const label of ['A', 'B', 'C']) map.letter(label, 0)
        for (const { person, take } of order) {
          map.hear('BCA'[person]!, voice(person, 200, take))
          map.consider()
        }
        map.settle()
        expect(map.mapping).toEqual({ B: 'A', C: 'B', A: 'C' })
      }),
    )
  })

  it('has as many letters as people after a week of sessions, and no more memory than for them', () => {
    const letters = lettersAfter(3)
    let [seed, take] = [1, 0]
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
    for (let session = 0; session < 56; session++) {
      const map = voiced(letters)
      const there = [0, 1, 2].filter(() => random() < 0.6)
      const shift = Math.floor(random() * 3)
      for (const person of there) {
        const label = 'ABC'[(person + shift) % 3]!
        map.letter(label, 0)
        for (let part = 0; part < 2; part++) map.hear(label, voice(person, 250, take++))
        map.consider()
        expect(map.letter(label, 0)).toBe('ABC'[person])
      }
      map.settle()
    }
    expect(letters.known.toSorted()).toEqual(['A', 'B', 'C'])
    for (const letter of 'ABC') expect(letters.voiceOf(letter).wideband!.frames).toBe(6000)
  })

  it('is bounded against labels and letters without end', () => {
    const letters = lettersAfter(30)
    for (let session = 0; session < 12; session++) {
      const map = voiced(letters)
      for (let label = 0; label < 40; label++) {
        map.letter(`speaker_${label}`, 0)
        map.hear(`speaker_${label}`, voice((session + label) % 39, 500))
      }
      map.settle()
      expect(new Set(Object.values(map.mapping)).size).toBe(40)
    }
    expect(letters.known.length).toBeLessThanOrEqual(100)
    expect(letters.voices.size).toBeLessThanOrEqual(100)
  })
})

describe('oddsByWords', () => {
  it('speak for the letter of most of the words, against others, and the louder the more were heard', () => {
    const votes = new Map([
      ['A', { ms: 900, words: 3 }],
      ['B', { ms: 100, words: 1 }],
    ])
    expect(oddsByWords(votes, 'A')).toBeCloseTo(4.8)
    expect(oddsByWords(votes, 'B')).toBeCloseTo(-4.8)
    expect(oddsByWords(votes, 'C')).toBeCloseTo(-6)
    expect(oddsByWords(new Map([['A', { ms: 250, words: 1 }]]), 'A')).toBeCloseTo(1.5)
    expect(oddsByWords(undefined, 'A')).toBe(0)
  })
})
