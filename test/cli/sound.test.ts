import { SoundMeter, withoutSpeech } from '../../src/cli/sound.ts'
import { expect, it } from 'vitest'

/** PCM16 at 16 kHz of so many ms each: silence where the amplitude is 0. */
function pcm(...parts: [ms: number, amplitude: number][]): Buffer {
  const samples = parts.flatMap(([ms, amplitude]) =>
    Array.from({ length: ms * 16 }, (_, i) => (i % 2 ? 1 : -1) * amplitude),
  )
  return Buffer.from(Int16Array.from(samples).buffer)
}

it('says where there is sound, whatever pieces it comes in', () => {
  const audio = pcm([2000, 20], [3000, 4000], [500, 0], [500, 4000], [4000, 10], [700, 3000])
  const meter = new SoundMeter()
  for (let at = 0; at < audio.length; at += 1234) meter.add(audio.subarray(at, at + 1234), 1600)
  expect(meter.stretches).toEqual([
    { start: 2000, end: 6000 },
    { start: 10_000, end: 10_700 },
  ])
  expect(withoutSpeech(meter).message).toMatch(/^no speech was found; there is sound at 0:02 to 0:06, 0:10 to 0:11: /)
})

it('keeps the first of many stretches, and counts the rest', () => {
  const meter = new SoundMeter()
  for (let i = 0; i < 10; i++) meter.add(pcm([2000, 0], [100, 4000]), 1600)
  expect([meter.count, meter.stretches.length]).toEqual([10, 3])
  expect(withoutSpeech(meter).message).toContain(' and 7 times more: ')
})

it('says that there was none', () => {
  const meter = new SoundMeter()
  meter.add(pcm([5000, 30]), 1600)
  expect(withoutSpeech(meter)).toMatchObject({
    code: 'NO_SPEECH',
    sound: [],
    message: expect.stringContaining('nor any sound'),
  })
})

it('says of speech that was heard, but not understood', () => {
  const message = '3 s of speech were heard, and no words in them: another model'
  expect(withoutSpeech(undefined, 2100).message).toContain(message)
  expect(withoutSpeech({ stretches: [{ start: 0, end: 5 }], count: 1 }, 2100)).toMatchObject({
    code: 'NO_SPEECH',
    unrecognizedMs: 2100,
    sound: [{ start: 0, end: 5 }],
  })
})
