import { TONE_RATE } from '../../src/testing/index.ts'

/*
 * Every millisecond of the benchmark's audio carries its own number in the two lowest bits of its 16 samples, too quiet
 * to disturb the tones: 24 bits of the number and 8 bits of a check. So the far end can tell which milliseconds of the
 * stream it was given, whatever it hears in them.
 */

const SAMPLES_PER_MS = TONE_RATE / 1000

function check(ms: number): number {
  return (Math.imul(ms + 1, 0x9e37_79b1) >>> 24) & 0xff
}

/** Writes the numbers of the milliseconds from `from` on into PCM16 that begins there. */
export function stamp(pcm: Buffer, from: number): void {
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2)
  for (let ms = from, at = 0; at < samples.length; ms++, at += SAMPLES_PER_MS) {
    let low = ms + 1
    let high = check(ms)
    for (let index = 0; index < SAMPLES_PER_MS; index++) {
      const bits = index < 12 ? low & 3 : high & 3
      if (index < 12) low >>>= 2
      else high >>>= 2
      samples[at + index] = (samples[at + index]! & ~3) | bits
    }
  }
}

/** The number of the millisecond at `at`; `'silence'` where all samples are 0, `undefined` for anything else. */
function read(samples: Int16Array, at: number): number | 'silence' | undefined {
  let number = 0
  let said = 0
  let any = 0
  for (let index = 0; index < SAMPLES_PER_MS; index++) {
    const sample = samples[at + index]!
    any |= sample
    if (index < 12) number |= (sample & 3) << (2 * index)
    else said |= (sample & 3) << (2 * (index - 12))
  }
  if (any === 0) return 'silence'
  return number > 0 && said === check(number - 1) ? number - 1 : undefined
}

/** A stretch of the stream that arrived without a break: from its first millisecond up to, not with, `to`. */
export interface Heard {
  from: number
  to: number
}

/** Reads the stamps of one session's audio. */
export class StampReader {
  /** The stretches that arrived, in order of arrival; one, where nothing was left out. */
  readonly heard: Heard[] = []
  /** Milliseconds of digital silence, which the client must have put in itself. */
  silenceMs = 0
  /** Milliseconds that are neither: torn from their place, or not beginning on a whole millisecond. */
  tornMs = 0
  #left = new Int16Array(0)

  push(samples: Int16Array): void {
    const all = new Int16Array(this.#left.length + samples.length)
    all.set(this.#left)
    all.set(samples, this.#left.length)
    const whole = all.length - (all.length % SAMPLES_PER_MS)
    for (let at = 0; at < whole; at += SAMPLES_PER_MS) this.#note(read(all, at))
    this.#left = all.slice(whole)
  }

  #note(ms: number | 'silence' | undefined): void {
    const last = this.heard.at(-1)
    if (ms === 'silence') this.silenceMs++
    else if (ms === undefined) this.tornMs++
    else if (last?.to === ms) last.to++
    else this.heard.push({ from: ms, to: ms + 1 })
  }
}
