import type { createColors } from 'picocolors'

/** The functions of picocolors, with colours on or off. */
export type Colours = ReturnType<typeof createColors>

const PALETTE = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const

/** Whether to write colours: only to a terminal that has them, and never where `NO_COLOR` is set. */
export function wantsColours(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && env['TERM'] !== 'dumb' && (env['NO_COLOR'] ?? '') === ''
}

/** Gives each speaker a colour of the terminal, in order of appearance; the seventh has that of the first, bold. */
export class SpeakerColours {
  readonly #colours: Colours
  readonly #seen = new Map<string, number>()

  constructor(colours: Colours) {
    this.#colours = colours
  }

  /** `text` in the colour of `speaker`; as it is where the speaker is not known. */
  paint(speaker: string | undefined, text: string): string {
    if (speaker === undefined) return text
    let place = this.#seen.get(speaker)
    if (place === undefined) this.#seen.set(speaker, (place = this.#seen.size))
    const painted = this.#colours[PALETTE[place % PALETTE.length] ?? 'cyan'](text)
    return Math.floor(place / PALETTE.length) % 2 === 1 ? this.#colours.bold(painted) : painted
  }
}
