import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../errors.ts'
import { voiceCepstraSize } from './mfcc.ts'

/**
 * What frames of speech say of a voice: for each component of the mixture, how many of them fall to it, and the sums of
 * how far they lie from its mean. The statistics of all frames of two stretches are the sums of those of both.
 */
export interface MixtureStatistics {
  /** One number for each component. */
  counts: Float64Array
  /** {@link VoiceMixture.size} numbers for each component, one component after another. */
  sums: Float64Array
}

/**
 * Weights of the evidence on whether two stretches of speech are of one voice. The logarithm of the odds is `bias` +
 * `cosine` times the cosine of their vectors + `gain` times the logarithm of the covariance gain per effective frame +
 * `shorter` and `longer` times the logarithms of their lengths, in seconds.
 */
export interface VoiceCalibration {
  bias: number
  cosine: number
  gain: number
  shorter: number
  longer: number
}

/** Numbers that describe a {@link VoiceMixture}; `means` and `variances` go one component after another. */
export interface MixtureParameters {
  weights: Float32Array
  means: Float32Array
  variances: Float32Array
  /** How many frames of a voice weigh as much as the mixture's own means. */
  relevance: number
  calibration: VoiceCalibration
  /** The same where both stretches came by telephone. */
  narrowbandCalibration: VoiceCalibration
}

/** Shares of a component in a frame below this count as none. */
const leastShare = 1e-3

/** A Gaussian mixture over the cepstra of many voices, against which one voice is described. */
export class VoiceMixture {
  /** Numbers in one frame. */
  readonly size: number
  readonly calibration: VoiceCalibration
  readonly narrowbandCalibration: VoiceCalibration
  readonly #means: Float32Array
  readonly #relevance: number
  /** The logarithm of a component's density is `constant + sum(frame * (linear + frame * quadratic))`. */
  readonly #constants: Float64Array
  readonly #linear: Float64Array
  readonly #quadratic: Float64Array
  /** Root of the weight over the deviation. */
  readonly #scales: Float64Array

  constructor({ weights, means, variances, relevance, ...calibrations }: MixtureParameters) {
    const size = means.length / weights.length
    this.size = size
    this.calibration = calibrations.calibration
    this.narrowbandCalibration = calibrations.narrowbandCalibration
    this.#means = means
    this.#relevance = relevance
    this.#linear = Float64Array.from(means, (mean, i) => mean / variances[i]!)
    this.#quadratic = Float64Array.from(variances, (variance) => -0.5 / variance)
    this.#scales = Float64Array.from(variances, (variance, i) => Math.sqrt(weights[Math.floor(i / size)]! / variance))
    this.#constants = Float64Array.from(weights, (weight, component) => {
      let constant = Math.log(weight)
      for (let i = component * size; i < (component + 1) * size; i++) {
        constant -= 0.5 * (Math.log(variances[i]!) + means[i]! ** 2 / variances[i]!)
      }
      return constant
    })
  }

  /** The statistics of `frames`, each {@link size} numbers long, as `voiceCepstra` gives them. */
  statistics(frames: readonly Float64Array[]): MixtureStatistics {
    const { size } = this
    const components = this.#constants.length
    const counts = new Float64Array(components)
    const sums = new Float64Array(components * size)
    const shares = new Float64Array(components)
    for (const frame of frames) {
      this.#share(frame, shares)
      for (let component = 0, k = 0; component < components; component++, k += size) {
        const share = shares[component]!
        if (share < leastShare) continue
        counts[component]! += share
        for (let i = 0; i < size; i++) sums[k + i]! += share * (frame[i]! - this.#means[k + i]!)
      }
    }
    return { counts, sums }
  }

  /**
   * A vector of length 1 that points the same way where the voice is the same: by how many deviations each component's
   * mean moves towards the voice. All 0 where there are no frames.
   */
  vector({ counts, sums }: MixtureStatistics): Float64Array {
    const vector = sums.map(
      (sum, i) => (sum * this.#scales[i]!) / (counts[Math.floor(i / this.size)]! + this.#relevance),
    )
    const length = Math.sqrt(vector.reduce((total, value) => total + value * value, 0))
    return length > 0 ? vector.map((value) => value / length) : vector
  }

  /** Sets `shares` to how much each component accounts for `frame`; they add up to 1. */
  #share(frame: Float64Array, shares: Float64Array): void {
    const { size } = this
    let highest = -Infinity
    for (let component = 0, k = 0; component < shares.length; component++) {
      let log = this.#constants[component]!
      for (let i = 0; i < size; i++, k++) log += frame[i]! * (this.#linear[k]! + frame[i]! * this.#quadratic[k]!)
      shares[component] = log
      if (log > highest) highest = log
    }
    let total = 0
    for (let component = 0; component < shares.length; component++) {
      total += shares[component] = Math.exp(shares[component]! - highest)
    }
    for (let component = 0; component < shares.length; component++) shares[component]! /= total
  }
}

/** What the first line of a file of `training/train.py` says of the numbers after it. */
interface Header {
  format: number
  components: number
  size: number
  relevance: number
  calibration: VoiceCalibration
  narrowbandCalibration: VoiceCalibration
}

const calibrationNames = ['bias', 'cosine', 'gain', 'shorter', 'longer'] as const

/** The header's numbers; throws where one is missing. */
function readHeader(line: string): Header {
  const header = JSON.parse(line) as Partial<Header> | null
  if (header?.format !== 1) throw new Error('its format is unknown')
  const numbers = [header.components, header.size, header.relevance]
  for (const weights of [header.calibration, header.narrowbandCalibration]) {
    numbers.push(...calibrationNames.map((name) => weights?.[name]))
  }
  if (!numbers.every(Number.isFinite)) throw new Error('its header is incomplete')
  return header as Header
}

/** Reads the mixture in `bytes`, which `training/train.py` wrote; throws an `Error` that says what is wrong with them. */
export function parseVoiceMixture(bytes: Uint8Array): VoiceMixture {
  const end = bytes.indexOf(10)
  if (end < 0) throw new Error('it has no header')
  const header = readHeader(new TextDecoder().decode(bytes.subarray(0, end)))
  const { components, size, relevance, calibration, narrowbandCalibration } = header
  if (size !== voiceCepstraSize) throw new Error(`it is made for frames of ${size} numbers, not ${voiceCepstraSize}`)
  const body = bytes.subarray(end + 1)
  const expected = 4 * components * (1 + 2 * size)
  if (body.length !== expected) throw new Error(`it has ${body.length} bytes of numbers, not ${expected}`)
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const numbers = Float32Array.from({ length: body.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
  const means = components * (1 + size)
  const weights = numbers.subarray(0, components)
  const variances = numbers.subarray(means)
  if (!numbers.every(Number.isFinite) || ![...weights, ...variances].every((value) => value > 0)) {
    throw new Error('some of its numbers cannot be')
  }
  return new VoiceMixture({
    weights,
    means: numbers.subarray(components, means),
    variances,
    relevance,
    calibration,
    narrowbandCalibration,
  })
}

/** Reads the mixture in the file at `url`; throws `ENGINE_UNAVAILABLE` where it is missing or damaged. */
export function readVoiceMixture(url: URL): VoiceMixture {
  try {
    return parseVoiceMixture(readFileSync(url))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError(
      'ENGINE_UNAVAILABLE',
      `the voice mixture ${fileURLToPath(url)} cannot be used: ${why}; install diarize-stream again`,
      { cause },
    )
  }
}

let shipped: VoiceMixture | undefined

/** The mixture that comes with the package, read at the first call; throws `ENGINE_UNAVAILABLE` as {@link readVoiceMixture}. */
export function voiceMixture(): VoiceMixture {
  shipped ??= readVoiceMixture(new URL('../../models/voices.bin', import.meta.url))
  return shipped
}
