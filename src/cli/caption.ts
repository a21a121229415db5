import { formatCaptionReport } from '../captions/format-report.ts'
import { ConfigurationError, EngineError, isAbortError, OutputError, SessionError } from '../errors.ts'
import { run } from '../run.ts'
import { fileSource } from '../sources/file.ts'
import { diarize } from '../transforms/diarize.ts'
import { resample } from '../transforms/resample.ts'
import type { Command } from './arguments.ts'
import { openOutputs } from './outputs.ts'
import { ReportSink } from './report-sink.ts'

/** How the command ended, as its exit code. */
export const EXIT = { complete: 0, output: 1, usage: 2, input: 3, engine: 4, gaps: 5, stopped: 130 } as const

/**
 * Does what a command asks.
 *
 * @param say - prints a line for people, beside the output.
 * @returns the exit code of a success, complete or with gaps.
 */
export async function caption(command: Command, say: (line: string) => void, signal: AbortSignal): Promise<number> {
  const { engine, apiKey, maxSpeakers, preset, language, names } = command
  const report = command.report
    ? new ReportSink({ preset, speakers: names, ...(language !== undefined && { language }) })
    : undefined
  const output = openOutputs(command, report === undefined ? [] : [report])
  const turns = diarize({
    ...(engine !== undefined && { engine }),
    ...(apiKey !== undefined && { apiKey }),
    ...(maxSpeakers !== undefined && { maxSpeakers }),
  })
  for (const stage of [turns, output])
    stage.on('warning', ({ message }: { message: string }) => say(`note: ${message}`))
  const summary = await run(fileSource(command.input), resample(), turns, output, { signal })
  const { seconds, turns: count, speakers, gaps, elapsedSeconds } = summary
  say(
    `${seconds.toFixed(1)} s of audio in ${elapsedSeconds.toFixed(1)} s: ${count} turns, ${speakers.length} speakers` +
      (command.outputs.length > 0 ? `; wrote ${command.outputs.join(', ')}` : ''),
  )
  for (const gap of gaps) say(`missing: ${gap.start} to ${gap.end} ms`)
  if (report !== undefined) process.stderr.write(`${formatCaptionReport(report.report)}\n`)
  return gaps.length > 0 ? EXIT.gaps : EXIT.complete
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (isAbortError(error)) return EXIT.stopped
  if (error instanceof ConfigurationError) return EXIT.usage
  if (error instanceof OutputError) return EXIT.output
  return error instanceof SessionError || error instanceof EngineError ? EXIT.engine : EXIT.input
}
