import { isDeepStrictEqual } from 'node:util'
import type { Cue } from '../model.ts'
import type { PreviousCue } from '../captions/layout/labels.ts'
import type { UnnumberedCue } from '../captions/layout/layout.ts'
import type { LayoutSettings } from '../captions/layout/options.ts'
import { ChannelLayout, shownCue, type LayoutState } from '../captions/layout/channels.ts'
import type { Passage } from '../captions/passages.ts'
import type { Block, PassageFormat, PassageText } from './passage-text.ts'

/** A caption format. */
export interface CaptionFormat {
  /** What a file of it begins with. */
  header: string
  /** One cue as a block of text; `''` where nothing of it is visible. */
  cue: (cue: Cue, previous: PreviousCue | undefined) => string
  /** Whether each block begins with the number of its cue, on a line of its own, and ends with an empty line. */
  isNumbered: boolean
  layout: LayoutSettings
}

/** How captions in `format` become a file. */
export function captionPassages(format: CaptionFormat): PassageFormat<LayoutState> {
  return {
    header: format.header,
    maxDelay: format.layout.maxDelayMs,
    isNumbered: format.isNumbered,
    text: (state, blocks) => new CaptionText(format, state, blocks),
    isSame: isDeepStrictEqual,
  }
}

/** Lays passages out as cues, and writes them in a caption format. */
class CaptionText implements PassageText<LayoutState> {
  readonly #format: CaptionFormat
  readonly #layout: ChannelLayout
  #count: number
  #previous: LayoutState['previous']

  constructor(format: CaptionFormat, state: Readonly<LayoutState> = { shown: [] }, count = 0) {
    this.#format = format
    this.#layout = new ChannelLayout(format.layout, state)
    this.#previous = state.previous
    this.#count = count
  }

  get open(): boolean {
    return this.#layout.open
  }

  get state(): LayoutState {
    return this.#layout.state
  }

  begins(passage: Passage): boolean {
    return this.#layout.begins(passage)
  }

  add(passage: Passage): Block[] {
    return this.#write(this.#layout.add(passage))
  }

  close(next?: number): Block[] {
    return this.#write(this.#layout.close(next))
  }

  #write(cues: readonly UnnumberedCue[]): Block[] {
    const blocks: Block[] = []
    for (const cue of cues) {
      const text = this.#format.cue({ ...cue, index: this.#count + 1 }, this.#previous)
      if (text === '') continue
      this.#count += 1
      this.#previous = shownCue(cue)
      blocks.push({ text, start: cue.start })
    }
    return blocks
  }
}
