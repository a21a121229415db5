import { describe, expect, it } from 'vitest'
import { Timeline } from '../../src/engine/speech-buffer.ts'

const ramp = (fromMs: number, toMs: number): Int16Array =>
  Int16Array.from({ length: (toMs - fromMs) * 16 }, (_, i) => fromMs + Math.floor(i / 16))

describe('Timeline', () => {
  it('finds samples and probabilities by their place in the stream, also after forgetting', () => {
    const timeline = new Timeline()
    for (let at = 0; at < 10_000; at += 250) {
      timeline.push(ramp(at, at + 250))
      while (timeline.speechEndMs + 10 <= timeline.endMs) timeline.pushSpeech(timeline.speechEndMs)
      timeline.forget(timeline.speechEndMs - 700)
      const from = Math.max(0, at - 300)
      expect(timeline.startMs).toBeLessThanOrEqual(from)
      expect(timeline.samples(from, at + 250)[0]).toBe(from)
      expect(timeline.samples(from, at + 250)).toHaveLength((at + 250 - from) * 16)
    }
    expect(timeline.endMs).toBe(10_000)
    expect(timeline.speech(9500, 9530)).toEqual([9500, 9510, 9520])
  })

  it('keeps no more than about what is asked for', () => {
    const timeline = new Timeline()
    for (let at = 0; at < 5000; at += 100) {
      timeline.push(ramp(at, at + 100))
      for (let i = 0; i < 10; i++) timeline.pushSpeech(0)
      timeline.forget(at)
      expect(timeline.endMs - timeline.startMs).toBeLessThanOrEqual(1100)
    }
  })

  it('gives what there is where more is asked for', () => {
    const timeline = new Timeline()
    timeline.push(ramp(0, 30))
    expect(timeline.samples(-50, 500)).toHaveLength(480)
    expect(timeline.speech(0, 100)).toEqual([])
  })
})
