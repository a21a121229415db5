import { describe, expect, it } from 'vitest'
import { openDecoders, openPocketSphinx, plainWord } from '../../src/engine/pocketsphinx.ts'
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
})
