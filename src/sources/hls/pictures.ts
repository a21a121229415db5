import { waitAtMost } from '../../stream-helpers.ts'
import { MediaClock, type MediaTime, timeBetween } from './clock.ts'
import { fetchPlaylist, type HlsAccess } from './feed.ts'
import type { HlsSegment, MediaPlaylist } from './playlist.ts'
import { SegmentReader } from './segments.ts'

/** Attempts in a row to read a picture beside an audio rendition: it is not worth a long wait. */
const MOST_PICTURE_RETRIES = 2

/** Most bytes of a segment that are read to find its first picture. */
const MOST_PROBED_BYTES = 524_288

/** How long the audio of a live playlist waits for its picture, in ms, and how far apart the two may be. */
const LIVE_WAIT_MS = 3000
const MOST_LIVE_APART_MS = 10_000

/** Where the picture begins that a run of an audio rendition belongs to. */
export interface PictureStart {
  /** Ms from the beginning of the playlist. */
  at: number
  /** The same moment by the clock of the media. */
  clock: MediaTime
  /** Ms that a sound of this playlist may be away from its picture; more is no clock that both share. */
  limit: number
}

/** A run of an audio rendition whose picture is looked for. */
export interface SoundRun {
  /** Its first segment. */
  first: HlsSegment
  /** Where the run before it stands, and the same moment by its clock, where that was one before the last discontinuity. */
  before: PlacedClock | undefined
}

/** A place in ms of the stream, and the same moment by the clock of the media. */
export interface PlacedClock {
  at: number
  clock: MediaTime
  /** Number of the discontinuity after which that clock runs. */
  discontinuity: number
}

/** Where the pictures of a playlist begin. */
export interface Pictures {
  /** Ms of all segments. */
  duration: number
  /** The picture of a run of sound; what cannot be read is not known. */
  find: (run: SoundRun) => Promise<PictureStart | undefined>
}

/**
 * The pictures beside an audio rendition; `undefined` where their playlist cannot be read, or has no end yet. No failure
 * of a picture is one of the audio.
 */
export async function readPictures(access: HlsAccess, url: URL, audio: MediaPlaylist): Promise<Pictures | undefined> {
  const { playlist: reading, reader, unlessAborted } = pictureAccess(access, url)
  const playlist = await reading()
  if (playlist?.kind !== 'media' || !playlist.ended) return undefined
  const runs: { at: number; segment?: HlsSegment }[] = []
  let duration = 0
  for (const segment of playlist.segments) {
    if (segment.discontinuity || runs.length === 0) runs.push({ at: duration })
    const run = runs.at(-1)
    if (run !== undefined && run.segment === undefined && segment.isGap !== true) {
      Object.assign(run, { at: duration, segment })
    }
    duration += segment.duration
  }
  /** How many discontinuities come between the first segment of the sound and another. */
  const discontinuitiesTo = (segment: HlsSegment | undefined): number =>
    (segment?.discontinuityNumber ?? 0) - (audio.segments[0]?.discontinuityNumber ?? 0)
  const isParallel = discontinuitiesTo(audio.segments.at(-1)) + 1 === runs.length
  const find = async ({ first }: SoundRun): Promise<PictureStart | undefined> => {
    const run = runs[discontinuitiesTo(first)]
    if (run?.segment === undefined || (run !== runs[0] && !isParallel)) return undefined
    const clock = await firstPicture(run.segment, reader).catch(unlessAborted)
    return clock && { at: run.at, clock, limit: duration }
  }
  return { duration, find }
}

/** When the first picture of a segment is shown; reads no more of it than that takes. */
async function firstPicture(segment: HlsSegment, reader: SegmentReader): Promise<MediaTime | undefined> {
  const clock = new MediaClock()
  let bytes = 0
  for (const resource of segment.map === undefined ? [segment] : [segment.map, segment]) {
    for await (const chunk of reader.read(resource, segment.sequence)) {
      clock.push(chunk)
      bytes += chunk.length
      if (clock.firstPicture !== undefined || bytes >= MOST_PROBED_BYTES) return clock.firstPicture
    }
  }
  return undefined
}

/** Reads a playlist of pictures, and its segments. */
function pictureAccess({ settings, signal, open, variables }: HlsAccess, url: URL) {
  const retries = Math.min(MOST_PICTURE_RETRIES, settings.fileRetries)
  const unlessAborted = (): undefined => {
    signal.throwIfAborted()
    return undefined
  }
  return {
    playlist: () => fetchPlaylist(open({ url }, retries), url, variables()).catch(unlessAborted),
    reader: new SegmentReader((resource) => open(resource, retries)),
    unlessAborted,
  }
}

/**
 * The pictures beside an audio rendition of a live playlist. The stream begins with the picture of the segment whose number is that
 * of the first of the sound. After a discontinuity the picture begins where the one before it ends, by the clock that both share.
 */
export function livePictures(access: HlsAccess, url: URL): Pictures {
  const { playlist: read, reader, unlessAborted } = pictureAccess(access, url)
  const look = async ({ first, before }: SoundRun): Promise<PictureStart | undefined> => {
    const playlist = await read()
    if (playlist?.kind !== 'media') return undefined
    const limit = Math.min(1.5 * playlist.targetDuration, MOST_LIVE_APART_MS)
    const shown = playlist.segments.filter(({ isGap }) => isGap !== true)
    const clockOf = (segment: HlsSegment | undefined) => segment && firstPicture(segment, reader).catch(unlessAborted)
    if (before === undefined) {
      const clock = await clockOf(shown.find(({ sequence }) => sequence === first.sequence))
      return clock && { at: 0, clock, limit }
    }
    const next = shown.findIndex(({ discontinuityNumber }) => discontinuityNumber === first.discontinuityNumber)
    const last = shown[next - 1]
    if (last?.discontinuityNumber !== before.discontinuity) return undefined
    const [end, clock] = [await clockOf(last), await clockOf(shown[next])]
    if (end === undefined || clock === undefined) return undefined
    return { at: before.at + timeBetween(end, before.clock) + last.duration, clock, limit }
  }
  return {
    duration: 0,
    find: async (run) => (await waitAtMost(LIVE_WAIT_MS, look(run))) as PictureStart | undefined,
  }
}
