import type { Segment, Word } from '../model.ts'
import { checkObject, invalidOption } from '../options.ts'
import { cleanName, cleanText } from './text.ts'

/** Display names by speaker label, e.g. `{ A: 'Alice' }`. */
export type SpeakerNames = Readonly<Record<string, string>>

/**
 * The name that is shown: that in `names`, else the one that a voice book has for the voice of `words`, else `Speaker A`
 * for a bare label, else the label; `undefined` for nobody.
 */
export function displayName(
  speaker: string | undefined,
  names: SpeakerNames = {},
  words: readonly Word[] = [],
): string | undefined {
  if (speaker === undefined) return undefined
  const given = Object.hasOwn(names, speaker) ? names[speaker] : knownName(speaker, words)
  const name = cleanName(given ?? (/^[A-Z]{1,2}$/.test(speaker) ? `Speaker ${speaker}` : speaker))
  return name === '' ? undefined : name
}

/** The {@link displayName} for the speaker of a segment, else for its channel. */
export function segmentName({ speaker, channel, words }: Segment, names?: SpeakerNames): string | undefined {
  return displayName(attributed(speaker) ?? channel, names, words)
}

/** The name that a voice book has for the voice of a speaker of `words`; `undefined` where it has none. */
export function knownName(speaker: string | undefined, words: readonly Word[]): string | undefined {
  let unlabelled: string | undefined
  for (const word of words) {
    if (word.speakerName === undefined) continue
    if (word.speaker === speaker) return word.speakerName
    // It counts as one of the turn's speaker, or of its channel.
    if (word.speaker === undefined) unlabelled ??= word.speakerName
  }
  return unlabelled
}

/** Refuses anything but an object of display names; `undefined` passes. */
export function checkSpeakerNames(option: string, value: unknown = {}): void {
  checkObject(option, value, "an object of display names by label, e.g. { A: 'Alice' }")
  for (const [label, name] of Object.entries(value as object)) {
    if (typeof name !== 'string' || cleanText(name) === '') {
      throw invalidOption(`${option}.${label}`, 'a name of at least one visible character', name)
    }
  }
}

/** The speaker a label names, `undefined` for the wire's placeholders. It may also be a channel's, or `Agent/A`. */
export function attributed(label: unknown): string | undefined {
  if (typeof label !== 'string') return undefined
  const name = label.trim()
  return name === '' || /^(?:unknown|pending)$/i.test(name) ? undefined : name
}
