import type { Readable } from 'node:stream'
import { inputIdentity, trackIdentity } from '../../checkpoint/stages.ts'
import type { TypedReadable } from '../../events.ts'
import { canSeek, seekTo } from '../../stage.ts'
import type { LiveSourceEvents } from '../live/options.ts'
import { JoinedSource } from '../live/parts.ts'
import { checkAddress, shownUrl } from '../address.ts'
import type { Beginning, HttpOpening } from './opening.ts'
import { type HttpSourceOptions, resolveHttpOptions } from './options.ts'

/** A file, a station or a playlist on a server: a WAV byte stream. */
export interface HttpSource extends TypedReadable<LiveSourceEvents> {
  /** Length in ms, where that is known by the time of the first audio. */
  readonly duration: number | undefined
}

/**
 * Reads audio or video from an `http:` or `https:` address as a WAV byte stream: 16-bit PCM in its own sample rate and
 * channels, or in those that `resample()` asks for when it comes next. Takes files, endless radio (also old servers that
 * answer `ICY 200 OK`), and HLS playlists, finished and live.
 *
 * A file whose connection drops or stalls is resumed where it was; it ends only when it has come whole, and fails with
 * `INPUT_TRUNCATED` otherwise. An endless stream is opened again; see the events. Of an HLS playlist the variant with the
 * lowest bandwidth is taken, or its audio rendition.
 *
 * Only Node opens connections: FFmpeg gets the bytes, on its standard input, or, where a run goes on in the middle of a file, from
 * this process by way of 127.0.0.1, so that it can seek. Nothing is opened before somebody wants audio.
 *
 * Emits `reconnecting` (`{ attempt, delay, error }`) before each further attempt, `gap` (`{ start, end, missing }`, ms)
 * where an endless stream lost audio or a file has none, and `warning` as `fileSource()` does. Fails with `INPUT_NOT_FOUND`,
 * `INPUT_UNREADABLE`, `INPUT_REFUSED`, `INPUT_UNREACHABLE`, `INPUT_STALLED`, `INPUT_TRUNCATED`, `ADDRESS_REFUSED`, `INPUT_TOO_LARGE`, and
 * with what `decode()` fails with.
 *
 * @param url - the address; user and password in it are sent to its host, and never shown.
 * @throws ConfigurationError `INVALID_OPTION`
 * @event reconnecting SourceReconnecting - the input was lost; the next attempt follows
 * @event gap SourceGap - audio is missing; it is passed on to every stage below
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`, it is shorter than its header says: `INPUT_TRUNCATED`; or longer: `WAV_SIZE_WRONG`; or it is several files, joined: `INPUT_JOINED`, of WAV `WAV_JOINED`; or it has several audio tracks: `SEVERAL_AUDIO_TRACKS`; or its times leap further than can be: `TIMESTAMP_JUMP`; or channels that cancel each other out: `CHANNELS_CANCEL`; or a live playlist has lost a segment: `SEGMENT_LOST`
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): HttpSource {
  const settings = resolveHttpOptions(options)
  const address = checkAddress(url)
  const { live, maxDuration, stop, signal } = settings
  let opening: HttpOpening | undefined
  let failures: typeof import('./failures.ts') | undefined
  const begin: Beginning = { ms: 0, check: () => {} }
  let closed = false
  const isLive = () => opening?.isLive ?? live === true
  const source = new JoinedSource({
    async *parts() {
      // Much of it, HLS and all, of which a chain with another source has no use.
      const [{ HttpOpening: Opening }, loaded] = await Promise.all([import('./opening.ts'), import('./failures.ts')])
      failures = loaded
      // Somebody may have given up since.
      if (closed) return
      opening = new Opening(address, settings, source, begin)
      yield* opening.parts()
    },
    close: () => {
      closed = true
      opening?.close()
    },
    maxDuration,
    tooLong: () => (isLive() ? undefined : failures?.tooLarge(shownUrl(address), `maxDuration, ${maxDuration} ms`)),
    isLive,
    stop,
    signal,
  })
  const identity = () => ({
    kind: 'http',
    address: shownUrl(address),
    ...trackIdentity(settings),
    ...opening?.identity,
  })
  const seek = (ms: number, check = (): void => {}): number => {
    if (opening !== undefined || live === true) return 0
    Object.assign(begin, { ms, check })
    return (source.beginsAt = ms)
  }
  return Object.assign(source, {
    [inputIdentity]: identity,
    [seekTo]: seek,
    [canSeek]: () => opening?.canSeek ?? false,
  }) as Readable as HttpSource
}
