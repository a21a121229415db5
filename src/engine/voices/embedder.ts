import { checkOptions, checkSignal, string } from '../../options.ts'
import { joinedVoice, type Voice } from '../../voices/voice.ts'
import { findActivityModel, findSpeakerModel } from '../models/find.ts'
import { hashFile } from '../models/verify.ts'
import { type SpeakerModel, speechFrameMs, type Stretch } from '../parts.ts'
import type { AnalysisProcess } from '../process/analysis.ts'
import { leaseAnalysis } from '../process/shared-models.ts'
import { levelsOf, sparseWindowsOf, speechPieces } from './segmentation.ts'
import { voicesOf } from './tracker.ts'

/** Options of {@link openEmbedder}. */
export interface EmbedderOptions {
  /**
   * The model that tells voices apart: a name that `diarize-stream models list` shows, or an `.onnx` file.
   * @defaultValue that of the package `diarize-stream-model-en-tiny`
   */
  model?: string | undefined
  /** Gives up, and closes it. @defaultValue none */
  signal?: AbortSignal | undefined
}

/** Makes voices of speech, in a process that all who use the same model share. */
export interface Embedder {
  /** By which model: voices of two models have nothing to do with each other. `sha256` in hex, of its file. */
  readonly model: { readonly name: string; readonly sha256: string }
  /** Time of processors that it took so far, ms; a machine that is busy with something else makes it no longer. */
  cpuMs(): number
  /** The voices in `stretches` (frames of 10 ms) of mono PCM16 at 16 kHz, one each, whatever is heard there. */
  embed(samples: Int16Array, stretches: readonly Stretch[]): Promise<Voice[]>
  /** The voice of all speech in mono PCM16 at 16 kHz of one speaker; absent where there is too little. */
  voiceIn(samples: Int16Array): Promise<Voice | undefined>
  /** The voices in the pieces of mono PCM16 at 16 kHz that are speech and no other sound, one each. */
  voicesIn(samples: Int16Array): Promise<Voice[]>
  /** Gives the process back; resolves when it has ended, where nobody else uses it. */
  close(): Promise<void>
}

const samplesPerFrame = 16 * speechFrameMs
/** So much goes to the process at a time: 10 s. */
const sliceSamples = 160_000
/** Less speech (frames of 10 ms) says nothing of a voice. */
const leastFrames = 30

/** What tells whether voices are of the speaker model `model`; which is not loaded. @throws (rejects with) EngineError `MODEL_MISSING` */
export async function speakerModelOf(model?: string): Promise<Embedder['model']> {
  return await identityOf(await findSpeakerModel(model))
}

async function identityOf({
  name,
  file,
  expected,
}: Awaited<ReturnType<typeof findSpeakerModel>>): Promise<Embedder['model']> {
  return { name, sha256: expected.find((one) => one.file === file)?.sha256 ?? (await hashFile(file)) }
}

/**
 * Loads a speaker model, without a recogniser.
 *
 * @throws (rejects with) EngineError: `MODEL_MISSING`, `MODEL_UNUSABLE`, or `ENGINE_UNAVAILABLE` where a package is
 * missing; ConfigurationError on wrong options; the reason of `signal`.
 */
export async function openEmbedder(options: EmbedderOptions = {}): Promise<Embedder> {
  checkOptions('openEmbedder', options, { model: string(), signal: checkSignal })
  const { model, signal } = options
  signal?.throwIfAborted()
  const speakers = await findSpeakerModel(model)
  const activity = await findActivityModel(speakers.folder)
  const identity = await identityOf(speakers)
  signal?.throwIfAborted()
  const lease = leaseAnalysis(activity, speakers)
  const analysis = lease.value
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', abort)
    return (closed ??= lease.release())
  }
  const abort = (): void => void close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await analysis.ready()
    signal?.throwIfAborted()
  } catch (error) {
    await close()
    throw signal?.aborted === true ? signal.reason : error
  }
  let spentMs = 0
  const timed: SpeakerModel = {
    async embed(samples, stretches) {
      const { vectors, cpuMs } = await analysis.embedTimed(samples, stretches)
      spentMs += cpuMs
      return vectors
    },
  }
  return {
    model: identity,
    cpuMs: () => spentMs,
    embed: (samples, stretches) => voicesOf(timed, samples, stretches),
    async voiceIn(samples) {
      const pieces = audiblePieces(samples)
      if (pieces.reduce((sum, { start, end }) => sum + end - start, 0) < leastFrames) return undefined
      if (!(await isSpeech(analysis, samples, pieces[0]!.start))) return undefined
      return joinedVoice(await voicesOf(timed, samples, pieces, sparseWindowsOf))
    },
    async voicesIn(samples) {
      const speech = await speechIn(analysis, samples)
      return await voicesOf(timed, samples, speechPieces(levelsOf(samples, speech.length), speech))
    },
    close,
  }
}

/** What is softer than this is nobody's speech, dB: 1000 of 32768 are 60. */
const quiet = 26

/** The audible pieces of `samples`, in frames of 10 ms; each is short enough to be of one voice. */
function audiblePieces(samples: Int16Array): Stretch[] {
  const levels = levelsOf(samples, Math.floor(samples.length / samplesPerFrame))
  const audible = levels.map((level) => level > quiet)
  return speechPieces(levels, audible)
}

/** So much of what is audible is looked at, frames of 10 ms: all of it would take as long as the voice. */
const judged = 150
/** Less of it is speech where it is music, or the tones of a server for tests: nobody's voice. */
const speechShare = 0.3

async function isSpeech(analysis: AnalysisProcess, samples: Int16Array, from: number): Promise<boolean> {
  const speech = await speechIn(analysis, samples.subarray(from * samplesPerFrame, (from + judged) * samplesPerFrame))
  return speech.filter(Boolean).length >= speechShare * speech.length
}

/** Whether each frame of 10 ms of `samples` is speech, by Silero. */
async function speechIn(analysis: AnalysisProcess, samples: Int16Array): Promise<boolean[]> {
  const speech: boolean[] = []
  const detector = analysis.activity(undefined)
  try {
    for (let at = 0; at < samples.length; at += sliceSamples) {
      const levels = await detector.accept(samples.subarray(at, at + sliceSamples))
      for (const level of levels) speech.push(level > 0)
    }
  } finally {
    await detector.close()
  }
  return speech
}
