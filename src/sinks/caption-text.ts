import { gen, many, none } from 'stream-chain/core'
import type { Cue } from '../model.ts'
import { layoutCues, type CueLayoutOptions, type UnnumberedCue } from '../captions/layout.ts'
import { displayName, type SpeakerNames } from '../captions/names.ts'
import type { Passage } from '../captions/passages.ts'

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

/** How far the text has come: what the next cue depends on. */
export interface TextState {
  /** Cues so far. */
  count: number
  previous?: UnnumberedCue
}

/** A passage, with the number of cues made of it. */
export interface WrittenPassage extends Passage {
  cues: number
}

/**
 * The steps from a passage to its text, one block for each cue: layout, then format. `state` is kept up to date, so
 * that a text can be continued from any passage whose state is known.
 */
export function captionSteps(format: CaptionFormat, state: TextState) {
  const lay = (passage: WrittenPassage) => {
    const cues =
      passage.cue === undefined
        ? layoutCues([passage.segments], format.layout, { previous: state.previous })
        : [repairTimes(passage.cue, state.previous)]
    passage.cues = cues.length
    return many(cues)
  }
  const write = (cue: UnnumberedCue): string | typeof none => {
    const isShown =
      format.names === 'always' || (format.names === 'on change' && cue.speaker !== state.previous?.speaker)
    const name = isShown ? displayName(cue.speaker, format.speakers) : undefined
    const text = format.cue({ ...cue, index: state.count + 1 }, name)
    if (text === '') return none
    state.count += 1
    state.previous = cue
    return text
  }
  return [lay, write] as const
}

/** The text of `passages`, continued from `state`, which is kept up to date. */
export async function captionText(
  format: CaptionFormat,
  state: TextState,
  passages: readonly WrittenPassage[],
): Promise<string> {
  const [lay, write] = captionSteps(format, state)
  const textOf = gen(lay, write)
  let text = ''
  for (const passage of passages) for await (const block of textOf(passage)) text += block
  return text
}

/** A ready cue with times that a caption file may hold: integers, starts that never fall, an end after the start. */
function repairTimes(cue: Cue, previous: UnnumberedCue | undefined): Cue {
  const whole = (ms: number) => (Math.abs(ms) <= 1e15 ? Math.round(ms) : 0)
  const start = Math.max(0, whole(cue.start), previous?.start ?? 0)
  return { ...cue, start, end: Math.max(start + 1, whole(cue.end)) }
}
