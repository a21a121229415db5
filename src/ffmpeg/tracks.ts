import { InputError } from '../errors.ts'
import type { AudioTrack } from './log.ts'

/** Which audio track is wanted. */
export interface TrackWish {
  /** Its number, from 0, or its language; absent where nobody has said. */
  audioTrack: number | string | undefined
  /** The language that is rather taken where nobody has said more. */
  language?: string | undefined
}

/** Which audio track is taken, and what is to be said about it. */
export interface TrackChoice {
  /** From 0. */
  index: number
  /** Where there were several and nobody named one: which was taken, why, and the others. */
  message?: string
}

/** Codes of three letters that libraries use instead of those of the languages' own names. */
const bibliographic = new Map(
  'alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell ice:isl mac:mkd mao:mri may:msa per:fas rum:ron slo:slk tib:bod wel:cym'
    .split(' ')
    .map((pair) => pair.split(':') as [string, string]),
)

function sameLanguage(first: string, second: string): boolean {
  const [one, other] = [first, second].map((code) => trackLanguage(code)).map((code) => bibliographic.get(code) ?? code)
  return one !== 'und' && one === other
}

/** The first track in `language`; one that is in no other, if there is, as TV has the original beside the translation in one. */
function findLanguage(tracks: readonly AudioTrack[], language: string): number {
  const has = tracks.map((track) => (track.language ?? '').split(',').map((code) => sameLanguage(code, language)))
  const alone = has.findIndex((codes) => codes.every(Boolean))
  return alone >= 0 ? alone : has.findIndex((codes) => codes.some(Boolean))
}

/**
 * Chooses among the audio tracks of `input`: the one that is named; else the first in the language; else the one that the
 * input marks as default; else the first.
 *
 * @throws InputError `NO_AUDIO` where none is in the language that was named.
 */
export function chooseTrack(
  tracks: readonly AudioTrack[],
  { audioTrack, language }: TrackWish,
  input: string,
): TrackChoice {
  if (typeof audioTrack === 'number') return { index: audioTrack }
  if (audioTrack !== undefined) {
    const index = findLanguage(tracks, audioTrack)
    if (index >= 0) return { index }
    const has = tracks.map((track, at) => describe(track, at)).join('; ')
    throw new InputError('NO_AUDIO', `${input} has no audio track in '${audioTrack}'; it has ${has || 'none'}`)
  }
  const inLanguage = language === undefined ? -1 : findLanguage(tracks, language)
  const byDefault = tracks.findIndex(({ isDefault }) => isDefault)
  const index = Math.max(0, inLanguage >= 0 ? inLanguage : byDefault)
  if (tracks.length < 2) return { index }
  const why = inLanguage >= 0 ? `for its language` : byDefault >= 0 ? 'which it marks as default' : 'the first'
  const others = tracks.flatMap((track, at) => (at === index ? [] : [describe(track, at)])).join('; ')
  const taken = `${input} has ${tracks.length} audio tracks; taken was ${describe(tracks[index]!, index)}, ${why}`
  return { index, message: `${taken}. Not taken: ${others}. Name one by audioTrack (--audio-track)` }
}

function describe({ language, about }: AudioTrack, index: number): string {
  return `${index} (${language === undefined ? '' : `${language}, `}${about})`
}

/** ISO 639-1 codes and the ISO 639-2 codes that containers want. */
const CODES =
  'af:afr ar:ara be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng es:spa et:est eu:eus ' +
  'fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun hy:hye id:ind is:isl it:ita ja:jpn ka:kat ' +
  'kk:kaz kn:kan ko:kor lt:lit lv:lav mk:mkd ml:mal mr:mar ms:msa nb:nob nl:nld nn:nno no:nor pa:pan pl:pol pt:por ' +
  'ro:ron ru:rus sk:slk sl:slv sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tl:tgl tr:tur uk:ukr ur:urd uz:uzb ' +
  'vi:vie xh:xho yue:yue zh:zho zu:zul'

const THREE_LETTERS: ReadonlyMap<string, string> = new Map(
  CODES.split(' ').map((pair) => pair.split(':') as [string, string]),
)

/**
 * The code of three letters under which players list a text track.
 *
 * @param language - BCP 47, e.g. `de` or `pt-BR`.
 * @returns `und`, undetermined, where there is none or it is not known.
 */
export function trackLanguage(language: string | undefined): string {
  const code = language?.toLowerCase().split('-')[0] ?? ''
  return THREE_LETTERS.get(code) ?? (/^[a-z]{3}$/.test(code) ? code : 'und')
}
