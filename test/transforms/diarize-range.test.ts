import { Readable, Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { run } from '../../src/run.ts'
import { liveSource } from '../../src/stage.ts'
import { faultServer, type FaultServer, toneAudio, toneEngine, toneText } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { TONE_WORD_MS } from '../../src/testing/tone-audio.ts'
import type { DiarizeProgress } from '../../src/transforms/diarize-events.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import type { DiarizeOptions } from '../../src/transforms/diarize-options.ts'

const MS = 30_000
const script = toneScript({ seed: 5, duration: MS - 1000 })
const servers: FaultServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

const audio = (): Readable =>
  Readable.from(
    Array.from({ length: MS / 1000 }, (_, at) => toneAudio(script, { from: at * 1000, to: (at + 1) * 1000 })),
  )

/** What is heard, as words with their times; and the last progress. */
async function heard(options: DiarizeOptions, source = audio()) {
  const stage = source.pipe(diarize(options))
  let progress: DiarizeProgress | undefined
  stage.on('progress', (now) => (progress = now))
  const words: string[] = []
  for await (const { revision, words: some } of stage) {
    if (revision === 0) words.push(...some.map(({ text, start }) => `${text}@${start}`))
  }
  return { words, progress }
}

/** The words that lie in a range as a whole. */
const wordsBetween = (from: number, to: number): string[] =>
  script
    .filter(({ start }) => start >= from && start + TONE_WORD_MS <= to)
    .map(({ word, start }) => `${toneText(word)}@${start}`)

describe('a range of a recording', () => {
  it.each([
    [{ start: 10_000, duration: 10_000 }, 10_000, 20_000],
    [{ start: 12_345 }, 12_350, MS],
    [{ duration: 7000 }, 0, 7000],
    [{ start: 25_000, duration: 60_000 }, 25_000, MS],
  ])('%j is heard alone, with the times of the recording', async (range, from, to) => {
    const { words, progress } = await heard({ engine: toneEngine(), range })
    expect(words).toEqual(wordsBetween(from, to))
    expect(words.length).toBeGreaterThan(3)
    expect(progress).toMatchObject({ range, turns: expect.any(Number) as number })
    expect(Math.abs((progress?.audioMs ?? 0) - (to - from))).toBeLessThanOrEqual(50)
    expect(progress?.doneMs).toBe(progress?.audioMs)
  })

  it('loses nothing where a session breaks off in it', async () => {
    const server = await faultServer([{ fault: 'drop', afterFinals: 1 }], { engine: toneEngine() })
    servers.push(server)
    const range = { start: 8000, duration: 16_000 }
    const { words } = await heard({ url: server.url, range, reconnect: { delay: 1 } })
    expect(words).toEqual(wordsBetween(8000, 24_000))
  })

  it('ends its session when it is over, however long what is behind it takes to come', async () => {
    const expected = wordsBetween(0, 7000)
    let isHeard = (): void => {}
    const allHeard = new Promise<void>((resolve) => (isHeard = resolve))
    async function* slow(): AsyncGenerator<Buffer> {
      for (let at = 0; at < 9; at++) yield toneAudio(script, { from: at * 1000, to: (at + 1) * 1000 })
      await allHeard
    }
    const words: string[] = []
    const sink = new Writable({
      objectMode: true,
      write(turn: Turn, _encoding, done) {
        if (turn.revision === 0) words.push(...turn.words.map(({ text, start }) => `${text}@${start}`))
        if (words.length >= expected.length) isHeard()
        done()
      },
    })
    const summary = await run(slow(), diarize({ engine: toneEngine(), range: { duration: 7000 } }), sink)
    expect(words).toEqual(expected)
    expect(summary).toMatchObject({ audioMs: 7000, gaps: [], reconnects: 0 })
  })

  it('fails with its session, also where the recording waits for it', async () => {
    const server = await faultServer([{ fault: 'http-error', status: 401 }], { engine: toneEngine() })
    servers.push(server)
    // What comes before the range is left out while other work is done; behind it comes more than is taken without a session.
    async function* slow(): AsyncGenerator<Buffer> {
      for await (const second of audio()) {
        await nextTurn()
        yield second as Buffer
      }
      await new Promise(() => {})
    }
    const range = { start: 20_000 }
    const stage = diarize({ url: server.url, range })
    await expect(run(slow(), stage, new Writable({ objectMode: true }))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  it('behind the end of the recording is an error', async () => {
    const gone = heard({ engine: toneEngine(), range: { start: 40_000 } })
    await expect(gone).rejects.toMatchObject({
      code: 'NO_AUDIO',
      message: expect.stringContaining('40000 ms') as string,
    })
  })

  it('of a live source is an error', async () => {
    const source = Object.assign(audio(), { [liveSource]: true })
    const refused = heard({ engine: toneEngine(), range: { duration: 1000 } }, source)
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_PIPELINE' })
  })

  it.each([
    [{ range: { start: -1 } }, 'range.start, when given, must be an integer of at least 0 ms; got -1'],
    [{ range: { duration: 0 } }, 'range.duration, when given, must be an integer of at least 1 ms; got 0'],
    [{ range: { end: 1 } }, 'range of diarize() has no option end'],
    [{ range: { start: 1 }, parallel: 2 }, 'range'],
    [{ range: { start: 1 }, channels: ['A', 'B'] }, 'range'],
    [{ range: { start: 1 }, live: true }, 'range'],
  ])('refuses %j', (options, message) => {
    expect(() => diarize({ engine: toneEngine(), ...options } as DiarizeOptions)).toThrow(message)
  })
})
