import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { parseSync } from 'subtitle'

/** A cue as a parser sees it. */
export interface ParsedCue {
  start: number
  end: number
  text: string
}

/** A cue of WebVTT, with the voice of it. */
export interface ParsedVttCue extends ParsedCue {
  voice: string | undefined
}

/** Reads SRT or WebVTT with the npm package `subtitle`. */
export function parseSubtitles(text: string): ParsedCue[] {
  return parseSync(text).flatMap((node) =>
    node.type === 'cue' ? [{ start: node.data.start, end: node.data.end, text: node.data.text }] : [],
  )
}

interface VttNode {
  type?: string
  name?: string
  value?: string
  children?: VttNode[]
}

interface VttResult {
  cues: { startTime: number; endTime: number; tree: VttNode }[]
  errors: { message: string; line: number }[]
}

// The package has no types.
const { WebVTTParser } = createRequire(import.meta.url)('webvtt-parser') as {
  WebVTTParser: new (references: Record<string, string>) => { parse: (text: string, mode: string) => VttResult }
}

const textOf = (node: VttNode): string =>
  node.type === 'text' ? (node.value ?? '') : (node.children ?? []).map(textOf).join('')

/** Reads WebVTT with the parser of the W3C, which lists everything that is not valid. */
export function parseVtt(text: string): { errors: string[]; cues: ParsedVttCue[] } {
  const { cues, errors } = new WebVTTParser({ '&amp;': '&', '&lt;': '<', '&gt;': '>' }).parse(text, 'subtitles')
  return {
    errors: errors.map(({ message, line }) => `line ${line}: ${message}`),
    cues: cues.map((cue) => ({
      start: Math.round(cue.startTime * 1000),
      end: Math.round(cue.endTime * 1000),
      text: textOf(cue.tree),
      voice: cue.tree.children?.find((node) => node.name === 'v')?.value,
    })),
  }
}

/** Has FFmpeg read captions and write them as SRT. */
export function throughFfmpeg(format: 'srt' | 'webvtt', text: string): ParsedCue[] {
  const child = spawnSync('ffmpeg', ['-v', 'error', '-f', format, '-i', 'pipe:0', '-f', 'srt', 'pipe:1'], {
    input: text,
  })
  if (child.status !== 0) throw new Error(`ffmpeg: ${String(child.stderr)}`)
  return parseSubtitles(child.stdout.toString())
}
