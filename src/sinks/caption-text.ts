import type { Cue } from '../model.ts'
import type { UnnumberedCue } from '../captions/layout.ts'
import type { LayoutSettings } from '../captions/layout-options.ts'
import { ChannelLayout } from '../captions/channel-layout.ts'
import type { Passage } from '../captions/passages.ts'
import type { Block, PassageText } from './passage-text.ts'

/** A caption format. */
export interface CaptionFormat {
  /** What a file of it begins with. */
  header: string
  /** One cue as a block of text; `''` where nothing of it is visible. */
  cue: (cue: Cue, previous: UnnumberedCue | undefined) => string
  layout: LayoutSettings
}

/** How far the text has come: what the next cue depends on. */
export interface CaptionState {
  /** Cues so far. */
  count: number
  previous?: UnnumberedCue
}

/** Lays passages out as cues, and writes them in a caption format. */
export class CaptionText implements PassageText<CaptionState> {
  readonly #format: CaptionFormat
  readonly #layout: ChannelLayout
  readonly #state: CaptionState

  constructor(format: CaptionFormat, state: Readonly<CaptionState> = { count: 0 }) {
    this.#format = format
    this.#state = { ...state }
    this.#layout = new ChannelLayout(format.layout, state.previous)
  }

  get open(): boolean {
    return this.#layout.open
  }

  get state(): CaptionState {
    return { ...this.#state }
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
      const { count, previous } = this.#state
      const text = this.#format.cue({ ...cue, index: count + 1 }, previous)
      if (text === '') continue
      this.#state.count += 1
      this.#state.previous = cue
      blocks.push({ text, start: cue.start })
    }
    return blocks
  }
}
