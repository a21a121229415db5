import type { TurnMessage } from '../../../src/protocol/messages.ts'
import { FinalWords } from '../../../src/stream/turns/final-words.ts'
import { TurnJoiner } from '../../../src/stream/turns/joiner.ts'
import { LabelMap } from '../../../src/stream/label-map.ts'
import { SpeakerLetters } from '../../../src/stream/speakers.ts'

/** How far the service errs, as it was measured. */
const EARLY_ONSET_MS = 990
const LATE_END_MS = 1344
const JITTER_MS = 45
const HEARD_DIFFERENTLY = 0.1

/** A word as it was said. */
interface Said {
  index: number
  text: string
  start: number
  end: number
}

/**
 * A stream that was heard by several sessions, each cut off at some place and each with errors of its own: words of a few
 * texts with many repeats, ends that are late, onsets that are early, words heard differently, turns cut elsewhere.
 *
 * @returns the numbers of the words that came out, and of those that had to.
 */
export function interrupted(seed: number): { heard: number[]; expected: number[] } {
  const random = numbers(seed)
  const said = talk(random)
  const finals = new FinalWords(70_000)
  const letters = new SpeakerLetters()
  const heard: number[] = []
  const orders = { next: 0 }
  for (let from = 0, session = 0; ; session += 1) {
    const turns = hear(said, from, random)
    const last = session === 3 || random(0, 3) === 0
    const until = last ? turns.length : random(0, turns.length)
    const options = { sessionId: String(session), toStream: (ms: number) => from + ms }
    const placed = new TurnJoiner(options, new LabelMap(letters), finals, orders)
    for (const [number, words] of turns.slice(0, until).entries()) {
      for (const turn of placed.turn(message(number, words, from))) {
        finals.add(turn)
        // The number of a word is told by its confidence, which nothing looks at.
        heard.push(...turn.words.map(({ confidence }) => confidence!))
      }
    }
    if (last) return { heard, expected: said.map(({ index }) => index) }
    from = Math.max(0, Math.floor(finals.hearFrom(random(0, 10) * 1000) / 50) * 50)
  }
}

function numbers(seed: number): (least: number, most: number) => number {
  let state = seed
  return (least, most) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return least + Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (most - least + 1))
  }
}

function talk(random: ReturnType<typeof numbers>): Said[] {
  const texts = ['no', 'yes', 'well', 'okay', 'three', 'somebody'].slice(0, random(1, 6))
  let time = random(0, 2000)
  return Array.from({ length: random(2, 60) }, (_, index) => {
    const start = time
    const end = start + random(90, 400)
    time = end + (random(0, 4) === 0 ? random(300, 2500) : random(0, 150))
    return { index, text: texts[random(0, texts.length - 1)]!, start, end }
  })
}

/** What a session that begins at `from` makes of it, turn by turn, in ms of the stream. */
function hear(said: readonly Said[], from: number, random: ReturnType<typeof numbers>): Said[][] {
  const turns: Said[][] = []
  for (const word of said) {
    if (word.start < from) continue
    const turn = turns.at(-1)
    const ends = turn === undefined || word.start - turn.at(-1)!.end >= random(200, 900) || turn.length >= random(5, 30)
    if (ends) turns.push([word])
    else turn.push(word)
  }
  return turns.map((turn) =>
    turn.map(({ index, text, start, end }, place) => {
      const first = place === 0 && random(0, 9) < 7
      const last = place === turn.length - 1 && random(0, 9) < 7
      const begins = start + random(-JITTER_MS, JITTER_MS) - (first ? random(0, EARLY_ONSET_MS) : 0)
      const ends = end + random(-JITTER_MS, JITTER_MS) + (last ? random(0, LATE_END_MS) : 0)
      const different = random(1, 100) <= 100 * HEARD_DIFFERENTLY
      const at = Math.max(from, begins)
      return { index, text: different ? `other${random(0, 99)}` : text, start: at, end: Math.max(at, ends) }
    }),
  )
}

function message(order: number, said: readonly Said[], from: number): TurnMessage {
  const words = said.map(({ index, text, start, end }) => {
    return { text, start: start - from, end: end - from, confidence: index, word_is_final: true }
  })
  return {
    type: 'Turn',
    turn_order: order,
    turn_is_formatted: true,
    end_of_turn: true,
    end_of_turn_confidence: 1,
    transcript: words.map(({ text }) => text).join(' '),
    words,
  }
}
