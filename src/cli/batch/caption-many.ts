import { captionAll } from '../../batch/caption-all.ts'
import type { CaptionJob } from '../../batch/plan.ts'
import { isAbortError } from '../../errors.ts'
import { defined } from '../../options.ts'
import { resample } from '../../transforms/resample.ts'
import { captionOptions, type Command } from '../arguments.ts'
import { EXIT, type Interrupts } from '../exit-codes.ts'
import { hearingStages, isLocal } from '../hearing.ts'
import { ignoredOptions } from '../ignored.ts'
import { usage } from '../options.ts'
import { checkResumable } from '../resume.ts'
import { SoundMeter, withoutSpeech } from '../sound.ts'
import { certaintyWarning } from '../view/certainty.ts'
import { unusedNames } from '../view/reporter.ts'
import type { BatchCommand } from './options.ts'
import type { BatchReporter } from './reporter.ts'
import type { Tally } from './text.ts'

/** Does what a command asks of many inputs. */
export async function captionMany(
  command: Command,
  batch: BatchCommand,
  reporter: BatchReporter,
  { stop, abort }: Interrupts,
): Promise<number> {
  if (batch.resume) checkResumable(command)
  const makeTurns = await hearingStages(command)
  const outputs = batch.formats.map((format) => `captions.${format}`)
  for (const warning of ignoredOptions({ ...command, outputs })) reporter.warn(warning)
  const { inputs, ...settings } = batch
  const { speakers, layout } = captionOptions(command)
  const channels = command.channels === undefined ? {} : { channels: 'keep' as const }
  const sounds = new WeakMap<CaptionJob, SoundMeter>()
  let models: Promise<{ release(): Promise<void> } | undefined> | undefined
  const results = captionAll(inputs, {
    ...settings,
    source: command.tracks,
    speakers,
    layout,
    signal: abort,
    stop,
    stages: (job) => {
      const turns = makeTurns()
      const sound = new SoundMeter(command.range)
      sound.follow(turns)
      sounds.set(job, sound)
      return [resample(channels), turns, ...reporter.turns(job, turns)]
    },
    onPlan: (jobs) => {
      reporter.plan(jobs)
      models = holdModels(command, jobs)
    },
    onBegin: (job, stages) => reporter.begin(job, stages),
    onProgress: (job, progress) => reporter.progress(job, progress),
  })
  const heard = new Set<string>()
  let isAllHeard = true
  try {
    for await (const result of results) {
      reporter.result(result)
      const summary = 'summary' in result ? result.summary : undefined
      isAllHeard &&= summary !== undefined
      for (const speaker of summary?.speakers ?? []) heard.add(speaker)
      const doubtful = summary && certaintyWarning(summary.certainty, isLocal(command))
      const isSilent = summary?.turns === 0
      const silence = isSilent ? withoutSpeech(sounds.get(result.job), summary.certainty.unrecognizedMs) : undefined
      const doubt = doubtful ?? silence
      if (doubt !== undefined) reporter.warn(doubt, result.job.input)
    }
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (code === 'OUTPUT_EXISTS') {
      throw usage(`${message.split(';')[0]}; --skip-existing leaves such out, --overwrite replaces them`)
    }
    if (isAbortError(error)) reporter.end(true)
    throw error
  } finally {
    await (await models)?.release()
  }
  // Who is not heard in these may be in one that was left out.
  const unused = isAllHeard && !stop.aborted ? unusedNames(command.names, [...heard].toSorted()) : undefined
  if (unused !== undefined) reporter.warn(unused)
  return batchExitCode(reporter.end(stop.aborted), stop.aborted)
}

/** The one exit code of many inputs. */
export function batchExitCode({ failed, withGaps }: Pick<Tally, 'failed' | 'withGaps'>, interrupted: boolean): number {
  if (interrupted) return EXIT.interrupted
  if (failed > 0) return EXIT.someFailed
  return withGaps > 0 ? EXIT.gaps : EXIT.complete
}

/** Keeps the models of this machine loaded from one input to the next; what is wrong with them is said by the first. */
async function holdModels(
  command: Command,
  jobs: readonly CaptionJob[],
): Promise<{ release(): Promise<void> } | undefined> {
  const isUsed = isLocal(command) && jobs.some(({ isDone }) => !isDone)
  // Those that are told keyterms are loaded in another way.
  if (!isUsed || command.keyterms.length > 0) return undefined
  const { model, language } = command
  const { reserveModels } = await import('../../engine/embedded.ts')
  return reserveModels(defined({ model, language })).catch(() => undefined)
}
