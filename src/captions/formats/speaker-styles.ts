/*
 * How speakers look in the formats that have styles: these stand before the first cue, when no speaker is known yet, so there are
 * ten of them, and `Default`.
 */

/** Colours of the styles, as red, green and blue: light on a black outline, neighbours far apart. */
export const SPEAKER_COLOURS = [
  'FFE14D',
  '5CE1FF',
  '8CF27C',
  'FF9EC7',
  'FFB05C',
  'BFA8FF',
  'E3FFB0',
  'FF8F80',
  '4FE8BE',
  '8FB8FF',
] as const

/** The style of cues whose speaker is not known: white. */
export const DEFAULT_STYLE = 'Default'

/** Hands out the styles in order of appearance, from the first again after ten; a speaker keeps his. */
export class SpeakerStyles {
  readonly #styles = new Map<string, string>()

  /** All speakers so far, in order of appearance. */
  get value(): string[] {
    return [...this.#styles.keys()]
  }

  /** Takes up the {@link value} of a run that is gone on with; absent where that was not kept. */
  resumeFrom(speakers: unknown): void {
    if (Array.isArray(speakers)) for (const speaker of speakers as string[]) this.styleOf(speaker)
  }

  /** @param speaker - label or name; `undefined` for an unattributed cue. */
  styleOf(speaker: string | undefined): string {
    if (speaker === undefined) return DEFAULT_STYLE
    const known = this.#styles.get(speaker)
    if (known !== undefined) return known
    const style = `Speaker${(this.#styles.size % SPEAKER_COLOURS.length) + 1}`
    this.#styles.set(speaker, style)
    return style
  }
}
