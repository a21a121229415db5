import type { EngineListener, EngineRevision, EngineTurn } from '../../src/engine/engine.ts'
import { resolveSettings } from '../../src/server/settings.ts'
import { toneAudio, toneEngine, type ToneEngineOptions, toneSpeech, type ToneWord } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { type FoundWord, ToneFinder } from '../../src/testing/tone-engine.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../helpers/runs.ts'

/** The samples of PCM16 bytes. */
function samplesOf(pcm: Buffer): Int16Array {
  return new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)
}

const labelled = resolveSettings({ speakerLabels: true, includePartialTurns: false }).engine

interface Heard {
  finals: EngineTurn[]
  partials: EngineTurn[]
  revisions: EngineRevision[][]
  /** Everything in order, as short text. */
  said: string[]
  listener: EngineListener
}

function recorder(): Heard {
  const heard: Heard = {
    finals: [],
    partials: [],
    revisions: [],
    said: [],
    listener: {
      speechStarted: (at) => heard.said.push(`speech ${at}`),
      turn: (turn) => {
        ;(turn.endOfTurn ? heard.finals : heard.partials).push(turn)
        heard.said.push(`${turn.endOfTurn ? 'final' : 'partial'} ${turn.order} ${turn.transcript}`)
      },
      revision: (revisions) => {
        heard.revisions.push(revisions)
        heard.said.push(`revision ${revisions.map(({ order, speaker }) => order + (speaker ?? '?')).join()}`)
      },
      failed: (error) => heard.said.push(`failed ${error.message}`),
    },
  }
  return heard
}

async function hear(
  samples: Int16Array,
  given: { options?: ToneEngineOptions; settings?: typeof labelled; chunks?: readonly number[] } = {},
): Promise<Heard> {
  const heard = recorder()
  const session = await toneEngine(given.options).open(given.settings ?? labelled, heard.listener)
  let at = 0
  for (const size of given.chunks ?? []) {
    await session.write(samples.subarray(at, at + size))
    at += size
  }
  await session.write(samples.subarray(at))
  await session.end()
  await session.destroy()
  return heard
}

const spoken = (words: readonly ToneWord[]): Int16Array => samplesOf(toneAudio(words))

/** Words of one script line: `speak('0 0 1', 300)` is two words of speaker 0 and one of speaker 1, 300 ms apart. */
function speak(speakers: string, everyMs: number, start = 0): ToneWord[] {
  return speakers.split(' ').map((speaker, word) => ({ word, speaker: Number(speaker), start: start + word * everyMs }))
}

const words = (heard: Heard) => heard.finals.flatMap((turn) => turn.words)

describe('toneEngine', () => {
  it('hears every word, its time and its speaker, from any start and in any pieces', async () => {
    const chunks = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 10 }),
        fc.nat(9000),
        chunks,
        async (seed, speakers, from, sizes) => {
          const script = toneScript({ seed, speakers, duration: 20_000, turnWords: [1, 40] })
          const heard = await hear(spoken(script).subarray(from * 16), { chunks: sizes })
          const whole = script.filter(({ start }) => start >= from)
          const order = [...new Set(whole.map(({ speaker }) => speaker))]
          expect(words(heard)).toEqual(
            whole.map(({ word, speaker, start }) => ({
              text: `w${word}`,
              start: start - from,
              end: start - from + 240,
              confidence: 0.99,
              final: true,
              speaker: 'ABCDEFGHIJ'[order.indexOf(speaker)],
            })),
          )
          expect(heard.finals.map((turn) => turn.order)).toEqual(heard.finals.map((_, index) => index))
          expect(heard.revisions).toEqual([])
        },
      ),
      { numRuns: runs(100) },
    )
  })

  it('reports the same whatever the pieces', async () => {
    const settings = resolveSettings({ speakerLabels: true }).engine
    const options = { unattributedWords: 3, mistakenWords: 4, reviseEvery: 5000, finalDelay: 300 }
    const samples = spoken(toneScript({ seed: 3, duration: 30_000 }))
    const { said } = await hear(samples, { settings, options })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 40 }), async (chunks) => {
        expect((await hear(samples, { settings, options, chunks })).said).toEqual(said)
      }),
      { numRuns: runs(30) },
    )
  })

  it('ends turns in silence as long as the settings say', async () => {
    const script = [...speak('0 0', 300), ...speak('0', 1, 540 + 639), ...speak('1', 1, 540 + 639 + 240 + 640)]
    expect((await hear(spoken(script))).said).toEqual([
      'speech 0',
      'final 0 w0 w1 w0',
      `speech ${540 + 639 + 240 + 640}`,
      'final 1 w0',
    ])
  })

  it('reports a final as soon as the silence is heard, and not before', async () => {
    const heard = recorder()
    const session = await toneEngine().open(labelled, heard.listener)
    const samples = spoken(speak('0', 1))
    await session.write(samples.subarray(0, (240 + 640) * 16 - 1))
    expect(heard.finals).toEqual([])
    await session.write(samples.subarray((240 + 640) * 16 - 1, (240 + 640) * 16))
    expect(heard.said).toEqual(['speech 0', 'final 0 w0'])
  })

  it('cuts long turns between words', async () => {
    const heard = await hear(spoken(speak(Array.from({ length: 100 }, () => '0').join(' '), 260)))
    expect(heard.finals.map((turn) => turn.words.length)).toEqual([38, 38, 24])
    const lengths = heard.finals.map(({ words: said }) => said.at(-1)!.end - said[0]!.start)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(10_000)
    const short = await hear(spoken(speak('0 0 0', 260)), { options: { longestTurn: 500 } })
    expect(short.finals.map((turn) => turn.transcript)).toEqual(['w0 w1', 'w2'])
  })

  it('letters speakers in order of appearance, up to the cap', async () => {
    const script = speak('7 3 7 9', 300)
    expect(words(await hear(spoken(script))).map(({ speaker }) => speaker)).toEqual(['A', 'B', 'A', 'C'])
    const capped = await hear(spoken(script), { settings: { ...labelled, maxSpeakers: 2 } })
    expect(words(capped).map(({ speaker }) => speaker)).toEqual(['A', 'B', 'A', undefined])
    expect(capped.finals[0]?.speaker).toBe('A')
  })

  it('says nothing of speakers nobody asked for, and partials where they are wanted', async () => {
    const heard = await hear(spoken(speak('0 1', 300)), { settings: resolveSettings({}).engine })
    expect(heard.said).toEqual(['speech 0', 'partial 0 w0', 'partial 0 w0 w1', 'final 0 w0 w1'])
    expect([...heard.partials, ...heard.finals].flatMap((turn) => turn.words).some((word) => 'speaker' in word)).toBe(
      false,
    )
    expect(heard.partials[0]?.words[0]?.final).toBe(false)
  })

  it('leaves the first words unattributed, and mistakes the next, until it revises them at the end', async () => {
    const options = { unattributedWords: 2, mistakenWords: 2 }
    const script = [...speak('0 1 0 1 0', 300), ...speak('1', 1, 4000)]
    const heard = await hear(spoken(script), { options })
    expect(words(heard).map(({ speaker }) => speaker)).toEqual([undefined, undefined, 'B', 'A', 'A', 'B'])
    expect(heard.revisions).toHaveLength(1)
    expect(heard.revisions[0]).toMatchObject([{ order: 0, speaker: 'A' }])
    expect(heard.revisions[0]![0]!.words.map(({ speaker }) => speaker)).toEqual(['A', 'B', 'A', 'B', 'A'])
    expect(heard.revisions[0]![0]!.words.map(({ text, start }) => [text, start])).toEqual(
      heard.finals[0]!.words.map(({ text, start }) => [text, start]),
    )
  })

  it('revises in mid-session where it is told to', async () => {
    const script = [...speak('0', 1), ...speak('0', 1, 2000), ...speak('1', 1, 6000)]
    const options = { unattributedWords: 2, reviseEvery: 1500 }
    const revised = ['speech 0', 'final 0 w0', 'revision 0A', 'speech 2000', 'final 1 w0', 'revision 1A', 'speech 6000']
    expect((await hear(spoken(script), { options })).said).toEqual([...revised, 'final 2 w0'])
    const settings = { ...labelled, revisionInterval: 1500 }
    expect((await hear(spoken(script), { settings, options: { unattributedWords: 2 } })).said).toContain('revision 1A')
  })

  it('delays finals by so much audio, and what follows with them', async () => {
    const heard = recorder()
    const session = await toneEngine({ finalDelay: 1000 }).open(labelled, heard.listener)
    const samples = spoken([...speak('0', 1), ...speak('1', 1, 1200)])
    await session.write(samples.subarray(0, 1879 * 16))
    expect(heard.said).toEqual(['speech 0'])
    await session.write(samples.subarray(1879 * 16, 1880 * 16))
    expect(heard.said).toEqual(['speech 0', 'final 0 w0', 'speech 1200'])
    await session.end()
    expect(heard.said.at(-1)).toBe('final 1 w0')
  })

  it('ends a turn when it is forced to, and finishes the word under way in the next', async () => {
    const heard = recorder()
    const session = await toneEngine({ finalDelay: 500 }).open(labelled, heard.listener)
    const samples = spoken(speak('0 0', 300))
    await session.write(samples.subarray(0, 400 * 16))
    await session.forceEndpoint()
    await session.forceEndpoint()
    expect(heard.said).toEqual(['speech 0', 'final 0 w0'])
    await session.write(samples.subarray(400 * 16))
    await session.end()
    expect(heard.said.slice(2)).toEqual(['speech 300', 'final 1 w1'])
  })

  it('follows new settings, and says nothing of half a word at the end', async () => {
    const heard = recorder()
    const session = await toneEngine().open(labelled, heard.listener)
    session.configure({ minTurnSilence: 100 })
    const samples = spoken(speak('0 0 0', 400))
    await session.write(samples.subarray(0, 1000 * 16))
    await session.end()
    expect(heard.said.filter((line) => line.startsWith('final'))).toEqual(['final 0 w0', 'final 1 w1'])
  })

  it('counts its sessions', async () => {
    const engine = toneEngine({ name: 'beeps', model: 'beeps-1', fasterThanRealTime: false })
    expect(engine).toMatchObject({ name: 'beeps', model: 'beeps-1', sampleRate: 16_000, fasterThanRealTime: false })
    const sessions = [
      await engine.open(labelled, recorder().listener),
      await engine.open(labelled, recorder().listener),
    ]
    await sessions[0]!.end()
    await sessions[0]!.destroy()
    await sessions[0]!.destroy()
    expect([engine.opened, engine.live]).toEqual([2, 1])
  })

  it('refuses options there are none of', () => {
    expect(() => toneEngine({ finalDelay: -1 })).toThrow(/^finalDelay, when given, must be an integer of at least 0/)
    expect(() => toneEngine({ delay: 1 } as ToneEngineOptions)).toThrow(/no option delay/)
  })
})

function find(samples: Int16Array, chunks: readonly number[] = []): FoundWord[] {
  const finder = new ToneFinder()
  const found: FoundWord[] = []
  let at = 0
  for (const size of [...chunks, samples.length]) {
    found.push(...finder.push(samples.subarray(at, at + size)))
    at += size
  }
  expect(finder.position).toBe(samples.length)
  return found
}

describe('ToneFinder', () => {
  it('finds every whole word at its very sample, from any start, in any pieces', () => {
    const start = fc.integer({ min: 0, max: 16_000 * 8 })
    const chunks = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 })
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 10 }), start, chunks, (seed, speakers, from, sizes) => {
        const script = toneScript({ seed, speakers, duration: 12_000, wordGap: [20, 300], firstWord: seed >>> 12 })
        const heard = samplesOf(toneAudio(script)).subarray(from)
        const whole = script.filter((word) => word.start * 16 >= from)
        expect(find(heard, sizes)).toEqual(
          whole.map(({ word, speaker, start: ms }) => ({ word, speaker, onset: ms * 16 - from })),
        )
      }),
      { numRuns: runs(200) },
    )
  })

  it('finds a word right after half a word that was cut off', () => {
    const one = toneSpeech(1, 1)
    const two = toneSpeech(2, 2)
    for (const cut of [1, 100, 1000, 2000, 3839]) {
      const samples = Int16Array.from([...one.subarray(cut), ...new Int16Array(20), ...two, ...new Int16Array(20)])
      expect(find(samples)).toEqual([{ word: 2, speaker: 2, onset: 3840 - cut + 20 }])
    }
  })

  it('finds nothing in a word with a hole, nor in one with a piece too many', () => {
    const word = toneSpeech(77, 7)
    const tail = new Int16Array(8000)
    for (const at of [1, 333, 1600, 3200]) {
      expect(find(Int16Array.from([...word.subarray(0, at), ...word.subarray(at + 160), ...tail]))).toEqual([])
      expect(
        find(Int16Array.from([...word.subarray(0, at), ...word.subarray(Math.max(at - 160, 0)), ...tail])),
      ).toEqual([])
      expect(find(Int16Array.from([...word.subarray(0, at), ...tail, ...word.subarray(at), ...tail]))).toEqual([])
    }
  })

  it('tells from where on a word may still be found', () => {
    const finder = new ToneFinder()
    finder.push(new Int16Array(500))
    expect(finder.settled).toBe(500)
    finder.push(toneSpeech(1, 1).subarray(0, 1000))
    expect([finder.settled, finder.position]).toEqual([500, 1500])
  })

  it('hears nothing in random noise, and takes little time over it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -32_768, max: 32_767 }), { minLength: 5000, maxLength: 20_000 }),
        (noise) => {
          expect(find(Int16Array.from(noise))).toEqual([])
        },
      ),
      { numRuns: 20 },
    )
    const clicks = Int16Array.from({ length: 160_000 }, (_, at) => (at % 17 === 0 ? 20_000 : 0))
    expect(find(clicks)).toEqual([])
  })
})
