import { checkInteger, checkKnown, checkSignal, checkString, invalidOption } from '../options.ts'
import type { TrackWish } from './tracks.ts'

/** Options of every stage that decodes with FFmpeg. */
export interface FfmpegOptions {
  /**
   * Which audio track of the input to take: its number, counted from 0, or its language (ISO 639, e.g. `de` or `deu`).
   *
   * @defaultValue the first in `language`, else the one that the input marks as default, else the first
   */
  audioTrack?: number | string
  /**
   * Language of the audio track that is rather taken where there are several and `audioTrack` names none (ISO 639).
   *
   * @defaultValue any
   */
  language?: string
  /**
   * FFmpeg to run: a path, or a name to look up in `PATH`.
   *
   * @defaultValue `FFMPEG_PATH`, `FFMPEG_BIN`, the package ffmpeg-static, then `PATH`
   */
  ffmpegPath?: string
  /** Destroys the stage when it fires. */
  signal?: AbortSignal
}

/** Checks the options of the stage named `where` and fills in the defaults. */
export function resolveFfmpegOptions(
  where: string,
  options: FfmpegOptions,
): TrackWish & { ffmpegPath: string | undefined; signal: AbortSignal | undefined } {
  checkKnown(where, options, ['audioTrack', 'language', 'ffmpegPath', 'signal'])
  const { audioTrack, language, ffmpegPath, signal } = options
  if (typeof audioTrack === 'string') checkLanguage('audioTrack', audioTrack)
  else if (audioTrack !== undefined) checkInteger('audioTrack', audioTrack, 0, 1000)
  if (language !== undefined) checkLanguage('language', language)
  checkString('ffmpegPath', ffmpegPath)
  checkSignal('signal', signal)
  return { audioTrack, language, ffmpegPath, signal }
}

function checkLanguage(name: string, value: unknown): void {
  if (typeof value === 'string' && /^[a-z]{2,3}(?:-[a-z\d-]+)?$/i.test(value)) return
  throw invalidOption(
    name,
    name === 'audioTrack' ? 'an integer from 0 to 1000 or a language code' : 'a language code',
    value,
  )
}
