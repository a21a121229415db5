/** How long a stretch of sound is mixed in one way, in ms. */
export const blockMs = 20
/** Share of what channels that have nothing in common would leave: with less, the channels cancel each other out. */
const leastLeft = 0.1
/** Where they did so in the stretch before, they still do with less than this. */
const leastLeftAgain = 0.2
/** Mean square of the quietest sound that counts: -60 dB of full scale. */
export const quietest = 1e-6
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
 * Several channels as one, however the samples arrive: their mean, or of 16-bit ones half of their sum; and the loudest where they
 * cancel each other out.
 */
export class MonoMixer<S extends Samples> {
  readonly #channels: number
  readonly #make: new (length: number) => S
  readonly #blockSamples: number
  readonly #quietest: number
  /** Of each channel in the block at hand, and behind them that of their sum. */
  readonly #energies: Float64Array
  readonly #held: S
  #heldLength = 0
  #cancelledBlocks = 0
  /** The channel that was heard alone in the last stretch. */
  #alone: number | undefined
  #told = false

  /** @param make - the kind of the samples. */
  constructor(channels: number, sampleRate: number, make: new (length: number) => S) {
    this.#channels = channels
    this.#make = make
    this.#blockSamples = Math.max(1, Math.round((sampleRate * blockMs) / 1000)) * channels
    this.#held = new make(this.#blockSamples)
    this.#quietest = this.#held instanceof Int16Array ? quietest * 32_768 ** 2 : quietest
    this.#energies = new Float64Array(channels + 1)
  }

  /** `true` once: the first time that so much sound would have been lost that the user is to be told. */
  noticed(): boolean {
    if (this.#told || this.#cancelledBlocks * blockMs < noticedMs) return false
    this.#told = true
    return true
  }

  process(samples: S): S {
    const block = this.#blockSamples
    const mono = new this.#make((Math.floor((this.#heldLength + samples.length) / block) * block) / this.#channels)
    let [at, out] = [0, 0]
    if (this.#heldLength > 0) {
      at = Math.min(block - this.#heldLength, samples.length)
      this.#hold(samples.subarray(0, at))
      if (this.#heldLength < block) return mono
      out = this.#mix(this.#held, 0, block, mono, out)
      this.#heldLength = 0
    }
    for (; at + block <= samples.length; at += block) out = this.#mix(samples, at, at + block, mono, out)
    this.#hold(samples.subarray(at))
    return mono
  }

  /** The rest; what follows is mixed as if nothing had been before. */
  flush(): S {
    const mono = new this.#make(this.#heldLength / this.#channels)
    this.#mix(this.#held, 0, this.#heldLength, mono, 0)
    this.#heldLength = 0
    return mono
  }

  #hold(samples: Samples): void {
    this.#held.set(samples, this.#heldLength)
    this.#heldLength += samples.length
  }

  /** Mixes one block, to `mono` from `start` on; returns where the next one goes. */
  #mix(samples: S, from: number, to: number, mono: S, start: number): number {
    const channels = this.#channels
    const energies = this.#energies.fill(0)
    if (samples instanceof Int16Array && channels === 2)
      meanOfTwo(samples, from, to, mono as Int16Array, start, energies)
    else meanOf(samples, from, to, mono, start, energies)
    const alone = this.#loudest((to - from) / channels / everyFrame)
    if (alone !== undefined) {
      // Half of the sum is heard of 16-bit channels: of two alike all, and one of four would be too quiet beside that.
      const gain = samples instanceof Int16Array ? channels / 2 : 1
      for (let at = from + alone, out = start; at < to; at += channels) {
        mono[out++] = gain === 1 ? samples[at]! : clipped(gain * samples[at]!)
      }
    }
    return start + (to - from) / channels
  }

  /** The channel to be heard alone, where the channels cancel each other out in a block. */
  #loudest(count: number): number | undefined {
    const energies = this.#energies
    const channels = this.#channels
    let [most, expected, loudest] = [0, 0, 0]
    for (let channel = 0; channel < channels; channel++) {
      const energy = energies[channel]!
      expected += energy
      if (energy <= most) continue
      most = energy
      loudest = channel
    }
    const before = this.#alone
    const least = before === undefined ? leastLeft : leastLeftAgain
    this.#alone = undefined
    if (energies[channels]! >= least * expected || most < this.#quietest * count) return undefined
    this.#cancelledBlocks++
    // Of an inverted copy it is the other channel that is as loud: changing between the two would break every wave.
    this.#alone = before !== undefined && energies[before]! >= most / 2 ? before : loudest
    return this.#alone
  }
}

function clipped(sample: number): number {
  return Math.max(-32_768, Math.min(32_767, sample))
}

/** Writes the mean of the channels to `mono` from `start` on, and adds up the energies of each and of their sum. */
function meanOf(
  samples: Samples,
  from: number,
  to: number,
  mono: Samples,
  start: number,
  energies: Float64Array,
): void {
  const channels = energies.length - 1
  const isWhole = mono instanceof Int16Array
  for (let at = from, frame = 0; at < to; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += samples[at++]!
    mono[start + frame] = isWhole ? clipped((sum + 1) >> 1) : sum / channels
    if (frame % everyFrame !== 0) continue
    energies[channels]! += sum * sum
    for (let channel = 0; channel < channels; channel++) energies[channel]! += samples[at - channels + channel]! ** 2
  }
}

/** The same for two channels of whole numbers, as FFmpeg gives of almost all recordings: written out, it takes an eighth. */
function meanOfTwo(
  samples: Int16Array,
  from: number,
  to: number,
  mono: Int16Array,
  start: number,
  energies: Float64Array,
): void {
  for (let at = from, out = start; at < to; at += 2, out++) mono[out] = (samples[at]! + samples[at + 1]! + 1) >> 1
  let left = 0
  let right = 0
  let both = 0
  for (let at = from; at < to; at += 2 * everyFrame) {
    const first = samples[at]!
    const second = samples[at + 1]!
    left += first * first
    right += second * second
    both += (first + second) * (first + second)
  }
  energies[0] = left
  energies[1] = right
  energies[2] = both
}
