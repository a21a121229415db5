import type { SilenceLimit } from '../audio/silence.ts'
import type { AudioTrack, InputFacts } from './log.ts'

/**
 * Where audio belongs in time. FFmpeg says of each run of samples when it was recorded, by the clock of the container;
 * here they are put where that is, counted from the container's start: with silence before them where there was no sound,
 * without those that would come twice. No filter of FFmpeg's can do it, since a change of format in the middle makes it
 * build its filters anew, and those begin to count again.
 */

/** How much the clock of a container is believed. */
type Trust =
  /** Not at all: it has none, and FFmpeg counts bytes or frames as if the format never changed. */
  | 'none'
  /** Only where it leaps. */
  | 'leaps'
  /** But for where it begins: frames are numbered, and what was cut out of the middle begins with any number. */
  | 'afterFirst'
  | 'full'

/** Demuxers of formats without a clock. */
const withoutClock = new Set('aac,ac3,eac3,aiff,ape,au,dts,dtshd,gsm,loas,mlp,mp3,tak,truehd,voc,w64,wav'.split(','))
/** Demuxers of formats whose frames are numbered. */
const withNumbers = new Set(['flac', 'tta', 'wv'])
/** Demuxers of clocks that only roughly tell: that of a device is when its samples were fetched. */
const withRoughClock = new Set('alsa,pulse,jack,oss,sndio,avfoundation,dshow,lavfi'.split(','))

/**
 * Demuxers that seek to where they say, so that a sample has the same time as without, within a millisecond: measured by
 * `test/ffmpeg/seeking.long.test.ts`. Others guess by sizes, or read bytes that are ours to look through first.
 */
export const exactContainers = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,wav,w64'
const seekingExactly = new Set(exactContainers.split(','))

/** Whether FFmpeg can begin in the middle of such a track, with every sample at its time. */
export function seeksExactly(container: string, track: AudioTrack | undefined): boolean {
  const isExact = container.split(',').every((name) => seekingExactly.has(name))
  // In a WAV of anything but plain samples it guesses by sizes.
  return isExact && (!/^(?:wav|w64)$/.test(container) || track?.about.startsWith('pcm_') === true)
}

/** Samples may lie this far from their time, in ms. */
const toleranceMs = 40
/** From here on a rough clock has leapt, in ms; and what goes back by as much has begun anew. */
const leapMs = 1000
/** The longest silence that is believed, in ms: more than the clock of a broadcast has room for. */
const longestMs = 27 * 3_600_000
/** All silence that is believed of one input, in ms: a week. */
const mostMs = 7 * 86_400_000
/** Silence in the middle that is told as a gap, in ms; where frames are numbered, any: numbers have no holes but where packets are lost. */
const gapMs = 1000

/** What is to be done with a run of samples. All in samples. */
export interface Placement {
  /** Silence to put before them. */
  silence: number
  /** How many of them to leave out, from their beginning. */
  skip: number
  /** Whether the silence stands for sound that is missing in the middle. */
  isGap: boolean
  /** By how much the clock leaps ahead here where that is not believed; absent elsewhere. */
  leap?: number
}

/** What a {@link Placer} goes by. */
export interface PlacerOptions {
  input: Pick<InputFacts, 'container' | 'start'>
  sampleRate: number
  /** Of a live input: the longest silence that is believed, and how much may be left out. */
  limit?: Pick<SilenceLimit, 'most' | 'ahead'> | undefined
  /** Where the output begins, in ms of it, where FFmpeg was told to seek. */
  from?: number
}

/** Places the audio of one input. */
export class Placer {
  readonly #trust: Trust
  /** Whether it may have been begun in its middle, of which FFmpeg gives the first packets no time of their own. */
  readonly #isJoined: boolean
  readonly #rate: number
  readonly #limit: PlacerOptions['limit']
  /** What is to be added to a time to have the place in the output. */
  #offset: number
  #position: number
  #silence = 0
  /** Samples left out in the middle. */
  #skipped = 0
  readonly #origin: number
  readonly #isSought: boolean
  #drift = 0
  #last: { at: number; count: number } | undefined

  constructor({ input, sampleRate, limit, from = 0 }: PlacerOptions) {
    this.#rate = sampleRate
    this.#limit = limit
    this.#trust = trustIn(input.container)
    this.#isJoined = limit !== undefined && input.container === 'ogg'
    this.#offset = -Math.round(input.start * sampleRate)
    this.#origin = this.#offset
    this.#isSought = from > 0
    this.#position = Math.round((from * sampleRate) / 1000)
  }

  /** By how much a sample has lain beside where the clock of the container has it, at most, in ms. */
  get drift(): number {
    return (this.#drift * 1000) / this.#rate
  }

  /** Samples of the output so far. */
  get position(): number {
    return this.#position
  }

  /**
   * Places `count` samples, the first of which was recorded at `at` (in samples, by the clock of the container). Of sound
   * that comes twice, or too late, only what is quiet is left out; of a live input only as much as it has too much by the time of day:
   * its own clock may be slow.
   */
  place(at: number, count: number, isQuiet: () => boolean): Placement {
    const last = this.#last
    this.#last = { at, count }
    // FFmpeg writes no time that is before the last: where a clock goes back, its times stand still until it has caught up.
    if (last !== undefined && last.count > 8 && at - last.at <= 2) {
      this.#drift = Infinity
      this.#position += count
      return { silence: 0, skip: 0, isGap: false }
    }
    // Whoever seeks goes by what FFmpeg says of where it has come to.
    const isBelieved = this.#trust !== 'none' && (this.#trust !== 'afterFirst' || last !== undefined)
    const isCounted = !isBelieved && !(this.#isSought && last === undefined)
    if (isCounted || (last !== undefined && this.#isContinuous(last, at))) this.#offset = this.#position - at
    let off = at + this.#offset - this.#position
    const tolerance = last === undefined ? 0 : (toleranceMs * this.#rate) / 1000
    // What has begun anew, or leaps further than can be, goes on where the output is.
    const most = Math.min(
      ((this.#limit?.most ?? longestMs) * this.#rate) / 1000,
      (mostMs * this.#rate) / 1000 - (this.#limit === undefined ? this.#silence : 0),
    )
    let leap: number | undefined
    if (Math.abs(off) <= tolerance) off = 0
    else if ((last !== undefined && off < (-leapMs * this.#rate) / 1000) || off > most) {
      if (off > 0) leap = off
      this.#offset = this.#position - at
      off = 0
    }
    const silence = Math.max(0, off)
    const spare = last === undefined ? Infinity : this.#spare
    const skip = off < 0 && (last === undefined || isQuiet()) ? Math.min(count, -off, spare) : 0
    this.#silence += silence
    if (last !== undefined) this.#skipped += skip
    const place = this.#position + silence - skip
    this.#drift = Math.max(this.#drift, Math.abs(place - at - this.#origin))
    this.#position += silence + count - skip
    const leastMs = this.#trust === 'afterFirst' ? 1 : gapMs
    const isGap = last !== undefined && silence >= (leastMs * this.#rate) / 1000
    return { silence, skip, isGap, ...(leap !== undefined && { leap }) }
  }

  /** Samples that there are too many of by the time of day. */
  get #spare(): number {
    if (this.#limit === undefined) return Infinity
    return Math.max(0, this.#silence - this.#skipped + Math.round((this.#limit.ahead * this.#rate) / 1000))
  }

  /** Whether samples at `at` follow the `last` ones whatever the clock says. */
  #isContinuous(last: { at: number; count: number }, at: number): boolean {
    if (this.#isJoined && this.#position < this.#rate) return true
    return this.#trust === 'leaps' && Math.abs(at - last.at - last.count) < (leapMs * this.#rate) / 1000
  }
}

/** Whether packets of a container have times that are believed. */
export function hasClock(container: string): boolean {
  return trustIn(container) === 'full'
}

function trustIn(container: string): Trust {
  const names = container.split(',')
  if (names.some((name) => withoutClock.has(name))) return 'none'
  if (names.some((name) => withNumbers.has(name))) return 'afterFirst'
  return names.some((name) => withRoughClock.has(name)) ? 'leaps' : 'full'
}
