import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelLayout } from '../../../src/captions/layout/channels.ts'
import { cueLabel } from '../../../src/captions/layout/labels.ts'
import type { UnnumberedCue } from '../../../src/captions/layout/layout.ts'
import { layoutSettings, type CueLayoutOptions } from '../../../src/captions/layout/options.ts'
import type { Utterance } from '../../../src/captions/segments.ts'
import { textWidth } from '../../../src/captions/width.ts'
import { makeSegment, makeWords } from '../example-turn.ts'
import { runs } from '../../helpers/runs.ts'

function turn(channel: string, text: string, start: number): Utterance {
  const words = makeWords(text, start)
  const end = words.at(-1)?.end ?? start
  return { segments: [makeSegment('', start, { channel, words, text, end })] }
}

/** All cues of utterances, given one after the other. */
function lay(utterances: readonly Utterance[], options: CueLayoutOptions = {}): UnnumberedCue[] {
  const layout = new ChannelLayout(layoutSettings(options))
  const cues = utterances.flatMap((utterance) => layout.add(utterance))
  return [...cues, ...layout.close(Infinity)]
}

const shown = (cues: UnnumberedCue[]) =>
  cues.map(({ start, end, speaker, lines, lane }) => [start, end, speaker, lines.join(' '), ...(lane ? [lane] : [])])

const call = [
  turn('Agent', 'Good morning, you are speaking to Ann, how may I help you today?', 0),
  turn('Customer', 'Hello. Hello?', 1000),
  turn('Agent', 'Yes, I hear you.', 5000),
]

describe('cues of two channels', () => {
  it('are stacked where they overlap', () => {
    expect(shown(lay(call, { overlap: 'stack' }))).toEqual([
      [0, 3765, 'Agent', 'Good morning, you are speaking to Ann, how may I help you today?'],
      [1000, 1950, 'Customer', 'Hello. Hello?', 1],
      [5000, 6450, 'Agent', 'Yes, I hear you.'],
    ])
  })

  it('give way to each other where they may not overlap, but stay as long as they need to be read', () => {
    const cues = lay(call)
    expect(cues.map((cue) => cue.speaker)).toEqual(['Agent', 'Customer', 'Agent'])
    for (const [i, cue] of cues.entries()) expect(cue.start).toBeGreaterThanOrEqual((cues[i - 1]?.end ?? -83) + 83)
    const [first] = cues
    expect((first?.end ?? 0) - (first?.start ?? 0)).toBeGreaterThanOrEqual(3000)
  })

  it('are where they would be without a turn between them that says nothing', () => {
    const nothing: Utterance = { turn: { order: 1, revision: 0 }, segments: [] }
    const between = (utterances: readonly Utterance[]) => utterances.flatMap((one) => [one, nothing])
    const single = [makeSegment('Yes.', 0, { speaker: 'A' }), makeSegment('So we begin now.', 400, { speaker: 'B' })]
    const alone = single.map((segment): Utterance => ({ segments: [segment] }))
    for (const overlap of ['stack', 'clip'] as const) {
      expect(shown(lay(between(alone), { overlap }))).toEqual(shown(lay(alone, { overlap })))
      expect(shown(lay(between(call), { overlap }))).toEqual(shown(lay(call, { overlap })))
    }
  })

  it('come as soon as it is certain that none comes before', () => {
    const layout = new ChannelLayout(layoutSettings({ overlap: 'stack' }))
    expect(layout.add(turn('Agent', 'One.', 0))).toEqual([])
    expect(layout.add(turn('Customer', 'Two.', 400))).toEqual([])
    const third = turn('Agent', 'Three.', 3000)
    expect(layout.begins(third)).toBe(true)
    expect(layout.close(3000).map((cue) => cue.lines)).toEqual([['One.'], ['Two.']])
  })
})

describe('any turns of any channels', () => {
  const given = fc
    .array(
      fc.record({
        gap: fc.nat(1500),
        channel: fc.constantFrom('Agent', 'Customer', 'Third'),
        text: fc.array(fc.constantFrom('yes', 'no.', 'well,', 'a-long-word-indeed', 'the'), {
          minLength: 1,
          maxLength: 20,
        }),
      }),
      { maxLength: 15 },
    )
    .map((items) => {
      let start = 0
      const ends = new Map<string, number>()
      return items.map(({ gap, channel, text }) => {
        start = Math.max(start + gap, ends.get(channel) ?? 0)
        ends.set(channel, start + 250 * text.length)
        return turn(channel, text.join(' '), start)
      })
    })
  const options = fc.record({
    overlap: fc.constantFrom('clip' as const, 'stack' as const),
    preset: fc.constantFrom('netflix' as const, 'bbc' as const, 'live' as const),
  })

  it('keep every word, in order on its channel, and are sorted', () => {
    fc.assert(
      fc.property(given, options, (turns, asked) => {
        const settings = layoutSettings(asked)
        const cues = lay(turns, asked)
        for (const channel of ['Agent', 'Customer', 'Third']) {
          const said = turns.flatMap(({ segments }) => (segments[0]?.channel === channel ? segments[0].words : []))
          expect(cues.flatMap((cue) => (cue.speaker === channel ? cue.words : []))).toEqual(said)
        }
        let previous: UnnumberedCue | undefined
        const ends = new Map<number, number>()
        for (const cue of cues) {
          expect(cue.end).toBeGreaterThan(cue.start)
          expect(cue.start).toBeGreaterThanOrEqual(previous?.start ?? 0)
          const place = asked.overlap === 'stack' ? (cue.lane ?? 0) : 0
          expect(cue.start).toBeGreaterThanOrEqual(ends.get(place) ?? 0)
          ends.set(place, cue.end)
          const label = textWidth(cueLabel(cue, previous, settings))
          expect(label + textWidth(cue.lines[0] ?? '')).toBeLessThanOrEqual(settings.maxLineWidth)
          previous = cue
        }
      }),
      { numRuns: runs(1000) },
    )
  })
})
