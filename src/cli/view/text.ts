import { cleanText } from '../../captions/text.ts'
import type { TranscribeProgress } from '../../transforms/transcribe/transcribe.ts'
import { styleText } from 'node:util'

/** Marks that turn the direction of everything after them, beyond the text they stand in. */
const DIRECTION = /[\u202A-\u202E\u2066-\u2069]/g

/** One line of text from elsewhere that does nothing on a terminal but show: no control characters of any kind. */
export function printable(text: string): string {
  return cleanText(text.replaceAll(DIRECTION, ''))
}

/** The lines of a text from elsewhere, each {@link printable}; empty ones are left out. */
export function printableLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map(printable)
    .filter((line) => line !== '')
}

/** Whether to write colours: only to a terminal that has them, and never where `NO_COLOR` is set. */
export function wantsColours(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && env['TERM'] !== 'dumb' && (env['NO_COLOR'] ?? '') === ''
}

/** Gives a text a colour or another style of Node's `styleText()`. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

export function painter(hasColours: boolean): Paint {
  return hasColours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}

/** Milliseconds as a clock shows them: `0:07`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** What a person is told while a finished file is heard; `duration` is its length in ms, if known. */
export function phaseLine(
  { phase, readMs, uploadedMs }: Pick<TranscribeProgress, 'phase' | 'readMs' | 'uploadedMs'>,
  duration: number | undefined,
  elapsedMs: number,
): string {
  if (phase === 'reading') return `reading  ${clock(readMs)}${duration === undefined ? '' : ` of ${clock(duration)}`}`
  if (phase === 'uploading') return `uploading  ${Math.floor((uploadedMs * 100) / Math.max(1, readMs))} %`
  return `${clock(readMs)} of audio are being heard  ${clock(elapsedMs)} so far`
}

/** Where a command writes. */
export interface Output {
  stdout: Pick<NodeJS.WriteStream, 'write'>
  stderr: Pick<NodeJS.WriteStream, 'write'>
}

/** Says what happens: `record` to programs, `line` to people. */
export type Log = (record: { type: string } & Record<string, unknown>, line: string) => void

/** What a command says that runs until it is ended: to people on standard error, to programs on standard output. */
export function logTo({ stdout, stderr }: Output, { json, quiet }: { json: boolean; quiet: boolean }): Log {
  return (record, line) => {
    const time = new Date().toISOString()
    if (json) stdout.write(`${JSON.stringify({ time, ...record })}\n`)
    else if (!quiet) stderr.write(`${time} ${printable(line)}\n`)
  }
}
