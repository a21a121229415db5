import { statSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { defined } from '../options.ts'
import { redact } from '../redact.ts'
import { fileSource, standardInput } from '../sources/file.ts'
import type { Transcript } from '../sources/transcript-file.ts'
import { startAhead, type UpstreamStage } from '../stage.ts'
import { type Command, TRANSCRIPT } from './arguments.ts'
import { usage } from './options.ts'

type InputCommand = Pick<Command, 'input' | 'tracks' | 'channels' | 'device' | 'passThrough' | 'resume'>

export type InputKind = 'file' | 'standard input' | 'http' | 'rtsp' | 'microphone' | 's3'

/** What kind of input it is. @throws ConfigurationError `INVALID_OPTION` for an address of another kind. */
export function inputKind(input: string): InputKind {
  if (standardInput.test(input)) return 'standard input'
  if (input === 'mic') return 'microphone'
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(input)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'file') return 'file'
  if (scheme === 'http' || scheme === 'https') return 'http'
  if (scheme === 'rtsp' || scheme === 'rtsps') return 'rtsp'
  if (scheme === 's3') {
    if (/\.jsonl$/i.test(input)) return 's3'
    throw usage(`of s3: transcripts are read, .jsonl; give an address of https: for a recording; got ${redact(input)}`)
  }
  throw usage(`addresses begin with http:, https:, rtsp: or rtsps:; got ${redact(input)}`)
}

/** Whether an input is a transcript that is to be written anew, and not to be heard. */
export function isTranscript(input: string): boolean {
  return TRANSCRIPT.test(input) && ['file', 's3'].includes(inputKind(input))
}

/** Whether an input is a transcript of cues, which are laid out already. */
export function isCaptions(input: string): boolean {
  return isTranscript(input) && !/\.jsonl$/i.test(input)
}

/**
 * The source for an input. What FFmpeg reads itself it has begun to read by then: it takes as long to start as the rest of this
 * program to load.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export async function openInput({
  input,
  tracks,
  channels,
  device,
  passThrough,
  resume,
}: InputCommand): Promise<Readable> {
  if (isTranscript(input)) {
    if (isCaptions(input)) return (await import('../sources/cues.ts')).cueSource(input)
    return (await import('../sources/jsonl.ts')).jsonlSource(await transcriptOf(input))
  }
  // What is stored is a transcript, see above.
  const kind = inputKind(input) as Exclude<InputKind, 's3'>
  switch (kind) {
    case 'file':
    case 'standard input': {
      const source: UpstreamStage = fileSource(input, { ...tracks, passThrough: passThrough && channels === undefined })
      // One that goes on may begin in the middle.
      if (!resume) {
        const one = channels === undefined ? { channels: 1 } : {}
        await source[startAhead]?.({ sampleRate: 16_000, encoding: 's16le', ...one })
      }
      return source
    }
    case 'http':
      return (await import('../sources/http/source.ts')).httpSource(input, tracks)
    case 'rtsp':
      // Nobody who types an address knows which way the camera sends.
      return (await import('../sources/rtsp/source.ts')).rtspSource(input, { ...tracks, transport: 'auto' })
    case 'microphone':
      return (await import('../sources/microphone.ts')).microphoneSource(defined({ device }))
  }
}

/** What a transcript is read from: its path, or where it is stored. */
export async function transcriptOf(input: string): Promise<Transcript> {
  return inputKind(input) === 's3' ? (await import('../destinations/s3.ts')).s3Destination(input) : input
}

/** The absolute path of an input that FFmpeg can open again; `undefined` for pipes, devices and addresses. */
export function inputFile(input: string): string | undefined {
  if (inputKind(input) !== 'file' || isTranscript(input)) return undefined
  try {
    const absolute = input.startsWith('file://') ? fileURLToPath(input) : path.resolve(input)
    return (statSync(absolute, { throwIfNoEntry: false })?.isFile() ?? true) ? absolute : undefined
  } catch {
    // What is wrong with it is said by the source.
    return undefined
  }
}
