import { statSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { FfmpegOptions } from '../ffmpeg/options.ts'
import { fileSource } from '../sources/file.ts'
import { httpSource } from '../sources/http/source.ts'
import { microphoneSource } from '../sources/microphone.ts'
import { rtspSource } from '../sources/rtsp.ts'
import { redact } from '../redact.ts'
import { usage } from './arguments.ts'

/** What kind of input the command was given. */
export type InputKind = 'file' | 'standard input' | 'http' | 'rtsp' | 'microphone'

/**
 * What kind of input `input` is.
 *
 * @throws ConfigurationError `INVALID_OPTION` for an address of another kind.
 */
export function inputKind(input: string): InputKind {
  if (input === '-' || input === '/dev/stdin') return 'standard input'
  if (input === 'mic') return 'microphone'
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(input)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'file') return 'file'
  if (scheme === 'http' || scheme === 'https') return 'http'
  if (scheme === 'rtsp' || scheme === 'rtsps') return 'rtsp'
  throw usage(`addresses begin with http:, https:, rtsp: or rtsps:; got ${redact(input)}`)
}

/**
 * The source for an input; `tracks` says which of several audio tracks is wanted.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function openInput(input: string, tracks: Pick<FfmpegOptions, 'audioTrack' | 'language'> = {}): Readable {
  const kind = inputKind(input)
  switch (kind) {
    case 'file':
    case 'standard input':
      return fileSource(input, tracks)
    case 'http':
      return httpSource(input, tracks)
    case 'rtsp':
      return rtspSource(input, tracks)
    case 'microphone':
      return microphoneSource()
  }
}

/**
 * The absolute path of an input that FFmpeg can open a second time, whether or not there is such a file; `undefined` for
 * pipes, devices, addresses and what is no file.
 */
export function inputFile(input: string): string | undefined {
  if (inputKind(input) !== 'file') return undefined
  try {
    const absolute = input.startsWith('file://') ? fileURLToPath(input) : path.resolve(input)
    return (statSync(absolute, { throwIfNoEntry: false })?.isFile() ?? true) ? absolute : undefined
  } catch {
    // What is wrong with it is said by the source.
    return undefined
  }
}
