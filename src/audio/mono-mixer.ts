/** How long a stretch of sound is mixed in one way, in ms. */
const blockMs = 20
/** Share of what channels that have nothing in common would leave: with less, the channels cancel each other out. */
const leastLeft = 0.1
/** Where they did so in the stretch before, they still do with less than this. */
const leastLeftAgain = 0.2
/** Mean square of the quietest sound that counts: -60 dB of full scale. */
const quietest = 1e-6
/** Energies are taken of one frame in so many: it is of stretches of 20 ms that they tell. */
const everyFrame = 4
/** Sound that is lost in a mix for so long is no chance, in ms. */
const noticedMs = 500

/** What is told of channels that cancel each other out. */
export const channelsCancel = {
  code: 'CHANNELS_CANCEL',
  message:
    'The channels of the input cancel each other out when they are mixed, as where one is inverted; where they do, the ' +
    "loudest alone is heard. channels: 'keep' keeps them apart",
} as const

/** Samples within [-1, 1], or 16-bit ones. */
type Samples = Float32Array | Int16Array

/**
 * Several interleaved channels as one: their mean, but the loudest of them wherever they cancel each other out in it, as
 * where one is inverted. What comes out does not depend on how the samples arrive.
 */
export class MonoMixer<S extends Samples> {
  readonly #channels: number
  readonly #make: new (length: number) => S
  readonly #blockSamples: number
  /** Mean square of the quietest sound that counts. */
  readonly #quietest: number
  readonly #energies: Float64Array
  #held: S
  #cancelledBlocks = 0
  /** The channel that was heard alone in the last stretch. */
  #alone: number | undefined
  #told = false

  /** @param make - the kind of the samples. */
  constructor(channels: number, sampleRate: number, make: new (length: number) => S) {
    this.#channels = channels
    this.#make = make
    this.#blockSamples = Math.max(1, Math.round((sampleRate * blockMs) / 1000)) * channels
    this.#held = new make(0)
    this.#quietest = this.#isWhole ? quietest * 32_768 ** 2 : quietest
    this.#energies = new Float64Array(channels)
  }

  /** `true` once: the first time that so much sound would have been lost that the user is to be told. */
  noticed(): boolean {
    if (this.#told || this.#cancelledBlocks * blockMs < noticedMs) return false
    this.#told = true
    return true
  }

  process(samples: S): S {
    const block = this.#blockSamples
    const held = this.#held
    const count = Math.floor((held.length + samples.length) / block)
    const mono = new this.#make((count * block) / this.#channels)
    let at = Math.min(held.length === 0 ? 0 : block - held.length, samples.length)
    const first = new this.#make(held.length + at)
    first.set(held)
    first.set(samples.subarray(0, at), held.length)
    this.#held = first
    if (count === 0 && held.length > 0) return mono
    let out = 0
    if (held.length > 0) {
      this.#mix(first, 0, block, mono, out)
      out += block / this.#channels
    }
    const end = at + Math.floor((samples.length - at) / block) * block
    this.#mix(samples, at, end, mono, out)
    this.#held = samples.slice(end) as S
    return mono
  }

  /** The rest; what follows is mixed as if nothing had been before. */
  flush(): S {
    const held = this.#held
    this.#held = new this.#make(0)
    const mono = new this.#make(held.length / this.#channels)
    this.#mix(held, 0, held.length, mono, 0)
    return mono
  }

  get #isWhole(): boolean {
    return this.#held instanceof Int16Array
  }

  /** Mixes whole blocks, and in the end what is less than one. */
  #mix(samples: S, from: number, to: number, mono: S, start: number): void {
    const channels = this.#channels
    if (channels === 2 && samples instanceof Int16Array) meanOfTwo(samples, from, to, mono as Int16Array, start)
    else meanOf(samples, from, to, mono, start, channels, this.#isWhole ? 0.5 : 0)
    for (let at = from, out = start; at < to; at += this.#blockSamples, out += this.#blockSamples / channels) {
      this.#mend(samples, at, Math.min(to, at + this.#blockSamples), mono, out)
    }
  }

  /** Puts one channel in place of the mean where they cancel each other out in a block. */
  #mend(samples: S, from: number, to: number, mono: S, start: number): void {
    const channels = this.#channels
    const energies = this.#energies.fill(0)
    let [left, count] = [0, 0]
    for (let at = from; at < to; at += everyFrame * channels, count++) {
      let sum = 0
      for (let channel = 0; channel < channels; channel++) {
        const sample = samples[at + channel]!
        sum += sample
        energies[channel]! += sample * sample
      }
      left += (sum / channels) ** 2
    }
    let [most, expected] = [0, 0]
    for (const energy of energies) {
      most = Math.max(most, energy)
      expected += energy / channels ** 2
    }
    const before = this.#alone
    const least = before === undefined ? leastLeft : leastLeftAgain
    this.#alone = undefined
    if (left >= least * expected || most < this.#quietest * count) return
    this.#cancelledBlocks++
    // Of an inverted copy it is the other channel that is as loud: changing between the two would break every wave.
    const alone = before !== undefined && energies[before]! >= most / 2 ? before : energies.indexOf(most)
    this.#alone = alone
    for (let at = from + alone, out = start; at < to; at += channels) mono[out++] = samples[at]!
  }
}

/**
 * Writes the mean of the channels of `samples`, from `from` to before `to`, to `mono` from `start` on.
 *
 * @param rounding - 0.5 for whole numbers, 0 for others.
 */
function meanOf(
  samples: Samples,
  from: number,
  to: number,
  mono: Samples,
  start: number,
  channels: number,
  rounding: number,
): void {
  for (let at = from, out = start; at < to; out++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += samples[at++]!
    mono[out] = rounding === 0 ? sum / channels : Math.floor(sum / channels + rounding)
  }
}

/**
 * The same for two channels of whole numbers, as FFmpeg gives of almost all recordings. Both are read at once, which halves
 * the time that an hour of sound takes.
 */
function meanOfTwo(samples: Int16Array, from: number, to: number, mono: Int16Array, start: number): void {
  const source = samples.byteOffset + 2 * from
  if (source % 4 !== 0) {
    for (let at = from, out = start; at < to; at += 2, out++) mono[out] = (samples[at]! + samples[at + 1]! + 1) >> 1
    return
  }
  const pairs = new Int32Array(samples.buffer, source, (to - from) / 2)
  for (let at = 0, out = start; at < pairs.length; at++, out++) {
    const pair = pairs[at]!
    mono[out] = (((pair << 16) >> 16) + (pair >> 16) + 1) >> 1
  }
}
