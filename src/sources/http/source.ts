import { pipeline, type Readable } from 'node:stream'
import { LiveLimit } from '../../audio/silence.ts'
import { DiarizeStreamError, type Warning } from '../../errors.ts'
import { FfmpegByteDecoder } from '../../ffmpeg/decoder.ts'
import { mediaDuration } from '../../ffmpeg/probe.ts'
import type { HlsAccess } from '../hls/feed.ts'
import { chooseAudio, choosePicture, type HlsResource, isPlaylist, readPlaylist } from '../hls/playlist.ts'
import { hlsParts } from '../hls/source.ts'
import { HttpBody } from './body.ts'
import { type HttpAnswer, HttpClient } from './client.ts'
import { lost, tooLarge, truncated } from './failures.ts'
import { checkAddress, shownUrl } from './address.ts'
import { type HttpSettings, type HttpSourceOptions, resolveHttpOptions } from './options.ts'
import { JoinedSource, type Part } from '../live/parts.ts'
import { ReconnectingSource } from '../live/reconnecting.ts'

/** How much later than it is recorded the audio of a station may come, in ms. */
const LATE_MS = 10_000

/** Playlists that lead to one another. */
const MOST_PLAYLISTS = 4

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
      parts: () => this.#parts(address),
      close: () => this.#client.close(),
      maxDuration,
      tooLong: () => (this.#isLive ? undefined : tooLarge(shownUrl(address), `maxDuration, ${maxDuration} ms`)),
      isLive: () => this.#isLive,
      stop,
      signal,
    })
  }

  async *#parts(address: URL): AsyncGenerator<Part> {
    let url = address
    let picture: URL | undefined
    for (let playlists = 0; ; playlists++) {
      const body = this.#body({ url })
      const answer = await body.open()
      const head = await body.head()
      if (!isPlaylist(head)) {
        yield { stream: this.#isEndless(answer) ? this.#radio(body, url) : this.#file(body, head, url) }
        return
      }
      if (playlists === MOST_PLAYLISTS) throw tooLarge(shownUrl(address), `${MOST_PLAYLISTS} playlists in a row`)
      const playlist = await readPlaylist(body, url, answer.url)
      if (playlist.kind === 'media') {
        this.#isLive = !playlist.ended
        // A redirect may lead to a session of its own, which the playlist must be read from again.
        yield* hlsParts(this.#hlsAccess(), answer.url, playlist, picture)
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

  #body({ url, range, retries }: HlsResource & { retries?: number }): HttpBody {
    return new HttpBody({
      url,
      ...(range !== undefined && { range }),
      client: this.#client,
      settings: this.#settings,
      retries: retries ?? this.#settings.fileRetries,
      onReconnecting: (record) => void this.source.emit('reconnecting', record),
    })
  }

  #hlsAccess(): HlsAccess {
    const { source } = this
    return {
      source,
      settings: this.#settings,
      signal: this.#client.signal,
      open: (resource, retries = this.#settings.fileRetries) => this.#body({ ...resource, retries }),
      decode: (bytes, url, limit) => this.#decoded(bytes, url, limit),
    }
  }

  /** The audio of bytes, decoded by an FFmpeg that reads its stdin only. */
  #decoded(bytes: Readable, url: URL, limit?: LiveLimit): FfmpegByteDecoder {
    const { audioTrack, language, ffmpegPath } = this.#settings
    const stream = new FfmpegByteDecoder({
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

  #file(body: HttpBody, head: Buffer, url: URL): Readable {
    const stream = this.#decoded(body, url)
    this.source.duration = mediaDuration((offset, length) => head.subarray(offset, offset + length), body.total)
    stream.on('warning', (warning: Warning) => {
      // Without a length from the server, what the file says of itself is all there is to know it by.
      if (warning.code === 'INPUT_TRUNCATED' && body.total === undefined) {
        stream.destroy(truncated(shownUrl(url), body.received, body.received + Number(warning['missing'])))
      }
    })
    return stream
  }

  #radio(first: HttpBody, url: URL): Readable {
    const { connectTimeout, stallTimeout } = this.#settings
    first.neverResume()
    const inputName = shownUrl(url)
    return new ReconnectingSource({
      ...this.#settings,
      inputName,
      // Each attempt has to connect, and to send as much as FFmpeg wants before it begins.
      connectTimeout: connectTimeout + stallTimeout,
      maxDuration: Infinity,
      stop: undefined,
      signal: undefined,
      open: (attempt) => {
        const limit = new LiveLimit(LATE_MS)
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
  }
}

/** Errors of an endless stream that no later attempt mends. */
const hopeless = new Set(['ADDRESS_REFUSED', 'INPUT_TOO_LARGE', 'FFMPEG_NOT_FOUND'])
