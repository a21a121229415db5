import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanLine } from '../../../src/captions/text.ts'
import { transcriptChecks, type TranscriptOptions } from '../../../src/captions/formats/options.ts'
import { Transcript } from '../../../src/captions/formats/transcript.ts'
import type { Segment } from '../../../src/model.ts'
import { checkOptions } from '../../../src/options.ts'
import { nastySegments, spoken } from '../segments.ts'
import { runs } from '../../helpers/runs.ts'

function transcript(segments: readonly Segment[], options?: TranscriptOptions): string {
  const text = new Transcript(options)
  return segments.map((segment) => text.add(segment)).join('') + text.end()
}

const dialogue = [
  spoken('A', 61_999, 63_000, { text: 'Good morning.' }),
  spoken('A', 64_000, 65_000, { text: 'How are you?' }),
  spoken('B', 65_500, 66_000, { text: 'Fine.' }),
  spoken('B', 68_000, 69_000, { text: 'And you?' }),
  spoken(undefined, 3_725_000, 3_726_000, { text: 'Hm.' }),
]

describe('Transcript', () => {
  it('has a paragraph for each turn of a speaker', () => {
    expect(transcript(dialogue, { speakers: { A: 'Alice' } })).toBe(
      '[00:01:01] Alice: Good morning. How are you?\n\n[00:01:05] Speaker B: Fine.\n\n' +
        '[00:01:08] Speaker B: And you?\n\n[01:02:05] Hm.\n',
    )
  })

  it('leaves out times and names where told to, and joins across longer pauses', () => {
    expect(transcript(dialogue, { timestamps: false, paragraphPause: 2001 })).toBe(
      'Speaker A: Good morning. How are you?\n\nSpeaker B: Fine. And you?\n\nHm.\n',
    )
    expect(transcript(dialogue.slice(0, 3), { timestamps: false, names: false })).toBe(
      'Good morning. How are you?\n\nFine.\n',
    )
  })

  it('puts no space between segments where their script puts none, also where it goes on from a state', () => {
    const [first, second] = [spoken('A', 0, 1, { text: '大家好。' }), spoken('A', 2, 3, { text: '再见。' })]
    expect(transcript([first, second], { timestamps: false })).toBe('Speaker A: 大家好。再见。\n')
    const before = new Transcript()
    before.add(first)
    expect(new Transcript({}, structuredClone(before.state)).add(second)).toBe('再见。')
  })

  it('keeps channels apart', () => {
    const channels = [spoken('A', 0, 1000, { channel: 'x' }), spoken('A', 1000, 2000, { channel: 'y' })]
    expect(transcript(channels, { timestamps: false })).toBe('Speaker A: Yes.\n\nSpeaker A: Yes.\n')
  })

  it('writes each segment at once, and goes on from its state as from itself', () => {
    const text = new Transcript({ timestamps: false })
    expect(text.add(spoken('A', 0, 1000))).toBe('Speaker A: Yes.')
    const copy = new Transcript({ timestamps: false }, text.state)
    for (const one of [text, copy]) expect(one.add(spoken('A', 1000, 2000)) + one.end()).toBe(' Yes.\n')
    expect(new Transcript().end()).toBe('')
  })

  it('has every word, in order, on lines that parse back, for any segments', () => {
    fc.assert(
      fc.property(nastySegments, (segments) => {
        const text = transcript(segments, { names: false })
        const paragraphs = text === '' ? [] : text.slice(0, -1).split('\n\n')
        const words = paragraphs.flatMap((paragraph) => {
          const [, said] = /^\[\d\d+:\d\d:\d\d\] ([^\n]+)$/u.exec(paragraph) ?? []
          expect(said).toBeDefined()
          return said?.split(' ')
        })
        const given = segments.flatMap((segment) => cleanLine(segment.text).split(' ')).filter((word) => word !== '')
        expect(words).toEqual(given)
      }),
      { numRuns: runs(300) },
    )
  })
})

describe('transcriptChecks', () => {
  it('refuse wrong values', () => {
    const check = (options: object) => checkOptions('textSink()', options, transcriptChecks)
    check({ speakers: { A: 'Alice' }, names: false, timestamps: true, paragraphPause: 0 })
    expect(() => check({ timestamps: 1 })).toThrow(/^timestamps, when given/)
    expect(() => check({ paragraphPause: -1 })).toThrow(/^paragraphPause, when given/)
  })
})
