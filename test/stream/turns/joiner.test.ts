import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import type { TurnMessage, TurnRevision, WordMessage } from '../../../src/protocol/messages.ts'
import { FinalWords } from '../../../src/stream/turns/final-words.ts'
import { TurnJoiner } from '../../../src/stream/turns/joiner.ts'
import { LabelMap } from '../../../src/stream/label-map.ts'
import { SpeakerLetters } from '../../../src/stream/speakers.ts'
import { interrupted } from './interrupted.ts'
import { runs } from '../../helpers/runs.ts'

/** Words of 400 ms every 500 ms, written as `text` or `text/label`. */
function words(text: string, start: number): WordMessage[] {
  return (text === '' ? [] : text.split(' ')).map((part, index) => {
    const [word = '', speaker] = part.split('/')
    const from = start + index * 500
    const label = speaker === undefined ? {} : { speaker }
    return { text: word, start: from, end: from + 400, confidence: 0.9, word_is_final: true, ...label }
  })
}

function message(order: number, text: string, start: number, more: Partial<TurnMessage> = {}): TurnMessage {
  const spoken = words(text, start)
  const label = spoken[0]?.speaker
  return {
    type: 'Turn',
    turn_order: order,
    turn_is_formatted: true,
    end_of_turn: true,
    transcript: spoken.map((word) => word.text).join(' '),
    end_of_turn_confidence: 1,
    words: spoken,
    ...(label === undefined ? {} : { speaker_label: label }),
    ...more,
  }
}

function revision(order: number, text: string, start: number): TurnRevision {
  const spoken = words(text, start)
  return { turn_order: order, speaker_label: spoken[0]?.speaker ?? null, words: spoken }
}

/** A stream whose sessions are played one after the other; what comes out of one is what the next finds. */
class Stream {
  readonly letters = new SpeakerLetters()
  readonly finals = new FinalWords(600_000)
  readonly orders = { next: 0 }

  session(offset: number, awaitFormatted = false): (what: TurnMessage | TurnRevision[]) => Turn[] {
    const turns = this.turns(offset, awaitFormatted)
    return (what) => {
      const out = Array.isArray(what) ? turns.revision({ type: 'SpeakerRevision', revisions: what }) : turns.turn(what)
      for (const turn of out) if (turn.endOfTurn) this.finals.add(turn)
      return out
    }
  }

  turns(offset: number, awaitFormatted = false): TurnJoiner {
    const options = { sessionId: `at ${offset}`, toStream: (ms: number) => offset + ms, awaitFormatted }
    return new TurnJoiner(options, new LabelMap(this.letters), this.finals, this.orders)
  }
}

const partial = { end_of_turn: false }

/** A turn as text: order.revision and words with their letters. */
function shown({ order, revision: number, words: spoken }: Turn): string {
  return `${order}.${number} ${spoken.map(({ text, speaker }) => `${text}/${speaker ?? '-'}`).join(' ')}`
}

it('takes a partial of nothing but an empty word for none where that was final before', () => {
  const stream = new Stream()
  stream.session(0)(message(0, 'good/A morning/A', 1000))
  const hear = stream.session(0)
  const empty = { ...message(0, 'x/A', 1000), ...partial, transcript: '' }
  expect(hear({ ...empty, words: [{ ...empty.words[0]!, text: '' }] })).toEqual([])
  expect(hear(message(0, 'good/A morning/A to/A you/A', 1000)).map(shown)).toEqual(['1.0 to/A you/A'])
})

describe('the first session', () => {
  it('gives its turns as they are', () => {
    const hear = new Stream().session(0)
    const [turn] = hear(message(0, 'good/B morning/B', 1000))
    expect(turn).toMatchObject({
      sessionId: 'at 0',
      order: 0,
      revision: 0,
      endOfTurn: true,
      transcript: 'good morning',
      speaker: 'B',
      start: 1000,
      end: 1900,
    })
    expect(hear(message(1, 'hello/A', 3000)).map(shown)).toEqual(['1.0 hello/A'])
  })

  it('gives a turn one order from its first partial to its last revision', () => {
    const hear = new Stream().session(0)
    const out = [
      hear(message(0, 'good', 1000, partial)),
      hear(message(0, 'good morning', 1000, partial)),
      hear(message(0, 'good/A morning/A', 1000)),
      hear([revision(0, 'good/A morning/B', 1000)]),
    ]
    expect(out.flat().map(shown)).toEqual([
      '0.0 good/-',
      '0.0 good/- morning/-',
      '0.0 good/A morning/A',
      '0.1 good/A morning/B',
    ])
  })

  it('gives finals rising orders where a partial of the next turn comes before the final of one', () => {
    const hear = new Stream().session(0)
    const out = [
      hear(message(1, 'later', 2500, partial)),
      hear(message(0, 'first/A turn/A', 1000)),
      hear(message(1, 'later on', 2500, partial)),
      hear(message(3, 'far', 4000, partial)),
      hear(message(1, 'later/B turn/B', 2500)),
      hear([revision(0, 'first/B turn/B', 1000)]),
    ]
    expect(out.flat().map(shown)).toEqual([
      '1.0 later/-',
      '0.0 first/A turn/A',
      '1.0 later/- on/-',
      '3.0 far/-',
      '1.0 later/B turn/B',
      '0.1 first/B turn/B',
    ])
  })

  it('gives finals rising orders however the server numbers its turns', () => {
    const hear = new Stream().session(0)
    const numbers = [5, 4, 1_000_000_000, 7, 6, 0]
    const orders = numbers.flatMap((number, index) => [
      ...hear(message(number, 'open', index * 1000, partial)),
      ...hear(message(number, `w${index}/A`, index * 1000)),
    ])
    expect(orders.filter(({ endOfTurn }) => endOfTurn).map(({ order }) => order)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('keeps a turn that has text but no words', () => {
    const hear = new Stream().session(0)
    const [turn] = hear(message(0, '', 0, { transcript: '[Music]' }))
    expect(turn).toMatchObject({ order: 0, transcript: '[Music]', words: [], start: 0, end: 0 })
  })
})

describe('what was final before', () => {
  /** A stream whose first session had made `one two three` of A final, 1000 to 2400 ms. */
  function after(text = 'one/A two/A three/A'): Stream {
    const stream = new Stream()
    stream.session(0)(message(0, text, 1000))
    return stream
  }

  it('is cut from the first turn that goes beyond it, whose text, times and speaker are made anew', () => {
    const hear = after('one/A two/A three/B').session(1000)
    const [turn] = hear(message(0, 'one/A two/A three/B four/B five/B six/A', 0))
    expect(turn).toMatchObject({ order: 1, transcript: 'four five six', start: 2500, end: 3900, speaker: 'B' })
    expect(shown(turn as Turn)).toBe('1.0 four/B five/B six/A')
  })

  it('makes no speaker for a cut turn whose words have none', () => {
    const [turn] = after().session(1000)(message(0, 'one/A two/A three/A four five', 0))
    expect(turn).not.toHaveProperty('speaker')
    expect(turn?.transcript).toBe('four five')
  })

  it('is dropped where a turn repeats it whole, and its revisions and orders with it', () => {
    const stream = after()
    const hear = stream.session(1000)
    expect(hear(message(0, 'one/A two/A', 0, partial))).toEqual([])
    expect(hear(message(0, 'one/A two/A', 0))).toEqual([])
    expect(hear(message(1, 'three/A', 1000))).toEqual([])
    expect(hear([revision(0, 'one/B two/B', 0), revision(1, 'three/B', 1000)])).toEqual([])
    expect(hear(message(2, 'four/A', 1500)).map(shown)).toEqual(['1.0 four/A'])
    expect(hear([revision(1, 'three/C', 1000)])).toEqual([])
    expect(stream.orders.next).toBe(2)
  })

  it('is cut from partials as well, each for itself', () => {
    const hear = after().session(1000)
    const out = [
      hear(message(0, 'one two', 0, partial)),
      hear(message(0, 'one two three', 0, partial)),
      hear(message(0, 'one two three for', 0, partial)),
      hear(message(0, 'one/A two/A three/A four/A five/A', 0)),
    ]
    expect(out.map((turns) => turns.map(shown))).toEqual([[], [], ['1.0 for/-'], ['1.0 four/A five/A']])
  })

  it('stays cut by the same words in revisions', () => {
    const hear = after().session(1000)
    hear(message(0, 'one/A two/A three/A four/A five/A', 0))
    const [turn] = hear([revision(0, 'one/A two/A three/A four/A five/C', 0)])
    expect(shown(turn as Turn)).toBe('1.1 four/A five/B')
    expect(turn).toMatchObject({ transcript: 'four five', start: 2500, end: 3400 })
  })

  it('stays cut by the same words in the formatted form, whatever that looks like', () => {
    const hear = after().session(1000)
    const plain = hear(message(0, 'one/A two/A three/A four/A', 0, { turn_is_formatted: false }))
    expect(plain.map(shown)).toEqual(['1.0 four/A'])
    const formatted = hear(message(0, 'One,/A two,/A 3,/A four./A', 0))
    expect(formatted.map(shown)).toEqual(['1.1 four./A'])
    expect(formatted[0]?.transcript).toBe('four.')
  })

  it('stays cut at the same time in a formatted form of other words', () => {
    const hear = after().session(1000)
    const plain = message(0, 'one/A two/A three/A four/A five/A', 0, { turn_is_formatted: false })
    expect(hear(plain).map(shown)).toEqual(['1.0 four/A five/A'])
    const [one, , , four, five] = plain.words.map((word) => ({ ...word }))
    const formatted = [
      { ...one!, text: 'One,', end: 1400 },
      { ...four!, text: 'four' },
      { ...five!, text: 'five.' },
    ]
    expect(hear({ ...message(0, '', 0), words: formatted }).map(shown)).toEqual(['1.1 four/A five./A'])
  })

  it('leaves a turn as it was where one word of the formatted form says what is cut and what is not', () => {
    const hear = after().session(1000)
    const plain = message(0, 'one/A two/A three/A four/A five/A', 0, { turn_is_formatted: false })
    expect(hear(plain).map(shown)).toEqual(['1.0 four/A five/A'])
    const merged = { ...plain.words[0]!, text: '1234', end: plain.words[3]!.end }
    expect(hear({ ...message(0, '', 0), words: [merged, plain.words[4]!] })).toEqual([])
    expect(hear({ ...message(0, '', 0), words: [{ ...merged, text: '12345.', end: plain.words[4]!.end }] })).toEqual([])
    expect(hear(message(0, '', 0, { transcript: '12345.' }))).toEqual([])
  })

  it('no longer matters once a turn went beyond it', () => {
    const hear = after().session(1000)
    hear(message(0, 'one/A two/A three/A four/A', 0))
    // Says the last final word again, 300 ms after it by a wrong time.
    expect(hear(message(1, 'three/A again/A', 1300)).map(shown)).toEqual(['2.0 three/A again/A'])
  })

  it('is cut from a turn whose final comes after that of one beyond it', () => {
    const hear = after().session(1000)
    expect(hear(message(1, 'five/A', 2000)).map(shown)).toEqual(['1.0 five/B'])
    expect(hear(message(0, 'one/A two/A three/A four/A', 0)).map(({ transcript }) => transcript)).toEqual(['four'])
  })

  it('drops a turn without words that lies before its end, and keeps a later one', () => {
    const stream = after()
    const hear = stream.session(1000)
    expect(hear(message(0, '', 0, { transcript: '[Music]' }))).toEqual([])
    expect(hear(message(1, 'four/A', 1500)).map(shown)).toEqual(['1.0 four/B'])
    expect(hear(message(2, '', 0, { transcript: '[Music]' }))).toMatchObject([
      { order: 2, transcript: '[Music]', words: [], start: 2900 },
    ])
  })

  it('is dropped of turns without words that are heard again, by where most of each lies', () => {
    const finals = new FinalWords(600_000)
    const orders = { next: 0 }
    let heard = 0
    const session = (offset: number): ((until: number, transcript: string) => Turn[]) => {
      const options = { sessionId: `at ${offset}`, toStream: (ms: number) => offset + ms, heard: () => heard }
      const joiner = new TurnJoiner(options, new LabelMap(new SpeakerLetters()), finals, orders)
      let order = 0
      return (until, transcript) => {
        heard = until
        const turns = joiner.turn(message(order++, '', 0, { transcript }))
        for (const turn of turns) finals.add(turn, heard)
        return turns
      }
    }
    const first = session(0)
    const given = [...first(3000, 'one'), ...first(6000, 'two')]
    const second = session(0)
    given.push(...second(3050, 'one'), ...second(6050, 'two'), ...second(9050, 'three'))
    expect(given.map(({ order, transcript, start, end }) => [order, transcript, start, end])).toEqual([
      [0, 'one', 0, 3000],
      [1, 'two', 3000, 6000],
      [2, 'three', 6050, 9050],
    ])
  })

  it('lets orders rise over sessions', () => {
    const stream = after()
    const orders = [1000, 3000, 5000].flatMap((offset, index) => {
      const hear = stream.session(offset)
      return [0, 1].flatMap((order) => hear(message(order, `w${index}${order}/A`, 1600 + order * 500)))
    })
    expect(orders.map(({ order }) => order)).toEqual([1, 2, 3, 4, 5, 6])
    expect(new Set(orders.map(({ sessionId }) => sessionId)).size).toBe(3)
  })
})

describe('speakers', () => {
  const dialogue = 'a1/A a2/A b1/B b2/B'

  it('keep their letters where the new session has the labels the other way round', () => {
    const stream = new Stream()
    stream.session(0)(message(0, dialogue, 1000))
    const turns = stream.turns(1000)
    const [turn] = turns.turn(message(0, 'a1/B a2/B b1/A b2/A b3/A a3/B', 0))
    expect(shown(turn as Turn)).toBe('1.0 b3/B a3/A')
    expect(turns.labels.mapping).toEqual({ A: 'B', B: 'A' })
  })

  it('get a new letter where nobody can tell who they are', () => {
    const stream = new Stream()
    stream.session(0)(message(0, dialogue, 1000))
    const hear = stream.session(3000)
    expect(hear(message(0, 'x1/A x2/B', 500)).map(shown)).toEqual(['1.0 x1/C x2/D'])
  })

  it('are voted for by finals, not by partials and not by revisions', () => {
    const stream = new Stream()
    stream.session(0)(message(0, dialogue, 1000))
    const turns = stream.turns(1000)
    // Partials have the labels wrong, and so has the revision.
    for (let time = 0; time < 5; time += 1) turns.turn(message(0, 'a1/B a2/B b1/A b2/A', 0, partial))
    turns.turn(message(0, dialogue, 0))
    turns.revision({ type: 'SpeakerRevision', revisions: [revision(0, 'a1/B a2/B b1/A b2/A', 0)] })
    expect(turns.turn(message(1, 'a3/A b3/B', 2000)).map(shown)).toEqual(['1.0 a3/A b3/B'])
  })

  it('are not fixed by partials', () => {
    const stream = new Stream()
    stream.session(0)(message(0, dialogue, 1000))
    const turns = stream.turns(1000)
    expect(turns.turn(message(0, 'a1/B a2/B b1/A b2/A b3/A', 0, partial)).map(shown)).toEqual(['1.0 b3/-'])
    expect(turns.labels.mapping).toEqual({})
    expect(turns.turn(message(0, 'a1/B a2/B b1/A b2/A b3/A', 0)).map(shown)).toEqual(['1.0 b3/B'])
    // From here on the label is known, and a partial may show it.
    expect(turns.turn(message(1, 'b4/A', 2500, partial)).map(shown)).toEqual(['2.0 b4/B'])
  })

  it('are mapped in revisions too, with a new letter for a new label', () => {
    const stream = new Stream()
    stream.session(0)(message(0, dialogue, 1000))
    const hear = stream.session(1000)
    hear(message(0, 'a1/B a2/B b1/A b2/A b3/A a3/B', 0))
    const [turn] = hear([revision(0, 'a1/B a2/B b1/A b2/A b3/B a3/C', 0)])
    expect(shown(turn as Turn)).toBe('1.1 b3/A a3/C')
  })

  it('of earlier sessions are those of their revisions', () => {
    const stream = new Stream()
    const first = stream.session(0)
    first(message(0, 'a1/A a2/A b1/A b2/A', 1000))
    first([revision(0, dialogue, 1000)])
    const hear = stream.session(1000)
    expect(hear(message(0, 'a1/B a2/B b1/A b2/A b3/A', 0)).map(shown)).toEqual(['1.0 b3/B'])
  })

  it('need words that both sessions have labelled', () => {
    const stream = new Stream()
    stream.session(0)(message(0, 'a1 a2 b1/B b2/B', 1000))
    const hear = stream.session(1000)
    expect(hear(message(0, 'a1/A a2/A b1 b2 x/A y/B', 0)).map(shown)).toEqual(['1.0 x/A y/C'])
  })
})

describe('a final that waits for its formatted form', () => {
  it('is placed when it is released', () => {
    const stream = new Stream()
    stream.session(0)(message(0, 'one/A two/A', 1000))
    const turns = stream.turns(1000, true)
    expect(turns.turn(message(0, 'one/A two/A three/A', 0, { turn_is_formatted: false }))).toEqual([])
    expect(turns.holding).toBe(true)
    expect(turns.release().map(shown)).toEqual(['1.0 three/A'])
    expect(turns.holding).toBe(false)
    expect(turns.release()).toEqual([])
  })
})

describe('a stream whose sessions are lost anywhere', () => {
  it('gives every word once, whatever the service makes of ends, onsets and words', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { heard, expected } = interrupted(seed)
        expect(heard).toEqual(expected)
      }),
      { numRuns: runs(3000), seed: 1 },
    )
  })
})

describe('a partial of which nothing is left where what was final is cut away', () => {
  const heard = (last: string): WordMessage[] => words(`one two three ${last}`.trim(), 1000)
  const again = (spoken: WordMessage[], isFinal: boolean): TurnMessage => ({
    ...message(0, '', 0),
    end_of_turn: isFinal,
    transcript: spoken.map(({ text }) => text).join(' '),
    words: spoken,
  })

  it.each([
    ['by a later partial', [false, true]],
    ['by its final', [true]],
  ])('is taken back once, %s', (_how, later) => {
    const stream = new Stream()
    stream.session(0)(message(0, 'one two three', 1000))
    const next = stream.session(0)
    // The last word, still growing, is taken for one more.
    expect(next(again(heard('ee'), false))).toMatchObject([{ order: 1, endOfTurn: false, transcript: 'ee' }])
    const out = later.flatMap((isFinal) => next(again(heard(''), isFinal)))
    expect(out).toMatchObject([{ order: 1, endOfTurn: false, transcript: '', words: [] }])
    expect(next(message(1, 'four', 6000))).toMatchObject([{ order: 1, endOfTurn: true, transcript: 'four' }])
  })
})
