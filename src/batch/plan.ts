import path from 'node:path'
import { ConfigurationError, type InputError } from '../errors.ts'
import type { CaptionFormat } from '../captions/formats/names.ts'
import { addressOf, type FoundInput } from './inputs.ts'

/** A file that is to be made of an input. */
export interface CaptionOutput {
  format: CaptionFormat
  /** Its path. Until it is complete, it is called `<path>.part`. */
  path: string
}

/** An input of {@link captionAll}, and what is to be made of it. */
export interface CaptionJob {
  /** Its place among all, from 0. */
  index: number
  /** A path or an address. */
  input: string
  /** Size of a file, in bytes. */
  bytes?: number
  /** A file for each of the formats. */
  outputs: readonly CaptionOutput[]
  /** Whether all of them are there already, and are to be skipped. */
  isDone: boolean
  /** Why it cannot be read, where that is known before it is begun. */
  trouble?: InputError
}

export interface PlanOptions {
  outputDir?: string | undefined
  formats: readonly CaptionFormat[]
  /** Whether names that differ by case only are those of different files. */
  isCaseSensitive: boolean
}

interface Place {
  folder: string
  /** The name without its ending, and with it, for inputs that differ by that only. */
  names: readonly string[]
}

/** Most collisions that a message tells of. */
const MOST_TOLD = 3

/**
 * What is to be made of each input: outputs have its name, where inputs differ by their ending only that, too. Nothing is
 * looked up.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION` where two inputs would have the same outputs, or an output is an input.
 */
export function planJobs(found: readonly FoundInput[], options: PlanOptions): CaptionJob[] {
  const places = found.map((one) => placeOf(one, options.outputDir))
  const stems = distinct(places, options.isCaseSensitive)
  refuseCollisions(found, stems, options.isCaseSensitive)
  const jobs = found.map(({ input, bytes, trouble }, index): CaptionJob => {
    const outputs = options.formats.map((format) => ({ format, path: `${stems[index]}.${format}` }))
    return { index, input, ...(bytes !== undefined && { bytes }), outputs, isDone: false, ...(trouble && { trouble }) }
  })
  const inputs = new Set(found.map(({ input }) => path.resolve(input)))
  for (const { input, outputs } of jobs) {
    const own = outputs.find((output) => inputs.has(path.resolve(output.path)))
    if (own !== undefined) throw invalid(`${own.path}, the output of ${input}, is an input; choose another folder`)
  }
  return jobs
}

function placeOf({ input, folder, name }: FoundInput, outputDir: string | undefined): Place {
  const address = addressOf(input)
  const beside = address === undefined ? path.dirname(input) : '.'
  const directory = outputDir === undefined ? beside : path.join(outputDir, folder)
  if (name !== undefined) return { folder: directory, names: [name] }
  const whole = address === undefined ? path.basename(input) : nameOfAddress(address)
  return { folder: directory, names: [path.parse(whole).name, whole] }
}

/** The last part of the path of an address, or its host, as a name that every system takes. */
export function nameOfAddress({ pathname, hostname }: URL): string {
  const last = pathname.split('/').findLast((part) => part !== '') ?? hostname
  let decoded = last
  try {
    decoded = decodeURIComponent(last)
  } catch {
    // It stays as it is.
  }
  const name = decoded.replaceAll(/[\p{Cc}/\\:*?"<>|]/gu, '_').replace(/^\.+/, '_')
  return name.slice(-200)
}

/** The path without ending of each: those that are alike get the ending of their inputs, until nothing changes any more. */
function distinct(places: readonly Place[], isCaseSensitive: boolean): string[] {
  const level = places.map(() => 0)
  const stemOf = ({ folder, names }: Place, at: number): string =>
    path.join(folder, names[Math.min(at, names.length - 1)] ?? '')
  for (;;) {
    const stems = places.map((place, index) => stemOf(place, level[index] ?? 0))
    const counts = countOf(stems.map((stem) => keyOf(stem, isCaseSensitive)))
    const alike = places.flatMap(({ names }, index) => {
      const isAlike = (counts.get(keyOf(stems[index] ?? '', isCaseSensitive)) ?? 0) > 1
      return isAlike && (level[index] ?? 0) + 1 < names.length ? [index] : []
    })
    if (alike.length === 0) return stems
    for (const index of alike) level[index] = (level[index] ?? 0) + 1
  }
}

function refuseCollisions(found: readonly FoundInput[], stems: readonly string[], isCaseSensitive: boolean): void {
  const first = new Map<string, number>()
  const told: string[] = []
  let count = 0
  for (const [index, stem] of stems.entries()) {
    const key = keyOf(stem, isCaseSensitive)
    const other = first.get(key)
    if (other === undefined) first.set(key, index)
    else if (++count <= MOST_TOLD) told.push(`${found[other]?.input} and ${found[index]?.input} (${stem})`)
  }
  if (count === 0) return
  const more = count > MOST_TOLD ? `, and ${count - MOST_TOLD} more` : ''
  throw invalid(
    `inputs would have the same outputs: ${told.join(', ')}${more}; give the folder that holds them all, or each a name`,
  )
}

function keyOf(stem: string, isCaseSensitive: boolean): string {
  const absolute = path.resolve(stem).normalize('NFC')
  return isCaseSensitive ? absolute : absolute.toLowerCase()
}

function countOf(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

function invalid(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', message, { option: 'inputs' })
}
