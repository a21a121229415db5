import { splitTurn, type Chunk } from './chunks.ts'
import { deltaBic, Gaussian } from './gaussian.ts'
import { mfcc, mfccSize } from './mfcc.ts'
import {
  speechFrameMs,
  type Attribution,
  type HeardTurn,
  type RevisedAttribution,
  type SpeakerTracker,
} from './parts.ts'
import { matchLabels, regroup } from './regroup.ts'

/** Settings of {@link bicSpeakers}. */
export interface SpeakerTrackerOptions {
  /** Cap on the number of speakers, 1 to 10; 10 when absent. */
  maxSpeakers?: number | undefined
}

const mostSpeakers = 10
/** Speech frames (10 ms each) a stretch needs for a speaker of its own, and for any speaker at all. */
const openFrames = 150
const attributeFrames = 80
/** How unlike all known speakers a voice must be to be a new one; see `deltaBic`. */
const openStrictness = 1.9
/** Stretches kept for another look; beyond it the oldest of one speaker are joined. */
const keptVoices = 60
/** Turns whose words can still be revised. */
const keptTurns = 4000

/** Speech of one speaker: a stretch of one turn, or several old ones joined. */
interface Voice {
  gaussian: Gaussian
  /** Number of the speaker as it was first reported. */
  live: number | undefined
  /** Number of the speaker as believed now. */
  now: number | undefined
}

interface PastTurn {
  order: number
  /** For each word, the voice that said it. */
  words: (Voice | undefined)[]
  /** How long each word lasts, in ms. */
  lengths: number[]
  /** The labels as reported last. */
  labels: (string | undefined)[]
}

const letter = (speaker: number): string => String.fromCharCode(65 + speaker)

/** Label that lasts longest; absent where there is none. */
function dominant(labels: readonly (string | undefined)[], lengths: readonly number[]): string | undefined {
  const sums = new Map<string, number>()
  labels.forEach((label, index) => {
    if (label !== undefined) sums.set(label, (sums.get(label) ?? 0) + lengths[index]!)
  })
  return [...sums].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

/** Index of the chunk that holds `frame`, or of the nearest one. */
function chunkAt(chunks: readonly Chunk[], frame: number): number | undefined {
  let best: { index: number | undefined; distance: number } = { index: undefined, distance: Infinity }
  chunks.forEach(({ start, end }, index) => {
    const distance = Math.max(0, start - frame, frame - end)
    if (distance < best.distance) best = { index, distance }
  })
  return best.index
}

/**
 * Tells speakers apart by one Gaussian over cepstra for each, compared by BIC; nothing is trained beforehand.
 *
 * A turn is cut into stretches of one speaker. Each goes to the speaker it fits best, or opens a new one where it fits
 * none and holds 1.5 s of speech; below 0.8 s it stays without a speaker. Speakers are lettered in order of
 * appearance. After each turn all stretches are grouped anew, into no more groups than there are letters, so that an
 * early mistake does not spoil what follows; labels already reported change only by `revise()`.
 */
export function bicSpeakers(options: SpeakerTrackerOptions = {}): SpeakerTracker {
  const most = options.maxSpeakers ?? mostSpeakers
  const past: PastTurn[] = []
  let voices: Voice[] = []
  let profiles: Gaussian[] = []

  /** Number of the speaker of a stretch; opens a new one where needed. */
  function assign(gaussian: Gaussian): number | undefined {
    if (gaussian.count < attributeFrames) return undefined
    let best: { speaker: number | undefined; delta: number } = { speaker: undefined, delta: Infinity }
    profiles.forEach((profile, speaker) => {
      const delta = profile.count === 0 ? Infinity : deltaBic(profile, gaussian, openStrictness)
      if (delta < best.delta) best = { speaker, delta }
    })
    // A speaker who turned out to be another one has an empty profile; under the cap such a letter is given again.
    const next = profiles.length < most ? profiles.length : profiles.findIndex((profile) => profile.count === 0)
    if (best.delta > 0 && gaussian.count >= openFrames && next >= 0) {
      profiles[next] = gaussian
      best.speaker = next
    } else if (best.speaker !== undefined && best.delta <= 0) {
      profiles[best.speaker] = profiles[best.speaker]!.plus(gaussian)
    }
    return best.speaker
  }

  /** Groups all voices anew and takes the speakers' profiles from the groups. */
  function lookAgain(): void {
    if (profiles.length === 0) return
    const groups = regroup(
      voices.map((voice) => voice.gaussian),
      profiles.length,
    )
    const labels = matchLabels(
      groups,
      voices.map((voice) => voice.live),
      voices.map((voice) => voice.gaussian.count),
    )
    voices.forEach((voice, index) => {
      const group = groups[index]
      voice.now = group === undefined ? undefined : labels.get(group)
    })
    profiles = profiles.map((_, speaker) =>
      voices.reduce(
        (sum, { now, gaussian }) => (now === speaker && gaussian.count >= openFrames ? sum.plus(gaussian) : sum),
        new Gaussian(mfccSize),
      ),
    )
  }

  /** Joins the two oldest voices that agree on their speaker, or drops the oldest, while there are too many. */
  function join(): void {
    while (voices.length > keptVoices) {
      const alike = (a: Voice, b: Voice): boolean => a.live === b.live && a.now === b.now
      const gone = voices.findIndex((voice, index) => voices.slice(0, index).some((older) => alike(older, voice)))
      const [voice] = voices.splice(Math.max(0, gone), 1)
      const older = gone < 0 ? undefined : voices.find((other) => alike(other, voice!))
      if (older === undefined) continue
      older.gaussian = older.gaussian.plus(voice!.gaussian)
      for (const turn of past) turn.words = turn.words.map((said) => (said === voice ? older : said))
    }
  }

  return {
    attribute(turn: HeardTurn): Attribution {
      const chunks = splitTurn(
        mfcc(turn.samples),
        turn.speech.map((probability) => probability >= turn.threshold),
      )
      const heard = chunks.map(({ voice }): Voice => {
        const speaker = assign(voice)
        return { gaussian: voice, live: speaker, now: speaker }
      })
      const words = turn.words.map((word) => {
        const index = chunkAt(chunks, ((word.start + word.end) / 2 - turn.offset) / speechFrameMs)
        return index === undefined ? undefined : heard[index]
      })
      const label = ({ live }: Voice): string | undefined => (live === undefined ? undefined : letter(live))
      const labels = words.map((voice) => voice && label(voice))
      past.push({ order: turn.order, words, lengths: turn.words.map(({ start, end }) => end - start), labels })
      if (past.length > keptTurns) past.shift()
      voices.push(...heard)
      const speaker = dominant(
        heard.map(label),
        heard.map((voice) => voice.gaussian.count),
      )
      lookAgain()
      join()
      return speaker === undefined ? { words: labels } : { words: labels, speaker }
    },

    revise(): RevisedAttribution[] {
      return past.flatMap((turn) => {
        const labels = turn.words.map((voice) => (voice?.now === undefined ? undefined : letter(voice.now)))
        if (labels.every((label, index) => label === turn.labels[index])) return []
        turn.labels = labels
        const speaker = dominant(labels, turn.lengths)
        return [{ order: turn.order, words: labels, ...(speaker === undefined ? {} : { speaker }) }]
      })
    },
  }
}
