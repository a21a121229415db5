import path from 'node:path'
import type { ConfigurationError, InputError } from '../errors.ts'
import type { CaptionFormat } from '../captions/formats/options.ts'
import { defined, refusedOption } from '../options.ts'
import { decoded } from '../redact.ts'
import { addressOf, type FoundInput } from './inputs.ts'
import { hashOf, repeated, sortedHashes } from './path-hashes.ts'

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
  const stems = planStems(found, options)
  const jobs = found.map(({ input, bytes, trouble }, index): CaptionJob => {
    const outputs = options.formats.map((format) => ({ format, path: `${stems[index]}.${format}` }))
    return { index, input, ...defined({ bytes }), outputs, isDone: false, ...defined({ trouble }) }
  })
  const inputs = new Set(found.map(({ input }) => path.resolve(input)))
  for (const { input, outputs } of jobs) {
    const own = outputs.find((output) => inputs.has(path.resolve(output.path)))
    if (own !== undefined) throw invalid(`${own.path}, the output of ${input}, is an input; choose another folder`)
  }
  return jobs
}

/**
 * The paths of the outputs of each input, without their endings. There may be a hundred thousand of them, and little memory.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION` where two inputs would have the same outputs
 */
export function planStems(
  found: readonly FoundInput[],
  { outputDir, isCaseSensitive }: Pick<PlanOptions, 'outputDir' | 'isCaseSensitive'>,
): string[] {
  const stems = distinct(found, outputDir, isCaseSensitive)
  refuseCollisions(found, stems, isCaseSensitive)
  return stems
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
  const name = decoded(last)
    .replaceAll(/[\p{Cc}/\\:*?"<>|]/gu, '_')
    .replace(/^\.+/, '_')
  return name.slice(-200)
}

/** The path without ending of each: those that are alike get the ending of their inputs, until nothing changes any more. */
function distinct(found: readonly FoundInput[], outputDir: string | undefined, isCaseSensitive: boolean): string[] {
  const level = new Uint8Array(found.length)
  const stems = found.map((one) => stemOf(placeOf(one, outputDir), 0))
  for (;;) {
    const alike = [...alikeOf(stems, isCaseSensitive).values()].flat()
    const changed = alike.filter((index) => (level[index] ?? 0) + 1 < placeOf(found[index]!, outputDir).names.length)
    if (changed.length === 0) return stems
    for (const index of changed) {
      level[index]! += 1
      stems[index] = stemOf(placeOf(found[index]!, outputDir), level[index]!)
    }
  }
}

function stemOf({ folder, names }: Place, level: number): string {
  return path.join(folder, names[level] ?? '')
}

/** Indexes of paths that are one path, by that. */
function alikeOf(stems: readonly string[], isCaseSensitive: boolean): Map<string, number[]> {
  const suspects = repeated(sortedHashes(stems.length, 1, (index) => [keyOf(stems[index] ?? '', isCaseSensitive)]))
  const alike = new Map<string, number[]>()
  if (suspects.size === 0) return alike
  for (const [index, stem] of stems.entries()) {
    const key = keyOf(stem, isCaseSensitive)
    if (!suspects.has(hashOf(key))) continue
    const same = alike.get(key)
    if (same === undefined) alike.set(key, [index])
    else same.push(index)
  }
  // Hashes may be alike where paths are not.
  for (const [key, { length }] of alike) if (length === 1) alike.delete(key)
  return alike
}

function refuseCollisions(found: readonly FoundInput[], stems: readonly string[], isCaseSensitive: boolean): void {
  const collisions = [...alikeOf(stems, isCaseSensitive).values()].flatMap(([first, ...others]) =>
    others.map((other) => [first, other] as const),
  )
  if (collisions.length === 0) return
  const told = collisions
    .toSorted(([, a], [, b]) => a - b)
    .slice(0, MOST_TOLD)
    .map(([first = 0, other]) => `${found[first]?.input} and ${found[other]?.input} (${stems[other]})`)
  const more = collisions.length > MOST_TOLD ? `, and ${collisions.length - MOST_TOLD} more` : ''
  throw invalid(
    `inputs would have the same outputs: ${told.join(', ')}${more}; give the folder that holds them all, or each a name`,
  )
}

function keyOf(stem: string, isCaseSensitive: boolean): string {
  const absolute = path.resolve(stem).normalize('NFC')
  return isCaseSensitive ? absolute : absolute.toLowerCase()
}

function invalid(message: string): ConfigurationError {
  return refusedOption('inputs', message)
}
