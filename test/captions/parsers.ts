import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { parseSync } from 'subtitle'

/** A cue as a parser sees it. */
export interface ParsedCue {
  start: number
  end: number
  text: string
}

/** A cue of WebVTT, with the voice of it, and with all its voices where it has several. */
export interface ParsedVttCue extends ParsedCue {
  voice: string | undefined
  voices: string[]
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

const voicesOf = (node: VttNode): string[] => [
  ...(node.name === 'v' ? [node.value ?? ''] : []),
  ...(node.children ?? []).flatMap(voicesOf),
]

/** Reads WebVTT with the parser of the W3C, which lists everything that is not valid. */
export function parseVtt(text: string): { errors: string[]; cues: ParsedVttCue[] } {
  const { cues, errors } = new WebVTTParser({ '&amp;': '&', '&lt;': '<', '&gt;': '>' }).parse(text, 'subtitles')
  return {
    errors: errors.map(({ message, line }) => `line ${line}: ${message}`),
    cues: cues.map((cue) => {
      const voices = voicesOf(cue.tree)
      return {
        start: Math.round(cue.startTime * 1000),
        end: Math.round(cue.endTime * 1000),
        text: textOf(cue.tree),
        voice: voices[0],
        voices,
      }
    }),
  }
}

/** Has FFmpeg read captions and write them as SRT, in which it leaves the text as it is, whatever it looks like. */
export function throughFfmpeg(format: 'srt' | 'webvtt' | 'subviewer' | 'lrc', text: string): ParsedCue[] {
  const child = spawnSync('ffmpeg', ['-v', 'error', '-f', format, '-i', 'pipe:0', '-f', 'srt', 'pipe:1'], {
    input: text,
    maxBuffer: 2 ** 26,
  })
  const complaints = String(child.stderr)
  if (child.status !== 0 || complaints !== '') throw new Error(`ffmpeg: ${complaints}`)
  const blocks = child.stdout
    .toString()
    .replaceAll('\r\n', '\n')
    .split(/(?:^|\n\n)\d+\n(?=[\d:,]+ --> [\d:,]+\n)/)
  return blocks.slice(1).map((block) => {
    const [timing = '', ...lines] = block.split('\n')
    const [start = 0, end = 0] = timing.split(' --> ').map((clock) => {
      const [hours = 0, minutes = 0, seconds = 0, ms = 0] = clock.split(/[:,]/).map(Number)
      return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
    })
    return { start, end, text: lines.join('\n').replace(/\n+$/, '') }
  })
}
