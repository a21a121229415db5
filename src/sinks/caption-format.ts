import type { CueLayoutOptions } from '../captions/layout.ts'
import type { SpeakerNames } from '../captions/names.ts'
import type { Cue } from '../model.ts'

/** A caption format. */
export interface CaptionFormat {
  /** What a file of it begins with. */
  header: string
  /** One cue as a block of text; `''` where nothing of it is visible. */
  cue: (cue: Cue, name?: string) => string
  /** Which cues are given the name of their speaker. */
  names: 'always' | 'on change' | 'never'
  speakers: SpeakerNames
  layout: CueLayoutOptions
}
