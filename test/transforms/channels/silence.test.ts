import { expect, it } from 'vitest'
import { int16ToMulaw } from '../../../src/audio/mulaw.ts'
import { isSilent } from '../../../src/transforms/channels/silence.ts'

const pcm = (...samples: number[]): Buffer => Buffer.from(Int16Array.from(samples).buffer)

it.each([
  [pcm(), true],
  [pcm(0, 0, 0), true],
  [pcm(0, 1, -1, 0), true],
  [pcm(0, 0, 2), false],
  [pcm(-2, 0, 0), false],
  [pcm(-256), false],
])('PCM16 %# is silence: %s', (bytes, silent) => {
  expect(isSilent(bytes, 's16le')).toBe(silent)
})

it.each([
  [Buffer.alloc(400, 0xff), true],
  [Buffer.alloc(400, 0x7f), true],
  [Buffer.from([int16ToMulaw(8), int16ToMulaw(-8), int16ToMulaw(0)]), true],
  [Buffer.from([int16ToMulaw(0), int16ToMulaw(60)]), false],
  [Buffer.alloc(400, 0), false],
])('mu-law %# is silence: %s', (bytes, silent) => {
  expect(isSilent(bytes, 'mulaw')).toBe(silent)
})
