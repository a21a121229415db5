import { flushable, gen, many, none } from 'stream-chain/core'
import type { Writable } from 'node:stream'
import type { Warning } from '../errors.ts'
import type { Captionable } from '../model.ts'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import { checkLayoutOptions, LAYOUT_OPTIONS, type CueLayoutOptions } from '../captions/layout.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/names.ts'
import { PassageCollector, type Passage } from '../captions/passages.ts'
import { checkWordRunOptions, WORD_RUN_OPTIONS, type WordRunOptions } from '../captions/word-runs.ts'
import { captionSteps, captionText, type CaptionFormat, type TextState } from './caption-text.ts'
import type { Destination } from './destination.ts'
import { FileDestination } from './file-destination.ts'
import { Revisions } from './revisions.ts'
import type { SinkTarget } from './target.ts'
import { TextSink, type SinkOptions, type TextMaker } from './text-sink.ts'

/** Options of the sinks that make caption files. */
export interface CaptionSinkOptions extends SinkOptions {
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
  /**
   * Whether the captions say who speaks.
   * @defaultValue `true`
   */
  names?: boolean
  /**
   * How turns are cut into segments.
   * @defaultValue `{}`
   */
  segment?: WordRunOptions
  /**
   * How segments are laid out; see `layout()`.
   * @defaultValue `{}`
   */
  layout?: Omit<CueLayoutOptions, 'speakers'>
}

/** Refuses wrong options of a caption sink called `stage`. */
export function checkCaptionSinkOptions(stage: string, options: CaptionSinkOptions): void {
  checkKnown(stage, options, ['speakers', 'names', 'segment', 'layout', 'end', 'signal'])
  checkSpeakerNames('speakers', options.speakers)
  checkBoolean('names', options.names)
  checkBoolean('end', options.end)
  checkSignal('signal', options.signal)
  checkKnown('segment', options.segment ?? {}, WORD_RUN_OPTIONS)
  checkWordRunOptions(options.segment ?? {}, 'segment.')
  const layout = options.layout ?? {}
  checkKnown(
    'layout',
    layout,
    LAYOUT_OPTIONS.filter((name) => name !== 'speakers'),
  )
  checkLayoutOptions(layout, 'layout.')
}

/** A Writable that captions what it is given in `format`: segment, layout, format, write. */
export function captionSink(
  stage: string,
  target: SinkTarget | undefined,
  options: CaptionSinkOptions,
  format: CaptionFormat,
): Writable {
  const maker = new CaptionMaker(format, options.segment ?? {}, (warning) => sink.emit('warning', warning))
  const sink: TextSink = new TextSink(stage, target, options, maker)
  return sink
}

/** A file is rewritten no more often than this, but for the end. */
const CORRECT_EVERY_MS = 60_000

class CaptionMaker implements TextMaker {
  readonly #format: CaptionFormat
  readonly #warn: (warning: Warning) => void
  readonly #revisions = new Revisions()
  readonly #textOf: (item: Captionable | typeof none) => AsyncGenerator<string>
  readonly #state: TextState = { count: 0 }
  #rewriteFailure: Error | undefined
  #correctedAt = performance.now()
  /** The state and the byte at which the kept passages begin in the file. */
  readonly #keptFrom: { state: TextState; bytes: number } = { state: { count: 0 }, bytes: 0 }

  constructor(format: CaptionFormat, options: WordRunOptions, warn: (warning: Warning) => void) {
    this.#format = format
    this.#warn = warn
    const collector = new PassageCollector(options)
    // Called with `none` when nothing more comes.
    const collect = flushable((item: Captionable | typeof none) =>
      many(item === none ? collector.end() : collector.add(item)),
    )
    const skipRevised = (passage: Passage) => this.#revisions.take(passage) ?? none
    const [lay, write] = captionSteps(format, this.#state)
    this.#textOf = gen(collect, skipRevised, lay, write)
  }

  get header(): string {
    return this.#format.header
  }

  next(item: Captionable): Promise<string> {
    return this.#all(item)
  }

  rest(): Promise<string> {
    return this.#all(none)
  }

  async written(destination: Destination): Promise<void> {
    const { hasOld } = this.#revisions
    if (hasOld || performance.now() - this.#correctedAt >= CORRECT_EVERY_MS) await this.#correct(destination)
    if (!hasOld) return
    const forgotten = this.#revisions.forget()
    const { state, bytes } = this.#keptFrom
    const opening = bytes === 0 ? this.header : ''
    const text = await captionText(this.#format, state, forgotten)
    if (text !== '') this.#keptFrom.bytes += Buffer.byteLength(opening + text)
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

  /** Rewrites the file from the oldest kept passage on, where any of them has been revised. */
  async #correct(destination: Destination): Promise<void> {
    if (!this.#revisions.pending || this.#rewriteFailure !== undefined) return
    if (!(destination instanceof FileDestination)) return
    const { state, bytes } = this.#keptFrom
    const opening = bytes === 0 ? this.header : ''
    const after: TextState = { ...state }
    const text = await captionText(this.#format, after, this.#revisions.kept)
    try {
      await destination.rewrite(bytes, opening + text)
    } catch (error) {
      // What is on disk is valid, only not the newest: losing the captions still to come would be worse.
      this.#rewriteFailure = error as Error
      return
    }
    Object.assign(this.#state, { previous: undefined }, after)
    this.#revisions.applied()
    this.#correctedAt = performance.now()
  }
}
