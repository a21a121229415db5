import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SpeakerTracker } from '../../../src/engine/parts.ts'
import { trackSpeakers } from '../../../src/engine/speakers/tracker.ts'
import { silence } from '../../helpers/flite.ts'
import { randoms } from '../signals.ts'
import { LoudnessModel, said, utterance } from './made-up-voices.ts'

const tracking = (maxSpeakers?: number): SpeakerTracker => trackSpeakers({ maxSpeakers }, new LoudnessModel())

/** Labels of the words of an utterance, as one string; `-` is a word without one. */
async function labels(tracker: SpeakerTracker, id: number, ...parts: readonly Int16Array[]): Promise<string> {
  const { id: its, words } = await tracker.attribute(utterance(id, ...parts))
  expect(its).toBe(id)
  return words.map((label) => label ?? '-').join('')
}

describe('trackSpeakers', () => {
  it('letters speakers in the order they appear and knows them again', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(5, 3000))).toBe('A'.repeat(10))
    expect(await labels(tracker, 1, said(2, 3000))).toBe('B'.repeat(10))
    expect(await labels(tracker, 2, said(5, 2400))).toBe('A'.repeat(8))
    expect(await labels(tracker, 3, said(8, 2400))).toBe('C'.repeat(8))
    expect(await labels(tracker, 4, said(2, 1800))).toBe('B'.repeat(6))
  })

  it.each([60, 100, 300])('changes the label at the right word after a pause of %i ms', async (pause) => {
    const tracker = tracking()
    const parts = [said(1, 1800), silence(pause), said(2, 2400), silence(pause), said(1, 900)]
    expect(await labels(tracker, 0, ...parts)).toBe('AAAAAABBBBBBBBAAA')
  })

  it('labels an answer of one word at once where it is clear whose it is', async () => {
    const tracker = tracking()
    await labels(tracker, 0, said(1, 3000))
    await labels(tracker, 1, said(2, 3000))
    expect(await labels(tracker, 2, said(1, 400))).toBe('A')
    expect(await labels(tracker, 3, said(2, 2100), silence(200), said(1, 500))).toBe('BBBBBBBA')
  })

  it('leaves the first word of a session without a label until a revision', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(1, 400))).toBe('-')
    expect(await labels(tracker, 1, said(1, 2400))).toBe('A'.repeat(8))
    await labels(tracker, 2, said(2, 2400))
    expect(await tracker.revise()).toEqual([{ id: 0, words: ['A'] }])
    expect(await tracker.revise()).toEqual([])
  })

  it('gives the only word of a session a speaker at last', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(1, 400))).toBe('-')
    expect(await tracker.revise()).toEqual([{ id: 0, words: ['A'] }])
  })

  it('gives a voice unlike all others no letter of its own below 1.5 s of speech', async () => {
    const tracker = tracking()
    await labels(tracker, 0, said(1, 3000))
    expect(await labels(tracker, 1, said(2, 1200))).not.toContain('B')
    expect(await labels(tracker, 2, said(2, 1800))).toBe('BBBBBB')
    expect(await tracker.revise()).toEqual([{ id: 1, words: ['B', 'B', 'B', 'B'] }])
  })

  it('finds nobody in silence', async () => {
    expect((await tracking().attribute({ ...utterance(0, said(1, 900)), speech: [] })).words).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('never uses more letters than it may, from A on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 3, max: 30 })), { maxLength: 15 }),
        async (most, speech) => {
          const tracker = tracking(most)
          const used = new Set<string | undefined>()
          for (const [id, [voice, length]] of speech.entries()) {
            const { words } = await tracker.attribute(utterance(id, said(voice, length * 100)))
            for (const label of words) used.add(label)
          }
          for (const { words } of await tracker.revise()) for (const label of words) used.add(label)
          used.delete(undefined)
          for (const label of used) expect('ABCD'.slice(0, most)).toContain(label)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('has an entry for each word, is the same each time, and changes nothing but by a revision', async () => {
    const parts = fc.array(
      fc.oneof(
        fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 30 })).map(([v, n]) => said(v, n * 100)),
        fc.integer({ min: 1, max: 40 }).map((n) => silence(n * 10)),
      ),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 6 }), async (speech) => {
        const [one, other] = [tracking(), tracking()]
        const first: (string | undefined)[][] = []
        for (const [id, of] of speech.entries()) {
          const heard = utterance(id, ...of)
          const { words } = await one.attribute(heard)
          expect(words).toHaveLength(heard.words.length)
          expect((await other.attribute(heard)).words).toEqual(words)
          first.push(words)
        }
        const revised = await one.revise()
        expect(await other.revise()).toEqual(revised)
        for (const { id, words } of revised) {
          expect(words).toHaveLength(first[id]!.length)
          expect(words).not.toEqual(first[id])
        }
        expect(await one.revise()).toEqual([])
      }),
      { numRuns: 40 },
    )
  })

  it('keeps its letters over more utterances than it keeps apart', async () => {
    const tracker = tracking()
    const random = randoms(1)
    const parts = [0, 1, 2].map((voice) => utterance(voice, said(voice, 1800)))
    for (let id = 0; id < 600; id++) {
      const voice = id < 3 ? id : Math.floor(3 * random())
      const { words } = await tracker.attribute({ ...parts[voice]!, id })
      expect(words.join('')).toBe('ABC'[voice]!.repeat(6))
    }
    expect(await tracker.revise()).toEqual([])
  })

  it('asks its model for few windows more than there is speech, once for each utterance', async () => {
    const model = new LoudnessModel()
    await trackSpeakers({}, model).attribute(utterance(0, said(1, 9000), silence(200), said(2, 6000)))
    expect(model.calls).toHaveLength(1)
    for (const { start, end } of model.calls[0]!) expect(end - start).toBeLessThanOrEqual(160)
    expect(model.calls[0]!.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(2 * 1500)
  })

  it('fails where the model does', async () => {
    class Broken extends LoudnessModel {
      override embed(): Promise<never> {
        return Promise.reject(new Error('the model is gone'))
      }
    }
    await expect(trackSpeakers({}, new Broken()).attribute(utterance(0, said(1, 900)))).rejects.toThrow('is gone')
  })
})
