import { describe, expect, it } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import type { TurnMessage, WordMessage } from '../../../src/protocol/messages.ts'
import { TurnAssembler } from '../../../src/stream/turns/turn-assembler.ts'

function word(text: string, start: number, end: number, speaker?: string, final = true): WordMessage {
  return { text, start, end, confidence: 0.9, word_is_final: final, ...(speaker === undefined ? {} : { speaker }) }
}

function message(turnOrder: number, words: WordMessage[], more: Partial<TurnMessage> = {}): TurnMessage {
  return {
    type: 'Turn',
    turn_order: turnOrder,
    turn_is_formatted: true,
    end_of_turn: true,
    end_of_turn_confidence: 1,
    transcript: words.map(({ text }) => text).join(' '),
    words,
    ...more,
  }
}

const two = [word('Hello', 100, 400, 'A'), word('there.', 450, 800, 'PENDING')]

describe('TurnAssembler', () => {
  it('makes a turn in stream time, without placeholder labels', () => {
    const assembler = new TurnAssembler({ sessionId: 's2', toStream: (ms) => ms + 60_000 })
    expect(assembler.turn(message(8, two, { speaker_label: 'A', language_code: 'en' }))).toEqual([
      {
        sessionId: 's2',
        order: 8,
        revision: 0,
        endOfTurn: true,
        formatted: true,
        transcript: 'Hello there.',
        speaker: 'A',
        words: [
          { text: 'Hello', start: 60_100, end: 60_400, confidence: 0.9, speaker: 'A', final: true },
          { text: 'there.', start: 60_450, end: 60_800, confidence: 0.9, final: true },
        ],
        start: 60_100,
        end: 60_800,
        language: 'en',
      },
    ])
  })

  it('has words without a confidence where the server knows none, also after a revision', () => {
    const unsure = two.map(({ confidence: _unknown, ...rest }) => rest)
    const assembler = new TurnAssembler({ sessionId: 's' })
    const [turn] = assembler.turn(message(0, unsure))
    const revised = assembler.revision({
      type: 'SpeakerRevision',
      revisions: [{ turn_order: 0, speaker_label: 'B', words: unsure.map((rest) => ({ ...rest, speaker: 'B' })) }],
    })
    for (const { words } of [turn!, ...revised]) {
      expect(words).toHaveLength(2)
      for (const each of words) expect(each).not.toHaveProperty('confidence')
    }
    expect(revised[0]!.words.map(({ speaker }) => speaker)).toEqual(['B', 'B'])
  })

  it.each([null, undefined, '', 'UNKNOWN', 'PENDING'])('has no speaker where the turn label is %j', (label) => {
    const more = label === undefined ? {} : { speaker_label: label }
    const [turn] = new TurnAssembler({ sessionId: 's' }).turn(message(0, [word('Hi', 0, 9)], more))
    expect(turn && 'speaker' in turn).toBe(false)
  })

  it('makes the turn that is open at the end the last one, not confirmed', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    const partial = { end_of_turn: false, turn_is_formatted: false }
    assembler.turn(message(0, [word('Hello', 100, 400, 'A')]))
    assembler.turn(message(1, [word('And', 500, 700, 'B')], partial))
    assembler.turn(message(1, [word('And', 500, 700, 'B'), word('so', 700, 900, 'B', false)], partial))
    expect(assembler.conclude()).toMatchObject([
      {
        order: 1,
        revision: 0,
        endOfTurn: true,
        unconfirmed: true,
        transcript: 'And so',
        words: [{ final: true }, { final: true }],
      },
    ])
    expect(assembler.conclude()).toEqual([])
  })

  it.each([
    ['its final', message(1, [word('And', 500, 700)])],
    ['an empty final of it', message(1, [])],
    ['an empty partial of it', message(1, [], { end_of_turn: false })],
    ['a final with its words that has another number', message(2, [word('And', 500, 700), word('then', 900, 1000)])],
  ])('has no open turn at the end after %s', (_what, last) => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(1, [word('And', 500, 700)], { end_of_turn: false }))
    assembler.turn(last)
    expect(assembler.conclude()).toEqual([])
  })

  const partial = { end_of_turn: false }
  const shown = ({ order, transcript, unconfirmed }: Turn): string =>
    `${order} ${transcript}${unconfirmed === true ? ' unconfirmed' : ''}`

  it('gives out all turns whose finals have not come at the end, in order', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(0, [word('First.', 0, 400)], partial))
    assembler.turn(message(1, [word('Second.', 1000, 1400)], partial))
    // Its first word begins early.
    assembler.turn(message(2, [word('Third.', 1100, 2400)]))
    assembler.turn(message(3, [word('Fourth.', 3000, 3400)], partial))
    expect(assembler.openWords).toEqual({ start: 0, end: 3400 })
    expect(assembler.conclude().map(shown)).toEqual([
      '0 First. unconfirmed',
      '1 Second. unconfirmed',
      '3 Fourth. unconfirmed',
    ])
    expect(assembler.openWords).toBeUndefined()
  })

  it('gives out only those before the last final where another session goes on behind it', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(0, [word('First.', 0, 400)], partial))
    assembler.turn(message(1, [word('Second.', 1000, 1400)]))
    assembler.turn(message(2, [word('Third.', 2000, 2400)], partial))
    expect(assembler.conclude(true).map(shown)).toEqual(['0 First. unconfirmed'])
  })

  it('waits for a late final, but not for ever, and takes even one that comes after that', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(0, [word('Late', 0, 400)], partial))
    assembler.turn(message(1, [word('Lost', 1000, 1400)], partial))
    expect(assembler.turn(message(2, [word('Next.', 29_000, 29_500)])).map(shown)).toEqual(['2 Next.'])
    expect(assembler.turn(message(0, [word('Late.', 0, 400)])).map(shown)).toEqual(['0 Late.'])
    const later = assembler.turn(message(3, [word('Then.', 32_000, 32_500)]))
    expect(later.map(shown)).toEqual(['3 Then.', '1 Lost unconfirmed'])
    expect(assembler.turn(message(1, [word('Found.', 1000, 1400)]))).toMatchObject([{ order: 1, revision: 1 }])
  })

  it('keeps a bounded number of open turns', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    const given = Array.from({ length: 20 }, (_, order) =>
      assembler.turn(message(order, [word('Open', order * 1000, order * 1000 + 400)], partial)),
    ).flat()
    expect(given.filter(({ endOfTurn }) => endOfTurn).map(({ order }) => order)).toEqual([0, 1, 2, 3])
    expect(assembler.conclude()).toHaveLength(16)
  })

  it('gives partials until the final, and none after it', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    const partial = message(0, [word('Hel', 100, 300, undefined, false)], { end_of_turn: false, transcript: '' })
    expect(assembler.turn(partial)).toMatchObject([{ endOfTurn: false, transcript: 'Hel', words: [{ final: false }] }])
    const glued = message(0, [word('你', 100, 300), word('好', 300, 500)], { end_of_turn: false, transcript: '' })
    expect(assembler.turn(glued)).toMatchObject([{ transcript: '你好' }])
    expect(assembler.turn(message(0, two))).toHaveLength(1)
    expect(assembler.turn(partial)).toEqual([])
  })

  it.each([
    ['an empty final', message(1, [])],
    ['an empty partial', message(1, [], { end_of_turn: false })],
  ])('takes an open turn back, once, by a partial without words: %s', (_what, last) => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(1, [word('Thanks', 500, 700)], { end_of_turn: false }))
    expect(assembler.turn(last)).toMatchObject([{ order: 1, endOfTurn: false, transcript: '', words: [], start: 500 }])
    expect(assembler.turn(last)).toEqual([])
  })

  it('drops an empty final', () => {
    expect(new TurnAssembler({ sessionId: 's' }).turn(message(4, []))).toEqual([])
  })

  it('keeps a turn that has a text but no words', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    assembler.turn(message(0, two))
    expect(assembler.turn(message(1, [], { transcript: 'Only text.' }))).toMatchObject([
      { start: 800, end: 800, words: [] },
    ])
  })

  it('has a text without words last from the turn before to what was heard, in each of its forms', () => {
    let heard = 3000
    const assembler = new TurnAssembler({ sessionId: 's', heard: () => heard })
    expect(assembler.turn(message(0, [], { transcript: 'one' }))).toMatchObject([{ start: 0, end: 3000 }])
    heard = 3500
    expect(assembler.turn(message(0, [], { transcript: 'One.' }))).toMatchObject([{ start: 0, end: 3000, revision: 1 }])
    heard = 6000
    expect(assembler.turn(message(1, [], { transcript: 'Two.' }))).toMatchObject([{ start: 3000, end: 6000 }])
  })

  it('replaces a final by a second one with a higher revision', () => {
    const assembler = new TurnAssembler({ sessionId: 's' })
    const bare = message(0, [word('hello', 0, 9)], { turn_is_formatted: false })
    expect(assembler.turn(bare)).toMatchObject([{ revision: 0, transcript: 'hello' }])
    expect(assembler.turn(message(0, [word('Hello.', 0, 9)]))).toMatchObject([{ revision: 1, transcript: 'Hello.' }])
    expect(assembler.turn(message(0, [word('Hello.', 0, 9)]))).toEqual([])
  })

  describe('where a formatted final is awaited', () => {
    const bare = message(0, [word('hello', 0, 9)], { turn_is_formatted: false })

    it('gives the formatted one only', () => {
      const assembler = new TurnAssembler({ sessionId: 's', awaitFormatted: true })
      expect(assembler.turn(bare)).toEqual([])
      expect(assembler.holding).toBe(true)
      expect(assembler.turn(message(0, [word('Hello.', 0, 9)]))).toMatchObject([{ revision: 0, transcript: 'Hello.' }])
      expect(assembler.holding).toBe(false)
      expect(assembler.release()).toEqual([])
    })

    it('gives the unformatted one as soon as another turn begins', () => {
      const assembler = new TurnAssembler({ sessionId: 's', awaitFormatted: true })
      assembler.turn(bare)
      const next = message(1, [word('so', 20, 29, undefined, false)], { end_of_turn: false, turn_is_formatted: false })
      expect(assembler.turn(next)).toMatchObject([
        { order: 0, endOfTurn: true },
        { order: 1, endOfTurn: false },
      ])
    })

    it('still replaces it when the formatted one comes after all', () => {
      const assembler = new TurnAssembler({ sessionId: 's', awaitFormatted: true })
      assembler.turn(bare)
      expect(assembler.release()).toMatchObject([{ revision: 0 }])
      expect(assembler.turn(message(0, [word('Hello.', 0, 9)]))).toMatchObject([{ revision: 1 }])
    })

    it('does not hold a final back for good when an empty one follows', () => {
      const assembler = new TurnAssembler({ sessionId: 's', awaitFormatted: true })
      assembler.turn(bare)
      expect(assembler.turn(message(1, [], { turn_is_formatted: false }))).toMatchObject([{ order: 0 }])
    })
  })

  describe('revision', () => {
    const revision = (turnOrder: number, words: WordMessage[], label?: string | null) => ({
      type: 'SpeakerRevision' as const,
      revisions: [{ turn_order: turnOrder, words, ...(label === undefined ? {} : { speaker_label: label }) }],
    })

    it('replaces the labels of words though the label of the turn stays', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      assembler.turn(message(0, two, { speaker_label: 'A' }))
      const [revised] = assembler.revision(
        revision(0, [word('Hello', 100, 400, 'A'), word('there.', 450, 800, 'B')], 'A'),
      )
      expect(revised).toMatchObject({ revision: 1, speaker: 'A', transcript: 'Hello there.' })
      expect(revised?.words.map(({ speaker }) => speaker)).toEqual(['A', 'B'])
    })

    it('can take labels away', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      assembler.turn(message(0, two, { speaker_label: 'A' }))
      const [revised] = assembler.revision(revision(0, [word('Hello', 100, 400), word('there.', 450, 800)], null))
      expect(revised && 'speaker' in revised).toBe(false)
      expect(revised?.words.some(({ speaker }) => speaker !== undefined)).toBe(false)
    })

    it('says nothing where nothing changed', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      assembler.turn(message(0, two, { speaker_label: 'A' }))
      expect(assembler.revision(revision(0, two, 'A'))).toEqual([])
    })

    it('is kept for a turn whose final has not come', () => {
      const assembler = new TurnAssembler({ sessionId: 's', toStream: (ms) => ms + 500 })
      expect(
        assembler.revision(revision(0, [word('Hello', 100, 400, 'B'), word('there.', 450, 800, 'B')], 'B')),
      ).toEqual([])
      expect(assembler.turn(message(0, two, { speaker_label: 'A' }))).toMatchObject([
        { order: 0, revision: 0, speaker: 'B', words: [{ speaker: 'B', start: 600 }, { speaker: 'B' }] },
      ])
    })

    it('labels by time where it lists other words, and never loses a word', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      assembler.turn(message(0, two, { speaker_label: 'A' }))
      const [revised] = assembler.revision(revision(0, [word('Hello there.', 100, 800, 'C')], 'C'))
      expect(revised?.words).toMatchObject([
        { text: 'Hello', speaker: 'C' },
        { text: 'there.', speaker: 'C' },
      ])
    })

    it('keeps a bounded size of finals, and takes none that is forgotten for a new one', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      const long = 'x'.repeat(100_000)
      for (let order = 0; order < 200; order += 1) assembler.turn(message(order, [word(long, order, order + 1)]))
      const revise = (order: number) =>
        assembler.revision({
          type: 'SpeakerRevision',
          revisions: [{ turn_order: order, speaker_label: 'B', words: [] }],
        })
      expect(revise(199)).toHaveLength(1)
      expect(revise(0)).toEqual([])
      expect(assembler.turn(message(0, [word('again', 0, 1)]))).toEqual([])
      expect(assembler.turn(message(200, two))).toHaveLength(1)
    })

    it('ignores turns without end', () => {
      const assembler = new TurnAssembler({ sessionId: 's' })
      for (let order = 0; order < 5000; order += 1) expect(assembler.revision(revision(order, two, 'A'))).toEqual([])
    })
  })
})
