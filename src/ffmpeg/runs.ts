import { DownmixCheck } from '../audio/downmix-check.ts'
import type { AudioFormat } from '../audio/format.ts'
import { type DecodingWay, timeOffset, type WayArguments } from './arguments.ts'
import { type NutRun, NutReader, samplesOf } from './nut.ts'
import { hasClock } from './placement.ts'

/*
 * Runs of samples that are held until what follows them is known, where FFmpeg tells what is missing a little wrong, or mixes channels.
 */

/** What is known of runs by those behind them. */
export interface RunCheck {
  /** The runs that may be placed. */
  push(runs: readonly NutRun[]): NutRun[]
  /** What has been held. */
  end(): NutRun[]
  /** Whether runs are wrong from here on, and have to be decoded in another way. */
  readonly isBroken: boolean
}

/** A run that begins so much behind the end of the one before leaps, in s. */
const leap = 0.04

/** What is read next uses the memory again. */
const kept = (run: NutRun): NutRun => ({ ...run, samples: Buffer.from(run.samples) })

/**
 * Large pieces of what has no gaps by what it says of itself. Where a packet cannot be decoded there is one all the same, and the piece
 * before it holds samples from behind it. So the last one is held until it is known that the next follows.
 *
 * @param blockBytes - bytes of a sample of all channels.
 */
export class PieceCheck implements RunCheck {
  readonly #leap: number
  readonly #blockBytes: number
  #held: NutRun | undefined
  isBroken = false

  constructor(sampleRate: number, blockBytes: number) {
    this.#leap = leap * sampleRate
    this.#blockBytes = blockBytes
  }

  push(runs: readonly NutRun[]): NutRun[] {
    const sure: NutRun[] = []
    for (const run of runs) {
      const held = this.#held
      if (held !== undefined && run.at - held.at - held.samples.length / this.#blockBytes > this.#leap) {
        this.isBroken = true
        return sure
      }
      if (held !== undefined) sure.push(held)
      this.#held = run
    }
    if (this.#held !== undefined && runs.length > 0) this.#held = kept(this.#held)
    return sure
  }

  end(): NutRun[] {
    const held = this.#held
    this.#held = undefined
    return held === undefined || this.isBroken ? [] : [held]
  }
}

/** So many runs are held at most. */
const mostHeld = 32

/**
 * Frames of which one has a time ahead of those that follow: since FFmpeg writes none that is before the last, theirs stand still until
 * they have caught up, and tell where it belongs. In FLAC, FFmpeg guesses the time of a damaged packet. Where the rate of MPEG audio
 * changes, FFmpeg before 6.1 counts the time of the first frame at the one rate and reads it at the other.
 */
export class FrameCheck implements RunCheck {
  readonly #leap: number
  readonly #blockBytes: number
  readonly #beginning: number
  /** Time of the last run, and where the last one that was not held ends. */
  #last: number | undefined
  #end: number | undefined
  /** One that leaps, from the beginning even, and those whose times stand still behind it. */
  #held: NutRun[] = []
  /** Whether the times of more stand still than are held. */
  #isBehind = false
  readonly isBroken = false

  /** @param beginning - the time, in samples, from which times are counted: what is there cannot be ahead. */
  constructor(sampleRate: number, blockBytes: number, beginning = 0) {
    this.#leap = leap * sampleRate
    this.#blockBytes = blockBytes
    this.#beginning = beginning
  }

  push(runs: readonly NutRun[]): NutRun[] {
    const sure: NutRun[] = []
    for (const run of runs) {
      const standsStill = this.#last !== undefined && run.at - this.#last <= 2
      this.#last = run.at
      if (standsStill && this.#isBehind) sure.push(this.#passed({ ...run, at: this.#end! }))
      else if (standsStill && this.#held.length > 0) {
        this.#held.push(kept(run))
        this.#isBehind = this.#held.length > mostHeld
        if (this.#isBehind) sure.push(...this.#inSuccession(this.#end ?? this.#held[0]!.at, this.#taken()))
      } else {
        this.#isBehind = false
        sure.push(...this.#release(run.at))
        if (run.at - (this.#end ?? this.#beginning) > this.#leap) this.#held = [kept(run)]
        else sure.push(this.#passed(run))
      }
    }
    return sure
  }

  end(): NutRun[] {
    const held = this.#taken()
    return held.length < 2 ? held : this.#inSuccession(this.#end ?? held[0]!.at, held)
  }

  /** What has been held, where it belongs before what comes `next`. */
  #release(next: number): NutRun[] {
    const held = this.#taken()
    if (held.length < 2) return held.map((run) => this.#passed(run))
    const before = (runs: readonly NutRun[]): number => next - runs.reduce((sum, run) => sum + this.#count(run), 0)
    const [first, ...others] = held
    const sure = this.#inSuccession(this.#end ?? before(held), [first!])
    return [...sure, ...this.#inSuccession(Math.max(before(others), this.#end!), others)]
  }

  #taken(): NutRun[] {
    return this.#held.splice(0)
  }

  /** Runs that follow one another from a time on. */
  #inSuccession(from: number, runs: readonly NutRun[]): NutRun[] {
    this.#end = from
    return runs.map((run) => this.#passed({ ...run, at: this.#end! }))
  }

  #passed(run: NutRun): NutRun {
    this.#end = run.at + this.#count(run)
    return run
  }

  #count({ samples }: NutRun): number {
    return samples.length / this.#blockBytes
  }
}

/**
 * What FFmpeg has mixed of two channels, the first track, held until it is known by the second, their difference, that nothing is lost in
 * it.
 */
export class MixCheck implements RunCheck {
  readonly #check: DownmixCheck
  #held: NutRun[] = []

  /** @param rates - samples in a second of the mean and of the difference. */
  constructor(rates: { mean: number; difference: number }) {
    this.#check = new DownmixCheck(rates)
  }

  get isBroken(): boolean {
    return this.#check.isLost
  }

  push(runs: readonly NutRun[]): NutRun[] {
    for (const run of runs) {
      if (run.track !== 0) {
        this.#check.difference(run.at, samplesOf(run.samples))
        continue
      }
      const own = kept(run)
      this.#held.push(own)
      this.#check.mean(own.at, samplesOf(own.samples))
    }
    return this.#sure()
  }

  end(): NutRun[] {
    this.#check.end()
    return this.#sure()
  }

  #sure(): NutRun[] {
    if (this.isBroken) return []
    const held = this.#held.findIndex(({ at, samples }) => at + samples.length / 2 > this.#check.checkedTo)
    return this.#held.splice(0, held < 0 ? Infinity : held)
  }
}

/** The check that runs of a container need; `undefined` where FFmpeg tells rightly what is missing, or nobody knows. */
export function runCheck(
  container: string,
  isInPieces: boolean,
  sampleRate: number,
  blockBytes: number,
): RunCheck | undefined {
  const isTimed = hasClock(container)
  if (isTimed && isInPieces) return new PieceCheck(sampleRate, blockBytes)
  return isTimed || container === 'flac' ? new FrameCheck(sampleRate, blockBytes, timeOffset * sampleRate) : undefined
}

/** What one FFmpeg writes: runs of samples, each once it is known that it is right, or packets as they are. */
export class RunReader {
  readonly #nut: NutReader
  readonly #ways: Pick<WayArguments, 'isMixed' | 'isInPieces'>
  readonly #copies: boolean
  readonly #container: string
  #mix: MixCheck | undefined
  #check: RunCheck | undefined
  #hasBegun = false

  constructor(container: string, { copies }: DecodingWay, ways: Pick<WayArguments, 'isMixed' | 'isInPieces'>) {
    this.#nut = new NutReader(copies ? 'packets' : 'samples')
    this.#container = container
    this.#copies = copies
    this.#ways = ways
  }

  /** What the samples are; known once runs have come. */
  get format(): AudioFormat {
    return this.#nut.format!
  }

  /** What the codec has to say before its packets. */
  get codecHeader(): Buffer {
    return this.#nut.codecHeader
  }

  /** What must change where runs are wrong from here on: they have to be decoded in another way. */
  get remedy(): Partial<DecodingWay> | undefined {
    if (this.#mix?.isBroken === true) return { mixesTwo: false }
    return this.#check?.isBroken === true ? { inPieces: false } : undefined
  }

  /** What `chunk` completes; to be used before the next one is pushed. */
  push(chunk: Buffer): readonly NutRun[] {
    const runs = this.#nut.push(chunk)
    if (this.#copies || runs.length === 0) return runs
    if (!this.#hasBegun) this.#begin()
    const mixed = this.#mix?.push(runs) ?? runs
    return this.#check?.push(mixed) ?? mixed
  }

  /** What has been held. */
  end(): readonly NutRun[] {
    const mixed = this.#mix?.end() ?? []
    if (this.#mix?.isBroken === true) return []
    return this.#check === undefined ? mixed : [...this.#check.push(mixed), ...this.#check.end()]
  }

  #begin(): void {
    this.#hasBegun = true
    const { sampleRate, channels } = this.format
    const { isMixed, isInPieces } = this.#ways
    if (isMixed) this.#mix = new MixCheck({ mean: sampleRate, difference: this.#nut.formatOf(1)!.sampleRate })
    this.#check = runCheck(this.#container, isInPieces, sampleRate, 2 * channels)
  }
}
