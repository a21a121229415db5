import { sampleRateRange } from './format.ts'

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

function dotProduct(table: Float32Array, row: number, history: Float32Array, from: number, taps: number): number {
  // Four sums, since one alone waits for each addition to finish before the next; `taps` is a multiple of four.
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (let j = 0; j < taps; j += 4) {
    a += table[row + j]! * history[from + j]!
    b += table[row + j + 1]! * history[from + j + 1]!
    c += table[row + j + 2]! * history[from + j + 2]!
    d += table[row + j + 3]! * history[from + j + 3]!
  }
  return a + b + (c + d)
}

/**
 * Changes the sample rate of one channel, a piece at a time: a polyphase Kaiser-windowed sinc.
 *
 * - The output does not depend on how the input is cut into pieces.
 * - `n` samples in give exactly `ceil(n * outRate / inRate)` samples out: every output instant before the end of the
 *   input. There is no delay: the sample at `t` seconds of the input is at `t` seconds of the output.
 * - Pass-band to 7 kHz, aliases below -80 dB from 9 kHz, for 16 kHz out.
 * - Equal rates pass every sample through unchanged.
 */
export class Resampler {
  readonly #up: number
  readonly #down: number
  /** `undefined` where both rates are equal. */
  readonly #kernel: Kernel | undefined
  /** Input that is still needed, with the silence before the first sample. */
  #history = new Float32Array(0)
  #length = 0
  /** Where the next output sample is: at `#index + #phase / #up` in `#history`. */
  #index = 0
  #phase = 0

  /** @throws RangeError for rates that are no integers from 1000 to 768000. */
  constructor(inRate: number, outRate: number) {
    for (const rate of [inRate, outRate]) {
      if (!Number.isInteger(rate) || rate < sampleRateRange.min || rate > sampleRateRange.max) {
        throw new RangeError(
          `a sample rate must be an integer from ${sampleRateRange.min} to ${sampleRateRange.max} Hz; got ${rate}`,
        )
      }
    }
    const divisor = greatestCommonDivisor(inRate, outRate)
    this.#up = outRate / divisor
    this.#down = inRate / divisor
    this.#kernel = inRate === outRate ? undefined : kaiserSinc(this.#up, this.#down)
    this.#restart()
  }

  /** The output samples that `input` completes; may be none. With equal rates this is `input` itself. */
  process(input: Float32Array): Float32Array {
    if (this.#kernel === undefined) return input
    this.#append(input.length).set(input)
    return this.#produce(this.#kernel)
  }

  /** The output samples that remain at the end of the input. After it the resampler is as new. */
  flush(): Float32Array {
    if (this.#kernel === undefined) return new Float32Array(0)
    this.#append(this.#kernel.half).fill(0)
    const tail = this.#produce(this.#kernel)
    this.#restart()
    return tail
  }

  #restart(): void {
    if (this.#kernel === undefined) return
    // The first output sample is at the first input sample, with silence before it.
    this.#history = new Float32Array(this.#kernel.taps)
    this.#length = this.#kernel.half - 1
    this.#index = this.#kernel.half - 1
    this.#phase = 0
  }

  #append(count: number): Float32Array {
    const start = this.#length
    this.#length += count
    if (this.#length > this.#history.length) {
      const larger = new Float32Array(this.#length)
      larger.set(this.#history.subarray(0, start))
      this.#history = larger
    }
    return this.#history.subarray(start, this.#length)
  }

  /** Every output sample whose window the history covers. */
  #produce({ half, taps, phases, interpolated, table }: Kernel): Float32Array {
    const up = this.#up
    const wholeStep = Math.floor(this.#down / up)
    const phaseStep = this.#down % up
    const covered = this.#length - half - this.#index
    const output = new Float32Array(covered > 0 ? Math.ceil((covered * up - this.#phase) / this.#down) : 0)
    const history = this.#history
    let index = this.#index
    let phase = this.#phase
    for (let k = 0; k < output.length; k++) {
      const from = index - half + 1
      if (interpolated) {
        const position = (phase * phases) / up
        const row = Math.floor(position)
        const before = dotProduct(table, row * taps, history, from, taps)
        const after = dotProduct(table, (row + 1) * taps, history, from, taps)
        output[k] = before + (after - before) * (position - row)
      } else {
        output[k] = dotProduct(table, phase * taps, history, from, taps)
      }
      index += wholeStep
      phase += phaseStep
      if (phase >= up) {
        phase -= up
        index++
      }
    }
    const spent = index - half + 1
    history.copyWithin(0, spent, this.#length)
    this.#length -= spent
    this.#index = index - spent
    this.#phase = phase
    return output
  }
}

/** Low-pass kernels: a sinc under a Kaiser window, tabulated for the positions between input samples. */

/** Zero crossings of the sinc on each side: how long, and so how sharp, the filter is. */
const zeroCrossings = 32
/** Shape of the Kaiser window: side lobes near -90 dB. */
const kaiserBeta = 9
/** Cut-off as a share of the lower Nyquist frequency, so that the transition ends close above it. */
const rolloff = 0.94
/** Phases between which linear interpolation errs by less than a 16-bit step, for a kernel of full bandwidth. */
const interpolatedPhases = 512
/** Largest table with one row for every phase, in entries; beyond it rows are interpolated. */
const largestExactTable = 262_144

export interface Kernel {
  /** Input samples on each side of an output sample; even. */
  half: number
  taps: number
  /** Steps into which the distance between two input samples is divided; row `r` is for the fraction `r / phases`. */
  phases: number
  /** Whether positions between two rows occur, which then are interpolated (there is one more row for that). */
  interpolated: boolean
  /** Rows of weights, each with sum 1: weight `j` of a row is for the input sample `j - (half - 1)` from the floor. */
  table: Float32Array
}

/** Modified Bessel function of the first kind and order zero, by its power series. */
function besselI0(x: number): number {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k)
    sum += term
  }
  return sum
}

/** The kernel for `up` output samples per `down` input samples, both without a common divisor. */
export function kaiserSinc(up: number, down: number): Kernel {
  const bandwidth = Math.min(1, up / down)
  const half = Math.ceil(zeroCrossings / bandwidth / 2) * 2
  const taps = half * 2
  const interpolated = up * taps > largestExactTable
  // A kernel of less bandwidth is longer and as much smoother, so fewer phases tell it as well.
  const phases = interpolated ? Math.max(16, Math.ceil(interpolatedPhases * bandwidth)) : up
  const table = new Float32Array((phases + (interpolated ? 1 : 0)) * taps)
  for (let at = 0, row = 0; at < table.length; at += taps, row++) {
    fillRow(table.subarray(at, at + taps), row / phases, half, rolloff * bandwidth)
  }
  return { half, taps, phases, interpolated, table }
}

function fillRow(row: Float32Array, fraction: number, half: number, cutoff: number): void {
  const weights = new Float64Array(row.length)
  const windowPeak = besselI0(kaiserBeta)
  let sum = 0
  for (let j = 0; j < row.length; j++) {
    const distance = j - (half - 1) - fraction
    const angle = Math.PI * cutoff * distance
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle
    const relative = distance / half
    const window = besselI0(kaiserBeta * Math.sqrt(Math.max(0, 1 - relative * relative))) / windowPeak
    sum += weights[j] = sinc * window
  }
  // Each phase passes a constant unchanged, or a constant would come out with a tone at the rate of the phases.
  for (let j = 0; j < row.length; j++) row[j] = weights[j]! / sum
}
