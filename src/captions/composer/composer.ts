import { isDeepStrictEqual } from 'node:util'
import type { Place } from '../../checkpoint/checkpoint.ts'
import type { Captionable } from '../../model.ts'
import { type Utterance, UtteranceCollector, type WordRunOptions } from '../segments.ts'
import { History, type Position, type Entry, type Recorded } from './history.ts'

/** A whole piece of a file: one cue, or the lines of one segment. */
export interface Block {
  text: string
  /** Whether it only ends the file. */
  isEnd?: true
  /** Ms of the stream at which what it shows begins. */
  start: number
}

/** Makes blocks of utterances, which can be made again from where one begins, by `state` and the number of blocks. */
export interface Writer {
  readonly open: boolean
  /** A plain value that is never changed. */
  readonly state: unknown
  /** Whether `utterance` has nothing to do with what waits, which is then closed before it. */
  begins(utterance: Utterance): boolean
  add(utterance: Utterance): Block[]
  /** What waits; `next` is when what follows begins: `Infinity` where nothing does, absent where unknown. */
  close(next?: number): Block[]
}

export interface Format {
  header: string
  /** Ms for which words may wait for more. */
  maxDelay: number
  /** Whether each block begins with its number, on a line of its own, and ends with an empty line. */
  isNumbered: boolean
  /** Makes blocks from the beginning, or from a state of another writer and a number of blocks on. */
  writer(state?: unknown, blocks?: number): Writer
  /** What all of its writers know together; absent where that is nothing. */
  shared?: Shared | undefined
}

/** What is known of a whole text, wherever in it a writer is, and so is in no state of one. */
export interface Shared {
  /** What of it the text does not say, as a plain value: it is kept with each place, and so must be small. */
  readonly value?: unknown
  /** Takes up what was known at a place: its value, and the lines before it. */
  resumeFrom(value: unknown, lines: AsyncIterable<string>): void | Promise<void>
}

/** Bytes of the text as it was written, from `from` to before `to`. */
export interface Copied {
  from: number
  to: number
  /** Changes the bytes, which are whole cues: it is given some of them at a time, each with the empty line that ends it. */
  edit?: (cues: string) => string
}

/** A piece of a text that is written anew: new text, or what is copied. */
export type Piece = string | Copied

/**
 * A text that is appended to; where a revision changes it, it {@link isStale}, and {@link rewrite} goes on from there.
 */
export class Composer {
  /** What the text begins with; it is returned with the first block. */
  readonly header: string
  /** Ms for which words may wait for more. */
  readonly maxDelay: number
  readonly #format: Format
  readonly #history = new History()
  readonly #collector: UtteranceCollector
  #tail: Tail
  #keptFrom: Position
  #begun = false
  #ended = false
  #rewrittenTail: Tail | undefined

  constructor(format: Format, options: WordRunOptions = {}) {
    this.header = format.header
    this.maxDelay = format.maxDelay
    this.#format = format
    this.#keptFrom = { state: format.writer().state, blocks: 0, bytes: Buffer.byteLength(format.header) }
    this.#tail = new Tail(format, this.#keptFrom)
    this.#collector = new UtteranceCollector(options)
  }

  /** From where the text can be made again, of the turns that may still be revised. */
  get place(): Place {
    const { blocks, bytes, state } = this.#keptFrom
    const { oldest, cuts, ahead } = this.#history
    const shared = this.#format.shared?.value
    const place = {
      order: oldest,
      blocks,
      bytes: blocks === 0 ? 0 : bytes,
      state,
      cuts,
      ...(ahead.length > 0 && { ahead }),
    }
    return shared === undefined ? place : { ...place, shared }
  }

  /** Goes on behind a text that ends at `place`, and consists of `lines`. Is called before anything is added. */
  async resumeFrom({ order, blocks, bytes, state, shared, ahead }: Place, lines: AsyncIterable<string>): Promise<void> {
    await this.#format.shared?.resumeFrom(shared, lines)
    this.#history.resumeFrom(order, ahead)
    if (blocks === 0) return
    this.#keptFrom = { state, blocks, bytes }
    this.#tail = new Tail(this.#format, this.#keptFrom)
    this.#begun = true
  }

  get open(): boolean {
    return this.#tail.open
  }

  /** The text that is certain with `item`. */
  add(item: Captionable): string {
    return this.#headed(this.#writeAll(this.#collector.add(item)))
  }

  release(): string {
    const last = this.#tail.together.at(-1)
    if (last !== undefined) last.cut = true
    return this.#headed(this.#tail.close())
  }

  /** The rest, when nothing more comes. */
  end(): string {
    const text = this.#writeAll(this.#collector.end())
    this.#ended = true
    return this.#headed(text + this.#tail.close(Infinity))
  }

  /** Has the next {@link rewrite} make again what was written without waiting for what follows. */
  joinCuts(): void {
    this.#history.joinCuts()
  }

  /** What waits, and what makes the text whole, where nothing more comes after a failure. */
  abandon(): string {
    const text = this.release()
    if (this.#ended || !this.#begun) return text
    this.#ended = true
    return text + this.#tail.close(Infinity)
  }

  /** Whether something that was returned is not what it must be by now. */
  get isStale(): boolean {
    return this.#history.isStale
  }

  /** How many blocks are not what they must be, with those that are forgotten. */
  get staleBlocks(): number {
    return this.#history.staleBlocks
  }

  /** The whole text as it must be by now, in pieces that each take little time; it is so after {@link rewritten}. */
  *rewrite(): Generator<Piece> {
    const pieces = this.#madeAnew()
    if (this.#begun) {
      this.#rewrittenTail = yield* pieces
      return
    }
    // Nothing was visible until it was revised.
    let next = pieces.next()
    for (; next.done !== true; next = pieces.next())
      yield typeof next.value === 'string' ? this.#headed(next.value) : ''
    this.#rewrittenTail = next.value
  }

  /**
   * The text after some utterances have changed, in small pieces: as it was up to the first change, made again until it
   * goes on as before, and so forth. Returns what goes on at its end.
   */
  *#madeAnew(): Generator<Piece, Tail> {
    const format = this.#format
    const { kept, isChanged } = this.#history
    /** Where to make text again: what comes before a change depends on how it begins, too. */
    const stops = kept.flatMap((entry, i) => (isChanged(entry) ? [beginning(kept, i - 1)] : []))
    stops.push(beginning(kept, kept.length - 1))
    let index = stops[0]!
    let tail = new Tail(format, kept[index]?.position ?? this.#keptFrom)
    yield { from: 0, to: tail.from.bytes }
    let begun = index
    for (let stop = 0; index < kept.length;) {
      const entry = kept[index]!
      entry.unpack()
      while (stop < stops.length - 1 && stops[stop]! < index) stop += 1
      const next = stops[stop]!
      const old = entry.position
      if (next > index && old !== undefined && !isChanged(entry) && tail.begins(entry)) {
        yield tail.close(entry.start)
        const { here } = tail
        if (isDeepStrictEqual(here.state, old.state)) {
          packAll(kept, begun, index + 1)
          const by = format.isNumbered ? here.blocks - old.blocks : 0
          const to = kept[next]?.position?.bytes ?? old.bytes
          yield { from: old.bytes, to, ...(by !== 0 && { edit: (text) => renumber(text, by) }) }
          for (const moved of kept.slice(index, next + 1)) {
            if (moved.position !== undefined) moved.position = moveAlong(moved.position, old, here, by)
          }
          tail = new Tail(format, kept[next]?.position ?? here)
          index = next
          begun = next
          continue
        }
      }
      entry.blocks = 0
      yield tail.append(entry)
      if (entry.begins) {
        packAll(kept, begun, index)
        begun = index
      }
      index += 1
    }
    if (this.#ended) yield tail.close(Infinity)
    return tail
  }

  /** Notes that the text is what {@link rewrite} said; until then it goes on as it was. */
  rewritten(): void {
    this.#tail = this.#rewrittenTail ?? this.#tail
    this.#history.markWritten()
  }

  get hasOld(): boolean {
    return this.#history.hasOld
  }

  /** Forgets what no revision is expected for. */
  forget(): void {
    this.#history.forget()
    this.#keptFrom = this.#history.kept[0]?.position ?? this.#keptFrom
  }

  /** The header comes with the first block. */
  #headed(text: string): string {
    if (this.#begun || text === '') return text
    this.#begun = true
    return this.header + text
  }

  #writeAll(utterances: readonly Utterance[]): string {
    return utterances.map((utterance) => this.#write(utterance)).join('')
  }

  #write(utterance: Utterance): string {
    const recorded = this.#history.record(utterance)
    if (recorded === undefined) return ''
    if (!recorded.isNew) return this.#revise(recorded)
    const text = recorded.follower === undefined ? this.#tail.append(recorded.entry) : this.#insert(recorded)
    this.#history.packBefore(this.#tail.together[0])
    return text
  }

  /** Writes one that came late: in its place where nothing behind that is written yet, else at the end until a rewrite. */
  #insert({ entry, follower }: Recorded): string {
    const { together } = this.#tail
    const place = together.findIndex((one) => one === follower)
    if (place >= 0 && this.#isUnwritten(together)) {
      // The text before was ended for another one.
      if (place === 0) this.#history.markDisplaced(entry)
      return this.#appendAgain(together.toSpliced(place, 0, entry))
    }
    if (follower !== undefined) this.#history.markDisplaced(follower)
    this.#history.markMisplaced(entry)
    entry.begins = false
    return this.#tail.appendAlone(entry)
  }

  #isUnwritten(together: readonly Entry[]): boolean {
    return this.#tail.open && together.every((one) => one.blocks === 0)
  }

  #appendAgain(together: readonly Entry[]): string {
    this.#tail = new Tail(this.#format, this.#tail.from)
    return together.map((one) => this.#tail.append(one)).join('')
  }

  #revise({ entry, gone, isMoved }: Recorded): string {
    const together = this.#tail.together.filter((one) => !gone.includes(one))
    const isLast = together.includes(entry)
    if (isLast && this.#isUnwritten(together)) {
      // Nothing of it is written yet, though the text before it may have been ended for it.
      if (isMoved && entry === together[0]) this.#history.markDisplaced(entry)
      return this.#appendAgain(together)
    }
    if (entry.empty && entry === this.#tail.together.at(-1)) return this.#tail.append(entry)
    if (entry.empty) {
      // What was empty is written now, at the end, and moved to its place later.
      this.#history.markMisplaced(entry)
      return this.#tail.appendAlone(entry)
    }
    this.#history.markStale(entry)
    return isLast ? this.#tail.close() : ''
  }
}

/** The end of a text, to which utterances are appended, and which of them share what waits. */
class Tail {
  readonly #writer: Writer
  #together: Entry[] = []
  #from: Position
  #isFresh = true
  #blocks: number
  #bytes: number

  constructor(format: Format, from: Readonly<Position>) {
    this.#writer = format.writer(from.state, from.blocks)
    this.#from = from
    this.#blocks = from.blocks
    this.#bytes = from.bytes
  }

  get open(): boolean {
    return this.#writer.open
  }

  /** The last utterances, which lie together in the text, oldest first. */
  get together(): readonly Entry[] {
    return this.#together
  }

  get from(): Readonly<Position> {
    return this.#from
  }

  /** Where the text has come to, while nothing waits. */
  get here(): Position {
    return { state: this.#writer.state, blocks: this.#blocks, bytes: this.#bytes }
  }

  begins(entry: Entry): boolean {
    return entry.start !== undefined && (this.#isFresh || !this.#writer.open || this.#writer.begins(entry))
  }

  /** Appends an utterance; the last one may be appended again where it was empty. */
  append(entry: Entry): string {
    if (this.#together.at(-1) === entry) this.#together.pop()
    let text = ''
    entry.empty = entry.start === undefined
    entry.begins = this.begins(entry)
    entry.position = undefined
    if (entry.begins) {
      text = this.close(entry.start)
      this.#beginAnew()
      entry.position = this.#from
    }
    this.#together.push(entry)
    if (!entry.empty) text += this.#add(entry)
    return entry.cut ? text + this.close() : text
  }

  /** Appends an utterance that lies elsewhere, in a later text of the same ones. */
  appendAlone(entry: Entry): string {
    const text = this.close()
    this.#together = [entry]
    entry.empty = false
    const own = this.#add(entry) + this.close()
    this.#beginAnew()
    return text + own
  }

  close(next?: number): string {
    return this.#count(this.#writer.close(next))
  }

  #beginAnew(): void {
    this.#together = []
    this.#from = this.here
    this.#isFresh = true
  }

  #add(entry: Entry): string {
    this.#isFresh = false
    return this.#count(this.#writer.add(entry))
  }

  #count(blocks: readonly Block[]): string {
    let text = ''
    for (const block of blocks) {
      const owner = this.#together.findLast((entry) => (entry.start ?? 0) <= block.start) ?? this.#together[0]
      if (owner !== undefined && block.isEnd !== true) owner.blocks += 1
      text += block.text
    }
    this.#blocks += blocks.length
    this.#bytes += Buffer.byteLength(text)
    return text
  }
}

/** Index of the utterance with which those begin that lie together with the one at `index`. */
function beginning(kept: readonly Entry[], index: number): number {
  while (index > 0 && kept[index]?.position === undefined) index -= 1
  return Math.max(0, index)
}

function packAll(kept: readonly Entry[], from: number, to: number): void {
  for (const entry of kept.slice(from, to)) entry.pack()
}

/** Where `position` is once the text that follows `old` follows `here`, its numbers raised by `by`. */
function moveAlong(position: Position, old: Position, here: Position, by: number): Position {
  const { state, blocks } = position
  const longer = by === 0 ? 0 : digits(old.blocks + by, blocks + by) - digits(old.blocks, blocks)
  return { state, blocks: blocks + here.blocks - old.blocks, bytes: position.bytes + here.bytes - old.bytes + longer }
}

function digits(from: number, to: number): number {
  let count = 0
  for (let least = 1; least <= to; least *= 10) count += to - Math.max(least - 1, from, 0)
  return count
}

/** Whole cues, each with its number on a line of its own, with the numbers raised by `by`. */
function renumber(cues: string, by: number): string {
  return cues.replaceAll(/(?<=^|\n\n)\d+(?=\n)/g, (number) => String(Number(number) + by))
}
