import { describe, expect, it } from 'vitest'
import type { Attribution, SpeakerModel, SpeakerTracker } from '../../src/engine/parts.ts'
import { trackSpeakers } from '../../src/engine/speakers.ts'
import { join16, silence } from '../helpers/flite.ts'
import { noise, randoms, speechOf, voice } from './signals.ts'

const low = [300, 1200] as const
const high = [900, 2800] as const
const middle = [600, 1800] as const

/** Gives the next turn to `tracker`, with a word in every 300 ms. */
async function turn(tracker: SpeakerTracker, order: number, ...parts: Int16Array[]): Promise<Attribution> {
  const samples = join16(parts)
  const offset = order * 20_000
  const count = Math.floor(samples.length / 4800)
  const words = Array.from({ length: count }, (_, i) => ({ start: offset + i * 300, end: offset + i * 300 + 300 }))
  return await tracker.attribute({ order, offset, samples, speech: speechOf(samples), threshold: 0.5, words })
}

const said = (speaker: string | undefined, count: number): (string | undefined)[] =>
  Array(count).fill(speaker) as string[]

describe('trackSpeakers', () => {
  it('letters speakers in the order they appear and knows them again', async () => {
    const tracker = trackSpeakers()
    expect(await turn(tracker, 0, voice(high, 2400, 1))).toEqual({ words: said('A', 8), speaker: 'A' })
    expect(await turn(tracker, 1, voice(low, 2400, 2))).toEqual({ words: said('B', 8), speaker: 'B' })
    expect((await turn(tracker, 2, voice(high, 2400, 3))).speaker).toBe('A')
    expect((await turn(tracker, 3, voice(middle, 2400, 4))).speaker).toBe('C')
    expect((await turn(tracker, 4, voice(low, 1800, 5))).speaker).toBe('B')
  })

  it('attributes the words of one turn to both of its speakers, and the turn to the longer one', async () => {
    const { words, speaker } = await turn(trackSpeakers(), 0, voice(low, 1800, 1), silence(300), voice(high, 3000, 2))
    expect(words).toEqual([...said('A', 6), words[6], ...said('B', 10).slice(0, words.length - 7)])
    expect(speaker).toBe('B')
  })

  it('leaves less than about a second of speech without a speaker', async () => {
    const tracker = trackSpeakers()
    expect(await turn(tracker, 0, voice(low, 600, 1))).toEqual({ words: [undefined, undefined] })
    expect((await turn(tracker, 1, voice(low, 2400, 2))).speaker).toBe('A')
    expect(await turn(tracker, 2, voice(low, 600, 3))).toEqual({ words: [undefined, undefined] })
  })

  it('attributes those short turns in a revision, and reports each change once', async () => {
    const tracker = trackSpeakers()
    await turn(tracker, 0, voice(low, 700, 1))
    await turn(tracker, 1, voice(low, 2400, 2))
    await turn(tracker, 2, voice(high, 2400, 3))
    expect(await tracker.revise()).toEqual([{ order: 0, words: ['A', 'A'], speaker: 'A' }])
    expect(await tracker.revise()).toEqual([])
  })

  it('gives a voice unlike all others no letter of its own below 1.5 s of speech', async () => {
    const tracker = trackSpeakers()
    await turn(tracker, 0, voice(low, 2400, 1))
    expect((await turn(tracker, 1, voice(high, 1200, 2))).speaker).toBe('A')
    expect((await turn(tracker, 2, voice(high, 1600, 3))).speaker).toBe('B')
  })

  it.each([1, 2, 3])('never uses more than %i letters when told so', async (maxSpeakers) => {
    const tracker = trackSpeakers({ maxSpeakers })
    const random = randoms(maxSpeakers)
    const used = new Set<string | undefined>()
    for (let order = 0; order < 12; order++) {
      const resonances = [200 + 800 * random(), 1200 + 2500 * random()] as const
      for (const label of (await turn(tracker, order, voice(resonances, 2400, order))).words) used.add(label)
    }
    for (const revision of await tracker.revise()) for (const label of revision.words) used.add(label)
    used.delete(undefined)
    expect(used).toEqual(new Set(['A', 'B', 'C'].slice(0, maxSpeakers)))
  })

  it('never goes beyond J', async () => {
    const tracker = trackSpeakers()
    for (let order = 0; order < 14; order++) {
      const { speaker } = await turn(tracker, order, voice([200 + 60 * order, 1200 + 250 * order], 2400, order))
      expect(speaker).toMatch(/^[A-J]$/)
    }
  })

  it('finds nobody in silence', async () => {
    expect(await turn(trackSpeakers(), 0, silence(1200))).toEqual({ words: said(undefined, 4) })
  })

  it('keeps its memory bounded and its letters over a long session', async () => {
    const tracker = trackSpeakers()
    for (let order = 0; order < 130; order++) {
      const { speaker } = await turn(tracker, order, voice(order % 2 === 0 ? low : high, 1800, order))
      expect(speaker).toBe(order % 2 === 0 ? 'A' : 'B')
    }
    expect(await tracker.revise()).toEqual([])
  })

  it('returns one label for each word whatever the audio is', async () => {
    const tracker = trackSpeakers()
    for (let order = 0; order < 5; order++) {
      expect((await turn(tracker, order, noise(1500, 10 ** order, order))).words).toHaveLength(5)
    }
  })
})

describe('trackSpeakers with a speaker model', () => {
  /** A model for which a voice is how loud it is. */
  const loudness: SpeakerModel = {
    size: 2,
    threshold: 0.8,
    embed: (samples, stretches) =>
      Promise.resolve(
        stretches.map(({ start, end }) => {
          const part = samples.subarray(start * 160, end * 160)
          const loud = Math.sqrt(part.reduce((sum, sample) => sum + sample * sample, 0) / part.length) > 2000
          return Float32Array.of(loud ? 1 : 0, loud ? 0 : 1)
        }),
      ),
  }

  it('goes by its vectors alone', async () => {
    const tracker = trackSpeakers({}, loudness)
    const loud = (seed: number): Int16Array => voice(seed % 2 === 0 ? low : high, 2400, seed, 4000)
    const quiet = (seed: number): Int16Array => voice(seed % 2 === 0 ? high : low, 2400, seed, 800)
    expect((await turn(tracker, 0, loud(1))).speaker).toBe('A')
    expect((await turn(tracker, 1, quiet(2))).speaker).toBe('B')
    expect((await turn(tracker, 2, loud(4))).speaker).toBe('A')
    expect((await turn(tracker, 3, quiet(5))).speaker).toBe('B')
  })

  it('fails where the model does', async () => {
    const broken: SpeakerModel = { ...loudness, embed: () => Promise.reject(new Error('the model is gone')) }
    await expect(turn(trackSpeakers({}, broken), 0, voice(low, 2400, 1))).rejects.toThrow('the model is gone')
  })
})
