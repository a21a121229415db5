import { execFile } from 'node:child_process'
import { childEnvironment } from '../redact.ts'
import { findFfmpeg } from '../ffmpeg/find.ts'
import { checkKnown, checkOneOf, checkSignal, checkString } from '../options.ts'
import { backendsOf, type MicrophoneBackend, microphoneBackends } from './microphone-input.ts'
import { listArguments, type Microphone, parseMicrophones } from './microphone-list.ts'

/** Options of {@link microphones}. */
export interface MicrophonesOptions {
  /** How to get at them. @defaultValue on Linux PulseAudio, else ALSA; what there is elsewhere */
  backend?: MicrophoneBackend
  /** FFmpeg to run. @defaultValue `FFMPEG_PATH`, `FFMPEG_BIN`, the package ffmpeg-static, then `PATH` */
  ffmpegPath?: string
  /** Gives up the search. @defaultValue none */
  signal?: AbortSignal
}

/** A device that hangs must not hang the list. */
const LONGEST_MS = 10_000

/**
 * The microphones of this machine, as FFmpeg sees them; empty where there are none, or FFmpeg cannot get at any.
 *
 * @throws ConfigurationError `INVALID_OPTION`; (rejects with) FfmpegError `FFMPEG_NOT_FOUND`
 */
export async function microphones(options: MicrophonesOptions = {}): Promise<Microphone[]> {
  checkKnown('microphones()', options, ['backend', 'ffmpegPath', 'signal'])
  checkOneOf('backend', options.backend, microphoneBackends)
  checkString('ffmpegPath', options.ffmpegPath)
  checkSignal('signal', options.signal)
  const ffmpeg = findFfmpeg(options.ffmpegPath)
  for (const backend of options.backend === undefined ? backendsOf(process.platform) : [options.backend]) {
    const found = parseMicrophones(backend, await ask(ffmpeg, listArguments(backend), options.signal))
    if (found.length > 0) return found
  }
  return []
}

function ask(ffmpeg: string, args: string[], signal: AbortSignal | undefined): Promise<string> {
  const options = {
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
    windowsHide: true,
    env: childEnvironment(),
    ...(signal && { signal }),
  } as const
  return new Promise((resolve, reject) => {
    execFile(ffmpeg, args, options, (error, stdout, stderr) => {
      if (error?.name === 'AbortError') reject(error)
      else resolve(`${stdout}\n${stderr}`)
    })
  })
}
