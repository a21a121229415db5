import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import { ConfigurationError } from '../errors.ts'
import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import { checkInteger, defined } from '../options.ts'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'

/** What `parseArgs()` tells of an argument, as far as it is looked at. */
interface OptionToken {
  kind: string
  name?: string
  rawName?: string
  value?: string | undefined
}

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
    const { tokens, ...parsed } = parseArgs({ args: [...argv], options, allowPositionals, tokens: true })
    const twice = repeated(tokens, options)
    // Where the last one wins, nobody is told that another is not made, or that a name is not shown.
    if (twice !== undefined) throw usage(`${twice} is given twice; give it once`, of)
    return parsed
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    const { code, message } = error as { code?: unknown; message: string }
    // What may be said of it only: the value of an option that is not known may be a secret.
    const [, unknown] = /^Unknown option '(-[^'=]*)/.exec(message) ?? []
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === undefined) throw usage(message, of)
    const names = Object.entries(options).flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])])
    const meant = nearest(unknown, names)
    throw usage(`there is no option ${unknown}${meant === undefined ? '' : `; did you mean ${meant}?`}`, of)
  }
}

/** The option that is given two values, though it takes one; no message shows them, for one may be a secret. */
function repeated(tokens: readonly OptionToken[], options: OptionTable): string | undefined {
  const first = new Map<string, string>()
  const again = tokens.find(({ kind, name = '', value }) => {
    if (kind !== 'option' || value === undefined || options[name]?.multiple === true) return false
    const before = first.get(name) ?? value
    first.set(name, before)
    return before !== value
  })
  return again?.rawName
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

/** A whole number within its bounds. @throws ConfigurationError `INVALID_OPTION` */
export function integer(option: string, text: string | undefined, least: number, most: number): number | undefined {
  const value = numberOrText(text)
  checkInteger(option, value, least, most)
  return value as number | undefined
}

/** Items between commas. @throws ConfigurationError `INVALID_OPTION` */
export function list(option: string, text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) throw usage(`${option}, when given, must be like One,Two; got '${text}'`)
  return items
}

/** One speaker and the name. A comma belongs to the name unless a speaker follows, and may be quoted or escaped. */
const NAME = /\s*([^=,]+?)\s*=\s*(?:"([^"]*)"|((?:\\,|(?!,[^,=]*=).)*?))\s*(?:,(?=[^,=]*=)|$)/suy

/** Names by speakers. @throws ConfigurationError `INVALID_OPTION` */
export function parseNames(text: string | undefined): SpeakerNames {
  if (text === undefined) return {}
  const names = new Map<string, string>()
  NAME.lastIndex = 0
  for (let at = 0; at < text.length || at === 0; at = NAME.lastIndex) {
    const [, speaker = '', quoted, plain = ''] = NAME.exec(text) ?? []
    if (speaker === '' || (quoted === undefined && plain.endsWith(','))) {
      throw usage(`--names, when given, must be like A=Alice,B=Bob; got '${text}'`)
    }
    names.set(speaker, quoted ?? plain.replaceAll('\\,', ','))
  }
  const given = Object.fromEntries(names)
  checkSpeakerNames('--names', given)
  return given
}

/** Which audio track is taken, by its number, its language, or what is spoken. @throws ConfigurationError `INVALID_OPTION` */
export function parseTracks(
  track: string | undefined,
  language: string | undefined,
): Pick<FfmpegOptions, 'audioTrack' | 'language'> {
  const audioTrack = track !== undefined && /^\d+$/.test(track) ? Number(track) : track
  const tracks = {
    ...defined({ audioTrack }),
    // A language that is to be found out, or one of the model's own, says nothing of tracks.
    ...(language !== undefined && /^[a-z]{2,3}(?:-|$)/i.test(language) && { language }),
  }
  check('--audio-track', () => resolveFfmpegOptions('', tracks))
  return tracks
}

/** Runs a check of the library, whose message names an option of the library. */
export function check(option: string, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    throw usage(`${option}: ${(error as Error).message}`)
  }
}

/** Refuses a voice book in a folder that is not there, before anything is heard that is to go into it. */
export function checkBookFolder(book: string): void {
  const folder = path.dirname(path.resolve(book))
  if (existsSync(folder)) return
  throw usage(`there is no folder ${folder} for the voice book ${path.basename(book)}; make it, or name another file`)
}

/** The text of a file that is named by an option. @throws ConfigurationError `INVALID_OPTION` */
export function readNamed(option: string, file: string, of?: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usage(`${option} cannot be read: ${(error as Error).message}`, of)
  }
}

/** The key in a file. @throws ConfigurationError `INVALID_OPTION` */
export function readKey(file: string): string {
  const key = readNamed('--api-key-file', file).trim()
  if (key === '') throw usage(`--api-key-file ${file} is empty`)
  return key
}
