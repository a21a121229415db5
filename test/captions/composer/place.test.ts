import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type Composer } from '../../../src/captions/composer/composer.ts'
import {
  assComposer,
  csvComposer,
  ctmComposer,
  lrcComposer,
  rttmComposer,
  sbvComposer,
  srtComposer,
  stmComposer,
  transcriptComposer,
  ttmlComposer,
  vttComposer,
  whisperComposer,
} from '../../../src/captions/composer/composers.ts'
import { layoutSettings } from '../../../src/captions/layout/options.ts'
import type { Place } from '../../../src/checkpoint/checkpoint.ts'
import type { Turn, Word } from '../../../src/model.ts'
import { randomInteger, seededRandom } from '../../helpers/random.ts'
import { some } from '../../helpers/runs.ts'
import { spokenTurn } from '../../checkpoint/turns.ts'

const settings = { layout: layoutSettings({}), names: true, segment: undefined }
const composers: Record<string, () => Composer> = {
  srt: () => srtComposer(settings),
  vtt: () => vttComposer(settings),
  'vtt in colours': () => vttComposer(settings, { colours: true }),
  ass: () => assComposer(settings),
  ttml: () => ttmlComposer(settings),
  sbv: () => sbvComposer(settings),
  lrc: () => lrcComposer(settings),
  csv: () => csvComposer({}),
  json: () => whisperComposer({}),
  txt: () => transcriptComposer({}),
  rttm: () => rttmComposer({}),
  ctm: () => ctmComposer({}),
  stm: () => stmComposer({}),
}

/** A file as a sink would write it. */
class Text {
  readonly #composer: Composer
  #bytes: Buffer

  constructor(composer: Composer, bytes: Buffer = Buffer.alloc(0)) {
    this.#composer = composer
    this.#bytes = bytes
  }

  add(turn: Turn, isCut: boolean): void {
    this.#append(this.#composer.add(turn))
    if (isCut) this.#append(this.#composer.release())
    if (!this.#composer.hasOld) return
    this.#rewrite()
    this.#composer.forget()
  }

  end(): string {
    this.#append(this.#composer.end())
    this.#rewrite()
    return this.#bytes.toString()
  }

  /** The same after a crash: what is before the place, and behind it what of `turns` is not in it. */
  async resumeFrom(composer: Composer, turns: readonly Turn[]): Promise<Text> {
    const place = JSON.parse(JSON.stringify(this.#composer.place)) as Place
    const kept = this.#bytes.subarray(0, place.bytes)
    await composer.resumeFrom(place, Readable.from(kept.toString().split('\n').filter(Boolean)))
    const text = new Text(composer, kept)
    for (const turn of turns) {
      if (turn.order < place.order || place.ahead?.includes(turn.order) === true) continue
      text.#append(composer.add(turn))
      if (place.cuts.includes(turn.order)) text.#append(composer.release())
    }
    return text
  }

  #append(text: string): void {
    this.#bytes = Buffer.concat([this.#bytes, Buffer.from(text)])
  }

  #rewrite(): void {
    if (!this.#composer.isStale) return
    const pieces = [...this.#composer.rewrite()].map((piece) => {
      if (typeof piece === 'string') return Buffer.from(piece)
      const bytes = this.#bytes.subarray(piece.from, piece.to)
      return piece.edit === undefined ? bytes : Buffer.from(piece.edit(bytes.toString()))
    })
    this.#bytes = Buffer.concat(pieces)
    this.#composer.rewritten()
  }
}

/** Turns of many sessions, in the order in which they come; some are revised. */
function* conversation(seed: number): Generator<{ turn: Turn; isCut: boolean }> {
  const random = seededRandom(seed)
  let start = 0
  const before: Turn[] = []
  for (let order = 0; order < 60; order += 1) {
    const words = Array.from({ length: randomInteger(random, 0, 14) }, (_, at) => `wörd${order}.${at}`)
    const speaker = 'ABC'[randomInteger(random, 0, 2)]!
    const turn = { ...spokenTurn(order, start, words, speaker), sessionId: `s${Math.floor(order / 8)}` }
    before.push(turn)
    yield { turn, isCut: random() < 0.2 }
    start = turn.end + randomInteger(random, 50, 2500)
    if (random() > 0.3) continue
    const index = Math.max(0, before.length - 1 - randomInteger(random, 0, 5))
    const one = before[index]!
    const other = 'ABC'[randomInteger(random, 0, 2)]!
    const again = one.words.map((word) => ({ ...word, speaker: other }))
    const revised = { ...one, speaker: other, words: again, revision: one.revision + 1 }
    before[index] = revised
    yield { turn: revised, isCut: false }
  }
}

const named = (word: Word): Word => ({ ...word, speaker: 'B' })

/**
 * Turns of two channels, each in order, and of many sessions; what one says may be known long after the other. None is cut:
 * what waits at an instant depends on what has been put in its place by then.
 */
function* call(seed: number): Generator<{ turn: Turn; isCut: boolean }> {
  const random = seededRandom(seed)
  const said = ['Left', 'Right'].map((channel) => {
    let start = randomInteger(random, 0, 3000)
    return Array.from({ length: 50 }, (_, at) => {
      const words = Array.from({ length: randomInteger(random, 1, 9) }, (_word, index) => `${channel}${at}.${index}`)
      const turn = { ...spokenTurn(0, start, words), channel, sessionId: `${channel}${Math.floor(at / 3)}` }
      start = turn.end + randomInteger(random, 50, 8000)
      return turn
    })
  })
  let isLate = false
  for (let order = 0; order < 100; order += 1) {
    if (random() < 0.2) isLate = !isLate
    const [left, right] = said.map((turns) => turns[0]?.start ?? Infinity) as [number, number]
    const isLeft = Math.abs(left - right) > 30_000 ? left < right : isLate
    const turn = { ...(said[isLeft ? 0 : 1]!.shift() ?? said[isLeft ? 1 : 0]!.shift()!), order }
    yield { turn, isCut: false }
    // Of a turn that is revised, the run that goes on is given the newest revision alone.
    if (random() < 0.3) yield { turn: { ...turn, revision: 1, words: turn.words.map(named) }, isCut: false }
  }
}

describe.each([
  ['turns of one stream', conversation, some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 4)],
  ['turns of channels that come late', call, some([1, 2, 3, 4], 2)],
] as const)('a text of %s that goes on from a place', (_kind, turnsOf, seeds) => {
  for (const [name, compose] of Object.entries(composers)) {
    it(`becomes what it would have been: ${name}`, async () => {
      for (const seed of seeds) {
        const random = seededRandom(seed * 1000)
        let composer = compose()
        const whole = new Text(composer)
        let text = new Text((composer = compose()))
        const latest = new Map<number, Turn>()
        let isLater = false
        for (const { turn, isCut } of turnsOf(seed)) {
          whole.add(turn, isCut)
          text.add(turn, isCut)
          latest.set(turn.order, turn)
          if (random() < 0.1) {
            isLater ||= composer.place.blocks > 0
            text = await text.resumeFrom((composer = compose()), [...latest.values()])
          }
        }
        expect(text.end()).toBe(whole.end())
        expect(isLater).toBe(true)
      }
    })
  }
})
