import { InputError } from '../errors.ts'
import type { DecodingWay, TrackWish } from './arguments.ts'
import { type AudioTrack, type InputFacts, surroundOf, unheardReason } from './log.ts'
import { passThroughRefusal } from './opus-output.ts'

/** Which audio track is taken, and what is to be said about it. */
interface TrackChoice {
  /** From 0. */
  index: number
  /** Where there were several and nobody named one: which was taken, why, and the others. */
  message?: string
}

/** The language of a tag, of which there may be a code of two letters and two of three; `und` where it is none. */
function languageOf(tag: string): string {
  try {
    return new Intl.Locale(tag).language
  } catch {
    return 'und'
  }
}

function sameLanguage(first: string, second: string): boolean {
  const [one, other] = [languageOf(first), languageOf(second)]
  return one !== 'und' && one === other
}

/** The first track in `language`; one that is in no other, if there is, as TV has the original beside the translation in one. */
function findLanguage(tracks: readonly AudioTrack[], language: string): AudioTrack | undefined {
  const codes = (track: AudioTrack): string[] => (track.language ?? '').split(',')
  const isIn = (code: string): boolean => sameLanguage(code, language)
  return tracks.find((track) => codes(track).every(isIn)) ?? tracks.find((track) => codes(track).some(isIn))
}

/**
 * Chooses among the audio tracks of `input`: the one that is named; else the first in the language; else the one that the
 * input marks as default; else the first. One that cannot be heard is taken only where none can that is asked for, and so is one that
 * is not for all, such as a description of the pictures, which stands first in many a file, as default even.
 *
 * @throws InputError `NO_AUDIO` where none is in the language that was named.
 */
export function chooseTrack(
  tracks: readonly AudioTrack[],
  { audioTrack, language }: TrackWish,
  input: string,
): TrackChoice {
  if (typeof audioTrack === 'number') return { index: audioTrack }
  const heard = tracks.filter((track) => unheardReason(track) === undefined)
  const audible = heard.length > 0 ? heard : tracks
  const forAll = audible.filter(({ mark }) => mark === undefined)
  const find = (code: string): AudioTrack | undefined => findLanguage(forAll, code) ?? findLanguage(audible, code)
  if (audioTrack !== undefined) {
    const named = find(audioTrack) ?? findLanguage(tracks, audioTrack)
    if (named !== undefined) return { index: tracks.indexOf(named) }
    const has = tracks.map((track, at) => describe(track, at)).join('; ')
    throw new InputError('NO_AUDIO', `${input} has no audio track in '${audioTrack}'; it has ${has || 'none'}`)
  }
  const candidates = forAll.length > 0 ? forAll : audible
  const inLanguage = language === undefined ? undefined : find(language)
  const byDefault = candidates.find(({ isDefault }) => isDefault)
  const taken = inLanguage ?? byDefault ?? candidates[0]
  if (taken === undefined || tracks.length < 2) return { index: 0 }
  const index = tracks.indexOf(taken)
  const isForAll = candidates.length < audible.length
  const first = index === 0 ? 'the first' : `the first that ${isForAll ? 'is for all' : 'can be heard'}`
  const why =
    inLanguage !== undefined ? 'for its language' : byDefault !== undefined ? 'which it marks as default' : first
  const others = tracks
    .flatMap((track, at) =>
      at === index ? [] : [describe(track, at, heard.length > 0 ? unheardReason(track) : undefined)],
    )
    .join('; ')
  const message = `${input} has ${tracks.length} audio tracks; taken was ${describe(taken, index)}, ${why}. Not taken: ${others}. Name one by audioTrack (--audio-track)`
  return { index, message }
}

function describe({ language, about, mark }: AudioTrack, index: number, unheard?: string): string {
  const what = [language, about, mark].filter((part) => part !== undefined).join(', ')
  return `${index} (${what}${unheard === undefined ? '' : `: ${unheard}`})`
}

/** What is wished of an input. */
export interface InputWish extends TrackWish {
  /** The input as people know it. */
  inputName: string
  /** Whether packets are to be handed on as they are, and why that cannot be whatever the input is. */
  passThrough?: boolean
  packetsRefusal: string | undefined
  /** Whether its channels are to become one. */
  isMono: boolean
}

/** What {@link wayOf} has found. */
export interface FoundWay {
  way: DecodingWay
  /** Whether that is another way than the one in which FFmpeg has begun. */
  isOther: boolean
  /** Which of several tracks was taken, and why, where nobody named one. */
  message?: string | undefined
  /** Why packets are not handed on, where that was wished. */
  refusal?: string | undefined
}

/**
 * The way in which an input is to be decoded, by what FFmpeg says of it, where it was begun in the way `begun`.
 *
 * @throws InputError `NO_AUDIO` where no track is in the language that was named.
 */
export function wayOf(facts: InputFacts, begun: DecodingWay, wish: InputWish): FoundWay {
  const { container, tracks } = facts
  // Of one that FFmpeg could not open nothing is known; how it ends says why.
  const isKnown = container !== ''
  const { index, message }: TrackChoice = isKnown ? chooseTrack(tracks, wish, wish.inputName) : { index: begun.track }
  const track = tracks[index]
  const asks = isKnown && wish.passThrough === true
  const refusal = asks && !begun.copies ? (wish.packetsRefusal ?? passThroughRefusal(track)) : undefined
  const copies = asks && refusal === undefined
  const surround = wish.isMono ? track && surroundOf(track, container) : undefined
  const isSurround = surround !== undefined && begun.surround === undefined
  const isOther = index !== begun.track || copies !== begun.copies || isSurround
  return { way: isOther ? { ...begun, track: index, copies, surround } : begun, isOther, message, refusal }
}

/** ISO 639-1 codes and the ISO 639-2 codes that containers want. */
const codes =
  'af:afr ar:ara be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng es:spa et:est eu:eus ' +
  'fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun hy:hye id:ind is:isl it:ita ja:jpn ka:kat ' +
  'kk:kaz kn:kan ko:kor lt:lit lv:lav mk:mkd ml:mal mr:mar ms:msa nb:nob nl:nld nn:nno no:nor pa:pan pl:pol pt:por ' +
  'ro:ron ru:rus sk:slk sl:slv sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tl:tgl tr:tur uk:ukr ur:urd uz:uzb ' +
  'vi:vie xh:xho yue:yue zh:zho zu:zul'
const threeLetters = new Map(codes.split(' ').map((pair) => pair.split(':') as [string, string]))

/**
 * The code of three letters under which players list a text track.
 *
 * @param language - BCP 47, e.g. `de` or `pt-BR`.
 * @returns `und`, undetermined, where there is none or it is not known.
 */
export function trackLanguage(language: string | undefined): string {
  const code = language?.toLowerCase().split('-')[0] ?? ''
  return threeLetters.get(code) ?? (/^[a-z]{3}$/.test(code) ? code : 'und')
}
