import { flushable, gen, many, none } from 'stream-chain/core'
import type { Warning } from '../errors.ts'
import type { Captionable } from '../model.ts'
import { PassageCollector, type Passage } from '../captions/passages.ts'
import type { WordRunOptions } from '../captions/word-runs.ts'
import type { Destination } from './destination.ts'
import { FileDestination } from './file-destination.ts'
import { PassageSequence } from './passage-sequence.ts'
import type { PassageFormat } from './passage-text.ts'
import { Revisions } from './revisions.ts'
import type { TextMaker } from './text-sink.ts'
import type { WrittenPassage } from './written-passage.ts'

/** A file is rewritten no more often than this, but for the end. */
const CORRECT_EVERY_MS = 60_000

/** Turns, segments and cues as the text of a file, which follows revisions where the target can be rewritten. */
export class PassageMaker<State> implements TextMaker {
  readonly header: string
  readonly maxDelay: number
  readonly #format: PassageFormat<State>
  readonly #warn: (warning: Warning) => void
  readonly #revisions = new Revisions()
  readonly #textOf: (item: Captionable | typeof none) => AsyncGenerator<string>
  #sequence: PassageSequence<State>
  /** The state and the byte at which the kept passages begin in the file. */
  #keptFrom: { state: State; bytes: number }
  #ended = false
  #rewriteFailure: Error | undefined
  #correctedAt = performance.now()

  constructor(format: PassageFormat<State>, options: WordRunOptions, warn: (warning: Warning) => void) {
    this.header = format.header
    this.maxDelay = format.maxDelay
    this.#format = format
    this.#warn = warn
    this.#sequence = new PassageSequence(format)
    this.#keptFrom = { state: this.#sequence.state, bytes: 0 }
    const collector = new PassageCollector(options)
    // Called with `none` when nothing more comes.
    const collect = flushable((item: Captionable | typeof none) =>
      many(item === none ? collector.end() : collector.add(item)),
    )
    this.#textOf = gen(collect, (passage: Passage) => this.#take(passage))
  }

  get waiting(): boolean {
    return this.#sequence.open
  }

  next(item: Captionable): Promise<string> {
    return this.#all(item)
  }

  release(): string {
    const last = this.#sequence.together.at(-1)
    if (last !== undefined) last.cut = true
    return this.#sequence.close()
  }

  async rest(): Promise<string> {
    const text = await this.#all(none)
    this.#ended = true
    return text + this.#sequence.close(Infinity)
  }

  async written(destination: Destination): Promise<void> {
    const { hasOld } = this.#revisions
    if (hasOld || performance.now() - this.#correctedAt >= CORRECT_EVERY_MS) await this.#correct(destination)
    if (hasOld) this.#forget()
  }

  async complete(destination: Destination): Promise<void> {
    await this.#correct(destination)
    const count = this.#revisions.uncorrected
    if (count === 0) return
    const reason = this.#rewriteFailure?.message ?? 'give the sink a path to have revisions applied'
    const message = `${count} cue(s) changed after they had been written, and could not be corrected; ${reason}`
    this.#warn({ code: 'REVISION_NOT_APPLIED', message, count })
  }

  async #all(item: Captionable | typeof none): Promise<string> {
    let text = ''
    for await (const block of this.#textOf(item)) text += block
    return text
  }

  #take(passage: Passage): string {
    const taken = this.#revisions.take(passage)
    if (taken === undefined) return ''
    if (!taken.isNew) return this.#revise(taken.passage, taken.gone)
    const text = this.#sequence.append(taken.passage)
    this.#revisions.settle(this.#sequence.together[0])
    return text
  }

  #revise(passage: WrittenPassage, gone: readonly WrittenPassage[]): string {
    const together = this.#sequence.together.filter((one) => !gone.includes(one))
    const isLast = together.includes(passage)
    if (isLast && this.#sequence.open && together.every((one) => one.blocks === 0)) {
      // Nothing of it is written yet.
      this.#sequence = new PassageSequence(this.#format, this.#sequence.stateBefore)
      return together.map((one) => this.#sequence.append(one)).join('')
    }
    if (passage.empty && passage === this.#sequence.together.at(-1)) return this.#sequence.append(passage)
    this.#revisions.correctLater(passage)
    // What was empty is written now, at the end, and moved to its place later.
    if (passage.empty) return this.#sequence.appendAlone(passage)
    return isLast ? this.#sequence.close() : ''
  }

  /** Writes the file anew from the oldest kept passage on, where any of them has been revised. */
  async #correct(destination: Destination): Promise<void> {
    if (!this.#revisions.pending || this.#rewriteFailure !== undefined) return
    if (!(destination instanceof FileDestination)) return
    const { state, bytes } = this.#keptFrom
    const sequence = new PassageSequence(this.#format, state)
    let text = bytes === 0 ? this.header : ''
    for (const passage of this.#revisions.kept) {
      passage.blocks = 0
      text += sequence.append(passage)
    }
    if (this.#ended) text += sequence.close(Infinity)
    try {
      await destination.rewrite(bytes, text)
    } catch (error) {
      // What is on disk is valid, only not the newest: losing the captions still to come would be worse.
      this.#rewriteFailure = error as Error
      return
    }
    this.#sequence = sequence
    this.#revisions.corrected()
    this.#correctedAt = performance.now()
  }

  #forget(): void {
    const forgotten = this.#revisions.forget()
    if (forgotten.length === 0) return
    const sequence = new PassageSequence(this.#format, this.#keptFrom.state)
    let text = ''
    for (const passage of forgotten) text += sequence.append(passage)
    const [next] = this.#revisions.kept
    text += sequence.close(next?.cue?.start ?? next?.segments[0]?.start)
    const { bytes } = this.#keptFrom
    // The header comes with the first block.
    const opening = bytes === 0 && text !== '' ? this.header : ''
    this.#keptFrom = { state: sequence.state, bytes: bytes + Buffer.byteLength(opening + text) }
  }
}
