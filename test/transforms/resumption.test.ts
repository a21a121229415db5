import { describe, expect, it } from 'vitest'
import type { Resumption } from '../../src/checkpoint/stages.ts'
import { TurnRecord } from '../../src/checkpoint/turn-record.ts'
import { resolveDiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { resumeRecording, resumeLive, identityOf, obstacleOf, seekingPoint } from '../../src/transforms/resumption.ts'
import { spokenTurn } from '../checkpoint/turns.ts'

const words = ['one', 'two', 'three']
const turns = [spokenTurn(7, 20_000, words, 'A'), spokenTurn(8, 30_000, words, 'B')]
const from: Resumption = {
  live: false,
  savedAt: 1_700_000_060_000,
  reachedMs: 60_000,
  nextOrder: 9,
  totals: { turns: 9, speakers: ['A', 'B'], languages: {} },
  gaps: [],
  turns: turns.map((turn) => JSON.stringify(turn)),
  voices: new Map(),
  check: () => {},
  seek: () => 0,
}

describe('a stream that goes on', () => {
  it('hears a recording again from where all who spoke lately are heard', () => {
    const { start, shift, gaps } = resumeRecording(from, 50, 5000)
    expect({ frame: start.frame, shift, gaps }).toEqual({ frame: 384, shift: 0, gaps: undefined })
    expect({ ...start, frame: 0 }).toMatchObject({ turns, nextOrder: 9, speakers: ['A', 'B'], settled: 0 })
    expect(resumeRecording({ ...from, turns: [] }, 50, 5000).start.frame).toBe(0)
  })

  it('gives nobody else the letter of who has no turn left after a revision, however often it goes on', () => {
    const record = new TurnRecord()
    for (const turn of turns) record.add(turn)
    record.add({ ...spokenTurn(8, 30_000, words, 'A'), revision: 1 })
    for (const { state } of [record, new TurnRecord(record.state)]) {
      expect(state.totals.speakers).toEqual(['A'])
      expect(resumeRecording({ ...from, ...state }, 50, 5000).start.speakers).toEqual(['A', 'B'])
    }
  })

  it('has a source that can seek begin some seconds earlier, at a whole second', () => {
    const late = [spokenTurn(7, 820_000, words, 'A'), spokenTurn(8, 830_000, words, 'B')]
    const seeking = (all: typeof late) =>
      seekingPoint({ ...from, turns: all.map((turn) => JSON.stringify(turn)) }, 5000)
    expect(seeking(late)).toBe(814_000)
    expect(seeking(turns)).toBe(0)
    expect(seeking([])).toBe(0)
  })

  it('takes a live source for where the clock says, and tells what nobody heard', () => {
    const { start, shift, gaps, startedAt } = resumeLive(from, 50, 1_700_000_099_990)
    expect({ frame: start.frame, settled: start.settled, shift }).toEqual({
      frame: 2000,
      settled: 100_000,
      shift: 100_000,
    })
    expect(startedAt).toBe(1_700_000_000_000)
    expect(gaps).toEqual([
      {
        start: 30_850,
        end: 100_000,
        startedAt: '2023-11-14T22:13:50.850Z',
        endedAt: '2023-11-14T22:15:00.000Z',
      },
    ])
  })

  it('has nothing lost of a live source that was ended in order but what came behind, and a word that was cut in two', () => {
    const ended = { ...from, ended: true }
    const gapsOf = (of: Resumption, firstAt = 1_700_000_100_000) =>
      resumeLive(of, 50, firstAt).gaps?.map(({ start, end }) => [start, end])
    expect(gapsOf(ended)).toEqual([[58_000, 100_000]])
    expect(gapsOf({ ...ended, savedAt: 1_700_000_031_000, reachedMs: 31_000 })).toEqual([[30_850, 100_000]])
    // The clock cannot tell that something was lost.
    expect(gapsOf(ended, 1_700_000_059_000)).toEqual([[58_000, 60_000]])
  })

  it('has a live source begin when it did, however often it goes on, and not behind what had come', () => {
    let state = from
    for (let run = 1; run <= 100; run++) {
      const { shift, startedAt } = resumeLive(state, 50, 1_700_000_000_000 + run * 100_007)
      state = { ...state, reachedMs: shift + 60_000, startedAt: startedAt! }
      expect(shift - run * 100_007).toBeLessThan(50)
    }
    expect(state.startedAt).toBe(1_700_000_000_000)
    // The clock was wrong as the run began: what came first is behind all that is known, and the clock will be set.
    expect(resumeLive(from, 50, 1_600_000_000_000).startedAt).toBe(1_600_000_000_000 - from.reachedMs)
  })

  it('tells what each channel has missed, of those that have spoken since they have', () => {
    const onChannels = turns.map((turn, index) => ({ ...turn, channel: index === 0 ? 'One' : 'Two' }))
    const of = { ...from, turns: onChannels.map((turn) => JSON.stringify(turn)) }
    const { gaps } = resumeLive(of, 50, 1_700_000_099_990, ['One', 'Two', 'Three'])
    const ends = [onChannels[0]!.end, onChannels.at(-1)!.end, onChannels.at(-1)!.end]
    expect(gaps?.map(({ channel, start, end }) => [channel, start, end])).toEqual(
      ['One', 'Two', 'Three'].map((channel, index) => [channel, ends[index], 100_000]),
    )
  })

  it('never puts live audio before what had come, whatever the clock says', () => {
    expect(resumeLive(from, 50, 1_600_000_000_000).start.frame).toBe(1200)
    expect(resumeLive({ ...from, startedAt: 1_700_000_030_000 }, 50, 1_700_000_130_000).shift).toBe(100_000)
  })
})

describe('the options of a stream that goes on', () => {
  const of = (options: object) => identityOf(resolveDiarizeOptions({ url: 'wss://a.example', ...options }))

  it('are the same where only the way to the server differs', () => {
    const same = of({})
    for (const options of [
      { apiKey: 'k' },
      { pace: 2 },
      { reconnect: { attempts: 3 } },
      { timeouts: { connect: 500 } },
    ]) {
      expect(of(options)).toBe(same)
    }
    expect(of({ apiKey: 'very-secret' })).not.toContain('very-secret')
  })

  it('are others where something else may be heard', () => {
    const all = [
      {},
      { url: 'wss://b.example' },
      { parameters: { keytermsPrompt: ['x'] } },
      { speakerLabels: false },
      { voices: false },
    ]
    expect(new Set(all.map(of)).size).toBe(all.length)
  })

  it('cannot be those of parts', () => {
    const obstacle = (options: object) => obstacleOf(resolveDiarizeOptions({ url: 'wss://a.example', ...options }))
    expect(obstacle({})).toBeUndefined()
    expect(obstacle({ parallel: 3 })).toContain('parallel')
    expect(obstacle({ channels: ['a', 'b'] })).toBeUndefined()
  })
})
