import { ConfigurationError } from '../../errors.ts'
import type { HeardRange, StreamStart } from '../../stream/options.ts'
import type { Arrival } from '../resumption.ts'

/** Where the audio of a source is in the stream, and which of it is heard; times in ms of the stream. */
export interface StreamPlace {
  /** Where the stream goes on, or a part of a recording begins; absent where that is the first frame of the source. */
  start?: StreamStart
  /** Frames of the source that come before what is heard. */
  skip: number
  /** Frames of the source up to the end of what is heard. */
  left: number
  /** Where the part of the recording begins that is heard. */
  heardFrom: number
  /** How much later in the stream the source's audio is than the source says. */
  shift: number
}

/** That of a source of which all is heard. */
export function placeOfAll(): StreamPlace {
  return { skip: 0, left: Infinity, heardFrom: 0, shift: 0 }
}

/** That of a recording of which a range is heard. @throws ConfigurationError `INVALID_PIPELINE` */
export function placeOfRange(range: HeardRange | undefined, frameMs: number, isLive: boolean): StreamPlace {
  if (range === undefined) return placeOfAll()
  if (isLive) {
    const message = 'diarize() is given a range, and the source is live; leave it out'
    throw new ConfigurationError('INVALID_PIPELINE', message)
  }
  const { start: startMs = 0, duration = Infinity } = range
  const frame = Math.floor(startMs / frameMs)
  const place = { ...placeOfAll(), left: Math.ceil((startMs + duration) / frameMs) }
  if (frame === 0) return place
  const heardFrom = frame * frameMs
  const settled = Math.round(heardFrom)
  const start = { frame, settled, turns: [], nextOrder: 0, speakers: [], voices: new Map() }
  return { ...place, start, skip: frame, heardFrom }
}

/**
 * That of a source with which a stream goes on that another process began.
 *
 * @param place - what it would be else.
 * @param before - frames that a recording does not give, since it begins behind them; `undefined` for a live source.
 */
export function placeOfArrival(place: StreamPlace, arrival: Arrival, before: number | undefined): StreamPlace {
  const { shift } = arrival
  // What speakers are known again by must not lie outside of the range.
  const frame = Math.max(arrival.start.frame, place.start?.frame ?? 0)
  const start = { ...arrival.start, frame }
  if (before === undefined) return { ...place, start, shift }
  return { ...place, start, shift, skip: frame - before, left: place.left - before }
}
