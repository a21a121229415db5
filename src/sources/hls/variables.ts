import { oneLine } from '../../redact.ts'
import { shownUrl } from '../address.ts'
import { notPlaylist, tooLarge } from '../http/failures.ts'

/** Most characters that variables may add to a playlist: one may name a long one a million times. */
const MOST_ADDED = 4_194_304

/** What the names stand for that a playlist may use, `{$name}`. */
export type Variables = ReadonlyMap<string, string>

/** The list of `NAME=value` or `NAME="value"`. Names are bounded, so that a long line of letters costs no more. */
export function attributes(value: string): Record<string, string | undefined> {
  const found = value.matchAll(/([A-Z0-9-]{1,40})=(?:"([^"]*)"|([^",]*))/g)
  return Object.fromEntries([...found].map(([, name = '', quoted, bare]) => [name, quoted ?? bare]))
}

/**
 * The lines of a playlist with its variables put in (`EXT-X-DEFINE`), and these. A name that nothing defines is left as it
 * stands: before there were variables, addresses could have it.
 *
 * @param base - where the playlist came from, whose query may have values.
 * @param given - those of the playlist that has led here.
 * @throws InputError `INPUT_NOT_MEDIA` for a value that is neither in the query nor given; `INPUT_TOO_LARGE`.
 */
export function withVariables(
  lines: readonly string[],
  base: URL,
  given: Variables,
): { lines: string[]; variables: Variables } {
  const variables = new Map<string, string>()
  let added = 0
  const valueOf = (reference: string, name: string): string => {
    const value = variables.get(name) ?? reference
    added += value.length
    if (added > MOST_ADDED) throw tooLarge(shownUrl(base), `variables may make a playlist, by ${MOST_ADDED} characters`)
    return value
  }
  // Only what follows a definition can use it.
  const replaced = lines.map((line) => {
    const canUse = variables.size > 0 && (!line.startsWith('#') || line.startsWith('#EXT-X-'))
    const full = canUse ? line.replaceAll(/\{\$([\w-]{1,200})\}/g, valueOf) : line
    if (full.startsWith('#EXT-X-DEFINE:')) define(attributes(full), base, given, variables)
    return full
  })
  return { lines: replaced, variables }
}

function define(
  { NAME: name, VALUE: value = '', IMPORT: imported, QUERYPARAM: parameter }: ReturnType<typeof attributes>,
  base: URL,
  given: Variables,
  variables: Map<string, string>,
): void {
  if (name !== undefined) variables.set(name, value)
  if (imported !== undefined) {
    const missing = 'the playlist that leads to it does not define it; give the address of that one'
    variables.set(imported, given.get(imported) ?? absent(imported, missing))
  }
  if (parameter !== undefined) {
    const missing = 'its address has no such parameter'
    variables.set(parameter, base.searchParams.get(parameter) ?? absent(parameter, missing))
  }
}

function absent(name: string, why: string): never {
  throw notPlaylist(`it needs a value for ${oneLine(name, 40)}, but ${why}`)
}
