import { pipeline, type Readable } from 'node:stream'
import type { AudioFormat } from '../../audio/format.ts'
import { LiveLimit } from '../../audio/silence.ts'
import { DiarizeStreamError, type Warning } from '../../errors.ts'
import { FfmpegByteStream } from '../../ffmpeg/byte-stream.ts'
import { mediaDuration } from '../../ffmpeg/duration.ts'
import { requestFormat, streamStartedAt } from '../../stage.ts'
import { HlsFeed } from '../hls/feed.ts'
import { type HlsAccess, hlsParts, PictureStarts } from '../hls/source.ts'
import { chooseAudio, choosePicture, isPlaylist, type MediaPlaylist, parsePlaylist } from '../hls/playlist.ts'
import { HttpBody, type HttpBodyOptions } from './body.ts'
import { type HttpAnswer, HttpClient } from './client.ts'
import { lost, tooLarge, truncated } from './failures.ts'
import { checkAddress, shownUrl } from './address.ts'
import { type HttpSettings, type HttpSourceOptions, resolveHttpOptions } from './options.ts'
import type { SourceGap } from '../live/timeline.ts'
import { JoinedSource, type Part } from '../live/parts.ts'
import { ReconnectingSource } from '../live/reconnecting.ts'

/** Bytes of a playlist: one of a day, with segments of two seconds, has about five million. */
const MOST_PLAYLIST_BYTES = 16_777_216

/** Longest finished playlist, in ms: what it says is long and has no sound is made of silence. */
const MOST_PLAYLIST_MS = 7 * 86_400_000

/** How much later than it is recorded the audio of a station may come, in ms, at least and at most. */
const LATE_MS = { least: 2000, most: 10_000 }

/** Playlists that lead to one another. */
const MOST_PLAYLISTS = 4

/** Attempts in a row to read a picture beside an audio rendition. */
const MOST_PICTURE_RETRIES = 2

/**
 * Reads audio or video from an `http:` or `https:` address as a WAV byte stream: 16-bit PCM in its own sample rate and
 * channels, or in those that `resample()` asks for when it comes next. Takes files, endless radio (also old servers that
 * answer `ICY 200 OK`), and HLS playlists, finished and live.
 *
 * A file whose connection drops or stalls is resumed where it was; it ends only when it has come whole, and fails with
 * `INPUT_TRUNCATED` otherwise. An endless stream is opened again; see the events. Of an HLS playlist the variant with the
 * lowest bandwidth is taken, or its audio rendition.
 *
 * Only Node opens connections: FFmpeg gets the bytes. Nothing is opened before somebody wants audio.
 *
 * Its property `duration` is the length in ms, where that is known by the time of the first audio.
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
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`, it is shorter than its header says: `INPUT_TRUNCATED`; or longer: `WAV_SIZE_WRONG`; or it has several audio tracks: `SEVERAL_AUDIO_TRACKS`; or its times leap further than can be: `TIMESTAMP_JUMP`; or channels that cancel each other out: `CHANNELS_CANCEL`
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): Readable {
  const settings = resolveHttpOptions(options)
  const address = checkAddress(url)
  const opening = new HttpOpening(address, settings)
  return opening.source
}

/** All that one source opens. */
class HttpOpening {
  readonly source: JoinedSource
  readonly #client: HttpClient
  readonly #settings: HttpSettings
  #isLive: boolean

  constructor(address: URL, settings: HttpSettings) {
    this.#settings = settings
    this.#isLive = settings.live === true
    this.#client = new HttpClient(address, settings)
    const { maxDuration, stop, signal } = settings
    this.source = new JoinedSource({
      parts: (format) => this.#parts(address, format),
      close: () => this.#client.close(),
      maxDuration,
      tooLong: () => (this.#isLive ? undefined : tooLarge(shownUrl(address), `maxDuration, ${maxDuration} ms`)),
      isLive: () => this.#isLive,
      stop,
      signal,
    })
  }

  async *#parts(address: URL, format: () => AudioFormat | undefined): AsyncGenerator<Part> {
    let url = address
    let picture: URL | undefined
    for (let playlists = 0; ; playlists++) {
      const body = this.#body({ url })
      const answer = await body.open()
      const head = await body.head()
      if (!isPlaylist(head)) {
        yield {
          stream: this.#isEndless(answer) ? this.#radio(body, url, format()) : this.#file(body, head, url, format()),
        }
        return
      }
      if (playlists === MOST_PLAYLISTS) throw tooLarge(shownUrl(address), `${MOST_PLAYLISTS} playlists in a row`)
      const playlist = parsePlaylist(await this.#text(body, url), answer.url)
      if (playlist.kind === 'media') {
        // A redirect may lead to a session of its own, which the playlist must be read from again.
        yield* this.#hls(answer.url, playlist, format, picture)
        return
      }
      url = playlist.kind === 'stations' ? playlist.first : chooseAudio(playlist)
      picture = playlist.kind === 'stations' ? undefined : choosePicture(playlist, url)
    }
  }

  /** Whether what comes has no end, and is to be opened again when it ends. */
  #isEndless({ headers }: HttpAnswer): boolean {
    const isStation = Object.keys(headers).some((name) => name.startsWith('icy-') || name.startsWith('ice-'))
    this.#isLive = this.#settings.live ?? (isStation && headers['content-length'] === undefined)
    return this.#isLive
  }

  #body(options: Pick<HttpBodyOptions, 'url' | 'range'> & { retries?: number }): HttpBody {
    const { fileRetries } = this.#settings
    return new HttpBody({
      client: this.#client,
      settings: this.#settings,
      retries: fileRetries,
      onReconnecting: (record) => void this.source.emit('reconnecting', record),
      ...options,
    })
  }

  /** The content of a playlist, which is never large. */
  async #text(body: HttpBody, url: URL): Promise<string> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MOST_PLAYLIST_BYTES) throw tooLarge(shownUrl(url), `a playlist may be, ${MOST_PLAYLIST_BYTES} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  /** The audio of bytes, decoded by an FFmpeg that reads its stdin only. */
  #decoded(bytes: Readable, url: URL, limit?: LiveLimit): FfmpegByteStream {
    const { audioTrack, language, ffmpegPath } = this.#settings
    const stream = new FfmpegByteStream({
      inputName: shownUrl(url),
      audioTrack,
      language,
      ffmpegPath,
      limit,
      signal: undefined,
      onWanted: () => {
        if (bytes.errored !== null) return void stream.destroy(bytes.errored)
        bytes.once('error', (error) => stream.destroy(error))
        // An end of either ends the other; errors reach the user as the error of the source.
        pipeline(bytes, stream, () => {})
      },
    })
    return stream
  }

  #file(body: HttpBody, head: Buffer, url: URL, format: AudioFormat | undefined): Readable {
    const stream = this.#decoded(body, url)
    stream.on('gap', (gap: SourceGap) => void this.source.emit('gap', gap))
    if (format !== undefined) stream[requestFormat](format)
    this.source.duration = mediaDuration((offset, length) => head.subarray(offset, offset + length), body.total)
    stream.on('warning', (warning: Warning) => {
      // Without a length from the server, what the file says of itself is all there is to know it by.
      if (warning.code === 'INPUT_TRUNCATED' && body.total === undefined) {
        stream.destroy(truncated(shownUrl(url), body.received, body.received + Number(warning['missing'])))
      } else {
        this.source.emit('warning', warning)
      }
    })
    return stream
  }

  #radio(first: HttpBody, url: URL, format: AudioFormat | undefined): Readable {
    const { connectTimeout, stallTimeout } = this.#settings
    first.neverResume()
    const inputName = shownUrl(url)
    const station = new ReconnectingSource({
      ...this.#settings,
      inputName,
      // Each attempt has to connect, and to send as much as FFmpeg wants before it begins.
      connectTimeout: connectTimeout + stallTimeout,
      maxDuration: Infinity,
      stop: undefined,
      signal: undefined,
      open: (attempt) => {
        const limit = new LiveLimit(LATE_MS.most)
        if (attempt === 1) return this.#decoded(first, url, limit)
        const body = this.#body({ url, retries: 0 })
        body.neverResume()
        return this.#decoded(body, url, limit)
      },
      explain: (error, heard) => {
        if (error === undefined) return { error: lost(inputName), final: false }
        if (!(error instanceof DiarizeStreamError)) return { error, final: true }
        return { error, final: hopeless.has(error.code) || (!heard && !error.retryable) }
      },
    })
    if (format !== undefined) station[requestFormat](format)
    for (const event of ['gap', 'reconnecting', 'warning']) {
      station.on(event, (record) => void this.source.emit(event, record))
    }
    return station
  }

  async *#hls(
    url: URL,
    first: MediaPlaylist,
    format: () => AudioFormat | undefined,
    pictureUrl: URL | undefined,
  ): AsyncGenerator<Part> {
    const feed = new HlsFeed({
      url,
      settings: this.#settings,
      signal: this.#client.signal,
      first,
      read: (playlist) => this.#text(this.#body({ url: playlist, retries: 0 }), playlist),
      onReconnecting: (record) => void this.source.emit('reconnecting', record),
    })
    this.#isLive = feed.isLive
    // Segments come whole, and what says that there are new ones may be a copy that is as old as one.
    const late = Math.min(LATE_MS.most, Math.max(LATE_MS.least, 3 * first.targetDuration))
    const limit = feed.isLive ? new LiveLimit(late) : undefined
    if (feed.isLive) this.source[streamStartedAt] = new Date(Date.now() - feed.position)
    else if (feed.position > MOST_PLAYLIST_MS) throw tooLarge(shownUrl(url), 'a playlist may be, 7 days')
    // Of a live playlist nobody knows which segment of the picture's belongs to its first.
    const pictures = feed.isLive || pictureUrl === undefined ? undefined : await this.#pictures(pictureUrl, first)
    if (!feed.isLive) this.source.duration = Math.round(Math.max(feed.position, pictures?.duration ?? 0))
    yield* hlsParts(feed, {
      limit,
      ...(pictures !== undefined && { picture: (discontinuities) => pictures.find(discontinuities) }),
      fetch: ({ url: segment, range }) => this.#body({ url: segment, range }),
      decode: (bytes) => {
        const stream = this.#decoded(bytes, url, limit)
        const wanted = format()
        if (wanted !== undefined) stream[requestFormat](wanted)
        stream.on('warning', (warning: Warning) => void this.source.emit('warning', warning))
        let from = 0
        stream.once('readable', () => (from = Math.round(this.source.position)))
        stream.on('gap', ({ start, end, missing }: SourceGap) => {
          this.source.emit('gap', { start: from + start, end: from + end, missing })
        })
        return stream
      },
      onLost: (from, ms) => {
        const [start, missing] = [Math.round(from), Math.round(ms)]
        const isFilled = this.#settings.gaps === 'silence'
        this.source.emit('gap', { start, end: isFilled ? start + missing : start, missing })
        return isFilled ? ms : 0
      },
    })
  }

  /** The pictures beside an audio rendition; `undefined` where their playlist cannot be read, or has no end yet. */
  async #pictures(url: URL, audio: MediaPlaylist): Promise<PictureStarts | undefined> {
    // It only says where the audio begins, which is not worth a long wait.
    const retries = Math.min(MOST_PICTURE_RETRIES, this.#settings.fileRetries)
    try {
      const body = this.#body({ url, retries })
      const answer = await body.open()
      const playlist = parsePlaylist(await this.#text(body, url), answer.url)
      if (playlist.kind !== 'media' || !playlist.ended) return undefined
      const fetch: HlsAccess['fetch'] = ({ url: segment, range }) => this.#body({ url: segment, range, retries })
      return new PictureStarts(playlist, audio, fetch, this.#client.signal)
    } catch {
      this.#client.signal.throwIfAborted()
      return undefined
    }
  }
}

/** Errors of an endless stream that no later attempt mends. */
const hopeless = new Set(['ADDRESS_REFUSED', 'INPUT_TOO_LARGE', 'FFMPEG_NOT_FOUND'])
