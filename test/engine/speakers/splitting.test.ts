import { describe, expect, it } from 'vitest'
import type { VoiceGroup } from '../../../src/engine/speakers/grouping.ts'
import { splitGroup } from '../../../src/engine/speakers/splitting.ts'
import { trackSpeakers } from '../../../src/engine/speakers/tracker.ts'
import { joinedVoice, type Voice, voiceOf } from '../../../src/engine/speakers/voice.ts'
import { randoms } from '../signals.ts'
import { utterance } from './made-up-voices.ts'

/** Vectors of two voices that are much alike (cosine 0.89), each with something of its own by chance. */
function vectors(seed: number): (second: boolean) => Float32Array {
  const random = randoms(seed)
  return (second) => {
    const vector = Float32Array.from({ length: 64 }, () => 0.2 * (random() - 0.5))
    vector[0] = 1
    vector[1] = vector[1]! + (second ? 0.24 : -0.24)
    const length = Math.hypot(...vector)
    return vector.map((value) => value / length)
  }
}

const stretches = (who: readonly boolean[], narrowband = true): Voice[] => {
  const next = vectors(1)
  return who.map((second) => voiceOf(next(second), 200, narrowband))
}

const groupOf = (voices: readonly Voice[]): VoiceGroup => ({
  voice: joinedVoice(voices),
  members: voices.map((_, index) => index),
})

const parted = (voices: readonly Voice[]): number[][] =>
  splitGroup(groupOf(voices), voices).map(({ members }) => members)

/** Who speaks in each of 20 stretches. */
const turns = Array.from({ length: 20 }, (_, index) => index % 3 === 0)
const all = turns.map((_, index) => index)

describe('splitGroup', () => {
  it('parts two voices', () => {
    const halves = parted(stretches(turns)).toSorted((a, b) => a.length - b.length)
    expect(halves).toEqual([all.filter((index) => turns[index]), all.filter((index) => !turns[index])])
  })

  it('gives each half its own voice', () => {
    const voices = stretches(turns)
    for (const { voice, members } of splitGroup(groupOf(voices), voices))
      expect(voice.frames).toBe(200 * members.length)
  })

  it('leaves one voice as it is', () => {
    expect(parted(stretches(turns.map(() => true)))).toEqual([all])
  })

  it('leaves together what is too little to say', () => {
    expect(parted(stretches(turns.map((_, index) => index === 3 || index === 8)))).toEqual([all])
    expect(parted(stretches(turns.slice(0, 5)))).toEqual([all.slice(0, 5)])
  })

  it('leaves voices alone that did not come by telephone', () => {
    expect(parted(stretches(turns, false))).toEqual([all])
  })
})

describe('trackSpeakers by telephone', () => {
  it('finds both of two voices whose single stretches pass for one', async () => {
    const next = vectors(2)
    let second = false
    const tracker = trackSpeakers(
      {},
      { embed: (_, wanted) => Promise.resolve(wanted.map(() => next(second))), close: () => Promise.resolve() },
    )
    const tone = Int16Array.from({ length: 32_000 }, (_, at) => 8000 * Math.cos(at / 6))
    const labels: (string | undefined)[] = []
    for (const [id, who] of turns.entries()) {
      second = who
      labels[id] = (await tracker.attribute(utterance(id, tone))).words[0]
    }
    for (const { id, words } of await tracker.revise()) labels[id] = words[0]
    expect(new Set(labels)).toEqual(new Set(['A', 'B']))
    const right = labels.filter((label, id) => label === (turns[id] ? 'B' : 'A'))
    expect(right.length).toBeGreaterThanOrEqual(18)
  })
})
