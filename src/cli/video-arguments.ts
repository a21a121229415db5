import path from 'node:path'
import { allowedContainers, fileInput, pipeInput } from '../ffmpeg/arguments.ts'

/** FFmpeg's name of the container, and of the text track it holds, by the ending of the file. */
const CONTAINERS: Readonly<Record<string, { muxer: string; text: string }>> = {
  '.mp4': { muxer: 'mp4', text: 'mov_text' },
  '.m4v': { muxer: 'mp4', text: 'mov_text' },
  '.mov': { muxer: 'mov', text: 'mov_text' },
  '.mkv': { muxer: 'matroska', text: 'srt' },
  '.webm': { muxer: 'webm', text: 'webvtt' },
}

/** The endings of videos that can be made. */
export const VIDEO_ENDINGS = Object.keys(CONTAINERS)

/** What FFmpeg is to make. */
export interface VideoRequest {
  /** Absolute path of the video, taken literally; absent where it comes on the standard input, its clock mended. */
  input: string | undefined
  /** Path of the captions; for {@link burnArguments} a plain name in the directory FFmpeg runs in. */
  captions: string
  /** Name of what is made, by whose ending the container is chosen. */
  target: string
  /** Absolute path that FFmpeg writes to. */
  output: string
  /** Code of three letters. */
  language: string
}

const GENERAL = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning', '-progress', 'pipe:1', '-y']

/** Arguments with which FFmpeg prints what it knows of a file, and does nothing else. */
export function probeArguments(input: string): string[] {
  return ['-nostdin', '-hide_banner', ...openVideo(input)]
}

/**
 * Arguments with which FFmpeg copies picture and sound of a video as they are, and puts captions (SRT) beside them as a
 * text track that players show by default.
 */
export function muxArguments({ input, captions, target, output, language }: VideoRequest): string[] {
  const { muxer, text } = container(target)
  const captionFile = ['-protocol_whitelist', 'file', '-f', 'srt', '-i', `file:${captions}`]
  const tracks = ['-map', '0:v?', '-map', '0:a?', '-map', '1:0', '-c', 'copy', '-c:s', text]
  const about = ['-metadata:s:s:0', `language=${language}`, '-disposition:s:0', 'default']
  return [...GENERAL, ...openVideo(input), ...captionFile, ...tracks, ...about, ...write(muxer, output)]
}

/**
 * Arguments with which FFmpeg draws captions (ASS) into the picture of a video. The name of the captions becomes part of
 * a filter, whose own grammar is why it may be no more than letters, digits and a dot. Sound is copied where the
 * container takes anything.
 */
export function burnArguments({ input, captions, target, output }: Omit<VideoRequest, 'language'>): string[] {
  const { muxer } = container(target)
  if (!/^[a-z0-9]+\.ass$/.test(captions)) throw new Error('the captions to burn in must have a plain name')
  const sound = muxer === 'webm' ? [] : ['-c:a', 'copy']
  const tracks = ['-map', '0:v:0', '-map', '0:a?', '-vf', `ass=${captions}`, '-pix_fmt', 'yuv420p', ...sound]
  return [...GENERAL, ...openVideo(input), ...tracks, ...write(muxer, output)]
}

function container(target: string): { muxer: string; text: string } {
  const known = CONTAINERS[path.extname(target).toLowerCase()]
  if (known === undefined) throw new Error(`no container for ${target}`)
  return known
}

function openVideo(input: string | undefined): string[] {
  const { url, protocols } = input === undefined ? pipeInput(false) : fileInput(input)
  // Where the clock leaps in a mended one, nothing was recorded for a while: FFmpeg must not cut that out.
  const leaps = input === undefined ? ['-dts_delta_threshold', '1000000'] : []
  return [...leaps, '-protocol_whitelist', protocols, '-format_whitelist', allowedContainers, '-i', url]
}

function write(muxer: string, output: string): string[] {
  const index = muxer === 'mp4' || muxer === 'mov' ? ['-movflags', '+faststart'] : []
  return [...index, '-f', muxer, `file:${output}`]
}
