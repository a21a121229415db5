import type { Readable, Writable } from 'node:stream'
import type { CaptionReport } from '../captions/report.ts'
import type { Progress, RunSummary } from '../progress.ts'
import { run } from '../run.ts'
import { fanOut } from '../sinks/fan-out.ts'
import { textSink } from '../sinks/caption-sinks.ts'
import { diarize } from '../transforms/diarize.ts'
import { resample } from '../transforms/resample.ts'
import { transcribe } from '../transforms/transcribe/transcribe.ts'
import { type Command, engineOptions, isLocal } from './arguments.ts'
import { exitCodeFor, type Interrupts } from './exit-codes.ts'
import { finishedOffer, finishedOptions } from './finished.ts'
import { inputFile, openInput, openOutputs, replacedFiles } from './files.ts'
import { ignoredOptions } from './ignored.ts'
import type { ReportSink } from './view/report-sink.ts'
import { SoundMeter, withoutSpeech } from './sound.ts'
import { summaryLines, type Reporter, type SummaryFacts, unusedNames } from './view/reporter.ts'

/** Does what a command asks; the exit code of a success is complete, with gaps, or interrupted. */
export async function caption(
  command: Command,
  reporter: Reporter,
  { stop, abort }: Interrupts,
  environmentKey: string | undefined,
): Promise<number> {
  const replaced = replacedFiles(command)
  const turns = command.finished
    ? transcribe(finishedOptions(command, environmentKey))
    : diarize(await engineOptions(command, environmentKey))
  const report = command.report ? await makeReport(command) : undefined
  const source = openInput(command.input, command.tracks, command.device)
  const file = inputFile(command.input)
  const wantsVideo = command.mux !== undefined || command.burn !== undefined
  const video = wantsVideo || reporter.isLive ? await import('./video.ts') : undefined
  const facts = file === undefined ? undefined : await video?.probe(file, abort)
  const videos = await video?.CaptionedVideos.open(command, facts)
  try {
    const sinks: Writable[] = [...openOutputs(command), ...(videos?.sinks ?? []), ...reporter.sinks]
    if (sinks.length === 0) sinks.push(textSink(undefined, { speakers: command.names }))
    const output = fanOut(...sinks, ...(report === undefined ? [] : [report]))
    for (const stage of [source, turns, output]) reporter.follow(stage)
    const surroundings = { environmentKey, duration: facts?.duration, isTerminal: process.stderr.isTTY }
    for (const warning of ignoredOptions(command, environmentKey)) reporter.warn(warning)
    const sound = new SoundMeter()
    sound.follow(turns)
    const faster = finishedOffer(command, surroundings)
    if (faster !== undefined) reporter.say(`note: ${faster}`)
    const channels = command.channels === undefined ? {} : { channels: 'keep' as const }
    const onProgress = (progress: Progress): void => {
      reporter.length(durationOf(source) ?? facts?.duration)
      reporter.progress(progress)
    }
    const summary = await run(source, resample(channels), turns, output, { signal: abort, stop, onProgress })
    const interrupted = stop.aborted
    await videos?.make((target, doneMs) => reporter.video(target, doneMs), interrupted ? abort : stop)
    if (summary.turns === 0) reporter.warn(withoutSpeech(sound))
    await reportEnd(command, reporter, { ...summary, interrupted, replaced }, report?.report)
    const engine = isLocal(command, environmentKey) ? 'local' : 'other'
    if (process.stderr.isTTY) {
      const { modelOffer } = await import('./commands/models.ts')
      const offer = modelOffer(command, engine, { isTerminal: true })
      if (offer !== undefined) reporter.say(`note: ${offer}`)
    }
    return exitCodeFor(summary, interrupted)
  } finally {
    await videos?.close()
  }
}

/** Length of the input in ms, where the source knows it; that of one on the network may come later. */
function durationOf(source: Readable & { duration?: number | undefined }): number | undefined {
  return source.duration
}

async function makeReport({ preset, names, language }: Command): Promise<ReportSink> {
  const { ReportSink: Report } = await import('./view/report-sink.ts')
  return new Report({ preset, speakers: names, ...(language !== undefined && { language }) })
}

async function reportEnd(
  command: Command,
  reporter: Reporter,
  summary: RunSummary & Pick<SummaryFacts, 'interrupted' | 'replaced'>,
  report: CaptionReport | undefined,
): Promise<void> {
  const { names, outputs, mux, burn } = command
  const unused = unusedNames(names, summary.speakers)
  if (unused !== undefined) reporter.warn(unused)
  const files = [...outputs, ...[mux, burn].filter((video) => video !== undefined)]
  reporter.end(summaryLines(summary, { ...summary, names, files }), { ...summary, files })
  if (report === undefined) return
  const { formatCaptionReport } = await import('../captions/report.ts')
  reporter.report(formatCaptionReport(report), report)
}
