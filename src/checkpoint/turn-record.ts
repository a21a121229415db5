import { deserialize, serialize, type Serialized, type Turn } from '../model.ts'
import type { UnrecognizedSpeech } from '../stream/options.ts'
import { TurnTotals } from '../stream/turn-totals.ts'
import type { Checkpoint } from './checkpoint.ts'

/** Turns of the last so many ms of the stream are always kept: a session that goes on hears some of them again. */
const KEPT_MS = 180_000
/** A session that goes on hears at most as much again, to know the speakers by; ms and words. */
const MOST_CONTEXT_MS = 120_000
const MOST_CONTEXT_WORDS = 350
/** Of each speaker, as much is heard again where it is not longer ago; ms. */
const ENOUGH_MS = 2000
/** Audio before a word that it takes to hear it, ms. */
const LEAD_MS = 800

interface Kept {
  end: number
  turn: Serialized<Turn>
}

/** The final turns that outputs were given, as far as a run that goes on needs them. */
export class TurnRecord {
  readonly #kept = new Map<number, Kept>()
  #nextOrder = 0
  readonly #totals = new TurnTotals()
  #unrecognizedUntil = 0
  #end = 0

  constructor(before?: Pick<Checkpoint, 'turns' | 'nextOrder' | 'totals' | 'unrecognizedUntil'>) {
    if (before === undefined) return
    for (const packed of before.turns) this.#keep(deserialize(packed as Serialized<Turn>))
    this.#nextOrder = before.nextOrder
    this.#unrecognizedUntil = before.unrecognizedUntil ?? 0
    this.#totals.resumeFrom(before.totals)
  }

  /** Takes in a final turn, or a revision of one. */
  add(turn: Turn): void {
    this.#totals.add(turn)
    if (turn.order >= this.#nextOrder || this.#kept.has(turn.order)) this.#keep(turn)
    this.#nextOrder = Math.max(this.#nextOrder, turn.order + 1)
  }

  addUnrecognized(speech: UnrecognizedSpeech): void {
    this.#totals.certainty.addUnrecognized(speech)
    this.#unrecognizedUntil = Math.max(this.#unrecognizedUntil, speech.end)
  }

  /** Forgets the turns before `order`, but for the newest. */
  forgetBefore(order: number): void {
    for (const [one, { end }] of this.#kept) {
      if (one >= order || end > this.#end - KEPT_MS) return
      this.#kept.delete(one)
    }
  }

  /** All that is known now. */
  get state(): Pick<Checkpoint, 'turns' | 'nextOrder' | 'totals' | 'unrecognizedUntil'> {
    const turns = [...this.#kept.values()].map(({ turn }) => turn)
    const totals = this.#totals.state
    return { turns, nextOrder: this.#nextOrder, totals, unrecognizedUntil: this.#unrecognizedUntil }
  }

  #keep(turn: Turn): void {
    this.#kept.set(turn.order, { end: turn.end, turn: serialize(turn) })
    this.#end = Math.max(this.#end, turn.end)
  }
}

/** The turns of a checkpoint. */
export function turnsOf({ turns }: Pick<Checkpoint, 'turns'>): Turn[] {
  return turns.map((turn) => deserialize(turn as Serialized<Turn>))
}

/**
 * From where a session that goes on hears again, ms of the stream, so that it hears all who spoke lately: from the beginning
 * of a turn, or of the stream where that is not long ago; `Infinity` where there is no turn.
 */
export function contextFrom(turns: readonly Turn[]): number {
  const end = turns.reduce((last, turn) => Math.max(last, turn.end), 0)
  const heard = new Map<string, number>()
  let [from, words] = [Infinity, 0]
  for (const turn of turns.toReversed()) {
    words += turn.words.length
    const begin = Math.max(0, turn.start - LEAD_MS)
    if (end - begin > MOST_CONTEXT_MS || words > MOST_CONTEXT_WORDS) break
    if (turn.order === 0 && end <= MOST_CONTEXT_MS) return 0
    for (const { speaker, start, end: until } of turn.words) {
      const before = speaker === undefined ? ENOUGH_MS : (heard.get(speaker) ?? 0)
      if (before >= ENOUGH_MS) continue
      heard.set(speaker!, before + until - start)
      from = Math.min(from, begin)
    }
  }
  return from
}
