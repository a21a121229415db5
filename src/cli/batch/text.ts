import type { CaptionResult } from '../../batch/caption-one.ts'
import type { CaptionJob } from '../../batch/plan.ts'
import type { Progress } from '../../pipeline/progress.ts'
import { isPartial } from '../exit-codes.ts'
import { barLine, headToWidth, progressLine, span, tailToWidth } from '../view/live-view.ts'
import { clock, count, printable } from '../view/text.ts'
import { explanation } from '../wording.ts'

/** How many inputs came to what. */
export interface Tally {
  inputs: number
  done: number
  /** Of those that are done, those of which something was not heard, or is missing in the input. */
  withGaps: number
  failed: number
  skipped: number
  stopped: number
  /** Inputs that were not begun. */
  notBegun: number
  /** Audio that was heard, in ms. */
  audioMs: number
  elapsedMs: number
}

export function tallyOf(results: readonly CaptionResult[], inputs: number, skipped: number, elapsedMs: number): Tally {
  const of = (status: CaptionResult['status']): number => results.filter((result) => result.status === status).length
  const summaries = results.flatMap((result) => ('summary' in result && result.summary ? [result.summary] : []))
  return {
    inputs,
    done: of('done'),
    withGaps: results.filter((result) => result.status === 'done' && isPartial(result.summary)).length,
    failed: of('failed'),
    skipped,
    stopped: of('stopped'),
    notBegun: inputs - results.length - skipped,
    audioMs: summaries.reduce((sum, { audioMs }) => sum + audioMs, 0),
    elapsedMs,
  }
}

/** One line on what has become of an input; none where it was there already. */
export function resultLine(result: CaptionResult): string | undefined {
  const name = printable(result.job.input)
  if (result.status === 'skipped') return undefined
  if (result.status === 'failed') return `failed ${name}: ${shortly(result.error)}`
  const { audioMs = 0, elapsedMs = 0, turns = 0, speakers = [], gaps = [] } = result.summary ?? {}
  const heard = `${clock(audioMs)} in ${clock(elapsedMs)}, ${count(turns, 'turn')}, ${count(speakers.length, 'speaker')}`
  if (result.status === 'stopped') {
    const parts =
      result.partFiles.length === 0 ? 'nothing was heard' : `${heard}; ${result.partFiles.map(printable).join(', ')}`
    return `stopped ${name}: ${parts}`
  }
  const missing = gaps.reduce((sum, { start, end }) => sum + end - start, 0)
  const lost = gaps.length === 0 ? '' : `, ${(missing / 1000).toFixed(1)} s not heard`
  const cut = result.summary.truncated === undefined ? '' : ', the input is cut off'
  return `done ${name}: ${heard}${lost}${cut}`
}

/** What FFmpeg said of each of many files is for the log of one. */
function shortly(error: Error): string {
  const [first = ''] = explanation(error).split('\n')
  return printable(first).replace(/\.? FFmpeg said:$/, '')
}

/** Rows of a table that are shown. */
const MOST_ROWS = 200

/** A table of what was begun; of very many only what did not go well. */
export function tableLines(results: readonly CaptionResult[], tally: Tally): string[] {
  const begun = results.filter(({ status }) => status !== 'skipped').toSorted((a, b) => a.job.index - b.job.index)
  const isWorthTelling = (one: CaptionResult): boolean => one.status !== 'done' || isPartial(one.summary)
  const wanted = begun.length > MOST_ROWS ? begun.filter(isWorthTelling) : begun
  const rows = wanted.slice(0, MOST_ROWS).map((result) => {
    const summary = 'summary' in result ? result.summary : undefined
    const status = result.status === 'done' && isPartial(result.summary) ? 'gaps' : result.status
    const cells = summary
      ? [clock(summary.audioMs), clock(summary.elapsedMs), String(summary.turns), String(summary.speakers.length)]
      : ['', '', '', '']
    return [status, ...cells, printable(result.job.input)]
  })
  const more = wanted.length > MOST_ROWS ? [`… and ${wanted.length - MOST_ROWS} more`] : []
  if (rows.length === 0) return [totalLine(tally)]
  return [...aligned([['', 'audio', 'took', 'turns', 'speakers', ''], ...rows]), ...more, totalLine(tally)]
}

/** The first cell of each row to the left, the last as it is, those between to the right. */
function aligned(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_cell, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => {
        if (at === 0) return cell.padEnd(widths[at] ?? 0)
        return at === row.length - 1 ? cell : cell.padStart(widths[at] ?? 0)
      })
      .join('  ')
      .trimEnd(),
  )
}

function totalLine({ inputs, audioMs, elapsedMs, ...tally }: Tally): string {
  return `${count(inputs, 'input')}: ${countsOf(tally)}; ${clock(audioMs)} of audio in ${clock(elapsedMs)}`
}

function countsOf(tally: Omit<Tally, 'inputs' | 'audioMs' | 'elapsedMs'>): string {
  const { done, withGaps, failed, skipped, stopped, notBegun } = tally
  const parts: [number, string][] = [
    [withGaps, 'of them with gaps'],
    [skipped, 'there already'],
    [failed, 'failed'],
    [stopped, 'stopped'],
    [notBegun, 'not begun'],
  ]
  return [`${done} done`, ...parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)].join(
    ', ',
  )
}

/** An input that is under way. */
export interface UnderWay {
  job: CaptionJob
  progress?: Progress
  /** What is said instead of how far it has come. */
  status?: string
}

/** What share of an input is done, from 0 to 1, as far as that is known. */
function shareOf({ progress }: UnderWay): number {
  const { doneMs = 0, totalMs } = progress ?? {}
  return totalMs === undefined || totalMs <= 0 ? 0 : Math.min(1, doneMs / totalMs)
}

/** How far the whole is, and how long it will take: by the sizes of files, of which `workBytes` are to be done. */
export interface Overview {
  tally: Tally
  doneBytes: number
  workBytes: number
  underWay: readonly UnderWay[]
}

export function overviewLine({ tally, doneBytes, workBytes, underWay }: Overview, width: number): string {
  const running = underWay.reduce((sum, one) => sum + shareOf(one) * (one.job.bytes ?? 0), 0)
  const part = workBytes > 0 ? Math.min(1, (doneBytes + running) / workBytes) : 0
  const left = part > 0 && part < 1 ? `  ${span((tally.elapsedMs * (1 - part)) / part)} left` : ''
  const { inputs, done, failed, skipped } = tally
  const finished = done + failed + skipped
  const text = `${finished} of ${inputs}${failed > 0 ? `, ${failed} failed` : ''}${left}`
  return barLine(part, `${String(Math.floor(part * 100)).padStart(3)} %  ${text}`, width)
}

/** Most of a line that the name of an input takes. */
const NAME_SHARE = 0.4

export function underWayLine({ job, progress, status }: UnderWay, width: number): string {
  const most = Math.floor(width * NAME_SHARE)
  const name = tailToWidth(printable(job.input), most)
  const room = width - name.length - 2
  if (status !== undefined) return headToWidth(`${name}  ${status}`, width)
  if (progress === undefined) return headToWidth(`${name}  begun`, width)
  return headToWidth(`${name}  ${progressLine(progress, progress.totalMs, room)}`, width)
}
