/**
 * The speaker a wire label names, or `undefined` where it names none. Labels are consecutive capital letters; `null`,
 * `""`, a missing field, `UNKNOWN` and `PENDING` all say that the service could not attribute the speech, and so does
 * any later placeholder that is not a letter.
 */
export function speakerLabel(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Z]{1,2}$/.test(value) ? value : undefined
}
