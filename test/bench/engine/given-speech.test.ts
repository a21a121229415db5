import { describe, expect, it } from 'vitest'
import { listenToGivenSpeech, speechIn, turnsIn } from '../../../bench/engine/given-speech.ts'
import { voice } from '../../engine/signals.ts'
import { join16, silence } from '../../helpers/flite.ts'

const span = (start: number, end: number, speaker: string): { start: number; end: number; speaker: string } => ({
  start,
  end,
  speaker,
})

describe('speechIn', () => {
  it('says when somebody speaks, in order, and not who', () => {
    expect(speechIn([span(2000, 3000, 'B'), span(0, 1000, 'A')])).toEqual([
      { start: 0, end: 100 },
      { start: 200, end: 300 },
    ])
  })

  it('takes those who speak at once or without a pause for one stretch', () => {
    const spans = [span(0, 1000, 'A'), span(200, 400, 'B'), span(900, 1500, 'C'), span(1500, 1800, 'A')]
    expect(speechIn(spans)).toEqual([{ start: 0, end: 180 }])
  })

  it('finds none where there is none', () => {
    expect(speechIn([])).toEqual([])
  })
})

describe('turnsIn', () => {
  it('ends a turn at a pause of 0.4 s, not at a shorter one', () => {
    const speech = [
      { start: 0, end: 100 },
      { start: 139, end: 200 },
      { start: 240, end: 300 },
    ]
    expect(turnsIn(speech)).toEqual([speech.slice(0, 2), speech.slice(2)])
  })

  it('cuts a turn after 10 s, and loses nothing', () => {
    const turns = turnsIn([
      { start: 50, end: 700 },
      { start: 720, end: 2500 },
    ])
    expect(turns).toEqual([
      [
        { start: 50, end: 700 },
        { start: 720, end: 1050 },
      ],
      [{ start: 1050, end: 2050 }],
      [{ start: 2050, end: 2500 }],
    ])
  })
})

describe('listenToGivenSpeech', () => {
  const [low, high] = [
    [300, 1200],
    [900, 2800],
  ] as const

  it('labels all of the speech and nothing else', async () => {
    const samples = join16([silence(500), voice(low, 3000, 1), silence(600), voice(high, 3000, 2), silence(500)])
    const spans = [span(500, 3500, 'left'), span(4100, 7100, 'right')]
    const { live, revised } = await listenToGivenSpeech(samples, spans)
    for (const turns of [live, revised]) {
      expect(turns.map(({ speaker }) => speaker)).toEqual(['A', 'B'])
      expect(turns.map(({ words }) => [words[0]!.start, words.at(-1)!.end])).toEqual([
        [500, 3500],
        [4100, 7100],
      ])
    }
  })

  it('finds nobody where nobody speaks', async () => {
    expect((await listenToGivenSpeech(silence(1000), [])).live).toEqual([])
  })
})
