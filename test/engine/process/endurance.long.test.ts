import { afterEach, describe, expect, it } from 'vitest'
import { findActivityModel, findRecogniser } from '../../../src/engine/models/find.ts'
import { SherpaProcess } from '../../../src/engine/process/process.ts'
import { haveFlite, join16, silence, speak } from '../../helpers/flite.ts'
import { noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker, whyNoBox } from '../../helpers/sherpa.ts'

const limit = 120_000
let child: SherpaProcess | undefined

afterEach(async () => {
  await child?.close()
  await noChildLeft(marker)
})

/** The most memory of a stretch of measurements, in MB. */
const mostOf = (memory: readonly number[]): number => Math.round(Math.max(...memory) / 1e6)

describe.skipIf(whyNoBox !== undefined || !haveFlite)('a process that runs for long', () => {
  it('stays as large as it was: four hundred utterances', async () => {
    child = new SherpaProcess()
    await child.call('loadRecogniser', { model: await findRecogniser(undefined), hotwords: false }, limit)
    const speech = join16([
      speak('rms', 'good morning i hope you had a pleasant journey'),
      speak('slt', 'yes thank you the train was only a little late'),
    ])
    const memory: number[] = []
    for (let utterance = 0; utterance < 400; utterance++) {
      // All of it first, which takes the most room; then from 0.5 s on, in an order that repeats itself only after a while.
      const length = utterance === 0 ? speech.length : 8000 + ((utterance * 7919) % (speech.length - 8000))
      await child.call('decode', { samples: speech.subarray(0, length), language: '', hotwords: '' }, limit)
      memory.push(child.memory)
    }
    console.log(
      `resident memory, MB: ${[0, 100, 200, 300].map((from) => mostOf(memory.slice(from, from + 100))).join(', ')}`,
    )
    expect(mostOf(memory.slice(-100))).toBeLessThan(mostOf(memory.slice(0, 100)) * 1.1)
  }, 3_600_000)

  it('takes no more for the second utterance of a length than for the first', async () => {
    child = new SherpaProcess()
    await child.call('loadRecogniser', { model: await findRecogniser(undefined), hotwords: false }, limit)
    const samples = join16([speak('rms', 'good morning i hope you had a pleasant journey'), silence(26_000)])
    const memory: number[] = []
    for (let utterance = 0; utterance < 3; utterance++) {
      await child.call('decode', { samples, language: '', hotwords: '' }, limit)
      memory.push(child.memory)
    }
    // The scores of one head for 30 s are 9 MB; what a whole run needs is three times as much.
    expect(mostOf(memory) - mostOf(memory.slice(0, 1))).toBeLessThan(15)
  }, 60_000)

  it('stays as large as it was: an hour of listening for speech', async () => {
    child = new SherpaProcess()
    const { file } = await findActivityModel()
    await child.call('openActivity', { stream: 1, file, thresholds: [0.3, 0.7] }, limit)
    const second = join16([speak('rms', 'that is very good news'), silence(3000)])
    const whole = second.subarray(0, second.length - (second.length % 512))
    const memory: number[] = []
    for (let heard = 0; heard < 3600 * 16_000; heard += whole.length) {
      await child.call('activity', { stream: 1, samples: whole }, limit)
      memory.push(child.memory)
    }
    const quarter = Math.floor(memory.length / 4)
    console.log(
      `resident memory, MB: ${[0, 1, 2, 3].map((at) => mostOf(memory.slice(at * quarter, (at + 1) * quarter))).join(', ')}`,
    )
    expect(mostOf(memory.slice(-quarter))).toBeLessThan(mostOf(memory.slice(0, quarter)) * 1.1)
  }, 3_600_000)
})
