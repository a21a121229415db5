import { type AudioFormat, bytesToMs } from '../audio/format.ts'
import { MonoMixer } from '../audio/mono-mixer.ts'
import { AudioQueue, type SilenceLimit } from '../audio/silence.ts'
import { writeWavHeader } from '../audio/wav.ts'
import { timeOffset } from './arguments.ts'
import type { InputFacts } from './log.ts'
import { type NutRun, samplesOf } from './nut.ts'
import { Placer } from './placement.ts'
import type { Silence } from './probe.ts'

/** Silence behind a place that was sought, in s, from which on it may be that FFmpeg has gone past it. */
const MOST_PAST_SEEK_S = 0.02
/** Silence in the middle that is told as a gap, in ms. */
const LEAST_GAP_MS = 1000
/** Nobody hears samples below this. */
const quiet = 64

/** What is known of the samples of a file when the first of them come. */
export interface SampleSource {
  input: InputFacts
  /** What FFmpeg writes. */
  format: AudioFormat
  /** Whether its channels are to become one. */
  isMono: boolean
  /** Whether they come in memory of their own, and not in such as is used again. */
  isKept: boolean
  /** Where its sound is to be silent, in whose place FFmpeg plays what was before. */
  silences: readonly Silence[]
  /** Where FFmpeg was told to seek to, in ms of the output; and how much comes before what is wanted where it was not, in ms. */
  from: number
  leftOut: number
}

/** What came of the samples of one piece. */
export interface SampleEvents {
  /** Where sound is missing in the middle, in ms. */
  gaps: { start: number; end: number }[]
  /** By how many seconds the clock leaps, where that is not believed. */
  leap?: number
  /** Whether channels have cancelled each other out. */
  cancels?: true
  /** Whether FFmpeg has gone past what it was told to seek: nothing has been taken. */
  isPast?: true
}

/**
 * Samples of one file, or of several that follow one another, as one WAV: each where its time says, with silence where there are none,
 * and its channels mixed where they are to be.
 */
export class SampleOutput {
  readonly #limit: SilenceLimit | undefined
  readonly #queue = new AudioQueue()
  /** Whether there has been audio of the file at hand. */
  hasBegun = false
  #source!: SampleSource
  /** What goes out; known once there is audio. */
  #output: AudioFormat | undefined
  #placer: Placer | undefined
  #mixer: MonoMixer<Int16Array> | undefined
  /** Samples of the files before the one at hand. */
  #samplesBefore = 0
  /** Bytes of audio that have gone into the queue, and those to be left out, since they have gone before FFmpeg began anew. */
  #queued = 0
  #queuedBefore = 0
  /** Silences that have been told of. */
  readonly #silencesTold = new Set<Silence>()

  /** @param limit - of an input that comes as it is recorded: times that leap further than this allows are not believed. */
  constructor(limit: SilenceLimit | undefined) {
    this.#limit = limit
  }

  /** What goes out; `undefined` until there is audio. */
  get format(): AudioFormat | undefined {
    return this.#output
  }

  /** By how much a sample has lain beside where the clock of the container has it, at most, in ms. */
  get drift(): number {
    return this.#placer?.drift ?? 0
  }

  /** Whether what goes out next is silence. */
  get isSilent(): boolean {
    return this.#queue.isSilent
  }

  /** The next bytes, `most` of audio; `undefined` where there are none yet. */
  shift(most: number): Buffer | undefined {
    return this.#queue.shift(this.#output, most)
  }

  /** The first samples of a file have come. A header alone would be no audio: it goes out together with them. */
  begin(source: SampleSource): void {
    const { input, format, isMono, from, leftOut } = source
    const { channels, sampleRate } = format
    this.#source = source
    this.#mixer = isMono && channels > 1 ? new MonoMixer(channels, sampleRate, Int16Array) : undefined
    if (this.#output === undefined) {
      this.#output = { ...format, channels: this.#mixer === undefined ? channels : 1 }
      this.#queue.push(writeWavHeader(this.#output))
    }
    this.#queuedBefore += 2 * this.#output.channels * Math.round((leftOut * sampleRate) / 1000)
    this.#placer ??= new Placer({ input, sampleRate, limit: this.#limit, from })
  }

  /** What comes next is the file at hand once more, from its beginning: what has gone out of it is left out. */
  beginAnew(): void {
    this.hasBegun = false
    this.#queuedBefore = this.#queued
    this.#placer = undefined
  }

  /** What comes next is another file, whose times go on with those of the one before it where `goesOn`. */
  beginPart(goesOn: boolean): void {
    this.hasBegun = false
    this.#mixer = undefined
    if (goesOn) return
    this.#samplesBefore += this.#placer?.position ?? 0
    this.#placer = undefined
  }

  /** Puts samples where they belong in time. */
  place(runs: readonly NutRun[]): SampleEvents {
    const { format, from, isKept } = this.#source
    const { sampleRate, channels } = format
    const [block, out] = [2 * channels, 2 * this.#output!.channels]
    const placer = this.#placer!
    const events: SampleEvents = { gaps: [] }
    let audio: Buffer[] = []
    const flush = (): void => {
      this.#push(audio.length === 1 ? audio[0]! : Buffer.concat(audio))
      audio = []
    }
    for (const { at, samples } of runs) {
      const before = this.#samplesBefore + placer.position
      const count = Math.floor(samples.length / block)
      const place = placer.place(at - timeOffset * sampleRate, count, () => isQuiet(samples))
      if (!this.hasBegun && from > 0 && place.silence > MOST_PAST_SEEK_S * sampleRate) return { gaps: [], isPast: true }
      this.hasBegun = true
      if (place.silence > 0) {
        if (this.#mixer !== undefined) audio.push(bytesOf(this.#mixer.flush()))
        flush()
        const silence = place.silence * out
        const told = this.#bytesToQueue(silence)
        this.#queue.pushSilence(silence - told)
        if (place.isGap && told < silence) {
          const toMs = (position: number): number => Math.round(bytesToMs(position * block, format))
          events.gaps.push({ start: toMs(before), end: toMs(before + place.silence) })
        }
      }
      if (place.leap !== undefined) events.leap ??= place.leap / sampleRate
      this.#limit?.silence((place.silence * 1000) / sampleRate)
      this.#limit?.audio((count * 1000) / sampleRate)
      this.#silence(at, samples, events)
      const rest = place.skip === 0 ? samples : samples.subarray(place.skip * block)
      if (this.#mixer !== undefined) audio.push(bytesOf(this.#mixer.process(samplesOf(rest))))
      else audio.push(isKept ? rest : Buffer.from(rest))
    }
    flush()
    if (this.#mixer?.noticed() === true) events.cancels = true
    return events
  }

  /** The last samples have come. */
  end(): void {
    if (this.#mixer !== undefined) this.#push(bytesOf(this.#mixer.flush()))
  }

  /** Takes the sound out where the file says that there is none. */
  #silence(at: number, samples: Buffer, { gaps }: SampleEvents): void {
    const { format, input, silences } = this.#source
    const offsetOf = (seconds: number): number =>
      (Math.round((seconds + timeOffset) * format.sampleRate) - at) * 2 * format.channels
    const toMs = (seconds: number): number => Math.round((seconds - input.start) * 1000)
    for (const silence of silences) {
      const [from, to] = [offsetOf(silence.start), offsetOf(silence.end)]
      if (from >= samples.length || to <= 0) continue
      samples.fill(0, Math.max(0, from), to > samples.length ? undefined : to)
      const [start, end] = [toMs(silence.start), toMs(silence.end)]
      if (end - start < LEAST_GAP_MS || this.#silencesTold.has(silence)) continue
      this.#silencesTold.add(silence)
      gaps.push({ start, end })
    }
  }

  #push(audio: Buffer): void {
    this.#queue.push(audio.subarray(this.#bytesToQueue(audio.length)))
  }

  /** How many of so many bytes that come next have gone into the queue before; the rest counts as being there now. */
  #bytesToQueue(bytes: number): number {
    const before = Math.min(bytes, this.#queuedBefore)
    this.#queuedBefore -= before
    this.#queued += bytes - before
    return before
  }
}

function isQuiet(samples: Buffer): boolean {
  for (let at = 0; at + 1 < samples.length; at += 2) if (Math.abs(samples.readInt16LE(at)) >= quiet) return false
  return true
}

function bytesOf(samples: Int16Array): Buffer {
  return Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
}
