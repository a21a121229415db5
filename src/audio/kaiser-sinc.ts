/**
 * Low-pass kernels for {@link Resampler}: a sinc under a Kaiser window, tabulated for the fractional positions at which
 * output samples fall between input samples.
 */

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

/** A tabulated kernel. */
export interface Kernel {
  /** Input samples on each side of an output sample; even. */
  half: number
  /** Weights in a row: `2 * half`. */
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
