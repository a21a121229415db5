import type { Turn } from '../../model.ts'

/** Audio beyond a moment that a server must have had before its saying nothing means that nobody spoke then, ms. */
const SIGN_MS = 1000
/** Turns of a channel whose orders are known: more than a session of three hours has. */
const MOST_ORDERS = 20_000

export interface TurnMergerOptions {
  channels: number
  /** Longest time a turn is held back, in ms of the stream and of the clock; 0 holds none back. */
  mergeDelay: number
  /** Whether servers show by partials that somebody speaks. Where not, only finals tell how far a channel is known. */
  partials: boolean
  /** Ms after the end of a turn up to which the other channels must be known; absent where its start is enough. */
  beyondEnd?: number
  /** What is left of a turn once the others are known; `undefined` where that is nothing. All of it if absent. */
  trim?: (channel: number, turn: Turn) => Turn | undefined
  /** Where a stream goes on: the order of its next turn, and ms of it before which each channel says nothing more. */
  start?: { nextOrder: number; finals: readonly number[] }
}

interface HeldTurn {
  turn: Turn
  at: number
  trimmed: boolean
}

interface Channel {
  held: HeldTurn[]
  /** The turn that is open: its order on the channel, and its start in ms. */
  open: { order: number; start: number } | undefined
  /** Ms before which the channel says nothing more. */
  final: number
  /** Ms up to which the server has had the audio long enough to answer. */
  answered: number
  ended: boolean
  /** Orders in the stream by those on the channel. */
  orders: Map<number, number>
}

/**
 * Brings turns of several channels into one order by their starts, each held until none can come before it, or for
 * `mergeDelay`. Pure: it has no clock.
 */
export class TurnMerger {
  readonly #options: TurnMergerOptions
  readonly #channels: Channel[]
  #partials: boolean
  #nextOrder: number
  #lastOrder: number

  constructor(options: TurnMergerOptions) {
    this.#options = options
    this.#partials = options.partials
    const { nextOrder = 0, finals = [] } = options.start ?? {}
    this.#nextOrder = nextOrder
    this.#lastOrder = nextOrder - 1
    this.#channels = Array.from({ length: options.channels }, (_channel, index) => ({
      held: [],
      open: undefined,
      final: finals[index] ?? 0,
      answered: 0,
      ended: false,
      orders: new Map(),
    }))
  }

  get holding(): boolean {
    return this.#channels.some(({ held }) => held.length > 0)
  }

  /** Takes a turn; returns it where it goes on at once: a partial, or a revision of one that is out. */
  add(number: number, turn: Turn, now = 0): Turn | undefined {
    const channel = this.#channels[number]!
    if (!turn.endOfTurn) {
      if (turn.words.length === 0 && turn.transcript === '') channel.open = undefined
      else if (channel.open?.order !== turn.order) channel.open = { order: turn.order, start: turn.start }
      return { ...turn, order: channel.orders.get(turn.order) ?? this.#place(channel, turn.order) }
    }
    if (turn.revision > 0) {
      const held = channel.held.find((one) => one.turn.order === turn.order)
      if (held === undefined) {
        const order = channel.orders.get(turn.order)
        return order === undefined ? undefined : { ...turn, order }
      }
      // What nobody has seen yet is not revised.
      held.turn = { ...turn, revision: held.turn.revision }
      held.trimmed = false
      return undefined
    }
    if (channel.open !== undefined && channel.open.order <= turn.order) channel.open = undefined
    channel.final = Math.max(channel.final, turn.end)
    channel.held.push({ turn, at: now, trimmed: false })
    return undefined
  }

  /** From now on that a server says nothing does not mean that nobody speaks: it hears ahead of its words. */
  expectFinalsOnly(): void {
    this.#partials = false
  }

  /** A channel's server has had all audio up to `ms` long enough to answer; may go back where it hears some again. */
  answered(number: number, ms: number): void {
    this.#channels[number]!.answered = ms
  }

  end(number: number): void {
    const channel = this.#channels[number]!
    channel.ended = true
    channel.open = undefined
  }

  /** The turns that need not be held any longer at `now`, in order. */
  take(now = Infinity): { channel: number; turn: Turn }[] {
    const taken: { channel: number; turn: Turn }[] = []
    for (let number = this.#earliest(); number >= 0; number = this.#earliest()) {
      const channel = this.#channels[number]!
      if (!this.#late(now) && !this.#othersKnown(number)) break
      // What is left of a turn may begin behind one of another channel, which goes first then.
      if (this.#trim(channel, number)) continue
      taken.push({ channel: number, turn: this.#release(channel, channel.held.shift()!.turn) })
    }
    return taken
  }

  /** Leaves of the first held turn what is to come out; returns whether that has been seen to just now. */
  #trim({ held }: Channel, number: number): boolean {
    const [first] = held
    const { trim } = this.#options
    if (trim === undefined || first === undefined || first.trimmed) return false
    const left = trim(number, first.turn)
    if (left === undefined) held.shift()
    else held[0] = { ...first, turn: left, trimmed: true }
    return true
  }

  /** The channel whose first held turn starts earliest; -1 where none is held. */
  #earliest(): number {
    let earliest = -1
    let start = Infinity
    for (const [number, { held }] of this.#channels.entries()) {
      const [first] = held
      if (first === undefined || first.turn.start >= start) continue
      earliest = number
      start = first.turn.start
    }
    return earliest
  }

  /** Whether some turn has waited as long as it may: then those that start before it need not wait either. */
  #late(now: number): boolean {
    const { mergeDelay } = this.#options
    if (mergeDelay === 0) return true
    const answered = Math.max(...this.#channels.map((channel) => channel.answered))
    return this.#channels.some(({ held: [first] }) => {
      return first !== undefined && first.turn.end + mergeDelay <= answered && first.at + mergeDelay <= now
    })
  }

  /** Whether no other channel can bring anything that belongs before the first turn of this one. */
  #othersKnown(number: number): boolean {
    const { beyondEnd } = this.#options
    const { start, end } = this.#channels[number]!.held[0]!.turn
    const needed = beyondEnd === undefined ? start : end + beyondEnd
    return this.#channels.every((other, index) => {
      const known = this.#knownUntil(other)
      // Of turns that start together, that of the earlier channel goes first, whichever comes first.
      return index === number || known > needed || (known === needed && index > number)
    })
  }

  /** Ms before which no turn of a channel can still start. */
  #knownUntil({ ended, open, final, answered }: Channel): number {
    if (ended) return Infinity
    if (open !== undefined) return Math.max(final, open.start)
    return this.#partials ? Math.max(final, answered - SIGN_MS) : final
  }

  #release(channel: Channel, turn: Turn): Turn {
    let order = channel.orders.get(turn.order)
    // Partials had promised it an order that others have overtaken.
    if (order === undefined || order <= this.#lastOrder) order = this.#place(channel, turn.order)
    this.#lastOrder = order
    return { ...turn, order }
  }

  #place(channel: Channel, order: number): number {
    const placed = this.#nextOrder++
    channel.orders.set(order, placed)
    if (channel.orders.size > MOST_ORDERS) channel.orders.delete(channel.orders.keys().next().value!)
    return placed
  }
}
