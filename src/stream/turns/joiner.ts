import type { Turn, Word } from '../../model.ts'
import { defined } from '../../options.ts'
import type { SpeakerRevisionMessage, TurnMessage } from '../../protocol/messages.ts'
import { joinedTexts } from '../../scripts.ts'
import type { LabelMap } from '../label-map.ts'
import type { FinalWords } from './final-words.ts'
import { JITTER_MS, LEAST_WORD_MS, plausibleLength, splice, type Splice } from './splice.ts'
import { MOST_OPEN, TurnAssembler, type TurnAssemblerOptions, withdrawn, withSpeaker } from './turn-assembler.ts'

/** As many turns of a session keep their place, for revisions of them. */
const MOST_PLACED = 20_000

/** How one session's final turn became a turn of the stream. */
interface Placement {
  order: number
  /** Words at its start that were final before, of how many, and where the first one behind them begins; ms of the stream. */
  cut: number
  of: number
  from: number
}

/** Is given words that are final. */
export type HearWords = (words: readonly Word[]) => void

/** The orders of a stream's turns; all sessions count on. */
export interface Orders {
  next: number
}

/**
 * One session's turns as turns of the stream: less what was final before, in rising order, with the stream's letters.
 */
export class TurnJoiner {
  /** Whom the labels of the session mean. */
  readonly labels: LabelMap
  /** The last turn of the session whose final has come. */
  lastFinal = -1
  readonly #assembler: TurnAssembler
  readonly #orders: Orders
  readonly #placements = new Map<number, Placement>()
  /** What was final when this session took over, and where the session began to hear, ms of the stream. */
  readonly #before: { turns: Word[][]; end: number; from: number }
  /** Turns of the session by the labels in them that may still get other letters. */
  readonly #open = new Map<string, Set<number>>()
  readonly #heard: HearWords
  /** The session's final turns so far, as long as they may lie in what was final before. */
  #again: Word[][] = []
  /** Partials that went out, by their turn of the session, as long as it is open. */
  readonly #shown = new Map<number, Turn>()
  /** The first turn of the session that goes beyond what was final before, as all later ones do. */
  #newFrom: number

  /** @param heard - is given the words of each final turn that are new, with the labels of the session. */
  constructor(
    options: TurnAssemblerOptions,
    labels: LabelMap,
    before: FinalWords,
    orders: Orders,
    heard: HearWords = () => {},
  ) {
    this.#heard = heard
    this.#assembler = new TurnAssembler(options)
    this.labels = labels
    this.#orders = orders
    this.#before = { turns: before.turns, end: before.end, from: options.toStream?.(0) ?? 0 }
    this.#newFrom = before.any ? Infinity : -Infinity
  }

  get holding(): boolean {
    return this.#assembler.holding
  }

  turn(message: TurnMessage): Turn[] {
    if (message.end_of_turn) this.lastFinal = Math.max(this.lastFinal, message.turn_order)
    return this.#joined(this.#assembler.turn(message))
  }

  revision(message: SpeakerRevisionMessage): Turn[] {
    return this.#joined(this.#assembler.revision(message))
  }

  release(): Turn[] {
    return this.#joined(this.#assembler.release())
  }

  /** The words of the turns that are open, from where to where, ms of the stream. */
  get openWords(): { start: number; end: number } | undefined {
    return this.#assembler.openWords
  }

  /** The session has ended: the turns that are still open, but for what the next session hears, where it `goesOn`. */
  conclude(goesOn: boolean): Turn[] {
    return [...this.release(), ...this.#joined(this.#assembler.conclude(goesOn))]
  }

  /** Turns whose labels have become those of others, each with a higher revision. */
  relabel(): Turn[] {
    return this.#joined([])
  }

  /** Turns of the session as turns of the stream, and those whose labels have become others by them. */
  #joined(turns: readonly Turn[]): Turn[] {
    const placed = turns.flatMap((turn) => this.#place(turn))
    const changed = this.labels.takeChanged()
    const orders = new Set(changed.flatMap((label) => [...(this.#open.get(label) ?? [])]))
    const sorted = [...orders].toSorted((a, b) => a - b)
    const again = this.#assembler.again(sorted).flatMap((turn) => this.#place(turn))
    for (const label of this.#open.keys()) if (!this.labels.isOpen(label)) this.#open.delete(label)
    return [...placed, ...again]
  }

  /** Remembers a final turn by those of its labels that may still get other letters. */
  #watch({ order, speaker, words }: Turn): void {
    for (const label of new Set([speaker, ...words.map((word) => word.speaker)])) {
      if (label === undefined || !this.labels.isOpen(label)) continue
      this.#open.set(label, (this.#open.get(label) ?? new Set()).add(order))
    }
  }

  /** A turn in the stream; where nothing is left of one of which a partial went out, that is taken back. */
  #place(turn: Turn): Turn[] {
    const placed = this.#placed(turn)
    const shown = this.#shown.get(turn.order)
    const [now] = placed
    if (now !== undefined && !now.endOfTurn && !isWithdrawn(now)) this.#show(turn.order, now)
    else this.#shown.delete(turn.order)
    // A final that has its order by now has replaced it.
    const isLeft = placed.length === 0 && shown !== undefined && shown.order >= this.#orders.next
    return isLeft ? [withdrawn(shown)] : placed
  }

  #show(order: number, partial: Turn): void {
    this.#shown.set(order, partial)
    if (this.#shown.size > MOST_OPEN) this.#shown.delete(this.#shown.keys().next().value!)
  }

  #placed(turn: Turn): Turn[] {
    // A revision of a turn that was cut away whole.
    if (turn.revision > 0 && !this.#placements.has(turn.order)) return []
    const cut = this.#cut(turn)
    const words = turn.words.slice(cut)
    // A revision that cannot be cut where the turn was.
    if (turn.revision > 0 && words.length === 0 && this.#placements.get(turn.order)!.cut > 0) return []
    if (words.length === 0 && !isWithdrawn(turn) && (cut > 0 || this.#repeated(turn))) return []
    const isNew = turn.endOfTurn && !this.#placements.has(turn.order)
    const placed = { ...this.#labelled(turn, words, cut), order: this.#order(turn, cut) }
    if (isNew) this.#heard(words)
    if (turn.endOfTurn) this.#watch(turn)
    return [placed]
  }

  /** The order in the stream: finals have theirs as they come, and a partial the one that its final is expected to have. */
  #order(turn: Turn, cut: number): number {
    const placed = this.#placements.get(turn.order)
    const of = turn.words.length
    if (placed !== undefined) {
      this.#placements.set(turn.order, { ...placed, cut, of })
      return placed.order
    }
    // The final of an earlier turn may come after the first partial of this one.
    const open = turn.order - this.lastFinal - 1
    if (!turn.endOfTurn) return this.#orders.next + (open > 0 && open <= MOST_OPEN ? open : 0)
    this.#newFrom = Math.min(this.#newFrom, turn.order)
    const order = this.#orders.next
    this.#orders.next += 1
    this.#placements.set(turn.order, { order, cut, of, from: turn.words[cut]?.start ?? turn.start })
    if (this.#placements.size > MOST_PLACED) this.#placements.delete(this.#placements.keys().next().value!)
    return order
  }

  /** How many words at the start of `turn` were final before this session. */
  #cut(turn: Turn): number {
    const placed = this.#placements.get(turn.order)
    // The words of a final do not change any more, but for those that are formatted; those of a partial do.
    if (placed && turn.revision > 0) return cutAgain(turn.words, placed)
    // A text without words is taken whole, or not at all.
    if (turn.order >= this.#newFrom || turn.words.length === 0) return 0
    const { turns, from } = this.#before
    const found = splice([...this.#again, turn.words], turns, from)
    const cut = Math.max(0, found.first - this.#again.flat().length)
    if (turn.endOfTurn) this.#settle(turn, found)
    return cut
  }

  /** Takes in a final turn, as far as it may lie in what was final before. */
  #settle({ order, words }: Turn, { complete, pairs }: Splice): void {
    const present = new Set(words)
    for (const { before, again } of pairs) if (present.has(again)) this.#vote(before, again)
    if (complete) this.#newFrom = Math.min(this.#newFrom, order)
    else this.#again.push(words)
  }

  /** Whether a turn without words lies in what was final before. */
  #repeated(turn: Turn): boolean {
    return turn.order < this.#newFrom && (turn.start + turn.end) / 2 <= this.#before.end
  }

  #vote(before: Word, { speaker, text, start, end }: Word): void {
    if (speaker === undefined || before.speaker === undefined) return
    this.labels.vote(speaker, before.speaker, Math.max(1, Math.min(end - start, plausibleLength(text))))
  }

  #labelled(turn: Turn, words: readonly Word[], cut: number): Turn {
    // A partial is too early to say who a new label is.
    const letter = (label: string): string | undefined =>
      turn.endOfTurn ? this.labels.letter(label, turn.end) : this.labels.known(label)
    const { speaker: label, ...rest } = turn
    const named = words.map((word) => withSpeaker(word, word.speaker === undefined ? undefined : letter(word.speaker)))
    const speaker = cut > 0 ? mostHeard(named) : label === undefined ? undefined : letter(label)
    return {
      ...rest,
      words: named,
      ...(cut > 0 && {
        transcript: joinedTexts(named.map(({ text }) => text)),
        start: (named[0] as Word).start,
        end: Math.max(...named.map(({ end }) => end)),
      }),
      ...defined({ speaker }),
    }
  }
}

/** Whether a turn says that nothing is left of what was open. */
function isWithdrawn({ endOfTurn, transcript, words }: Turn): boolean {
  return !endOfTurn && transcript === '' && words.length === 0
}

/** How many words of a turn to cut whose final was cut; all where one word says what was cut and what was not. */
function cutAgain(words: readonly Word[], { cut, of, from }: Placement): number {
  if (cut === 0 || words.length === of) return cut
  const first = words.findIndex(({ start }) => start > from - LEAST_WORD_MS)
  const before = words[first - 1]
  return first < 0 || (before !== undefined && before.end > from + JITTER_MS) ? words.length : first
}

function mostHeard(words: readonly Word[]): string | undefined {
  const heard = new Map<string, number>()
  for (const { speaker, start, end } of words) {
    if (speaker !== undefined) heard.set(speaker, (heard.get(speaker) ?? 0) + end - start + 1)
  }
  return [...heard].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}
