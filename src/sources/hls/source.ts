import { Readable } from 'node:stream'
import { SilenceLimit } from '../../audio/silence.ts'
import { streamStartedAt } from '../../stage.ts'
import { shownUrl } from '../address.ts'
import type { HttpBody } from '../http/body.ts'
import { stalled, tooLarge } from '../http/failures.ts'
import type { JoinedSource, Part } from '../live/parts.ts'
import type { SourceGap } from '../live/timeline.ts'
import { type HlsAccess, HlsFeed } from './feed.ts'
import { LossRule } from './losses.ts'
import { livePictures, type PlacedClock, readPictures } from './pictures.ts'
import type { MediaPlaylist } from './playlist.ts'
import { isSegment, readRun, Run } from './run.ts'
import { SegmentReader } from './segments.ts'

/** Longest finished playlist, in ms: what it says is long and has no sound is made of silence. */
const MOST_PLAYLIST_MS = 7 * 86_400_000

/** How much later than it is recorded the audio of a live playlist may come, in ms, at least and at most. */
const LATE_MS = { least: 2000, most: 10_000 }

/**
 * The audio of an HLS playlist. Segments that belong together are decoded as one run; where clock or format change, a new
 * one begins, at the time that the playlist gives it: what its audio lacks or has too much is no matter of the next. A live
 * playlist may lose a segment, of which silence is left; in any other that is an error.
 *
 * @param url - where the playlist is to be read again.
 * @param first - the playlist as it was first read.
 * @param pictureUrl - the playlist of the picture, where it has one of its own.
 */
export async function* hlsParts(
  access: HlsAccess,
  url: URL,
  first: MediaPlaylist,
  pictureUrl: URL | undefined,
): AsyncGenerator<Part> {
  const gap = new OpenGap(access.source, access.settings.gaps === 'silence')
  try {
    yield* partsOf(access, url, first, pictureUrl, gap)
  } finally {
    // Also where nobody wants any more of it.
    gap.close()
  }
}

async function* partsOf(
  access: HlsAccess,
  url: URL,
  first: MediaPlaylist,
  pictureUrl: URL | undefined,
  gap: OpenGap,
): AsyncGenerator<Part> {
  const { source, settings } = access
  const feed = new HlsFeed(access, url, first)
  // Segments come whole, and what says that there are new ones may be a copy that is as old as one.
  const late = Math.min(LATE_MS.most, Math.max(LATE_MS.least, 3 * first.targetDuration))
  const limit = feed.isLive ? new SilenceLimit(late) : undefined
  limit?.begin()
  if (feed.isLive) source[streamStartedAt] = new Date(Date.now() - feed.position)
  else if (feed.position > MOST_PLAYLIST_MS) throw tooLarge(shownUrl(url), 'a playlist may be, 7 days')
  const findPictures = feed.isLive ? livePictures : readPictures
  const pictures = pictureUrl === undefined ? undefined : await findPictures(access, pictureUrl, first)
  if (!feed.isLive) source.duration = Math.round(Math.max(feed.position, pictures?.duration ?? 0))
  const reader = new SegmentReader((resource) => {
    const body = access.open(resource)
    if (feed.isLive) giveUpAfter(feed.reserve, body, resource.url)
    return body
  })
  /** What of `ms` of silence can be believed; counted. */
  const bounded = (ms: number): number => {
    const most = limit === undefined ? ms : Math.min(ms, limit.most)
    limit?.silence(Math.max(0, most))
    return most
  }
  const moved = (by: number): number => {
    if (by < 0) limit?.silence(by)
    return by < 0 ? by : bounded(by)
  }
  // A live playlist may lose what its clock is needed for to know how long it was.
  const placing = feed.isLive ? { most: Math.min(1.5 * first.targetDuration, LATE_MS.most), moved } : undefined
  const losses = new LossRule(access, feed.isLive)
  let at = 0
  /** Silence up to {@link at} that is left to what follows, which may know better where it stands. */
  let owed = 0
  let before: PlacedClock | undefined
  const isFilled = settings.gaps === 'silence'
  /** Ms for which the source was away just now; 0 where it was not. */
  let away = 0
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    const missing: number[] = []
    if (isSegment(item)) {
      const isOther = before?.discontinuity !== item.discontinuityNumber || item.discontinuity
      const picture = isOther || !feed.isLive ? await pictures?.find({ first: item, before }) : undefined
      const run = new Run({
        first: item,
        at,
        owed,
        placing,
        picture: picture && { ...picture, at: picture.at + away },
        // For how long it was away an encoder knows itself that goes on by the same clock.
        before: isOther && away === 0 ? undefined : before,
      })
      away = 0
      const bytes = readRun(reader, run, feed, losses)
      const head = await bytes.next()
      // Of a run whose first segment is gone there is nothing to decode.
      if (head.done !== true) {
        let failure: unknown
        const following = rest(head.value, bytes, (error) => (failure = error))
        yield {
          stream: access.decode(Readable.from(following, { objectMode: false }), url, limit),
          at: () => {
            losses.heard()
            owed = 0
            const place = run.place()
            gap.tell(place)
            return place
          },
          end: (reached, finished) => run.end(reached, finished),
          lose: (error) => (run.isLost = error !== failure && losses.ofDecoding(error)),
        }
        if (run.isLost) {
          await bytes.return(undefined)
          run.settle()
        }
      }
      const silence = bounded(run.at + run.length - run.reached)
      at = Math.min(run.at + run.length, run.reached + silence)
      missing.push(...run.missing)
      before = run.placed ?? before
    } else {
      feed.take()
      missing.push('lost' in item ? item.lost : item.duration)
    }
    for (const claimed of missing) {
      const ms = bounded(claimed)
      if (ms < 1) continue
      const silence = isFilled ? ms : 0
      gap.begin(at, ms)
      if (!isFilled || !feed.isLive) gap.tell()
      if ('lost' in item && item.isAway) away = silence
      at += silence
      if (silence === 0) before = undefined
      // It is only now, when there is more, that a playlist says what is missing: nobody has to wait for it.
      owed = before === undefined || !feed.isLive ? 0 : silence
      yield { silentUntil: at - owed }
    }
  }
  gap.tell()
  if (owed > 0) yield { silentUntil: at }
}

/** Gives up a body of which nothing has come for so many ms, however often it may be tried again. */
function giveUpAfter(ms: number, body: HttpBody, url: URL): void {
  let received = 0
  const timer = setInterval(() => {
    const isHeldBack = body.readableLength > 0
    if (body.received === received && !isHeldBack) body.destroy(stalled(shownUrl(url), ms, 'byte'))
    received = body.received
  }, ms)
  body.once('close', () => clearInterval(timer))
}

async function* rest(
  head: Buffer,
  bytes: AsyncIterable<Buffer>,
  onError: (error: unknown) => void,
): AsyncGenerator<Buffer> {
  yield head
  try {
    yield* bytes
  } catch (error) {
    onError(error)
    throw error
  }
}

/** What is missing, told as a `gap` of the source: of a live playlist where it ends is known when there is audio again. */
class OpenGap {
  readonly #source: JoinedSource
  readonly #isFilled: boolean
  #open: { from: number; end: number; missing: number } | undefined

  /** @param isFilled - whether silence stands for it. */
  constructor(source: JoinedSource, isFilled: boolean) {
    this.#source = source
    this.#isFilled = isFilled
  }

  /** Begins one of so many ms at `from`, and tells the one before. */
  begin(from: number, missing: number): void {
    this.tell()
    this.#open = { from, end: this.#isFilled ? from + missing : from, missing }
  }

  /** Tells it; where it is filled, as one up to `end`. */
  tell(end = this.#open?.end ?? 0): void {
    const gap = this.#open
    this.#open = undefined
    if (gap === undefined || this.#source.destroyed) return
    const [start, missing] = [Math.round(gap.from), Math.round(this.#isFilled ? end - gap.from : gap.missing)]
    if (missing < 1) return
    this.#source.emit('gap', { start, end: this.#isFilled ? start + missing : start, missing } satisfies SourceGap)
  }

  /** Tells of it what has gone out: nothing more will come. */
  close(): void {
    this.tell(Math.min(this.#open?.end ?? 0, this.#source.position))
  }
}
