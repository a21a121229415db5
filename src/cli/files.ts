import { statSync } from 'node:fs'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { FfmpegOptions } from '../ffmpeg/arguments.ts'
import { redact } from '../redact.ts'
import { assSink, ctmSink, rttmSink, srtSink, stmSink, textSink, vttSink } from '../sinks/caption-sinks.ts'
import { jsonlSink } from '../sinks/jsonl.ts'
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

type MakeSink = (target: string, options: CaptionCommand) => Writable

export function captionOptions({ names, preset, language }: CaptionCommand) {
  return { speakers: names, layout: { preset, ...(language !== undefined && { language }) } }
}

const SINKS: Readonly<Record<string, MakeSink>> = {
  '.srt': (target, options) => srtSink(target, captionOptions(options)),
  '.vtt': (target, options) => vttSink(target, captionOptions(options)),
  '.ass': (target, options) => assSink(target, captionOptions(options)),
  '.jsonl': (target, { names }) => jsonlSink(target, { speakers: names }),
  '.txt': (target, { names }) => textSink(target, { speakers: names }),
  '.rttm': (target, { names }) => rttmSink(target, { speakers: names, file: recording(target) }),
  '.ctm': (target) => ctmSink(target, { file: recording(target) }),
  '.stm': (target, { names }) => stmSink(target, { speakers: names, file: recording(target) }),
}

/** A sink for each of the files. @throws ConfigurationError `INVALID_OPTION` for an ending that says nothing. */
export function openOutputs(command: CaptionCommand & Pick<Command, 'outputs'>): Writable[] {
  return command.outputs.map((output) => {
    const make = SINKS[path.extname(output).toLowerCase()]
    if (make !== undefined) return make(output, command)
    throw usage(`-o must end in one of ${Object.keys(SINKS).join(' ')}; got '${output}'`)
  })
}

function recording(target: string): string {
  const name = path.parse(target).name.replaceAll(/\s+/gu, '_').replaceAll(/;{2,}/g, ';')
  return name === '' ? 'audio' : name
}
