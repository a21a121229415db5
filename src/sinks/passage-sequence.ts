import type { Block, PassageFormat, PassageText } from './passage-text.ts'
import type { WrittenPassage } from './written-passage.ts'

/** The text of passages that follow each other, and which of them share what waits. */
export class PassageSequence<State> {
  readonly #text: PassageText<State>
  #together: WrittenPassage[] = []
  #stateBefore: State

  /** @param state - where to go on from; absent for the beginning. */
  constructor(format: PassageFormat<State>, state?: Readonly<State>) {
    this.#text = format.text(state)
    this.#stateBefore = this.#text.state
  }

  /** Whether something waits. */
  get open(): boolean {
    return this.#text.open
  }

  /** The last passages, which lie together in the text, oldest first. */
  get together(): readonly WrittenPassage[] {
    return this.#together
  }

  /** The state before the first of the passages in {@link together}. */
  get stateBefore(): State {
    return this.#stateBefore
  }

  /** The state, while nothing waits. */
  get state(): State {
    return this.#text.state
  }

  /** Adds a passage; the last one may be added again where it was empty. */
  append(passage: WrittenPassage): string {
    if (this.#together.at(-1) === passage) this.#together.pop()
    let text = ''
    const start = passage.cue?.start ?? passage.segments[0]?.start
    passage.empty = start === undefined
    passage.begins = start !== undefined && (!this.#text.open || this.#text.begins(passage))
    if (passage.begins) {
      text = this.close(start)
      this.#together = []
      this.#stateBefore = this.state
    }
    this.#together.push(passage)
    if (!passage.empty) text += this.#count(this.#text.add(passage))
    return passage.cut ? text + this.close() : text
  }

  /** Adds a passage that lies elsewhere, in a later text of the same passages. */
  appendAlone(passage: WrittenPassage): string {
    const text = this.close()
    this.#together = [passage]
    passage.empty = false
    const own = this.#count(this.#text.add(passage)) + this.close()
    this.#together = []
    this.#stateBefore = this.state
    return text + own
  }

  /** What waits; see {@link PassageText.close}. */
  close(next?: number): string {
    return this.#count(this.#text.close(next))
  }

  #count(blocks: readonly Block[]): string {
    let text = ''
    for (const block of blocks) {
      const owner = this.#together.findLast((passage) => (passage.segments[0]?.start ?? 0) <= block.start)
      const passage = owner ?? this.#together[0]
      if (passage !== undefined) passage.blocks += 1
      text += block.text
    }
    return text
  }
}
