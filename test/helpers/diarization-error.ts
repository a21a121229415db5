import { bestMapping, type SpeakerSpan } from './scoring.ts'

/** Times in ms behind a diarization error rate (DER); several can be added up. */
export interface DiarizationError {
  /** Speech of the reference that is scored; where two speak at once it counts twice. */
  reference: number
  missed: number
  falseAlarm: number
  confused: number
}

/** The rate: missed, false and confused time over the time of the reference. */
export function rateOf({ reference, missed, falseAlarm, confused }: DiarizationError): number {
  return (missed + falseAlarm + confused) / Math.max(1, reference)
}

/** The sum of several errors. */
export function totalError(errors: readonly DiarizationError[]): DiarizationError {
  const sum = (of: (error: DiarizationError) => number): number => errors.reduce((total, error) => total + of(error), 0)
  return {
    reference: sum((error) => error.reference),
    missed: sum((error) => error.missed),
    falseAlarm: sum((error) => error.falseAlarm),
    confused: sum((error) => error.confused),
  }
}

/** Names of those who speak between two neighbouring boundaries. */
interface Slice {
  length: number
  reference: readonly string[]
  heard: readonly string[]
}

const active = (spans: readonly SpeakerSpan[], at: number): string[] => [
  ...new Set(spans.filter(({ start, end }) => start <= at && at < end).map(({ speaker }) => speaker)),
]

function slices(reference: readonly SpeakerSpan[], heard: readonly SpeakerSpan[], collar: number): Slice[] {
  const edges = reference.flatMap(({ start, end }) => [start, end])
  const zones = collar > 0 ? edges.map((edge) => ({ start: edge - collar, end: edge + collar })) : []
  const bounds = [...edges, ...heard.flatMap(({ start, end }) => [start, end])]
  const times = [...new Set([...bounds, ...zones.flatMap(({ start, end }) => [start, end])])].toSorted((a, b) => a - b)
  return times.flatMap((from, index) => {
    const to = times[index + 1]
    if (to === undefined) return []
    const at = (from + to) / 2
    if (zones.some(({ start, end }) => start <= at && at < end)) return []
    return [{ length: to - from, reference: active(reference, at), heard: active(heard, at) }]
  })
}

/**
 * The errors of `heard` against `reference` under the best one-to-one mapping of names, as NIST's md-eval counts them:
 * overlapping speech is scored, and `collar` ms on both sides of each boundary of the reference are not.
 */
export function diarizationError(
  reference: readonly SpeakerSpan[],
  heard: readonly SpeakerSpan[],
  collar = 0,
): DiarizationError {
  const all = slices(reference, heard, 0)
  const together = new Map<string, number>()
  for (const { length, reference: said, heard: found } of all) {
    for (const name of said) {
      for (const letter of found) {
        together.set(`${letter}\0${name}`, (together.get(`${letter}\0${name}`) ?? 0) + length)
      }
    }
  }
  const names = (spans: readonly SpeakerSpan[]): string[] => [...new Set(spans.map(({ speaker }) => speaker))]
  const mapping = bestMapping(names(heard), names(reference), (a, b) => together.get(`${a}\0${b}`) ?? 0)
  const error: DiarizationError = { reference: 0, missed: 0, falseAlarm: 0, confused: 0 }
  for (const { length, reference: said, heard: found } of collar > 0 ? slices(reference, heard, collar) : all) {
    const right = found.filter((letter) => said.includes(mapping.get(letter) ?? '')).length
    error.reference += length * said.length
    error.missed += length * Math.max(0, said.length - found.length)
    error.falseAlarm += length * Math.max(0, found.length - said.length)
    error.confused += length * (Math.min(said.length, found.length) - right)
  }
  return error
}
