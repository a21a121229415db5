import { describe, expect, it } from 'vitest'
import { SessionScatter } from '../../../src/engine/voices/scatter.ts'
import { jointLength, usualDistance, voiceOf } from '../../../src/voices/voice.ts'

/** An utterance of two pieces, `pause` frames apart, whose distance is `times` what is usual. */
function learn(scatter: SessionScatter, times: number, pause = 0): void {
  const angle = Math.acos(1 - times * usualDistance(jointLength(100, 100), false))
  const voices = [voiceOf([1, 0], 100, false), voiceOf([Math.cos(angle), Math.sin(angle)], 100, false)]
  scatter.learn(
    [
      { start: 0, end: 100 },
      { start: 100 + pause, end: 200 + pause },
    ],
    voices,
  )
}

describe('SessionScatter', () => {
  it('is what is usual at first, and comes to be that of the session', () => {
    const scatter = new SessionScatter()
    expect(scatter.now).toBe(1)
    learn(scatter, 0.7)
    expect(scatter.now).toBe(1)
    for (let count = 1; count < 200; count++) learn(scatter, 0.7)
    expect(scatter.now).toBeCloseTo(0.7, 5)
  })

  it('does not go by pieces with a pause between them, nor by a rare change of voice, nor to extremes', () => {
    const scatter = new SessionScatter()
    for (let count = 0; count < 100; count++) learn(scatter, 2.5, 10)
    expect(scatter.now).toBe(1)
    for (let count = 0; count < 100; count++) learn(scatter, count % 10 === 0 ? 2.5 : 1)
    expect(scatter.now).toBeCloseTo(1, 5)
    for (let count = 0; count < 1000; count++) learn(scatter, 0.1)
    expect(scatter.now).toBe(0.6)
  })
})
