import type { ActivityModelFile, SpeakerModelFile } from '../models/model.ts'
import { speechFrameMs, type SpeakerModel, type Stretch, type VoiceActivityDetector } from '../parts.ts'
import { joinedSamples } from '../speech-buffer.ts'
import { callFailure, loadFailure } from './failure.ts'
import { ProcessEnded, SherpaProcess } from './process.ts'
import { activityWindow, type SherpaCalls } from './sherpa.ts'

/** Longest time of one call, in ms. */
const callLimit = 60_000
const samplesPerFrame = 16 * speechFrameMs

/** From which probability of Silero on audio is speech: 0.5 misses 16 % of far speech, 0.3 misses 12 %. */
const speechThreshold = 0.3
/** What is above this is clear speech. */
const clearThreshold = 0.7

/** The process that hears when somebody speaks, and whose voice it is; one that dies is replaced once for each call. */
export class AnalysisProcess implements SpeakerModel {
  readonly #activityModel: ActivityModelFile
  readonly #speakerModel: SpeakerModelFile | undefined
  readonly #checked: Promise<void>
  readonly #nodePath: string | undefined
  #process: Promise<SherpaProcess> | undefined
  #started: SherpaProcess | undefined
  /** The last that was started, also while it loads. */
  #latest: SherpaProcess | undefined
  #closed = false
  #close!: () => void
  readonly #closing = new Promise<void>((resolve) => (this.#close = resolve))
  #streams = 0

  /** @param checked - resolves once the files of the models have been found to be whole. */
  constructor(
    activityModel: ActivityModelFile,
    speakerModel: SpeakerModelFile | undefined,
    checked: Promise<void>,
    nodePath: string | undefined,
  ) {
    this.#activityModel = activityModel
    this.#speakerModel = speakerModel
    this.#checked = checked
    this.#nodePath = nodePath
  }

  /** Starts the process; rejects with an EngineError where a model cannot be loaded. */
  async ready(): Promise<void> {
    await this.#running()
  }

  activity(threshold: number | undefined): VoiceActivityDetector {
    return sileroDetector(this, this.#activityModel.file, this.#streams++, threshold)
  }

  /** Has the process do something, and a new one where it dies. */
  async call<Name extends keyof SherpaCalls>(
    name: Name,
    input: SherpaCalls[Name]['input'],
    prepare?: (process: SherpaProcess) => Promise<void>,
  ): Promise<SherpaCalls[Name]['output']> {
    for (let attempt = 0; ; attempt++) {
      const process = await this.#running()
      try {
        await prepare?.(process)
        return await process.call(name, input, callLimit)
      } catch (error) {
        if (attempt > 0 || this.#closed || !(error instanceof ProcessEnded)) throw callFailure(error)
      }
    }
  }

  /** Vectors of voices; only where there is a speaker model. */
  async embed(samples: Int16Array, stretches: readonly Stretch[]): Promise<Float32Array[]> {
    return (await this.embedTimed(samples, stretches)).vectors
  }

  /** The same, and the time of processors that it took, ms. */
  async embedTimed(samples: Int16Array, stretches: readonly Stretch[]): Promise<SherpaCalls['embed']['output']> {
    if (stretches.length === 0) return { vectors: [], cpuMs: 0 }
    const plain = stretches.map(({ start, end }) => ({ start, end }))
    const { vectors, cpuMs } = await this.call('embed', { samples, stretches: plain })
    return { vectors: vectors.map(toUnitLength), cpuMs }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#close()
    await this.#latest?.close()
    await this.#process?.catch(() => {})
  }

  #running(): Promise<SherpaProcess> {
    if (this.#process === undefined || this.#started?.ended === true) {
      this.#started = undefined
      this.#process = this.#start()
      this.#process.then(
        (process) => void (this.#started = process),
        () => void (this.#process = undefined),
      )
    }
    return this.#process
  }

  /** What is killed from outside while it loads is started once more. */
  async #start(isRetry = false): Promise<SherpaProcess> {
    await Promise.race([this.#checked, this.#closing])
    if (this.#closed) throw callFailure(new Error('it is closed'))
    const process = new SherpaProcess(this.#nodePath)
    this.#latest = process
    let loading: ActivityModelFile | SpeakerModelFile = this.#activityModel
    try {
      // A damaged model may show only once it is used.
      const stream = -1
      await process.call('openActivity', { stream, file: loading.file, thresholds: [speechThreshold] }, callLimit)
      await process.call('activity', { stream, samples: new Int16Array(activityWindow) }, callLimit)
      await process.call('close', { stream }, callLimit)
      if (this.#speakerModel !== undefined) {
        loading = this.#speakerModel
        await process.call('loadSpeakers', { file: loading.file }, callLimit)
      }
      return process
    } catch (error) {
      await process.close()
      if (!isRetry && error instanceof ProcessEnded && error.wasKilled) return await this.#start(true)
      throw loadFailure(error, loading)
    }
  }
}

function sileroDetector(
  analysis: AnalysisProcess,
  file: string,
  stream: number,
  threshold: number | undefined,
): VoiceActivityDetector {
  let thresholds = thresholdsFor(threshold)
  /** The process that has the stream, as it is now. */
  let openIn: SherpaProcess | undefined
  /** Samples that are no whole window yet. */
  let rest = new Int16Array(0)
  let judged = 0
  let frames = 0
  let last = 0
  /** The call under way; never rejects. */
  let underWay: Promise<unknown> = Promise.resolve()
  let isClosed = false

  function setThreshold(wanted: number | undefined): void {
    thresholds = thresholdsFor(wanted)
    openIn = undefined
  }

  function accept(samples: Int16Array): Promise<number[]> {
    const levels = judge(samples)
    underWay = levels.catch(() => {})
    return levels
  }

  async function judge(samples: Int16Array): Promise<number[]> {
    // Whole windows only: another detector, in another process or with another threshold, can go on at any of them.
    const all = joinedSamples([rest, samples])
    const whole = all.subarray(0, all.length - (all.length % activityWindow))
    rest = all.slice(whole.length)
    if (whole.length === 0) return []
    const windows = await analysis.call('activity', { stream, samples: whole }, open)
    // A frame may have its middle in the window before these.
    const known = [last, ...Array.from(windows, (passed) => thresholds[passed - 1] ?? 0)]
    const first = judged - activityWindow
    judged += windows.length * activityWindow
    last = known.at(-1)!
    const levels: number[] = []
    for (; (frames + 1) * samplesPerFrame <= judged; frames++) {
      const middle = (frames + 0.5) * samplesPerFrame
      levels.push(known[Math.floor((middle - first) / activityWindow)]!)
    }
    return levels
  }

  async function close(): Promise<void> {
    isClosed = true
    await underWay
    if (openIn?.ended !== false) return
    await openIn.call('close', { stream }, callLimit).catch(() => {})
  }

  async function open(process: SherpaProcess): Promise<void> {
    if (openIn === process || isClosed) return
    const asked = thresholds
    await process.call('openActivity', { stream, file, thresholds: asked }, callLimit)
    // They may have changed meanwhile.
    if (asked === thresholds) openIn = process
  }

  return { setThreshold, accept, close }
}

/** That which is asked for, and one for what is clearly above it. */
function thresholdsFor(threshold = speechThreshold): number[] {
  const lowest = Math.min(Math.max(threshold, 0.02), 0.98)
  return [lowest, Math.max(clearThreshold, (1 + lowest) / 2)]
}

/** The vector at length 1; zeros where it has no direction. */
export function toUnitLength(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length > 0 && Number.isFinite(length) ? vector.map((value) => value / length) : new Float32Array(vector.length)
}
