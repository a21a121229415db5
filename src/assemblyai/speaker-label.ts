/** Longest label that is kept of a server, in characters. */
const LONGEST = 100

/** What servers say where they could not attribute the speech. */
const UNATTRIBUTED =
  /^(?:(?:speaker|spk)[ _-]?)?(?:unknown|pending|none|null|nil|nan|n\/a|undefined|undetermined|unidentified|unassigned|uncertain|unsure|-\d+|[?-]+)$/i

/** Whether a label is one of the protocol's own: consecutive capital letters. */
export function isLetter(label: string): boolean {
  return /^[A-Z]{1,2}$/.test(label)
}

/**
 * The speaker a wire label names, or `undefined` where it names none. The labels of the protocol are consecutive capital
 * letters; servers of other makers say `speaker_0`, `1` or `Agent`. `null`, `""`, a missing field, `UNKNOWN`, `PENDING` and
 * the like all say that the server could not attribute the speech.
 */
export function speakerLabel(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? String(value) : undefined
  if (typeof value !== 'string') return undefined
  if (isLetter(value)) return value
  const label = value
    .slice(0, 2 * LONGEST)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST)
  return label === '' || UNATTRIBUTED.test(label) ? undefined : label
}
