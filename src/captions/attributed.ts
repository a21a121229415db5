/**
 * The speaker a label of a {@link Turn} or {@link Word} names, or `undefined` where it names none. What comes from
 * `diarize()` is clean already; turns made by hand may still carry the wire's placeholders `UNKNOWN` and `PENDING`,
 * `null` or `''`, which all mean that nobody could be named.
 *
 * Unlike the wire's labels, these may be names of channels or composites such as `Agent/A`.
 */
export function attributed(label: unknown): string | undefined {
  if (typeof label !== 'string') return undefined
  const name = label.trim()
  return name === '' || /^(?:unknown|pending)$/i.test(name) ? undefined : name
}
