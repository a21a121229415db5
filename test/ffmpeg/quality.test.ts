import { expect, it } from 'vitest'
import { bareFfmpegQuality, ourFfmpegQuality } from '../helpers/tone-quality.ts'

it('FFmpeg, with our arguments, passes 7 kHz and rejects 9 kHz as well as ours does, and better than by default', async () => {
  const [ours, bare] = [await ourFfmpegQuality(), await bareFfmpegQuality()]
  expect(ours.pass7k).toBeGreaterThan(-0.15)
  expect(ours.alias9k).toBeLessThan(-80)
  expect(ours.pass7k).toBeGreaterThan(bare.pass7k)
  expect(ours.alias9k).toBeLessThan(bare.alias9k)
})
