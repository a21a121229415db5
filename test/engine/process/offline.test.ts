import { setImmediate as tick } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RecogniserModel } from '../../../src/engine/models/model.ts'
import type { Recognition } from '../../../src/engine/parts.ts'
import { CrashingUtterance } from '../../../src/engine/parts.ts'
import { LanguageVote, OfflineRecogniser, type RecogniserSettings } from '../../../src/engine/process/offline.ts'
import type { RecogniserPool, Urgency } from '../../../src/engine/process/pool.ts'
import type { TokenResult } from '../../../src/engine/process/sherpa.ts'
import { EmbeddedSession } from '../../../src/engine/turns/session.ts'
import { judge } from '../../../src/engine/words/hallucinations.ts'
import { Vocabulary } from '../../../src/engine/words/hotwords.ts'
import { missedStretches } from '../../../src/engine/words/missed-speech.ts'
import { wordsOf } from '../../../src/engine/words/word-times.ts'
import { ordinarySettings } from '../../helpers/engine-run.ts'
import { codedAudio, Listener, randomWords, readWords, ScriptedActivity } from '../coded-speech.ts'
import { noise } from '../signals.ts'

// What is an invention, and what was not heard, is tested elsewhere; here it is what a test says.
vi.mock('../../../src/engine/words/hallucinations.ts', async (original) => ({
  ...(await original<object>()),
  judge: vi.fn<typeof judge>(),
}))
const judged = (suspicious: (text: string) => boolean): void => {
  vi.mocked(judge).mockImplementation((result, audio, habits) => {
    const words = wordsOf(result, audio, habits)
    const isSuspicious = words.some(({ text }) => suspicious(text))
    return { words, suspicious: isSuspicious, cutOff: false, unsure: [], repeatedWords: 0, doubt: isSuspicious ? 1 : 0 }
  })
}
vi.mock('../../../src/engine/words/missed-speech.ts', async (original) => ({
  ...(await original<object>()),
  missedStretches: vi.fn<typeof missedStretches>(),
}))
beforeEach(() => {
  judged(() => false)
  vi.mocked(missedStretches).mockReturnValue([])
})

afterEach(() => {
  vi.restoreAllMocks()
})

interface Decoded {
  samples: Int16Array
  language: string
  hotwords: string
  urgency: Urgency
  isWanted(): boolean
  isUrgent(): boolean
}

/** A pool that hears in each utterance the language that `spoken` says for its number, and one word. */
class FakePool {
  readonly model: RecogniserModel
  readonly maxProcesses = 3
  readonly hotwords = true
  readonly vocabulary = new Vocabulary('▁one 1\n▁two 2\n▁three 3\n')
  readonly decoded: Decoded[] = []
  atWork = 0
  mostAtWork = 0
  answer: (decode: Decoded, number: number) => Partial<TokenResult> | undefined | Error
  gate: Promise<void> | undefined

  constructor(model: Partial<RecogniserModel> = {}, answer: FakePool['answer'] = () => ({})) {
    this.model = {
      name: 'fake',
      folder: '/fake',
      expected: [],
      mode: 'offline',
      kind: 'whisper',
      files: {},
      languages: ['en', 'de', 'fr'],
      detectsLanguage: true,
      lateMs: 0,
      onlyCapitals: false,
      takesHotwords: true,
      hasWordTimes: true,
      ...model,
    }
    this.answer = answer
  }

  async decode(
    input: Pick<Decoded, 'samples' | 'language' | 'hotwords'>,
    urgency: Urgency,
    isWanted = (): boolean => true,
    isUrgent = (): boolean => false,
  ): Promise<TokenResult | undefined> {
    const decode = { ...input, urgency, isWanted, isUrgent }
    const number = this.decoded.push(decode) - 1
    this.mostAtWork = Math.max(this.mostAtWork, ++this.atWork)
    await tick()
    await this.gate
    this.atWork--
    const answer = this.answer(decode, number)
    if (answer instanceof Error) throw answer
    if (answer === undefined) return undefined
    return { tokens: [' word'], timestamps: [0.1], logProbabilities: [], ...answer }
  }
}

function open(pool: FakePool, settings: Partial<RecogniserSettings> = {}): OfflineRecogniser {
  return new OfflineRecogniser(pool as unknown as RecogniserPool, {
    language: '',
    mayChangeLanguage: false,
    ...settings,
  })
}

/** An utterance of `ms` of speech; its first sample is its number. */
function say(recogniser: OfflineRecogniser, ms = 1000, number = 0): ReturnType<OfflineRecogniser['begin']> {
  const utterance = recogniser.begin()
  const samples = noise(ms, 3000, number + 1)
  samples[0] = number
  for (let at = 0; at < samples.length; at += 1600) {
    void utterance.accept(
      samples.subarray(at, at + 1600),
      Array.from({ length: 10 }, () => 0.7),
    )
  }
  return utterance
}

const languages = (pool: FakePool): string[] => pool.decoded.map(({ language }) => language)

describe('LanguageVote', () => {
  it('is settled after 8 s of speech, for the language of most of it', () => {
    const vote = new LanguageVote()
    expect([vote.leader, vote.settled]).toEqual([undefined, undefined])
    vote.add('de', 3000)
    vote.add('en', 2000)
    expect([vote.leader, vote.settled]).toEqual(['de', undefined])
    vote.add('en', 1500)
    expect([vote.leader, vote.settled]).toEqual(['en', undefined])
    vote.add('de', 1500)
    expect([vote.leader, vote.settled]).toEqual(['de', 'de'])
  })

  it('stays with the first where two are level', () => {
    const vote = new LanguageVote()
    vote.add('fr', 2000)
    vote.add('en', 2000)
    expect(vote.leader).toBe('fr')
  })
})

describe('the language', () => {
  /** Takes every utterance for German but the one that is `wrong`. */
  const mostlyGerman =
    (wrong: number): FakePool['answer'] =>
    ({ language, samples }) => ({ language: language || (samples[0] === wrong ? 'fr' : 'de') })

  it('is found out at first, then kept; one wrong guess does not change it', async () => {
    const pool = new FakePool({}, mostlyGerman(1))
    const recogniser = open(pool)
    const heard: Recognition[] = []
    for (let number = 0; number < 4; number++) heard.push(await say(recogniser, 3000, number).finish())
    // The second was taken for French, and heard again as German.
    expect(languages(pool)).toEqual(['', '', 'de', '', 'de'])
    expect(heard.map(({ language }) => language)).toEqual(['de', 'de', 'de', 'de'])
  })

  it('is found out one utterance after another, so that two runs give the same', async () => {
    const runs: unknown[] = []
    for (const slow of [false, true]) {
      const pool = new FakePool({}, mostlyGerman(0))
      const decode = pool.decode.bind(pool)
      pool.decode = async (...call) => {
        if (slow) for (let turn = 0; turn < 10 - pool.decoded.length; turn++) await tick()
        return decode(...call)
      }
      const recogniser = open(pool)
      const heard = await Promise.all([0, 1, 2, 3, 4].map((number) => say(recogniser, 3000, number).finish()))
      expect(pool.mostAtWork).toBe(1)
      runs.push([
        heard.map(({ language }) => language),
        pool.decoded.map(({ samples, language }) => [samples[0], language]),
      ])
    }
    expect(runs[0]).toEqual(runs[1])
    expect((runs[0] as unknown[])[0]).toEqual(['fr', 'fr', 'de', 'de', 'de'])
  })

  it('once settled lets utterances be heard at the same time', async () => {
    const pool = new FakePool({}, mostlyGerman(-1))
    const recogniser = open(pool)
    await say(recogniser, 9000).finish()
    await Promise.all([1, 2, 3].map((number) => say(recogniser, 1000, number).finish()))
    expect(pool.mostAtWork).toBe(3)
    expect(languages(pool)).toEqual(['', 'de', 'de', 'de'])
  })

  it('is not decided by what holds no words', async () => {
    const pool = new FakePool({}, ({ samples }) =>
      samples[0] === 0 ? { tokens: [], timestamps: [], language: 'fr' } : { language: 'de' },
    )
    const recogniser = open(pool)
    await say(recogniser, 9000, 0).finish()
    expect((await say(recogniser, 1000, 1).finish()).language).toBe('de')
    expect(languages(pool)).toEqual(['', ''])
  })

  it('goes on to be asked for after a failure', async () => {
    const pool = new FakePool({}, ({ samples }) =>
      samples[0] === 0 ? new CrashingUtterance('no') : { language: 'de' },
    )
    const recogniser = open(pool)
    const first = say(recogniser, 1000, 0).finish()
    const second = say(recogniser, 1000, 1).finish()
    await expect(first).rejects.toThrow(CrashingUtterance)
    expect((await second).language).toBe('de')
  })

  it.each<[string, Partial<RecogniserModel>, Partial<RecogniserSettings>, string[], string | undefined]>([
    ['is the one that was named', {}, { language: 'fr' }, ['fr', 'fr', 'fr'], 'fr'],
    ['may change where that is wanted', {}, { mayChangeLanguage: true }, ['', '', ''], 'de'],
    ['is the only one of the model', { languages: ['en'], detectsLanguage: false }, {}, ['', '', ''], 'en'],
    [
      'is not known of a model that does not say',
      { languages: [], detectsLanguage: false },
      {},
      ['', '', ''],
      undefined,
    ],
  ])('%s', async (_what, model, settings, asked, found) => {
    const pool = new FakePool(model, ({ language }) =>
      model.detectsLanguage === false ? {} : { language: language || 'de' },
    )
    const recogniser = open(pool, settings)
    const heard = await Promise.all([0, 1, 2].map((number) => say(recogniser, 9000, number).finish()))
    expect(languages(pool)).toEqual(asked)
    expect(heard.map(({ language }) => language)).toEqual([found, found, found])
  })

  it('of a partial is the one that leads', async () => {
    const pool = new FakePool({}, mostlyGerman(-1))
    const recogniser = open(pool)
    await say(recogniser, 1000, 0).partial()
    await say(recogniser, 1000, 0).finish()
    await say(recogniser, 1000, 1).partial()
    expect(pool.decoded.map(({ language, urgency }) => [language, urgency])).toEqual([
      ['', 'partial'],
      ['', 'final'],
      ['de', 'partial'],
    ])
  })
})

describe('an utterance', () => {
  it('is decoded whole when it ends, and its words lie in it', async () => {
    const pool = new FakePool({}, () => ({ tokens: [' Good', ' morning', '.'], timestamps: [0, 0.4, 0.9] }))
    const heard = await say(open(pool, { language: 'en' }), 1200).finish()
    expect(pool.decoded).toHaveLength(1)
    expect(pool.decoded[0]!.samples).toHaveLength(19_200)
    expect(heard.words.map(({ text }) => text)).toEqual(['Good', 'morning.'])
    for (const { start, end } of heard.words) {
      expect(start).toBeGreaterThanOrEqual(0)
      expect(end).toBeGreaterThan(start)
      expect(end).toBeLessThanOrEqual(1200)
    }
  })

  it('is decoded up to where it is cut', async () => {
    const pool = new FakePool()
    await say(open(pool, { language: 'en' }), 2000).finish(1500)
    expect(pool.decoded[0]!.samples).toHaveLength(24_000)
  })

  it('that ended where an end was likely is not decoded again', async () => {
    for (const settings of [{ language: 'en' }, {}]) {
      const pool = new FakePool({}, ({ language }) => ({ language: language || 'en' }))
      const recogniser = open(pool, settings)
      const utterance = say(recogniser, 3000)
      utterance.prepare()
      utterance.prepare()
      expect((await utterance.finish()).words).toHaveLength(1)
      expect(pool.decoded).toHaveLength(1)
    }
  })

  it('that went on after a likely end is decoded whole, and what was begun is not wanted', async () => {
    const pool = new FakePool()
    const recogniser = open(pool, { language: 'en' })
    const utterance = say(recogniser)
    utterance.prepare()
    expect(pool.decoded[0]!.isWanted()).toBe(true)
    void utterance.accept(
      noise(500, 3000),
      Array.from({ length: 50 }, () => 0.7),
    )
    expect(pool.decoded[0]!.isWanted()).toBe(false)
    await utterance.finish()
    expect(pool.decoded.map(({ samples }) => samples.length)).toEqual([16_000, 24_000])
  })

  describe('that is said while it is heard', () => {
    const speech = (ms: number, level = 0.7): number[] => Array.from({ length: ms / 10 }, () => level)
    const lengths = (pool: FakePool): number[] => pool.decoded.map(({ samples }) => samples.length / 16)

    it('is heard up to a pause for good where it is long, and what follows by itself', async () => {
      const pool = new FakePool()
      const utterance = say(open(pool, { language: 'en' }), 7000)
      utterance.prepare()
      void utterance.accept(noise(3000, 3000), speech(3000))
      expect(pool.decoded[0]!.isWanted()).toBe(true)
      const partial = await utterance.partial()
      const { words } = await utterance.finish()
      // The pause, 200 ms, is heard by both.
      expect(lengths(pool)).toEqual([7000, 3200, 3200])
      expect(partial!.words).toHaveLength(2)
      expect(words.map(({ start }) => start < 7000)).toEqual([true, true])
      expect(words[1]!.start).toBeGreaterThanOrEqual(6800)
    })

    it('has a word that both parts heard in the pause once', async () => {
      const words = [
        { tokens: [' one', ' well'], timestamps: [0.1, 6.7] },
        { tokens: [' Well,', ' two'], timestamps: [0, 1] },
      ]
      const pool = new FakePool({}, (_decode, number) => words[number])
      const utterance = say(open(pool, { language: 'en' }), 7000)
      utterance.prepare()
      void utterance.accept(noise(3000, 3000), speech(3000))
      const heard = await utterance.finish()
      expect(heard.words.map(({ text }) => text)).toEqual(['one', 'well', 'two'])
    })

    it('is split in a short pause after 10 s without a longer one, and nowhere else', async () => {
      for (const pauseAt of [5000, undefined]) {
        const pool = new FakePool()
        const utterance = open(pool, { language: 'en' }).begin()
        for (let at = 0; at < 12_000; at += 100) {
          void utterance.accept(noise(100, 3000), speech(100, at === pauseAt ? 0 : 0.7))
          utterance.splitAtPause()
        }
        const { words } = await utterance.finish()
        expect(lengths(pool)).toEqual(pauseAt === undefined ? [12_000] : [5050, 6950])
        expect(words).toHaveLength(pool.decoded.length)
      }
    })

    it('does not look in the silence behind its last part for words', async () => {
      const pool = new FakePool()
      const utterance = say(open(pool, { language: 'en' }), 7000)
      void utterance.accept(noise(200, 1), speech(200, 0))
      utterance.prepare()
      void utterance.accept(noise(300, 1), speech(300, 0))
      expect((await utterance.finish()).words).toHaveLength(1)
      expect(lengths(pool)).toEqual([7200])
    })

    it('is cut before a part where it has to be', async () => {
      const pool = new FakePool()
      const utterance = say(open(pool, { language: 'en' }), 7000)
      utterance.prepare()
      void utterance.accept(noise(3000, 3000), speech(3000))
      await utterance.finish(6500)
      expect(lengths(pool)).toEqual([7000, 6500])
    })

    it('keeps every word, wherever the pauses are', async () => {
      let now = 0
      vi.spyOn(performance, 'now').mockImplementation(() => now)
      for (let seed = 1; seed <= 30; seed++) {
        const said = randomWords(seed, 60_000)
        const pool = new FakePool({ hasWordTimes: true }, ({ samples }) => {
          const words = readWords(samples)
          return { tokens: words.map(({ text }) => ` ${text}`), timestamps: words.map(({ start }) => start / 1000) }
        })
        const listener = new Listener()
        const parts = { activity: new ScriptedActivity(), recogniser: open(pool, { language: 'en' }) }
        const session = new EmbeddedSession(parts, { ...ordinarySettings, maxTurnSilence: 600 + 40 * seed }, listener)
        const audio = codedAudio(said, 61_000)
        for (let at = 0; at < audio.length; at += 3200) {
          now += 200
          await session.write(audio.subarray(at, at + 3200))
          await tick()
        }
        await session.end()
        await session.destroy()
        expect(listener.finals.flatMap(({ words }) => words.map(({ text }) => Number(text)))).toEqual(
          said.map(({ id }) => id),
        )
        // Nothing of what was to come at the end was long.
        expect(Math.max(...lengths(pool))).toBeLessThan(20_000)
      }
    })
  })

  it('goes before those of others once the stream has ended', async () => {
    const pool = new FakePool()
    const recogniser = open(pool, { language: 'en' })
    await say(recogniser).finish()
    expect(pool.decoded[0]!.isUrgent()).toBe(false)
    recogniser.prioritise()
    expect(pool.decoded[0]!.isUrgent()).toBe(true)
  })

  it('has one say in the language, however often its end was likely', async () => {
    const pool = new FakePool({}, ({ language }) => ({ language: language || 'de' }))
    const recogniser = open(pool)
    const utterance = say(recogniser, 3000)
    for (let pause = 0; pause < 5; pause++) {
      utterance.prepare()
      await tick()
      void utterance.accept(
        noise(500, 3000),
        Array.from({ length: 50 }, () => 0),
      )
    }
    await utterance.finish()
    // 3 s are not enough to settle it.
    await say(recogniser, 1000, 1).finish()
    expect(languages(pool).every((language) => language === '')).toBe(true)
  })

  it('begun before the language was settled is heard in that language', async () => {
    const pool = new FakePool({}, ({ language, samples }) => ({
      language: language || (samples[0] === 1 ? 'fr' : 'de'),
    }))
    const recogniser = open(pool)
    const early = say(recogniser, 1000, 1)
    early.prepare()
    await say(recogniser, 9000, 0).finish()
    expect((await early.finish()).language).toBe('de')
    expect(languages(pool)).toEqual(['', '', 'de'])
  })

  it('tells of a failure where it ends, not where an end was likely', async () => {
    const pool = new FakePool({}, () => new CrashingUtterance('ended by SIGSEGV'))
    const utterance = say(open(pool, { language: 'en' }))
    utterance.prepare()
    await new Promise((resolve) => setTimeout(resolve, 0))
    await expect(utterance.finish()).rejects.toThrow(CrashingUtterance)
    expect(pool.decoded).toHaveLength(1)
  })

  it('says what it holds so far, if there is time', async () => {
    const pool = new FakePool()
    const utterance = say(open(pool, { language: 'en' }))
    expect((await utterance.partial())!.words).toHaveLength(1)
    pool.answer = () => undefined
    expect(await utterance.partial()).toBeUndefined()
    expect(pool.decoded.map(({ urgency }) => urgency)).toEqual(['partial', 'partial'])
  })

  it('holds nothing when the recogniser is closed, and is not wanted', async () => {
    const pool = new FakePool()
    const recogniser = open(pool, { language: 'en' })
    const finished = say(recogniser).finish()
    await recogniser.close()
    expect(pool.decoded[0]!.isWanted()).toBe(false)
    expect(await finished).toEqual({ words: [] })
  })

  it.each([
    ['whisper', ['bad', 'good'], 'good'],
    ['whisper', ['good', 'bad'], 'good'],
    ['whisper', ['bad', 'bad'], 'bad'],
    ['transducer', ['bad', 'good'], 'bad'],
  ] as const)(
    'that seems misheard is heard once more with silence behind it: %s, %j',
    async (kind, texts, expected) => {
      judged((text) => text === 'bad')
      const pool = new FakePool({ kind }, (_decode, number) => ({ tokens: [` ${texts[number]}`] }))
      const { words } = await say(open(pool, { language: 'en' }), 2000).finish()
      expect(words.map(({ text }) => text)).toEqual([expected])
      expect(pool.decoded).toHaveLength(kind === 'whisper' && texts[0] === 'bad' ? 2 : 1)
      for (const { samples } of pool.decoded.slice(1)) {
        expect(samples).toHaveLength(29 * 16_000)
        expect(samples.subarray(0, 32_000)).toEqual(pool.decoded[0]!.samples)
        expect(samples.subarray(32_000).every((sample) => sample === 0)).toBe(true)
      }
      for (const { end } of words) expect(end).toBeLessThanOrEqual(2000)
    },
  )

  it('of which little is surely speech has the words that were heard both times', async () => {
    vi.mocked(judge).mockImplementation((result, audio, habits) => {
      const unsure = wordsOf(result, audio, habits)
      return { words: [], suspicious: true, cutOff: false, unsure, repeatedWords: 0, doubt: 1 }
    })
    const languages = ['de', 'en']
    const heard = async (texts: string[]): Promise<Recognition> => {
      const pool = new FakePool({}, (_decode, number) => {
        const tokens = texts[number] === '' ? [] : [` ${texts[number]}`]
        return { tokens, timestamps: tokens.map(() => 0.1), language: languages[number]! }
      })
      return await say(open(pool, { mayChangeLanguage: true }), 400).finish()
    }
    expect(await heard(['Okay', 'Okay.'])).toMatchObject({ words: [{ text: 'Okay.' }], language: 'en' })
    expect(await heard(['Okay', ''])).toMatchObject({ words: [] })
    expect(await heard(['', 'Okay.'])).toMatchObject({ words: [] })
  })

  it.each([
    ['whisper', 3],
    ['transducer', 1],
  ] as const)('of which a part was passed over has that heard alone: %s', async (kind, count) => {
    vi.mocked(missedStretches).mockReturnValue([
      { start: 600, end: 1400 },
      { start: 1500, end: 2000 },
    ])
    const texts = ['one', 'two', 'three']
    const pool = new FakePool({ kind }, (_decode, number) => ({ tokens: [` ${texts[number]}`], language: 'de' }))
    const { words, language } = await say(open(pool, { mayChangeLanguage: true }), 2000).finish()
    expect(language).toBe('de')
    expect(words.map(({ text }) => text)).toEqual(texts.slice(0, count))
    for (const [index, { start }] of words.entries()) expect(start).toBeGreaterThanOrEqual([0, 600, 1500][index]!)
    const { samples } = pool.decoded[0]!
    const heard = [samples, samples.slice(600 * 16, 1400 * 16), samples.slice(1500 * 16)]
    expect(pool.decoded.map((each) => each.samples)).toEqual(heard.slice(0, count))
    expect(languages(pool)).toEqual(['', 'de', 'de'].slice(0, count))
  })

  it('has words at times as if all letters took as long, where the model gives none', async () => {
    const pool = new FakePool({ hasWordTimes: false }, () => ({ tokens: [' ab', ' cdef'], timestamps: [] }))
    const utterance = open(pool, { language: 'en' }).begin()
    void utterance.accept(
      noise(1600, 3000),
      Array.from({ length: 160 }, (_, frame) => (frame < 40 ? 0 : 0.7)),
    )
    await utterance.finish()
    const [result] = vi.mocked(judge).mock.lastCall!
    expect(result.timestamps[0]).toBeCloseTo(0.4)
    // The token of a word begins with a space.
    expect(result.timestamps[1]).toBeCloseTo(0.4 + (3 / 8) * 1.2)
  })
})

describe('keyterms', () => {
  it('are told as signs of tokens, and may change between utterances', async () => {
    const pool = new FakePool({ kind: 'nemoTransducer' })
    const recogniser = open(pool, { language: 'en' })
    for (const keyterms of [[], ['one'], ['two', 'three one'], ['two', 'four'], []]) {
      const why = recogniser.setKeyterms(keyterms)
      expect(why === undefined).toBe(!keyterms.includes('four'))
      await say(recogniser).finish()
    }
    const signs = ['', '\u{f0001}', '\u{f0002}/\u{f0003}\u{f0001}', '\u{f0002}', '']
    expect(pool.decoded.map(({ hotwords }) => hotwords)).toEqual(signs)
  })

  it('have no effect where the model takes none', async () => {
    const pool = new FakePool({ takesHotwords: false })
    const recogniser = open(pool, { language: 'en' })
    expect(recogniser.setKeyterms(['one'])).toBe('the model fake cannot listen for keyterms; they have no effect')
    expect(recogniser.setKeyterms([])).toBeUndefined()
    await say(recogniser).finish()
    expect(pool.decoded[0]!.hotwords).toBe('')
  })
})
