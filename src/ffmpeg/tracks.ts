import { InputError } from '../errors.ts'
import { trackLanguage } from './language-code.ts'
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

function sameLanguage(track: AudioTrack, language: string): boolean {
  if (track.language === undefined) return false
  const code = track.language.toLowerCase()
  const wanted = trackLanguage(language)
  return wanted !== 'und' && wanted === trackLanguage(bibliographic.get(code) ?? code)
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
    const index = tracks.findIndex((track) => sameLanguage(track, audioTrack))
    if (index >= 0) return { index }
    const has = tracks.map((track, at) => describe(track, at)).join('; ')
    throw new InputError('NO_AUDIO', `${input} has no audio track in '${audioTrack}'; it has ${has || 'none'}`)
  }
  const inLanguage = language === undefined ? -1 : tracks.findIndex((track) => sameLanguage(track, language))
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
