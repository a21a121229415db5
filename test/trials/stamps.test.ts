import { describe, expect, it } from 'vitest'
import { dialogue } from './dialogue.ts'
import { StampReader, stamp } from './stamps.ts'
import { toneAudio } from '../../src/testing/index.ts'

const words = [...dialogue({ seed: 1, duration: 20_000, speakers: 3 })]

function stamped(from: number, to: number): Int16Array {
  const pcm = toneAudio(words, { from, to })
  stamp(pcm, from)
  return new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)
}

describe('StampReader', () => {
  it('tells which milliseconds it was given, however they are cut', () => {
    const samples = stamped(3000, 9000)
    const reader = new StampReader()
    for (let at = 0; at < samples.length; at += 777) reader.push(samples.subarray(at, at + 777))
    expect(reader).toMatchObject({ heard: [{ from: 3000, to: 9000 }], silenceMs: 0, tornMs: 0 })
  })

  it('sees what was left out, repeated, put in or torn', () => {
    const reader = new StampReader()
    reader.push(stamped(0, 1000))
    reader.push(new Int16Array(1600))
    reader.push(stamped(1000, 2000))
    reader.push(stamped(2500, 3000))
    reader.push(stamped(1000, 1100))
    expect(reader).toMatchObject({ silenceMs: 100, tornMs: 0 })
    expect(reader.heard).toEqual([
      { from: 0, to: 2000 },
      { from: 2500, to: 3000 },
      { from: 1000, to: 1100 },
    ])
    reader.push(stamped(1100, 1200).subarray(5))
    expect(reader.tornMs).toBeGreaterThan(50)
  })
})
