import type { ScoredWord, SpeakerSpan } from '../../test/helpers/scoring.ts'

/** Labelled speech for the embedded engine. */
export interface Clip {
  name: string
  /** Kind of material; results are added up over each. */
  group: string
  /** Whether settings of the engine may be chosen by it; the others only report. */
  tuning: boolean
  /** Mono PCM16 at 16 kHz. */
  samples: Int16Array
  /** Who speaks when; absent where only the words are known. */
  spans?: SpeakerSpan[]
  /** What is said; absent where it is not known. */
  words?: string[]
  /** ISO 639-1 code of what is spoken; English where absent. */
  language?: string
  /** Whether `words` are characters, of a script without spaces. */
  characters?: boolean
  /** The same with times and speakers, of synthesised speech. */
  timed?: ScoredWord[]
}
