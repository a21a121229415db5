import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { srtSink, vttSink } from 'diarize-stream'
import { exampleTurn } from '../captions/example-turn.ts'
import { parseSubtitles, parseVtt, type ParsedCue } from '../captions/parsers.ts'
import { TextCollector } from '../sinks/temporary.ts'

const turn = exampleTurn()
const speakers = { A: 'Ana', B: 'Ben' }

/** The words of the turn, with the speaker of each; where a word has none, the turn's. */
const spoken = turn.words.map(({ text, start, end, speaker }) => ({
  text,
  start,
  end,
  name: speaker === 'B' ? 'Ben' : 'Ana',
}))

interface NamedCue extends ParsedCue {
  name: string | undefined
}

/** What holds however the turn is laid out. */
function expectWholeTurn(cues: readonly NamedCue[]): void {
  const words = cues.flatMap(({ text, name }) => text.split(/\s+/).map((word) => [word, name]))
  expect(words).toEqual(spoken.map(({ text, name }) => [text, name]))
  let count = 0
  for (const [i, { start, end, text }] of cues.entries()) {
    const first = spoken[count]
    count += text.split(/\s+/).length
    const last = spoken[count - 1]
    // From the first word, never before it, until the last one is said, but for the gap before the next cue.
    expect(start).toBeGreaterThanOrEqual(first?.start ?? Infinity)
    expect(start).toBeLessThan((first?.start ?? 0) + 100)
    expect(end).toBeGreaterThan((last?.end ?? Infinity) - 100)
    expect(start).toBeGreaterThanOrEqual(cues[i - 1]?.end ?? 0)
    expect(text.split('\n').length).toBeLessThanOrEqual(2)
  }
}

describe('the example turn of 36 words', () => {
  it('is what the captions are compared with', () => {
    expect(turn.words).toHaveLength(36)
  })

  it('as SRT', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([turn]), srtSink(out, { speakers }))
    let name: string | undefined
    const cues = parseSubtitles(out.text).map((cue) => {
      const [label, shown] = /^(Ana|Ben): /.exec(cue.text) ?? []
      name = shown ?? name
      return { ...cue, text: cue.text.slice(label?.length ?? 0), name }
    })
    expectWholeTurn(cues)
    expect(out.text).toMatchInlineSnapshot(`
      "1
      00:00:00,000 --> 00:00:01,790
      Ana: Yeah. Different things
      the way they are said here

      2
      00:00:01,873 --> 00:00:04,957
      than in contrast to the way they'd be said
      in other countries. Yeah.

      3
      00:00:05,040 --> 00:00:06,653
      Ben: Your Colombian Spanish won't work.

      4
      00:00:06,736 --> 00:00:08,737
      Ana: Uh, no.

      5
      00:00:08,820 --> 00:00:10,644
      And she said she could— when I—

      "
    `)
  })

  it('as WebVTT', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([turn]), vttSink(out, { speakers }))
    const { errors, cues } = parseVtt(out.text)
    expect(errors).toEqual([])
    expectWholeTurn(cues.map((cue) => ({ ...cue, name: cue.voice })))
    expect(out.text).toMatchInlineSnapshot(`
      "WEBVTT

      1
      00:00:00.000 --> 00:00:01.790
      <v Ana>Yeah. Different things
      the way they are said here</v>

      2
      00:00:01.873 --> 00:00:04.957
      <v Ana>than in contrast to the way they'd be said
      in other countries. Yeah.</v>

      3
      00:00:05.040 --> 00:00:06.653
      <v Ben>Your Colombian Spanish won't work.</v>

      4
      00:00:06.736 --> 00:00:08.737
      <v Ana>Uh, no.</v>

      5
      00:00:08.820 --> 00:00:10.644
      <v Ana>And she said she could— when I—</v>

      "
    `)
  })
})
