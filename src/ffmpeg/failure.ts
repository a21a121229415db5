import { type DiarizeStreamError, FfmpegError, InputError } from '../errors.ts'

/** How a child process ended. */
export interface ProcessEnd {
  /** Exit code; `null` if it was killed or never ran. */
  code: number | null
  /** Signal that killed it. */
  signal: NodeJS.Signals | null
  /** Why it never ran. */
  spawnError?: Error
}

/** What is known of a run of FFmpeg that has ended. */
export interface FfmpegRun {
  end: ProcessEnd
  /** The binary. */
  ffmpeg: string
  /** The input as people know it: a path, or `the piped input`. */
  input: string
  /** Which audio track was asked for, from 0. */
  audioTrack: number
  /** Whether any audio came out. */
  produced: boolean
  /** The last lines of stderr, free of credentials. */
  stderr: string
}

/** The error that a run of FFmpeg amounts to; `undefined` if it succeeded, which takes exit code 0 and some audio. */
export function explainEnd(run: FfmpegRun): DiarizeStreamError | undefined {
  const { end, input, produced, stderr } = run
  if (end.spawnError !== undefined) return explainSpawnError(run, end.spawnError)
  const facts = { exitCode: end.code, signal: end.signal, stderr }
  if (end.signal !== null) {
    const message = `FFmpeg was killed by ${end.signal} while reading ${input}; try again, with more memory if that ran out`
    return new FfmpegError('FFMPEG_FAILED', withTail(message, run), { ...facts, retryable: true })
  }
  if (end.code === 0 && produced) return undefined
  if (!produced) {
    const known = explainInput(run)
    if (known !== undefined) return new InputError(known.code, withTail(known.message, run), facts)
  }
  const message = `FFmpeg failed with exit code ${end.code} on ${input}; check that other programs can play it to its end`
  return new FfmpegError('FFMPEG_FAILED', withTail(message, run), facts)
}

/** What FFmpeg's own words say about an input it made no audio from. */
function explainInput({ end, input, audioTrack, stderr }: FfmpegRun): Pick<InputError, 'code' | 'message'> | undefined {
  if (/Stream map '.*' matches no streams/.test(stderr)) {
    const message =
      audioTrack === 0
        ? 'has no audio track; give an input with sound'
        : `has no audio track ${audioTrack}; audioTrack counts from 0`
    return { code: 'NO_AUDIO', message: `${input} ${message}` }
  }
  if (/no 'data' tag found/.test(stderr))
    return { code: 'NO_AUDIO', message: `${input} is a WAV without audio in it; check what wrote it` }
  if (/Format not on whitelist/.test(stderr)) {
    const message = `${input} is a playlist, a script or another kind of file that is not opened because it can name further files; give the audio or video itself`
    return { code: 'INPUT_NOT_MEDIA', message }
  }
  if (/moov atom not found/.test(stderr)) {
    const message = `${input} is an MP4 without an index: it is cut off, or its recording has not ended; fetch it again, or wait for its end`
    return { code: 'INPUT_NOT_MEDIA', message }
  }
  if (/(?:file:.*|Error opening input): No such file or directory/.test(stderr)) {
    return { code: 'INPUT_NOT_FOUND', message: `${input} does not exist; check the path` }
  }
  if (/(?:file:.*|Error opening input): Permission denied/.test(stderr)) {
    return { code: 'INPUT_UNREADABLE', message: `${input} may not be read; check its permissions` }
  }
  if (
    /Invalid data found when processing input|(?:file:.*|pipe:0|Error opening input): (?:Invalid argument|End of file)/.test(
      stderr,
    )
  ) {
    return {
      code: 'INPUT_NOT_MEDIA',
      message: `${input} is not audio or video that FFmpeg knows, or is damaged; check that other programs can play it`,
    }
  }
  const message = `${input} holds no audio: FFmpeg made none from it; check that other programs can play it`
  return end.code === 0 ? { code: 'NO_AUDIO', message } : undefined
}

function explainSpawnError({ ffmpeg }: FfmpegRun, cause: Error): FfmpegError {
  const reason = 'code' in cause ? String(cause.code) : cause.message
  // The machine is short of processes, files or memory; the binary is fine.
  if (['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(reason)) {
    const message = `FFmpeg could not be started for lack of system resources (${reason}); run fewer at a time`
    return new FfmpegError('FFMPEG_FAILED', message, { cause, retryable: true })
  }
  const message = `${ffmpeg} could not be started (${reason}); set FFMPEG_PATH or ffmpegPath to an FFmpeg that runs here`
  return new FfmpegError('FFMPEG_NOT_FOUND', message, { cause, tried: [ffmpeg] })
}

function withTail(message: string, { stderr }: FfmpegRun): string {
  return stderr === '' ? message : `${message}. FFmpeg said:\n${stderr}`
}
