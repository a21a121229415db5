import type { Readable, Writable } from 'node:stream'
import type { Warning } from '../errors.ts'
import { defined } from '../options.ts'
import { pcmFormat, type UpstreamStage } from '../stage.ts'
import type { HeardRange } from '../stream/options.ts'
import { clock } from './view/text.ts'

/** Audio that is measured in one go, in ms. */
const WINDOW_MS = 100
/** Root mean square from which on a window is sound, not noise of a quiet room: -50 dB of full scale. */
const SOUND_FROM = 32_768 * 10 ** (-50 / 20)
/** Stretches of sound with less silence between them, in ms, are one. */
const JOINED_BELOW_MS = 1000
/** Stretches that are named; of more it is said how many. */
const MOST_NAMED = 3

interface Stretch {
  start: number
  end: number
}

/** Where there is sound in the audio that a stage is given, for the case that nobody is heard in it. */
export class SoundMeter {
  /** The first stretches of sound, in ms. */
  readonly stretches: Stretch[] = []
  /** How many there are in all. */
  count = 0
  #last: Stretch | undefined
  #squares = 0
  #samples = 0
  #doneMs = 0
  readonly #range: HeardRange

  /** @param range - the part that is heard, outside of which nothing is measured. */
  constructor(range: HeardRange = {}) {
    this.#range = range
  }

  /** Listens to the PCM16 that is piped into `stage`. */
  follow(stage: Writable): void {
    stage.once('pipe', (above: UpstreamStage & Readable) => {
      above.on('data', (chunk: Buffer) => {
        const { sampleRate = 16_000, channels = 1 } = above[pcmFormat] ?? {}
        this.add(chunk, (sampleRate * channels * WINDOW_MS) / 1000)
      })
    })
  }

  /** Takes whole samples, of which `perWindow` are measured together. */
  add(pcm: Buffer, perWindow: number): void {
    for (let at = 0; at + 2 <= pcm.length; at += 2) {
      this.#squares += pcm.readInt16LE(at) ** 2
      if (++this.#samples < perWindow) continue
      if (Math.sqrt(this.#squares / perWindow) >= SOUND_FROM) this.#note()
      this.#doneMs += WINDOW_MS
      this.#squares = this.#samples = 0
    }
  }

  #note(): void {
    const { start = 0, duration = Infinity } = this.#range
    if (this.#doneMs < start || this.#doneMs >= start + duration) return
    const end = this.#doneMs + WINDOW_MS
    if (this.#last !== undefined && this.#doneMs - this.#last.end < JOINED_BELOW_MS) this.#last.end = end
    else {
      this.#last = { start: this.#doneMs, end }
      if (++this.count <= MOST_NAMED) this.stretches.push(this.#last)
    }
  }
}

/**
 * The warning that no speech was found, and where there was sound all the same; absent where nobody has measured.
 *
 * @param unrecognizedMs - speech that the engine heard and made no words of.
 */
export function withoutSpeech(meter: Pick<SoundMeter, 'stretches' | 'count'> | undefined, unrecognizedMs = 0): Warning {
  if (unrecognizedMs > 0) {
    const heard = `${Math.ceil(unrecognizedMs / 1000)} s of speech were heard, and no words in them`
    const message = `${heard}: another model (diarize-stream models list) or --language may find some`
    return { code: 'NO_SPEECH', message, unrecognizedMs, ...defined({ sound: meter?.stretches }) }
  }
  if (meter === undefined) {
    const message = 'no speech was found; without --pass-through it is said whether there is sound, and where'
    return { code: 'NO_SPEECH', message }
  }
  const { stretches, count } = meter
  const named = stretches.map(({ start, end }) => `${clock(start)} to ${clock(Math.ceil(end / 1000) * 1000)}`)
  const more = count > stretches.length ? ` and ${count - stretches.length} times more` : ''
  const message =
    count === 0
      ? 'no speech was found, nor any sound: look whether the right file, track or microphone was taken'
      : `no speech was found; there is sound at ${named.join(', ')}${more}: if somebody speaks there, try another model or language`
  return { code: 'NO_SPEECH', message, sound: stretches }
}
