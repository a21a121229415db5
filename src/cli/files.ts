import { statSync } from 'node:fs'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { FfmpegOptions } from '../ffmpeg/arguments.ts'
import { redact } from '../redact.ts'
import { captionFormats, sinkOf } from '../sinks/formats.ts'
import { fileSource } from '../sources/file.ts'
import { httpSource } from '../sources/http/source.ts'
import { microphoneSource } from '../sources/microphone.ts'
import { rtspSource } from '../sources/rtsp/source.ts'
import type { Command } from './arguments.ts'
import { usage } from './options.ts'

export type InputKind = 'file' | 'standard input' | 'http' | 'rtsp' | 'microphone'

/** What kind of input it is. @throws ConfigurationError `INVALID_OPTION` for an address of another kind. */
export function inputKind(input: string): InputKind {
  if (input === '-' || input === '/dev/stdin') return 'standard input'
  if (input === 'mic') return 'microphone'
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(input)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'file') return 'file'
  if (scheme === 'http' || scheme === 'https') return 'http'
  if (scheme === 'rtsp' || scheme === 'rtsps') return 'rtsp'
  throw usage(`addresses begin with http:, https:, rtsp: or rtsps:; got ${redact(input)}`)
}

/** The source for an input. @throws ConfigurationError `INVALID_OPTION` */
export function openInput(
  input: string,
  tracks: Pick<FfmpegOptions, 'audioTrack' | 'language'> = {},
  device?: string,
): Readable {
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
      return microphoneSource(device === undefined ? {} : { device })
  }
}

/** The absolute path of an input that FFmpeg can open again; `undefined` for pipes, devices and addresses. */
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

/** Which of the files that a command writes are there already. @throws ConfigurationError where it must not replace them */
export function replacedFiles({ outputs, mux, burn, keepsFiles }: OutputCommand): string[] {
  const files = [...outputs, mux, burn].filter((file) => file !== undefined)
  const existing = files.filter(isFile)
  if (keepsFiles && existing.length > 0) {
    throw usage(
      `${existing.join(', ')} ${existing.length === 1 ? 'is' : 'are'} there already, and --no-clobber was given`,
    )
  }
  return existing
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // What is wrong with it is said by the sink.
    return false
  }
}

type OutputCommand = Pick<Command, 'outputs' | 'mux' | 'burn' | 'keepsFiles'>

type CaptionCommand = Pick<Command, 'names' | 'preset' | 'language'>

export function captionOptions({ names, preset, language }: CaptionCommand) {
  return { speakers: names, layout: { preset, ...(language !== undefined && { language }) } }
}

/** A sink for each of the files. @throws ConfigurationError `INVALID_OPTION` for an ending that says nothing. */
export function openOutputs(command: CaptionCommand & Pick<Command, 'outputs'>): Writable[] {
  return command.outputs.map((output) => {
    const { name, ext } = path.parse(output)
    const format = captionFormats.find((one) => ext.toLowerCase() === `.${one}`)
    if (format !== undefined) return sinkOf(format, output, { ...captionOptions(command), recording: name })
    throw usage(`-o must end in one of ${captionFormats.map((one) => `.${one}`).join(' ')}; got '${output}'`)
  })
}
