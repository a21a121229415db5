import { amplify, powerOf, samplesOf, spectraOf } from '../../src/engine/voices/spectrum.ts'
import { join16, silence } from '../../test/helpers/flite.ts'
import type { SpeakerSpan } from '../../test/helpers/scoring.ts'
import { Random } from '../../test/trials/random.ts'

/** One recorded speaker: stretches of speech without long pauses, by utterance. */
export interface RecordedSpeaker {
  name: string
  stretches: Int16Array[]
}

/** Frames of 10 ms. */
const frame = 160
/** A frame is a pause where it is this far below the loud speech, or no more than that above the quietest, dB. */
const belowLoud = 30
const aboveNoise = 12
/** A pause this long ends a stretch. */
const pauseFrames = 25
/** Stretches shorter than this are left out. */
const leastFrames = 40

/** Cuts an utterance at its pauses, and off its silent ends. */
export function stretchesOf(samples: Int16Array): Int16Array[] {
  const levels = Array.from({ length: Math.floor(samples.length / frame) }, (_, index) => {
    const part = samples.subarray(index * frame, (index + 1) * frame)
    return 10 * Math.log10(part.reduce((sum, sample) => sum + sample * sample, 0) / frame + 1)
  })
  const sorted = levels.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  const least = Math.max(at(0.95) - belowLoud, at(0.03) + aboveNoise)
  const runs: { start: number; end: number }[] = []
  levels.forEach((level, index) => {
    if (level < least) return
    const last = runs.at(-1)
    if (last !== undefined && index - last.end < pauseFrames) last.end = index + 1
    else runs.push({ start: index, end: index + 1 })
  })
  return runs
    .filter(({ start, end }) => end - start >= leastFrames)
    .map(({ start, end }) => samples.slice(start * frame, end * frame))
}

/** The same speakers with one long-term spectrum, as if one microphone had heard them all. */
export function onOneMicrophone(speakers: readonly RecordedSpeaker[]): RecordedSpeaker[] {
  const spectra = speakers.map(({ stretches }) => longTermSpectrum(join16(stretches)))
  const mean = spectra[0]!.map((_, k) =>
    Math.exp(spectra.reduce((sum, own) => sum + Math.log(own[k]!), 0) / spectra.length),
  )
  const level = (spectrum: Float64Array): number => spectrum.reduce((sum, value) => sum + value, 0)
  /** Everybody stays as loud as he is: what is far softer would be another trial. */
  const wantedOf = (own: Float64Array): Float64Array => mean.map((power) => (power * level(own)) / level(mean))
  return speakers.map(({ name, stretches }, index) => ({
    name,
    stretches: stretches.map((samples) => equalise(samples, spectra[index]!, wantedOf(spectra[index]!))),
  }))
}

/**
 * Glues a conversation from what `count` of the `speakers` said, about `seconds` long: turns of one or more stretches,
 * a quarter of them cut to 0.6 to 1.2 s, and 0.1 to 0.7 s of silence between them. In `quick` talk each is one stretch, most
 * of them cut to 0.6 to 1.5 s and the others to 1.5 to 4.5 s. Nobody follows himself.
 */
export function conversation(
  speakers: readonly RecordedSpeaker[],
  count: number,
  seed: number,
  seconds: number,
  quick = false,
): { samples: Int16Array; spans: SpeakerSpan[] } {
  const random = new Random(seed)
  const left = [...speakers]
  const chosen = Array.from({ length: count }, () => left.splice(random.integer(0, left.length - 1), 1)[0]!)
  const next = chosen.map(({ stretches }) => random.integer(0, stretches.length - 1))
  const parts = [silence(500)]
  const spans: SpeakerSpan[] = []
  let at = 500
  let who = 0
  let heard = 0
  while (at < seconds * 1000) {
    const { name, stretches } = chosen[who]!
    const short = heard >= count && random.chance(0.25)
    let wanted: number
    if (quick) wanted = random.chance(0.6) ? random.integer(600, 1500) : random.integer(1500, 4500)
    else wanted = short ? random.integer(600, 1200) : random.spread(1500, 9000)
    const isCut = short || quick
    for (let spoken = 0; spoken < wanted;) {
      let part = stretches[next[who]! % stretches.length]!
      next[who]!++
      if (isCut) part = part.subarray(0, Math.min(part.length, wanted * 16))
      const end = at + part.length / 16
      spans.push({ start: at, end, speaker: name })
      parts.push(part)
      spoken += part.length / 16
      at = end
      if (isCut) break
      const pause = random.integer(150, 450)
      if (spoken < wanted) {
        parts.push(silence(pause))
        at += pause
      }
    }
    const gap = random.integer(100, 700)
    parts.push(silence(gap))
    at += gap
    heard++
    // All are heard once before anybody speaks at random.
    who = heard < count ? heard : (who + random.integer(1, count - 1)) % count
  }
  return { samples: join16([...parts, silence(500)]), spans }
}

/** Takes the sound of the microphone out of recordings: every recording gets the same long-term spectrum. */

/** The most a band is raised or lowered, as a factor of amplitude (20 dB). */
const most = 10

/** Mean power of each frequency over the louder frames of `samples` (mono, 16 kHz). */
export function longTermSpectrum(samples: Int16Array): Float64Array {
  const powers = spectraOf(samples).map(powerOf)
  const energy = powers.map((power) => power.reduce((sum, value) => sum + value, 0))
  const limit = Math.max(...energy) / 10_000
  const loud = powers.filter((_, index) => energy[index]! >= limit)
  const mean = new Float64Array(powers[0]!.length)
  for (const power of loud) power.forEach((value, k) => (mean[k] = mean[k]! + value / loud.length))
  return mean.map((_, k) => {
    // A little smoothing, so that the harmonics of one voice are not taken for its microphone.
    const near = mean.subarray(Math.max(0, k - 4), k + 5)
    return near.reduce((sum, value) => sum + value, 0) / near.length + 1
  })
}

/** `samples` filtered so that the spectrum `own` becomes `wanted`. */
export function equalise(samples: Int16Array, own: Float64Array, wanted: Float64Array): Int16Array {
  const gains = own.map((power, k) => Math.min(most, Math.max(1 / most, Math.sqrt(wanted[k]! / power))))
  const spectra = spectraOf(samples)
  for (const spectrum of spectra) amplify(spectrum, gains)
  return samplesOf(spectra, samples.length)
}
