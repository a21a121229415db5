import type { Turn, Word } from '../model.ts'
import type { FinalWords } from './final-words.ts'
import type { LabelMap } from './label-map.ts'
import type { SpeakerRevisionMessage, TurnMessage } from './messages.ts'
import { plausibleLength, splice, type Splice } from './splice.ts'
import { TurnAssembler, type TurnAssemblerOptions } from './turn-assembler.ts'
import { withSpeaker } from './with-speaker.ts'

/** Turns of a session that may be open at once: one, and those whose finals are late. */
const MOST_OPEN = 16
/** As many turns of a session keep their place, for revisions of them. */
const MOST_PLACED = 20_000

/** How one session's final turn became a turn of the stream. */
interface Placement {
  /** Order in the stream. */
  order: number
  /** Words at its start that were final before. */
  cut: number
}

/** The orders of a stream's turns; all sessions count on. */
export interface Orders {
  /** The order that the next final turn will have. */
  next: number
}

/**
 * One session's turns as turns of the stream: what earlier sessions had made final is cut away, orders go on rising, and
 * labels become the letters the speakers already have.
 */
export class SessionTurns {
  readonly #assembler: TurnAssembler
  readonly #labels: LabelMap
  readonly #orders: Orders
  /** The last turn of the session whose final has come. */
  #passed = -1
  readonly #placements = new Map<number, Placement>()
  /** What was final when this session took over, and where the session began to hear, ms of the stream. */
  readonly #before: { turns: Word[][]; end: number; from: number }
  /** The session's final turns so far, as long as they may lie in what was final before. */
  #again: Word[][] = []
  #beyond: boolean

  constructor(options: TurnAssemblerOptions, labels: LabelMap, before: FinalWords, orders: Orders) {
    this.#assembler = new TurnAssembler(options)
    this.#labels = labels
    this.#orders = orders
    this.#before = { turns: before.turns, end: before.end, from: options.toStream?.(0) ?? 0 }
    this.#beyond = !before.any
  }

  /** Whether a final waits for its formatted form. */
  get holding(): boolean {
    return this.#assembler.holding
  }

  /** Labels of the session and the letters they stand for, so far. */
  get mapping(): Record<string, string> {
    return this.#labels.mapping
  }

  /** A label of the server that is none of the protocol's letters and got one, if any did. */
  get foreignLabel(): string | undefined {
    return this.#labels.foreign
  }

  turn(message: TurnMessage): Turn[] {
    if (message.end_of_turn) this.#passed = Math.max(this.#passed, message.turn_order)
    return this.#assembler.turn(message).flatMap((turn) => this.#place(turn))
  }

  revision(message: SpeakerRevisionMessage): Turn[] {
    return this.#assembler.revision(message).flatMap((turn) => this.#place(turn))
  }

  /** Gives up waiting for a formatted form. */
  release(): Turn[] {
    return this.#assembler.release().flatMap((turn) => this.#place(turn))
  }

  /** The session has confirmed its end: the turn that is still open, if any, as the last one. */
  conclude(): Turn[] {
    return [...this.release(), ...this.#assembler.conclude().flatMap((turn) => this.#place(turn))]
  }

  #place(turn: Turn): Turn[] {
    // A revision of a turn that was cut away whole.
    if (turn.revision > 0 && !this.#placements.has(turn.order)) return []
    const cut = this.#cut(turn)
    const words = turn.words.slice(cut)
    if (words.length === 0 && (cut > 0 || this.#repeated(turn))) return []
    return [{ ...this.#labelled(turn, words, cut), order: this.#order(turn, cut) }]
  }

  /** The order in the stream: finals have theirs as they come, and a partial the one that its final is expected to have. */
  #order(turn: Turn, cut: number): number {
    const placed = this.#placements.get(turn.order)
    if (placed !== undefined) {
      this.#placements.set(turn.order, { ...placed, cut })
      return placed.order
    }
    // The final of an earlier turn may come after the first partial of this one.
    const open = turn.order - this.#passed - 1
    if (!turn.endOfTurn) return this.#orders.next + (open > 0 && open <= MOST_OPEN ? open : 0)
    this.#beyond = true
    const order = this.#orders.next
    this.#orders.next += 1
    this.#placements.set(turn.order, { order, cut })
    if (this.#placements.size > MOST_PLACED) this.#placements.delete(this.#placements.keys().next().value!)
    return order
  }

  /** How many words at the start of `turn` were final before this session. */
  #cut(turn: Turn): number {
    const placed = this.#placements.get(turn.order)
    // The words of a final do not change any more; those of a partial do.
    if (placed && turn.revision > 0) return Math.min(placed.cut, turn.words.length)
    if (this.#beyond) return 0
    const { turns, from } = this.#before
    const found = splice([...this.#again, turn.words], turns, from)
    const cut = Math.max(0, found.first - this.#again.flat().length)
    if (turn.endOfTurn) this.#settle(turn, found)
    return cut
  }

  /** Takes in a final turn, as far as it may lie in what was final before. */
  #settle({ words }: Turn, { complete, pairs }: Splice): void {
    const present = new Set(words)
    for (const { before, again } of pairs) if (present.has(again)) this.#vote(before, again)
    if (complete) this.#beyond = true
    else this.#again.push(words)
  }

  /** Whether a turn without words lies in what was final before. */
  #repeated(turn: Turn): boolean {
    return !this.#beyond && turn.start <= this.#before.end
  }

  #vote(before: Word, { speaker, text, start, end }: Word): void {
    if (speaker === undefined || before.speaker === undefined) return
    this.#labels.vote(speaker, before.speaker, Math.max(1, Math.min(end - start, plausibleLength(text))))
  }

  #labelled(turn: Turn, words: readonly Word[], cut: number): Turn {
    // A partial is too early to say who a new label is.
    const letter = (label: string): string | undefined =>
      turn.endOfTurn ? this.#labels.letter(label) : this.#labels.known(label)
    const { speaker: label, ...rest } = turn
    const named = words.map((word) => withSpeaker(word, word.speaker === undefined ? undefined : letter(word.speaker)))
    const speaker = cut > 0 ? mostHeard(named) : label === undefined ? undefined : letter(label)
    return {
      ...rest,
      words: named,
      ...(cut > 0 && {
        transcript: named.map(({ text }) => text).join(' '),
        start: (named[0] as Word).start,
        end: Math.max(...named.map(({ end }) => end)),
      }),
      ...(speaker === undefined ? {} : { speaker }),
    }
  }
}

/** The speaker of most of the words' time. */
function mostHeard(words: readonly Word[]): string | undefined {
  const heard = new Map<string, number>()
  for (const { speaker, start, end } of words) {
    if (speaker !== undefined) heard.set(speaker, (heard.get(speaker) ?? 0) + end - start + 1)
  }
  return [...heard].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}
