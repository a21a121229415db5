import { checkInteger, checkKnown, checkSignal, checkString } from '../options.ts'

/** Options of every stage that decodes with FFmpeg. */
export interface FfmpegOptions {
  /**
   * Which audio track of the input to take, counted from 0.
   *
   * @defaultValue 0
   */
  audioTrack?: number
  /**
   * FFmpeg to run: a path, or a name to look up in `PATH`.
   *
   * @defaultValue `FFMPEG_PATH`, `FFMPEG_BIN`, the package ffmpeg-static, then `PATH`
   */
  ffmpegPath?: string
  /** Destroys the stage when it fires. */
  signal?: AbortSignal
}

const defaults = { audioTrack: 0 }

/** Checks the options of the stage named `where` and fills in the defaults. */
export function resolveFfmpegOptions(
  where: string,
  options: FfmpegOptions,
): { audioTrack: number; ffmpegPath: string | undefined; signal: AbortSignal | undefined } {
  checkKnown(where, options, ['audioTrack', 'ffmpegPath', 'signal'])
  const { audioTrack = defaults.audioTrack, ffmpegPath, signal } = options
  checkInteger('audioTrack', audioTrack, 0, 1000)
  checkString('ffmpegPath', ffmpegPath)
  checkSignal('signal', signal)
  return { audioTrack, ffmpegPath, signal }
}
