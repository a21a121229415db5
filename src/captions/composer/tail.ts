import type { Block, Format, Writer } from './format.ts'
import type { Position, Entry } from './history.ts'

/** The end of a text, to which utterances are appended, and which of them share what waits. */
export class Tail {
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
