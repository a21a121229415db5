import { join16, silence } from '../../test/helpers/flite.ts'
import type { Span, Talk } from '../../test/helpers/talk-engine.ts'
import { Random } from '../../test/trials/random.ts'
import type { RecordedSpeaker } from '../engine/conversations.ts'

/** Ms for which somebody is silent, and for which he takes part. */
const away = [20_000, 120_000] as const
const there = [20_000, 90_000] as const

/** Glues a conversation of `count` of the speakers, about `seconds` long; two of them take part at any time, or more. */
export function glue(speakers: readonly RecordedSpeaker[], count: number, seed: number, seconds: number): Talk {
  const random = new Random(seed)
  const left = [...speakers]
  const chosen = Array.from({ length: count }, () => {
    const { name, stretches } = left.splice(random.integer(0, left.length - 1), 1)[0]!
    return { name, stretches, next: random.integer(0, stretches.length - 1), changesAt: 0, isThere: true }
  })
  for (const one of chosen) one.changesAt = random.integer(...there)
  const spans: Span[] = []
  const parts: Int16Array[] = []
  let at = 0
  const add = (part: Int16Array): void => {
    parts.push(part)
    at += part.length / 16
  }
  add(hiss(random, 500))
  let last = ''
  while (at < seconds * 1000) {
    for (const one of chosen) {
      if (at < one.changesAt) continue
      one.isThere = !one.isThere
      one.changesAt = at + (one.isThere ? random.integer(...there) : random.integer(...away))
    }
    // Nobody talks to himself.
    while (chosen.filter(({ isThere }) => isThere).length < 2) random.pick(chosen).isThere = true
    const one = random.pick(chosen.filter(({ isThere, name }) => isThere && name !== last))
    last = one.name
    const until = at + random.spread(1500, 9000)
    while (at < until) {
      const part = one.stretches[one.next++ % one.stretches.length]!
      spans.push({ speaker: one.name, start: at, end: at + part.length / 16 })
      // So that no two places of the talk are the same.
      add(part.map((sample) => sample + random.integer(-3, 3)))
      add(hiss(random, random.integer(150, 450)))
    }
    add(hiss(random, random.integer(100, 600)))
  }
  return { samples: join16([...parts, hiss(random, 1500)]), spans }
}

/** Soft noise, of which no two stretches are the same. */
function hiss(random: Random, ms: number): Int16Array {
  return silence(ms).map(() => random.integer(-3, 3))
}
