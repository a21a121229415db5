/**
 * A text in objects that never change: segments of whole lines, and a manifest that lists them. A commit is a new segment and a new
 * manifest, which is put in place of the one that its writer knows, and of no other.
 */

/** One segment of a text. */
export interface ListedSegment {
  /** Name of its object. */
  name: string
  /** As much of the object belongs to the text, from its beginning. */
  bytes: number
  /** How often it was merged; absent where it is large enough, and stays as it is. */
  level?: number
}

/** The list of segments, and who holds it. */
export interface Manifest {
  /** Of the writer that holds it, or held it last. */
  epoch: number
  /** Tells writers of the same epoch apart. */
  writer: string
  /** Number of the newest segment or manifest of all writers: each has one of its own. */
  sequence: number
  isComplete: boolean
  segments: readonly ListedSegment[]
}

const FORMAT = 'diarize-stream manifest'
const VERSION = 1
/** So many segments of one level become one of the next. */
const MERGED = 16

export function bytesOf({ segments }: Pick<Manifest, 'segments'>): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The first `bytes` of a text. */
export function cut(segments: readonly ListedSegment[], bytes: number): ListedSegment[] {
  const kept: ListedSegment[] = []
  let left = bytes
  for (const segment of segments) {
    if (left <= 0) break
    kept.push({ ...segment, bytes: Math.min(left, segment.bytes) })
    left -= segment.bytes
  }
  return kept
}

/**
 * Segments at the end of a text that become one with the next, which has `bytes`, so that there are few of them however long it is;
 * and the level of that.
 */
export function mergedBy(
  segments: readonly ListedSegment[],
  bytes: number,
  enough: number,
): { from: number; level: number | undefined } {
  let [from, level, size] = [segments.length, 0, bytes]
  while (size < enough) {
    const first = from - MERGED + 1
    const run = segments.slice(Math.max(0, first), from)
    if (first < 0 || run.some((segment) => segment.level !== level)) return { from, level }
    size += run.reduce((sum, segment) => sum + segment.bytes, 0)
    from = first
    level += 1
  }
  return { from, level: undefined }
}

export function formatManifest({ epoch, writer, sequence, isComplete, segments }: Manifest): Uint8Array {
  const head = { format: FORMAT, version: VERSION, epoch, writer, sequence, isComplete }
  const lines = segments.map((segment) => `\n    ${JSON.stringify(segment)}`)
  const text = `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "segments": [${lines.join(',')}${lines.length > 0 ? '\n  ' : ''}]\n}\n`
  return new TextEncoder().encode(text)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

/** What the bytes of a manifest say; what is wrong with them where they are none. */
export function parseManifest(bytes: Uint8Array): Manifest | string {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return 'it is no JSON'
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const { format, version, epoch, writer, sequence, isComplete, segments } = fields
  if (format !== FORMAT) return 'it is no manifest of diarize-stream'
  if (version !== VERSION) return `it is of version ${String(version).slice(0, 20)}, and this program reads ${VERSION}`
  const isRight = isCount(epoch) && typeof writer === 'string' && isCount(sequence) && typeof isComplete === 'boolean'
  if (!isRight || !Array.isArray(segments) || !segments.every((segment) => isSegment(segment))) return 'it is damaged'
  return { epoch, writer, sequence, isComplete, segments } as Manifest
}

function isSegment(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { name, bytes, level } = value as Partial<ListedSegment>
  // It is only ever looked for below the manifest.
  const isName = typeof name === 'string' && /^segments\/[\w.-]{1,200}$/.test(name)
  return isName && isCount(bytes) && (level === undefined || isCount(level))
}
