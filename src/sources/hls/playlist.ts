import { InputError, type Warning } from '../../errors.ts'
import type { TrackWish } from '../../ffmpeg/arguments.ts'
import type { AudioTrack } from '../../ffmpeg/log.ts'
import { chooseTrack, trackLanguage } from '../../ffmpeg/tracks.ts'
import { defined } from '../../options.ts'
import { oneLine } from '../../redact.ts'
import { isHttp, parseUrl, shownUrl } from '../address.ts'
import type { ByteRange } from '../http/body.ts'
import { notPlaylist, tooLarge } from '../http/failures.ts'
import { attributes, type Variables, withVariables } from './variables.ts'

/** A resource, or a part of one. */
export interface HlsResource {
  url: URL
  range?: ByteRange
}

/** How a segment is encrypted. */
export interface HlsKey {
  url: URL
  /** Initialisation vector; the segment's number where absent. */
  iv?: Buffer
}

/** One piece of the media. */
export interface HlsSegment extends HlsResource {
  /** Media sequence number. */
  sequence: number
  /** Length in ms, as the playlist says it. */
  duration: number
  /** Ms to which the playlist rounds lengths: that of the last digit it gives. */
  unit: number
  /** Whether lengths in whole seconds are meant so: the playlist is of a version that has fractions, and uses none. */
  isWhole: boolean
  /** Whether its clock or its format is not that of the segment before. */
  discontinuity: boolean
  /** Number of the last discontinuity up to here, which a playlist of the picture and one of its sound share. */
  discontinuityNumber: number
  /** Header that the segment needs in front. */
  map?: HlsResource & { key?: HlsKey }
  /** AES-128 key; absent where it is not encrypted. */
  key?: HlsKey
  /** Whether there is none: its time is empty. */
  isGap?: boolean
}

/** A playlist of segments. */
export interface MediaPlaylist {
  kind: 'media'
  /** Longest segment in ms. */
  targetDuration: number
  /** Number of the first segment that it lists. */
  mediaSequence: number
  /** Whether nothing will be added. */
  ended: boolean
  segments: HlsSegment[]
}

/** One of several forms of the same programme. */
export interface HlsVariant {
  url: URL
  /** Bits a second. */
  bandwidth: number
  /** Formats of its tracks, e.g. `mp4a.40.2`; empty where it does not say. */
  codecs: string[]
  /** Its audio renditions; empty where it names none. */
  renditions: HlsRendition[]
}

/** One of several forms of the sound of a variant, as a track of it. */
interface HlsRendition extends AudioTrack {
  /** Its playlist; absent where it is the sound of the variant itself. */
  url?: URL
}

/** The playlist that audio is taken from. */
interface AudioChoice {
  url: URL
  /** Whether that was chosen among several renditions, so that nothing is left to choose in it. */
  isChosen: boolean
  /** What is to be said about it, where nobody named one. */
  warning?: Warning
}

/** A playlist of playlists. */
export interface MultivariantPlaylist {
  kind: 'multivariant'
  variants: HlsVariant[]
  /** What the playlists that it leads to may import. */
  variables: Variables
}

/** A list of stations: not HLS, only an address to go on to. */
export interface StationList {
  kind: 'stations'
  first: URL
}

/** Audio formats by the beginning of their name in CODECS. */
const audioCodec = /^(?:mp4a|ac-3|ec-3|ac-4|opus|flac|alac|mp3|vorbis|dts|speex)/i

/** Whether bytes begin like a playlist. */
export function isPlaylist(head: Buffer): boolean {
  return /^(?:\u{feff}|\s)*#EXTM3U(?:\s|$)/u.test(head.toString('utf8', 0, 64))
}

/** Whether bytes begin like a list of stations that is no such playlist: addresses alone (M3U), or PLS. */
export function isAddressList(head: Buffer): boolean {
  return /^(?:\u{feff}|\s)*(?:https?:\/\/|\[playlist\])/iu.test(head.toString('utf8', 0, 64))
}

/** Whether bytes begin like HTML or XML. */
export function isMarkup(head: Buffer): boolean {
  return /^(?:\u{feff}|\s)*<(?:!doctype|!--|html|head|body|\?xml|asx|mpd|rss|playlist)(?![a-z])/iu.test(
    head.toString('utf8', 0, 64),
  )
}

/** Most bytes of a playlist: one of a day, with segments of two seconds, has about five million. */
const MOST_BYTES = 16_777_216

/**
 * Reads all of a playlist.
 *
 * @param url - its address, for messages.
 * @param base - where it came from, to which its entries are relative.
 * @param variables - of the playlist that has led to it.
 * @throws what {@link parsePlaylist} throws, and `INPUT_TOO_LARGE`.
 */
export async function readPlaylist(
  bytes: AsyncIterable<Buffer>,
  url: URL,
  base = url,
  variables: Variables = new Map(),
): Promise<ReturnType<typeof parsePlaylist>> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of bytes) {
    length += chunk.length
    if (length > MOST_BYTES) throw tooLarge(shownUrl(url), `a playlist may be, ${MOST_BYTES} bytes`)
    chunks.push(chunk)
  }
  return parsePlaylist(Buffer.concat(chunks).toString('utf8'), base, variables)
}

/**
 * Parses a playlist; tags that do not matter for audio are ignored.
 *
 * @param base - where it came from.
 * @param given - variables of the playlist that has led to it.
 * @throws InputError `INPUT_NOT_MEDIA` for what is no playlist, one without entries, or one whose variables have no value; `INPUT_UNREADABLE` for
 * encryption that is not known; `ADDRESS_REFUSED` for entries that are no http: or https: addresses.
 */
export function parsePlaylist(
  text: string,
  base: URL,
  given: Variables = new Map(),
): MediaPlaylist | MultivariantPlaylist | StationList {
  const written = text
    .replace(/^\u{feff}/u, '')
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (!/^#EXTM3U(?:\s|$)/.test(written[0] ?? '')) throw notPlaylist('it does not begin with #EXTM3U')
  const { lines, variables } = withVariables(written, base, given)
  if (lines.some((line) => line.startsWith('#EXT-X-STREAM-INF')))
    return { ...parseMultivariant(lines, base), variables }
  if (lines.some((line) => line.startsWith('#EXT-X-'))) return parseMedia(lines, base)
  const [first] = lines.filter((line) => !line.startsWith('#'))
  if (first === undefined) throw notPlaylist('it is empty')
  return { kind: 'stations', first: entry(first, base) }
}

/**
 * The playlist of the picture that an audio rendition belongs to: of its variants the one with the lowest bandwidth.
 * `undefined` where there is none, or where picture and sound are in one playlist.
 */
export function choosePicture({ variants }: MultivariantPlaylist, audio: URL): URL | undefined {
  const [best] = variants
    .filter(({ url, renditions }) => url.href !== audio.href && renditions.some((one) => one.url?.href === audio.href))
    .filter(({ codecs }) => codecs.length === 0 || codecs.some((codec) => !isAudioCodec(codec)))
    .toSorted((a, b) => a.bandwidth - b.bandwidth)
  return best?.url
}

/**
 * The playlist to take the audio from, of the variant with the lowest bandwidth that has audio: of several renditions that which a
 * file's track would be.
 *
 * @param input - its name, for messages.
 * @throws InputError `NO_AUDIO` where there is none, or not the one that was named.
 */
export function chooseAudio({ variants }: MultivariantPlaylist, wish: TrackWish, input: string): AudioChoice {
  const hasOwnPlaylist = ({ url }: HlsRendition): boolean => url !== undefined
  const [best] = variants
    .filter(
      ({ codecs, renditions }) => codecs.length === 0 || codecs.some(isAudioCodec) || renditions.some(hasOwnPlaylist),
    )
    .toSorted((a, b) => a.bandwidth - b.bandwidth)
  if (best === undefined) throw new InputError('NO_AUDIO', 'the playlist has no variant with audio')
  const { url, renditions } = best
  if (renditions.length < 2) return { url: renditions[0]?.url ?? url, isChosen: false }
  const { index, message } = chooseTrack(renditions, wish, input)
  const chosen = renditions[index]
  if (chosen === undefined) {
    const problem = `${input} has no audio track ${index}; it has ${renditions.length}, and audioTrack counts from 0`
    throw new InputError('NO_AUDIO', problem)
  }
  const tracks = renditions.map(({ url: _url, ...track }) => track)
  const warning = message === undefined ? undefined : { code: 'SEVERAL_AUDIO_TRACKS' as const, message, tracks }
  return { url: chosen.url ?? url, isChosen: true, ...(warning && { warning }) }
}

function isAudioCodec(codec: string): boolean {
  return audioCodec.test(codec)
}

function parseMultivariant(lines: readonly string[], base: URL): Omit<MultivariantPlaylist, 'variables'> {
  const groups = new Map<string, HlsRendition[]>()
  for (const line of lines) {
    const media = tagValue(line, 'EXT-X-MEDIA')
    if (media === undefined) continue
    const { TYPE: type, URI: uri, 'GROUP-ID': group = '', LANGUAGE: language, ...more } = attributes(media)
    if (type !== 'AUDIO') continue
    const known = groups.get(group) ?? []
    groups.set(group, known)
    known.push({
      stream: known.length,
      ...(trackLanguage(language) !== 'und' && { language: trackLanguage(language) }),
      isDefault: more['DEFAULT'] === 'YES',
      ...(more['CHARACTERISTICS']?.includes('public.accessibility.describes-video') === true && {
        mark: 'visual impaired',
      }),
      about: oneLine(more['NAME'] ?? '', 60),
      // Without an address it is the sound of the variant itself.
      ...(uri !== undefined && { url: entry(uri, base) }),
    })
  }
  const variants: HlsVariant[] = []
  let described: string | undefined
  for (const line of lines) {
    described = tagValue(line, 'EXT-X-STREAM-INF') ?? described
    // Between the two there may be comments.
    if (described === undefined || line.startsWith('#')) continue
    const { BANDWIDTH: bandwidth, CODECS: codecs = '', AUDIO: group = '' } = attributes(described)
    described = undefined
    variants.push({
      url: entry(line, base),
      bandwidth: Number(bandwidth) || 0,
      codecs: codecs.split(',').flatMap((codec) => (codec.trim() === '' ? [] : [codec.trim()])),
      renditions: groups.get(group) ?? [],
    })
  }
  return { kind: 'multivariant', variants }
}

function parseMedia(lines: readonly string[], base: URL): MediaPlaylist {
  const playlist: MediaPlaylist = { kind: 'media', targetDuration: 0, mediaSequence: 0, ended: false, segments: [] }
  const lengths: string[] = []
  let version = 1
  let duration = 0
  let discontinuity = false
  let discontinuityNumber = 0
  let isGap = false
  let map: HlsSegment['map']
  let key: HlsKey | undefined
  let range: string | undefined
  let rangeEnd = 0
  for (const line of lines) {
    const [, name = '', value = ''] = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/.exec(line) ?? []
    if (name === 'EXT-X-TARGETDURATION') playlist.targetDuration = milliseconds(value)
    else if (name === 'EXT-X-DISCONTINUITY-SEQUENCE') discontinuityNumber = wholeNumber(value)
    else if (name === 'EXT-X-MEDIA-SEQUENCE') playlist.mediaSequence = wholeNumber(value)
    // In place of the first segments, of one who is believed to know them: all others keep their numbers.
    else if (name === 'EXT-X-SKIP') playlist.mediaSequence += wholeNumber(attributes(value)['SKIPPED-SEGMENTS'] ?? '')
    else if (name === 'EXT-X-ENDLIST') playlist.ended = true
    else if (name === 'EXT-X-VERSION') version = wholeNumber(value)
    else if (name === 'EXTINF') {
      duration = milliseconds(value)
      lengths.push(value)
    } else if (name === 'EXT-X-DISCONTINUITY') discontinuity = true
    else if (name === 'EXT-X-GAP') isGap = true
    else if (name === 'EXT-X-BYTERANGE') range = value
    else if (name === 'EXT-X-KEY') key = keyOf(value, base)
    else if (name === 'EXT-X-MAP') {
      const { URI: uri = '', BYTERANGE: part } = attributes(value)
      const resource = { url: entry(uri, base), ...(part !== undefined && { range: byteRange(part, 0) }) }
      map = key === undefined ? resource : { ...resource, key }
    } else if (!line.startsWith('#')) {
      const part = range === undefined ? undefined : byteRange(range, rangeEnd)
      rangeEnd = part === undefined ? 0 : part.offset + part.length
      const sequence = playlist.mediaSequence + playlist.segments.length
      const url = entry(line, base)
      if (discontinuity) discontinuityNumber += 1
      playlist.segments.push({
        url,
        sequence,
        duration,
        unit: 1000,
        isWhole: false,
        discontinuity,
        discontinuityNumber,
        ...defined({ range: part, map, key }),
        ...(isGap && { isGap }),
      })
      duration = 0
      discontinuity = false
      isGap = false
      range = undefined
    }
  }
  const unit = unitOf(lengths)
  for (const segment of playlist.segments) Object.assign(segment, { unit, isWhole: unit === 1000 && version >= 3 })
  if (playlist.segments.length === 0 && playlist.ended) throw notPlaylist('it is empty')
  return playlist
}

function keyOf(value: string, base: URL): HlsKey | undefined {
  const { METHOD: method, URI: uri, IV: iv, KEYFORMAT: format = 'identity' } = attributes(value)
  if (method === 'NONE') return undefined
  if (method !== 'AES-128' || uri === undefined || format !== 'identity') {
    const message = `the playlist is protected by ${oneLine(method ?? 'nothing known', 40)}, which only its own players can read`
    throw new InputError('INPUT_UNREADABLE', message)
  }
  if (iv === undefined) return { url: entry(uri, base) }
  const digits = /^0x([0-9a-f]{1,32})$/i.exec(iv)?.[1]
  if (digits === undefined) throw notPlaylist('a key of it has an IV that is no number of 16 bytes')
  return { url: entry(uri, base), iv: Buffer.from(digits.padStart(32, '0'), 'hex') }
}

/** `length[@offset]`; without an offset the part follows the one before. */
function byteRange(value: string, next: number): ByteRange {
  const [, length = '', offset] = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(value.trim()) ?? []
  if (Number(length) === 0) throw notPlaylist('it has a byte range that is none')
  return { offset: offset === undefined ? next : Number(offset), length: Number(length) }
}

function entry(uri: string, base: URL): URL {
  const url = parseUrl(uri, base)
  if (url !== undefined && isHttp(url)) return url
  const what = url === undefined ? 'what is no address' : `a ${oneLine(url.protocol, 40)} address`
  throw new InputError('ADDRESS_REFUSED', `the playlist names ${what}, which is not opened`)
}

/** A tag's value; `undefined` for any other line. */
function tagValue(line: string, tag: string): string | undefined {
  return line.startsWith(`#${tag}:`) ? line.slice(tag.length + 2) : undefined
}

/** Seconds, as the beginning of a tag's value, in ms, to the microsecond: of a day of segments the errors add up. */
function milliseconds(value: string): number {
  const seconds = Number.parseFloat(value)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(Math.round(seconds * 1e6) / 1000, 86_400_000) : 0
}

/** Ms of the last digit of the lengths of a playlist; by the one with the most, as zeros may be left out. */
function unitOf(lengths: readonly string[]): number {
  const digits = lengths.map((value) => /^\d+\.(\d+)/.exec(value.trim())?.[1]?.length ?? 0)
  return 1000 / 10 ** digits.reduce((most, count) => Math.max(most, Math.min(count, 6)), 0)
}

function wholeNumber(value: string): number {
  const number = Number(value)
  return Number.isSafeInteger(number) && number >= 0 ? number : 0
}
