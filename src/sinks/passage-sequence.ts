import type { Block, PassageFormat, PassageText } from './passage-text.ts'
import type { Checkpoint, WrittenPassage } from './written-passage.ts'

/** The text of passages that follow each other, and which of them share what waits. */
export class PassageSequence<State> {
  readonly #text: PassageText<State>
  #together: WrittenPassage<State>[] = []
  #from: Checkpoint<State>
  /** Whether nothing has been added since {@link from}. */
  #isFresh = true
  #blocks: number
  #bytes: number

  /** @param from - where to go on from. */
  constructor(format: PassageFormat<State>, from: Readonly<Checkpoint<State>>) {
    this.#text = format.text(from.state, from.blocks)
    this.#from = from
    this.#blocks = from.blocks
    this.#bytes = from.bytes
  }

  /** Whether something waits. */
  get open(): boolean {
    return this.#text.open
  }

  /** The last passages, which lie together in the text, oldest first. */
  get together(): readonly WrittenPassage<State>[] {
    return this.#together
  }

  /** Where the first of the passages in {@link together} begins. */
  get from(): Readonly<Checkpoint<State>> {
    return this.#from
  }

  /** Where the text has come to, while nothing waits. */
  get here(): Checkpoint<State> {
    return { state: this.#text.state, blocks: this.#blocks, bytes: this.#bytes }
  }

  /** Whether `passage` shares nothing with those before it. */
  begins(passage: WrittenPassage<State>): boolean {
    return passage.start !== undefined && (this.#isFresh || !this.#text.open || this.#text.begins(passage))
  }

  /** Adds a passage; the last one may be added again where it was empty. */
  append(passage: WrittenPassage<State>): string {
    if (this.#together.at(-1) === passage) this.#together.pop()
    let text = ''
    passage.empty = passage.start === undefined
    passage.begins = this.begins(passage)
    passage.checkpoint = undefined
    if (passage.begins) {
      text = this.close(passage.start)
      this.#goOn()
      passage.checkpoint = this.#from
    }
    this.#together.push(passage)
    if (!passage.empty) text += this.#add(passage)
    return passage.cut ? text + this.close() : text
  }

  /** Adds a passage that lies elsewhere, in a later text of the same passages. */
  appendAlone(passage: WrittenPassage<State>): string {
    const text = this.close()
    this.#together = [passage]
    passage.empty = false
    const own = this.#add(passage) + this.close()
    this.#goOn()
    return text + own
  }

  /** What waits; see {@link PassageText.close}. */
  close(next?: number): string {
    return this.#count(this.#text.close(next))
  }

  #goOn(): void {
    this.#together = []
    this.#from = this.here
    this.#isFresh = true
  }

  #add(passage: WrittenPassage<State>): string {
    this.#isFresh = false
    return this.#count(this.#text.add(passage))
  }

  #count(blocks: readonly Block[]): string {
    let text = ''
    for (const block of blocks) {
      const owner = this.#together.findLast((passage) => (passage.start ?? 0) <= block.start)
      const passage = owner ?? this.#together[0]
      if (passage !== undefined) passage.blocks += 1
      text += block.text
    }
    this.#blocks += blocks.length
    this.#bytes += Buffer.byteLength(text)
    return text
  }
}
