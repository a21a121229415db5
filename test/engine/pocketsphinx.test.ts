import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Recogniser } from '../../src/engine/parts.ts'
import { openDecoders, openPocketSphinx, plainWord, separateWords } from '../../src/engine/pocketsphinx.ts'
import { join16, silence, speak } from '../helpers/flite.ts'
import { wordErrorRate } from '../helpers/scoring.ts'
import { whyNoSphinx } from '../helpers/sphinx.ts'

describe('plainWord', () => {
  it('drops silence, noise and the number of a variant', () => {
    for (const entry of ['<s>', '</s>', '<sil>', '[NOISE]', '[SPEECH]', '++BREATH++']) {
      expect(plainWord(entry)).toBeUndefined()
    }
    expect(plainWord('the(2)')).toBe('the')
    expect(plainWord("i'm")).toBe("i'm")
  })
})

describe('separateWords', () => {
  it('shares the time of a term among its words by their letters', () => {
    expect(separateWords({ text: 'New Zealand', start: 1000, end: 2000, confidence: 0.5 })).toEqual([
      { text: 'New', start: 1000, end: 1300, confidence: 0.5 },
      { text: 'Zealand', start: 1300, end: 2000, confidence: 0.5 },
    ])
  })
})

describe.skipIf(whyNoSphinx !== undefined)('openPocketSphinx', () => {
  const text = 'the weather in the north was cold and the river had frozen over'
  const speech = (): Int16Array => join16([silence(300), speak('rms', text), silence(300)])

  it.each([true, false])(
    'recognises speech with times and confidences, utterance after utterance (partials %s)',
    async (partials) => {
      const recogniser = await openPocketSphinx({ partials })
      const samples = speech()
      let hypotheses = 0
      for (let utterance = 0; utterance < 2; utterance++) {
        await recogniser.start()
        for (let at = 0; at < samples.length; at += 1600) {
          await recogniser.accept(samples.subarray(at, at + 1600))
          if (at % 16_000 === 0) hypotheses += (await recogniser.partial()).length
        }
        const words = await recogniser.finish()
        expect(
          wordErrorRate(
            text.split(' '),
            words.map((word) => word.text),
          ),
        ).toBeLessThan(0.35)
        expect(words[0]!.start).toBeGreaterThanOrEqual(200)
        expect(words.at(-1)!.end).toBeLessThanOrEqual(samples.length / 16)
        words.forEach((word, index) => {
          expect(word.start).toBeGreaterThanOrEqual(words[index - 1]?.end ?? 0)
          expect(word.end).toBeGreaterThan(word.start)
          expect(word.confidence).toBeGreaterThanOrEqual(0)
          expect(word.confidence).toBeLessThanOrEqual(1)
        })
        expect(new Set(words.map((word) => word.confidence)).size).toBeGreaterThan(1)
      }
      expect(hypotheses > 0).toBe(partials)
      await recogniser.close()
    },
  )

  it('decodes an utterance longer than 15 s as it comes, without losing its beginning', async () => {
    const recogniser = await openPocketSphinx()
    const sentence = speech()
    const samples = join16([sentence, silence(1000), sentence, silence(1000), sentence, silence(1000), sentence])
    expect(samples.length / 16_000).toBeGreaterThan(15.5)
    await recogniser.start()
    for (let at = 0; at < samples.length; at += 16_000) await recogniser.accept(samples.subarray(at, at + 16_000))
    const words = await recogniser.finish()
    expect(words[0]!.start).toBeLessThan(1000)
    expect(words.at(-1)!.end / 1000).toBeGreaterThan(samples.length / 16_000 - 2)
    expect(words.length).toBeGreaterThan(35)
    await recogniser.close()
  })

  it('gives no words for silence and for an utterance without audio', async () => {
    const recogniser = await openPocketSphinx({ partials: true })
    await recogniser.start()
    await recogniser.accept(silence(1000))
    expect(await recogniser.finish()).toEqual([])
    await recogniser.start()
    expect(await recogniser.finish()).toEqual([])
    await recogniser.close()
  })

  it('leaves the event loop free while it decodes', async () => {
    const recogniser = await openPocketSphinx()
    await recogniser.start()
    await recogniser.accept(speech())
    let ticks = 0
    let done = false
    const decoding = recogniser.finish().then(() => (done = true))
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve))
      ticks++
    }
    await decoding
    // Were the native calls made on this thread, there would be a handful of turns of the loop, one for each call.
    expect(ticks).toBeGreaterThan(100)
    await recogniser.close()
  })

  it('waits for the call under way when closed in the middle of it, and refuses later calls', async () => {
    const recogniser = await openPocketSphinx({ partials: true })
    await recogniser.start()
    const order: string[] = []
    const accepting = recogniser.accept(speech()).then(() => order.push('accepted'))
    const closing = recogniser.close().then(() => order.push('closed'))
    await expect(recogniser.finish()).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
    await Promise.all([accepting, closing])
    expect(order).toEqual(['accepted', 'closed'])
    await recogniser.close()
    expect(openDecoders()).toBe(0)
  })

  const hear = async (recogniser: Recogniser, samples: Int16Array): Promise<string[]> => {
    await recogniser.start()
    await recogniser.accept(samples)
    return (await recogniser.finish()).map((word) => word.text)
  }

  it('hears names it is told to expect, from the next utterance on, and forgets them when told', async () => {
    const names = ['Buxtehude', 'Zavatski', 'Port Brannick']
    const samples = join16([
      silence(300),
      speak('rms', 'we met doctor buxtehude and mister zavatski in port brannick'),
      silence(300),
    ])
    const recogniser = await openPocketSphinx()
    const before = await hear(recogniser, samples)
    recogniser.expect!(names)
    const expecting = await hear(recogniser, samples)
    recogniser.expect!([])
    const after = await hear(recogniser, samples)
    expect(openDecoders()).toBe(1)
    await recogniser.close()
    const text = ` ${expecting.join(' ')} `
    for (const name of names) {
      expect(text).toContain(` ${name} `)
      expect(` ${before.join(' ')} `).not.toContain(` ${name} `)
    }
    expect(after).toEqual(before)
    expect(openDecoders()).toBe(0)
  })

  it('takes any strings for keyterms, and hears the other words as before', async () => {
    const samples = speech()
    const term = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.stringMatching(/^[A-Za-z' -]{1,50}$/),
      fc.constantFrom('', '\0', '%s%n', '(2)', '<s>', '[NOISE]', 'keyterm', 'keyterm(2)', 'a', 'the', 'SIL', '++'),
    )
    const terms = fc.array(term, { minLength: 60, maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(terms, async (keyterms) => {
        const recogniser = await openPocketSphinx({ keyterms })
        try {
          expect((await hear(recogniser, samples)).length).toBeGreaterThan(4)
        } finally {
          await recogniser.close()
        }
      }),
      { numRuns: 5 },
    )
  }, 120_000)
})
