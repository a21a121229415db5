import { flushable, gen, many, none } from 'stream-chain/core'
import type { Warning } from '../errors.ts'
import type { Captionable } from '../model.ts'
import { PassageCollector, type Passage } from '../captions/passages.ts'
import type { WordRunOptions } from '../captions/word-runs.ts'
import { type Destination, FileDestination, type Piece } from './destination.ts'
import { PassageSequence } from './passage-sequence.ts'
import type { PassageFormat } from './passage-text.ts'
import { remake } from './remake.ts'
import { Revisions, type TakenPassage } from './revisions.ts'
import type { TextMaker } from './text-sink.ts'
import type { Checkpoint } from './written-passage.ts'

/** A file is rewritten no more often than this, but for the end. */
const CORRECT_EVERY_MS = 60_000

/** Turns, segments and cues as the text of a file, which follows revisions where the target can be rewritten. */
export class PassageMaker<State> implements TextMaker {
  readonly header: string
  readonly maxDelay: number
  readonly #format: PassageFormat<State>
  readonly #warn: (warning: Warning) => void
  readonly #revisions = new Revisions<State>()
  readonly #textOf: (item: Captionable | typeof none) => AsyncGenerator<string>
  #sequence: PassageSequence<State>
  /** Where the kept passages begin. */
  #keptFrom: Checkpoint<State>
  #begun = false
  #remade: PassageSequence<State> | undefined
  #ended = false
  #rewriteFailure: Error | undefined
  #correctedAt = performance.now()

  constructor(format: PassageFormat<State>, options: WordRunOptions, warn: (warning: Warning) => void) {
    this.header = format.header
    this.maxDelay = format.maxDelay
    this.#format = format
    this.#warn = warn
    this.#keptFrom = { state: format.text().state, blocks: 0, bytes: Buffer.byteLength(format.header) }
    this.#sequence = new PassageSequence(format, this.#keptFrom)
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

  async next(item: Captionable): Promise<string> {
    return this.#headed(await this.#all(item))
  }

  release(): string {
    const last = this.#sequence.together.at(-1)
    if (last !== undefined) last.cut = true
    return this.#headed(this.#sequence.close())
  }

  async rest(): Promise<string> {
    const text = await this.#all(none)
    this.#ended = true
    return this.#headed(text + this.#sequence.close(Infinity))
  }

  async written(destination: Destination): Promise<void> {
    const { hasOld } = this.#revisions
    if (hasOld || performance.now() - this.#correctedAt >= CORRECT_EVERY_MS) await this.#correct(destination)
    if (!hasOld) return
    this.#revisions.forget()
    this.#keptFrom = this.#revisions.kept[0]?.checkpoint ?? this.#keptFrom
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

  /** The header comes with the first block. */
  #headed(text: string): string {
    if (this.#begun || text === '') return text
    this.#begun = true
    return this.header + text
  }

  #take(passage: Passage): string {
    const taken = this.#revisions.take(passage)
    if (taken === undefined) return ''
    if (!taken.isNew) return this.#revise(taken)
    const text = this.#sequence.append(taken.passage)
    this.#revisions.settle(this.#sequence.together[0])
    return text
  }

  #revise({ passage, gone, isMoved }: TakenPassage<State>): string {
    const together = this.#sequence.together.filter((one) => !gone.includes(one))
    const isLast = together.includes(passage)
    if (isLast && this.#sequence.open && together.every((one) => one.blocks === 0)) {
      // Nothing of it is written yet, though the text before it may have been ended for it.
      if (isMoved && passage === together[0]) this.#revisions.displaced(passage)
      this.#sequence = new PassageSequence(this.#format, this.#sequence.from)
      return together.map((one) => this.#sequence.append(one)).join('')
    }
    if (passage.empty && passage === this.#sequence.together.at(-1)) return this.#sequence.append(passage)
    if (passage.empty) {
      // What was empty is written now, at the end, and moved to its place later.
      this.#revisions.strayed(passage)
      return this.#sequence.appendAlone(passage)
    }
    this.#revisions.correctLater(passage)
    return isLast ? this.#sequence.close() : ''
  }

  /** Writes the file anew from the earliest change on, where any kept passage has been revised. */
  async #correct(destination: Destination): Promise<void> {
    if (!this.#revisions.pending || this.#rewriteFailure !== undefined) return
    if (!(destination instanceof FileDestination)) return
    try {
      if (this.#begun) await destination.rewrite(this.#remake())
      else await this.#writeFirst(destination)
    } catch (error) {
      // What is on disk is valid, only not the newest: losing the captions still to come would be worse.
      this.#rewriteFailure = error as Error
      return
    }
    this.#sequence = this.#remade ?? this.#sequence
    this.#revisions.corrected()
    this.#correctedAt = performance.now()
  }

  /** Nothing of what is kept was visible until it was revised. */
  async #writeFirst(destination: FileDestination): Promise<void> {
    let text = ''
    for await (const piece of this.#remake()) if (typeof piece === 'string') text += piece
    if (text !== '') await destination.write(this.#headed(text))
  }

  async *#remake(): AsyncGenerator<Piece> {
    const { kept, isChanged } = this.#revisions
    const from = this.#keptFrom
    const sequence = yield* remake({ format: this.#format, kept, from, isChanged, isEnded: this.#ended })
    // Until the file has been replaced, the text goes on as it was.
    this.#remade = sequence
  }
}
