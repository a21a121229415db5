import { parseArgs, type ParseArgsConfig } from 'node:util'
import { ConfigurationError } from '../errors.ts'

type OptionTable = NonNullable<ParseArgsConfig['options']>

/** The error for a command line that is wrong; `of` is the command that explains itself by `--help`. */
export function usage(message: string, of = 'diarize-stream'): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', `${message}; see ${of} --help`)
}

/** The error where `command` is not told which of its `actions` it is to do. */
export function unknownAction(command: string, action: string | undefined, actions: string): ConfigurationError {
  const what = action === undefined ? 'needs to know what to do' : `cannot ${action}`
  return usage(`${command} ${what}: ${actions}`, `diarize-stream ${command}`)
}

/** `parseArgs()` of Node, with messages for who types. @throws ConfigurationError `INVALID_OPTION` */
export function parseOptions<T extends OptionTable>(
  argv: readonly string[],
  options: T,
  { of = 'diarize-stream', allowPositionals = false }: { of?: string; allowPositionals?: boolean } = {},
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: boolean }>> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals })
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    // What may be said of it only: the value of an option that is not known may be a secret.
    const [, unknown] = /^Unknown option '(-[^'=]*)/.exec(message) ?? []
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === undefined) throw usage(message, of)
    const names = Object.entries(options).flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])])
    const meant = nearest(unknown, names)
    throw usage(`there is no option ${unknown}${meant === undefined ? '' : `; did you mean ${meant}?`}`, of)
  }
}

/** The number that an option was given, as text where it is none; its range is checked by whoever asks. */
export function numberOrText(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text
}

/** The name that was probably meant: at most a third of its letters are wrong, or it goes on where `typed` ends. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const wanted = typed.toLowerCase()
  const [best] = names
    .map((name) => ({ name, distance: name.startsWith(wanted) ? 0.5 : editDistance(wanted, name) }))
    .filter(({ name, distance }) => wanted.length > 2 && distance <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.distance - b.distance)
  return best?.name
}

/** Letters to insert, delete or replace until one word is the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of from.split('').entries()) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) {
      const replaced = (row[j] ?? 0) + (letter === to[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
