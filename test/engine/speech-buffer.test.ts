import { describe, expect, it } from 'vitest'
import { SpeechBuffer } from '../../src/engine/speech-buffer.ts'

const ramp = (fromMs: number, toMs: number): Int16Array =>
  Int16Array.from({ length: (toMs - fromMs) * 16 }, (_, i) => fromMs + Math.floor(i / 16))

describe('SpeechBuffer', () => {
  it('finds samples and probabilities by their place in the stream, also after forgetting', () => {
    const buffer = new SpeechBuffer()
    for (let at = 0; at < 10_000; at += 250) {
      buffer.push(ramp(at, at + 250))
      while (buffer.speechEndMs + 10 <= buffer.endMs) buffer.pushSpeech(buffer.speechEndMs)
      buffer.forget(buffer.speechEndMs - 700)
      const from = Math.max(0, at - 300)
      expect(buffer.startMs).toBeLessThanOrEqual(from)
      expect(buffer.samples(from, at + 250)[0]).toBe(from)
      expect(buffer.samples(from, at + 250)).toHaveLength((at + 250 - from) * 16)
    }
    expect(buffer.endMs).toBe(10_000)
    expect(buffer.speech(9500, 9530)).toEqual([9500, 9510, 9520])
  })

  it('keeps no more than about what is asked for', () => {
    const buffer = new SpeechBuffer()
    for (let at = 0; at < 5000; at += 100) {
      buffer.push(ramp(at, at + 100))
      for (let i = 0; i < 10; i++) buffer.pushSpeech(0)
      buffer.forget(at)
      expect(buffer.endMs - buffer.startMs).toBeLessThanOrEqual(1100)
    }
  })

  it('gives what there is where more is asked for', () => {
    const buffer = new SpeechBuffer()
    buffer.push(ramp(0, 30))
    expect(buffer.samples(-50, 500)).toHaveLength(480)
    expect(buffer.speech(0, 100)).toEqual([])
  })
})
