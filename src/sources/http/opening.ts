import { pipeline, type Readable } from 'node:stream'
import { SilenceLimit } from '../../audio/silence.ts'
import type { InputIdentity } from '../../checkpoint/checkpoint.ts'
import { DiarizeStreamError, type Warning } from '../../errors.ts'
import { FfmpegByteDecoder } from '../../ffmpeg/byte-decoder.ts'
import { FfmpegDecoder } from '../../ffmpeg/decoder.ts'
import { findFfmpeg, readsHttp } from '../../ffmpeg/find.ts'
import { mayBeLonger } from '../../ffmpeg/bytes/file-kinds.ts'
import { mediaDuration } from '../../ffmpeg/probe.ts'
import { defined } from '../../options.ts'
import type { HlsAccess } from '../hls/feed.ts'
import {
  chooseAudio,
  choosePicture,
  type HlsResource,
  isAddressList,
  isMarkup,
  isPlaylist,
  type MediaPlaylist,
  type MultivariantPlaylist,
  readPlaylist,
} from '../hls/playlist.ts'
import { hlsParts } from '../hls/source.ts'
import type { Variables } from '../hls/variables.ts'
import { HttpBody, type KnownContent, knownContent } from './body.ts'
import { type HttpAnswer, HttpClient } from './client.ts'
import { changed, lost, notAudio, notPlaylist, tooLarge, truncated, webPage } from './failures.ts'
import { RemoteFile } from './remote-file.ts'
import { shownUrl } from '../address.ts'
import type { HttpSettings } from './options.ts'
import { seekTo } from '../../stage.ts'
import { lookAt } from '../file.ts'
import type { JoinedSource, Part } from '../live/parts.ts'
import { ReconnectingSource } from '../live/reconnecting.ts'

/** How much later than it is recorded the audio of a station may come, in ms. */
const LATE_MS = 10_000

/** Playlists that lead to one another. */
const MOST_PLAYLISTS = 4

/** Where a source begins that goes on with a file. */
export interface Beginning {
  /** Ms of the file; 0 for one that begins with it. */
  ms: number
  /** Refuses another file than the one that is gone on with, as soon as all is known by which it would be told from that. */
  check: () => void
}

/** A playlist of segments: where it is to be read again, and the playlist of its picture, where that has one of its own. */
interface FoundPlaylist {
  playlist: MediaPlaylist
  url: URL
  picture: URL | undefined
}

/** What is no playlist. */
interface FoundContent {
  answer: HttpAnswer
  body: HttpBody
  head: Buffer
  url: URL
}

/** All that one source opens: a file, a station, or the playlists of HLS and what they name. */
export class HttpOpening {
  readonly #source: JoinedSource
  readonly #address: URL
  readonly #client: HttpClient
  readonly #settings: HttpSettings
  /** Whether what is read cannot be held back, as far as is known. */
  isLive: boolean
  /** What tells a file from another in its place, once it is opened. */
  identity: InputIdentity = {}
  readonly #begin: Beginning
  /** Whether one of several renditions has been chosen, in which nothing is left to choose. */
  #hasChosen = false
  /** What a playlist of segments may import of the one that has led to it. */
  #variables: Variables = new Map()
  /** What decodes a file in which one can seek, as far as its server says. */
  #decoder: FfmpegDecoder | undefined

  constructor(address: URL, settings: HttpSettings, source: JoinedSource, begin: Beginning) {
    this.#address = address
    this.#settings = settings
    this.#source = source
    this.#begin = begin
    this.isLive = settings.live === true
    this.#client = new HttpClient(address, settings)
  }

  /** Makes everything that is waited for fail at once. */
  close(): void {
    this.#client.close()
  }

  /** Whether it could begin later with all samples at the same times, by what has come so far. */
  get canSeek(): boolean {
    return this.#decoder?.isTrueToClock ?? false
  }

  /** What the source is made of, one after the other. */
  async *parts(): AsyncGenerator<Part> {
    const address = this.#address
    const sought = this.#begin.ms > 0 ? await this.#sought(address) : undefined
    if (sought !== undefined) {
      yield { stream: sought }
      return
    }
    const found = await this.#follow(this.#settings.fileRetries)
    if ('playlist' in found) {
      // A playlist is in its place.
      if (this.#begin.ms > 0) throw changed(shownUrl(address))
      this.isLive = !found.playlist.ended
      // A redirect may lead to a session of its own, which the playlist must be read from again.
      yield* hlsParts(this.#hlsAccess(), found.url, found.playlist, found.picture)
      return
    }
    const { answer, body, head, url } = found
    // What has no end is opened again when it ends.
    this.isLive = this.#settings.live ?? isStation(answer)
    if (!this.isLive) this.identity = identityOf(answer, body.total)
    if (this.#begin.ms > 0) this.#begin.check()
    const stream = this.isLive ? this.#radio(body, url) : this.#file(body, head, url)
    if (!this.isLive && knownContent(answer) !== undefined) this.#decoder = stream as FfmpegDecoder
    // Whose server gives no parts of it is read from its beginning.
    yield { stream, skip: this.#begin.ms }
  }

  /** What the address leads to, over lists of stations and of variants: a playlist of segments, or what is none. */
  async #follow(retries: number): Promise<FoundPlaylist | FoundContent> {
    const address = this.#address
    let url = address
    let picture: URL | undefined
    let variables: Variables = new Map()
    for (let playlists = 0; ; playlists++) {
      const body = this.#body({ url, retries })
      try {
        const answer = await body.open()
        const head = await body.head()
        if (isAddressList(head)) throw notAudio(shownUrl(url))
        if (isMarkup(head)) throw webPage(shownUrl(url))
        if (!isPlaylist(head)) return { answer, body, head, url }
        if (playlists === MOST_PLAYLISTS) throw tooLarge(shownUrl(address), `${MOST_PLAYLISTS} playlists in a row`)
        const playlist = await readPlaylist(body, url, answer.url, variables)
        if (playlist.kind === 'media') {
          this.#variables = variables
          return { playlist, url: answer.url, picture }
        }
        picture = undefined
        if (playlist.kind === 'stations') url = playlist.first
        else {
          url = this.#choose(playlist)
          picture = choosePicture(playlist, url)
          variables = playlist.variables
        }
      } catch (error) {
        body.destroy()
        throw error
      }
    }
  }

  /** The playlist of the sound, as the user has wished it of the tracks of a file. */
  #choose(playlist: MultivariantPlaylist): URL {
    const { url, isChosen, warning } = chooseAudio(playlist, this.#settings, shownUrl(this.#address))
    if (warning !== undefined && !this.#hasChosen) this.#source.emit('warning', warning)
    this.#hasChosen ||= isChosen
    return url
  }

  /** The playlist that the address leads to now, where that is one; asked once. */
  async #findAgain(): Promise<FoundPlaylist> {
    const found = await this.#follow(0)
    if ('playlist' in found) return found
    found.body.destroy()
    throw notPlaylist('it has become something else')
  }

  /** The file from where it is to begin; `undefined` where it cannot begin there with all samples at their times. */
  async #sought(url: URL): Promise<FfmpegDecoder | undefined> {
    const { ffmpegPath, audioTrack, language } = this.#settings
    const file = await RemoteFile.open((range, known) => this.#body({ url, range, known }))
    if (file === undefined) return undefined
    this.identity = identityOf(file.answer, file.known.size)
    this.#begin.check()
    const found = await file.look((readAt, size) => ({
      ...lookAt(readAt, size, false),
      isPlaylist: isPlaylist(readAt(0, 32)),
    }))
    if (found?.readable !== true || found.isPlaylist || !(await readsHttp(findFfmpeg(ffmpegPath)))) return undefined
    const { input, close } = await file.serve((error) => stream.destroy(error))
    const stream: FfmpegDecoder = new FfmpegDecoder({
      input,
      inputName: shownUrl(url),
      missing: found.missing,
      silences: found.silences,
      audioTrack,
      language,
      ffmpegPath,
      signal: undefined,
    })
    stream.once('close', close)
    this.#source.duration = found.duration
    this.#decoder = stream
    stream[seekTo](this.#begin.ms)
    return stream
  }

  #body({
    url,
    range,
    known,
    retries,
  }: HlsResource & { retries?: number; known?: KnownContent | undefined }): HttpBody {
    return new HttpBody({
      url,
      known,
      ...defined({ range }),
      client: this.#client,
      settings: this.#settings,
      retries: retries ?? this.#settings.fileRetries,
      onReconnecting: (record) => void this.#source.emit('reconnecting', record),
    })
  }

  #hlsAccess(): HlsAccess {
    const source = this.#source
    return {
      source,
      settings: this.#settings,
      signal: this.#client.signal,
      open: (resource, retries = this.#settings.fileRetries) => this.#body({ ...resource, retries }),
      variables: () => this.#variables,
      findAgain: () => this.#findAgain(),
      decode: (bytes, url, limit) => this.#decoded(bytes, url, limit),
    }
  }

  /** The audio of bytes, decoded by an FFmpeg that reads its stdin only. */
  #decoded(bytes: Readable, url: URL, limit?: SilenceLimit): FfmpegByteDecoder {
    const { audioTrack, language, ffmpegPath } = this.#settings
    const stream = new FfmpegByteDecoder({
      inputName: shownUrl(url),
      audioTrack: this.#hasChosen ? undefined : audioTrack,
      language: this.#hasChosen ? undefined : language,
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
    const readAt = (offset: number, length: number): Buffer => head.subarray(offset, offset + length)
    if (!mayBeLonger(readAt, body.total ?? Infinity)) this.#source.duration = mediaDuration(readAt, body.total)
    stream.on('warning', (warning: Warning) => {
      // What another file follows did not break off.
      const isAtEnd = stream.writableEnded && stream.writableLength === 0
      // Where the server does not mark the end, what the file says of itself is all there is to know it by.
      if (warning.code === 'INPUT_TRUNCATED' && isAtEnd && !body.isEndCertain) {
        stream.destroy(truncated(shownUrl(url), body.received, body.received + Number(warning['missing'])))
      }
    })
    return stream
  }

  #radio(first: HttpBody, url: URL): Readable {
    const { connectTimeout, stallTimeout } = this.#settings
    first.neverResume()
    const inputName = shownUrl(url)
    let body = first
    return new ReconnectingSource({
      ...this.#settings,
      inputName,
      // Each attempt has to connect, and to send as much as FFmpeg wants before it begins.
      connectTimeout: connectTimeout + stallTimeout,
      // The stream that this is a part of ends it early, or is destroyed.
      stop: undefined,
      signal: undefined,
      open: (attempt) => {
        const limit = new SilenceLimit(LATE_MS)
        if (attempt === 1) return this.#decoded(first, url, limit)
        body = this.#body({ url, retries: 0 })
        body.neverResume()
        return this.#decoded(body, url, limit)
      },
      knownAt: () => body.soundAt,
      explain: (error, heard) => {
        if (error === undefined) return { error: lost(inputName), final: false }
        if (!(error instanceof DiarizeStreamError)) return { error, final: true }
        return { error, final: hopeless.has(error.code) || (!heard && !error.retryable) }
      },
    })
  }
}

/** Whether the server says that it is a radio station, and not how long its answer is. */
function isStation({ headers }: HttpAnswer): boolean {
  const names = Object.keys(headers)
  return !names.includes('content-length') && names.some((name) => name.startsWith('icy-') || name.startsWith('ice-'))
}

function identityOf({ headers }: HttpAnswer, size: number | undefined): InputIdentity {
  const { etag, 'last-modified': modified } = headers
  return defined({ size, etag, modified })
}

/** Errors of an endless stream that no later attempt mends. */
const hopeless = new Set(['ADDRESS_REFUSED', 'INPUT_TOO_LARGE', 'FFMPEG_NOT_FOUND'])
