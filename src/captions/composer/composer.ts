import { flushable, gen, many, none } from 'stream-chain/core'
import type { Place } from '../../checkpoint/checkpoint.ts'
import type { Captionable } from '../../model.ts'
import { UtteranceCollector, type Utterance } from '../utterances.ts'
import type { WordRunOptions } from '../word-runs.ts'
import type { Format } from './format.ts'
import { History, type Position, type Entry, type Recorded } from './history.ts'
import { rewrite, type Piece } from './rewrite.ts'
import { Tail } from './tail.ts'

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
  readonly #compose: (item: Captionable | typeof none) => AsyncGenerator<string>
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
    const collector = new UtteranceCollector(options)
    // Called with `none` when nothing more comes.
    const cut = flushable((item: Captionable | typeof none) =>
      many(item === none ? collector.end() : collector.add(item)),
    )
    this.#compose = gen(cut, (utterance: Utterance) => this.#write(utterance))
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
  async add(item: Captionable): Promise<string> {
    return this.#headed(await this.#all(item))
  }

  release(): string {
    const last = this.#tail.together.at(-1)
    if (last !== undefined) last.cut = true
    return this.#headed(this.#tail.close())
  }

  /** The rest, when nothing more comes. */
  async end(): Promise<string> {
    const text = await this.#all(none)
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
    const { kept, isChanged } = this.#history
    const pieces = rewrite({ format: this.#format, kept, from: this.#keptFrom, isChanged, isEnded: this.#ended })
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

  async #all(item: Captionable | typeof none): Promise<string> {
    let text = ''
    for await (const part of this.#compose(item)) text += part
    return text
  }

  /** The header comes with the first block. */
  #headed(text: string): string {
    if (this.#begun || text === '') return text
    this.#begun = true
    return this.header + text
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
