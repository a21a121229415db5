import path from 'node:path'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { CaptionReport } from '../captions/report.ts'
import { whenComplete } from '../checkpoint/stages.ts'
import { defined } from '../options.ts'
import { lengthOf, type Progress, type RunSummary } from '../pipeline/progress.ts'
import { run } from '../run.ts'
import { fanOut } from '../sinks/fan-out.ts'
import { textSink } from '../sinks/caption-sinks.ts'
import { resample } from '../transforms/resample.ts'
import { captionOptions, type Command, STDOUT } from './arguments.ts'
import { exitCodeFor, type Interrupts } from './exit-codes.ts'
import { isLocal } from './hearing.ts'
import { ignoredOptions } from './ignored.ts'
import { inputFile } from './input.ts'
import { openOutputs, replacedFiles, storedOutputs, writtenFiles } from './outputs.ts'
import { checkpointOf } from './resume.ts'
import { SoundMeter, withoutSpeech } from './sound.ts'
import type { ReportSink } from './view/report-sink.ts'
import { certaintyLine, certaintyWarning } from './view/certainty.ts'
import { summaryLines, type Reporter, type SummaryFacts, unusedNames } from './view/reporter.ts'

/**
 * Does what a command asks; the exit code of a success is complete, with gaps, or interrupted.
 *
 * @param hearer - what makes turns of the source, where that has none itself.
 */
export async function caption(
  command: Command,
  source: Readable,
  hearer: Promise<Duplex> | undefined,
  reporter: Reporter,
  { stop, abort }: Interrupts,
): Promise<number> {
  const stored = await storedOutputs(command, abort)
  const checkpoint = checkpointOf(command, stored)
  const replaced = checkpoint?.isThere === true ? [] : replacedFiles(command, stored)
  if (checkpoint?.isThere === true) reporter.say(`going on from ${checkpoint.file}`)
  const turns = await hearer
  const report = command.report ? await makeReport(command) : undefined
  const file = inputFile(command.input)
  const wantsVideo = command.mux !== undefined || command.burn !== undefined
  const video = wantsVideo || reporter.isLive ? await import('./video.ts') : undefined
  const facts = file === undefined ? undefined : await video?.probe(file, stop)
  const videos = await video?.CaptionedVideos.open(command, facts, checkpoint?.file, stop)
  const outputs: Writable[] = []
  try {
    const faster = process.stderr.isTTY && turns !== undefined ? await fasterWay(command, facts?.duration) : undefined
    // From here on nothing may be waited for before run() listens: a file that cannot be opened is told of at once.
    for (const output of openOutputs(command)) outputs.push(output)
    const sinks: Writable[] = [...outputs, ...(videos?.sinks ?? []), ...reporter.sinks]
    if (sinks.length === 0) sinks.push(textSink(undefined, { speakers: command.names }))
    const output = fanOut(...sinks, ...(report === undefined ? [] : [report]))
    const channels = command.channels === undefined ? {} : { channels: 'keep' as const }
    const isPassed = command.passThrough && command.channels === undefined
    const hearing = turns === undefined ? [] : [...(isPassed ? [] : [resample(channels)]), turns]
    for (const stage of [source, turns, output]) if (stage !== undefined) reporter.follow(stage)
    videos?.follow(source)
    for (const warning of ignoredOptions(command)) reporter.warn(warning)
    // What is passed through need not be samples.
    const sound = isPassed ? undefined : new SoundMeter(command.range)
    if (turns !== undefined) sound?.follow(turns)
    if (faster !== undefined) reporter.say(`note: ${faster}`)
    const onProgress = (progress: Progress): void => {
      reporter.length(progress.totalMs ?? lengthOf(facts?.duration, command.range))
      reporter.progress(progress)
    }
    // One that was interrupted has captions of all that was heard; of a run that goes on, the videos are made at its end.
    const makeVideos = async ({ languages: [heard] }: RunSummary): Promise<void> => {
      if (stop.aborted && checkpoint !== undefined) return
      await videos?.make((target, doneMs) => reporter.video(target, doneMs), stop.aborted ? abort : stop, heard)
    }
    const options = {
      signal: abort,
      stop,
      onProgress,
      ...defined({ checkpoint: checkpoint?.file }),
      [whenComplete]: makeVideos,
    }
    const summary = await run([source, ...hearing, output], options)
    const interrupted = stop.aborted
    const goesOn = interrupted && checkpoint !== undefined
    if (goesOn) {
      const later =
        videos === undefined ? '' : `; ${[command.mux, command.burn].filter(Boolean).join(' and ')} come at its end`
      reporter.say(`${checkpoint.file} stays: with --resume the same command goes on${later}`)
    } else await videos?.forget()
    const isSilent = summary.turns === 0 && turns !== undefined
    const doubt = isSilent
      ? withoutSpeech(sound, summary.certainty.unrecognizedMs)
      : certaintyWarning(summary.certainty, isLocal(command))
    if (doubt !== undefined) reporter.warn(doubt)
    const written = writtenFiles(goesOn ? { ...command, mux: undefined, burn: undefined } : command, outputs)
    await reportEnd(command, reporter, { ...summary, interrupted, replaced, written }, report?.report)
    if (process.stderr.isTTY && turns !== undefined) {
      const { modelOffer } = await import('./commands/models.ts')
      const offer = modelOffer(command)
      if (offer !== undefined) reporter.say(`note: ${offer}`)
    }
    return exitCodeFor(summary, interrupted)
  } finally {
    // Where there was no run, as after a wrong name among them.
    for (const output of outputs) output.destroy()
    await videos?.close()
  }
}

async function fasterWay(command: Command, duration: number | undefined): Promise<string | undefined> {
  const { finishedOffer } = await import('./offers.ts')
  return finishedOffer(command, duration)
}

async function makeReport(command: Command): Promise<ReportSink> {
  const { ReportSink: Report } = await import('./view/report-sink.ts')
  const { speakers, layout } = captionOptions(command)
  const { outputs, stdoutFormat } = command
  const formats = outputs.map((output) => (output === STDOUT ? stdoutFormat : path.extname(output).slice(1)))
  return new Report({ ...layout, speakers }, formats)
}

async function reportEnd(
  command: Command,
  reporter: Reporter,
  { written: files, ...summary }: RunSummary & Pick<SummaryFacts, 'interrupted' | 'replaced'> & { written: string[] },
  report: CaptionReport | undefined,
): Promise<void> {
  const { names } = command
  const unused = unusedNames(names, summary.speakers)
  if (unused !== undefined) reporter.warn(unused)
  reporter.end(summaryLines(summary, { ...summary, names, files }), { ...summary, files })
  if (report === undefined) return
  const { formatCaptionReport } = await import('../captions/report.ts')
  const text = `${formatCaptionReport(report)}\n${certaintyLine(summary.certainty)}`
  reporter.report(text, { ...report, certainty: summary.certainty })
}
