import { OPUS_RATE, opusSamples } from '../audio/opus.ts'
import { OPUS_STEP, OpusPages, silentOpus } from '../audio/opus-frames.ts'
import type { AudioTrack, InputFacts } from './log.ts'
import type { NutRun } from './nut.ts'
import { Placer } from './placement.ts'

/** Silence in one page, in samples: a second. */
const SILENCE_AT_ONCE = OPUS_RATE
/** Packets in one page. */
const PACKETS_AT_ONCE = 50
/** A packet of which nothing is known lasts as long as most do, in samples. */
const USUAL_PACKET = 960

/** Why a track cannot be sent as it is; `undefined` where it can. */
export function passThroughRefusal(track: AudioTrack | undefined): string | undefined {
  const about = track?.about ?? ''
  if (!/^opus\b/.test(about)) return `the track is ${about.split(/[ ,(]/)[0] || 'of an unknown kind'}, not Opus`
  return /, mono\b/.test(about) ? undefined : 'the track has several channels, which must be mixed'
}

/** What came of the packets of one piece. */
export interface OpusEvents {
  /** Where sound is missing in the middle, in ms. */
  gaps: { start: number; end: number }[]
  /** By how many seconds the clock leaps, where that is not believed. */
  leap?: number
  /** Packets that are none, for which there is silence. */
  damaged: number
}

/** Packets of a container, each where its time says, as Ogg: with silence where there are none. */
export class OpusOutput {
  readonly #placer: Placer
  readonly #start: number
  readonly #preSkip: number
  readonly #pages: OpusPages
  /** What goes out next: packets, and samples of silence. */
  #waiting: (Buffer | number)[] = []
  /** Samples of all that went in. */
  #position = 0
  #length = USUAL_PACKET
  #begun = false

  /** @param preSkip - samples of the first packets that are not to be heard. */
  constructor(input: Pick<InputFacts, 'container' | 'start'>, preSkip: number) {
    this.#placer = new Placer({ input, sampleRate: OPUS_RATE })
    this.#start = Math.round(input.start * OPUS_RATE)
    this.#preSkip = preSkip
    this.#pages = new OpusPages(preSkip)
  }

  /** Takes packets with the times of the container. */
  take(packets: readonly NutRun[]): OpusEvents {
    const events: OpusEvents = { gaps: [], damaged: 0 }
    for (const { at, samples: packet } of packets) this.#place(at, packet, events)
    return events
  }

  /** The next bytes; `undefined` where there are none yet. */
  shift(): Buffer | undefined {
    const [next] = this.#waiting
    if (next === undefined) return undefined
    if (typeof next === 'number') {
      const samples = Math.min(next, SILENCE_AT_ONCE)
      if (samples < next) this.#waiting[0] = next - samples
      else this.#waiting.shift()
      return this.#pages.add(silentOpus(samples))
    }
    const end = this.#waiting.findIndex((item, index) => typeof item === 'number' || index === PACKETS_AT_ONCE)
    return this.#pages.add(this.#waiting.splice(0, end < 0 ? this.#waiting.length : end) as Buffer[])
  }

  #place(at: number, packet: Buffer, events: OpusEvents): void {
    const samples = opusSamples(packet)
    this.#length = samples ?? this.#length
    // The clock says when decoding begins; what is heard of it comes later by what is not to be heard.
    if (!this.#begun && at + this.#preSkip + this.#length <= this.#start) return
    this.#begun = true
    const { silence, isGap, leap } = this.#placer.place(at + this.#preSkip, this.#length, () => false)
    const owed = this.#placer.position - this.#length - this.#position
    if (silence > 0 && owed > 0) {
      const steps = Math.round(owed / OPUS_STEP) * OPUS_STEP
      if (isGap) events.gaps.push({ start: this.#ms(this.#position), end: this.#ms(this.#position + steps) })
      this.#add(steps)
    }
    if (leap !== undefined) events.leap = leap / OPUS_RATE
    if (samples === undefined) {
      events.damaged += 1
      this.#add(this.#length)
    } else {
      this.#position += samples
      this.#waiting.push(Buffer.from(packet))
    }
  }

  #add(silence: number): void {
    if (silence === 0) return
    this.#position += silence
    this.#waiting.push(silence)
  }

  #ms(position: number): number {
    return Math.round(((position - this.#preSkip) * 1000) / OPUS_RATE)
  }
}
