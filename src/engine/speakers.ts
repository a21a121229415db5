import { isNarrowband } from './bandwidth.ts'
import { splitTurn, type Chunk } from './chunks.ts'
import { matchLabels } from './match-labels.ts'
import { voiceCepstra } from './mfcc.ts'
import { MixtureVoice } from './mixture-voice.ts'
import {
  speechFrameMs,
  type Attribution,
  type HeardTurn,
  type RevisedAttribution,
  type SpeakerModel,
  type SpeakerTracker,
  type Stretch,
} from './parts.ts'
import { VectorVoice } from './vector-voice.ts'
import { rememberedOdds, type Voice } from './voice.ts'
import { voiceMixture } from './voice-mixture.ts'
import { joinNeighbours, mergeGroups, nearestGroup, type VoiceGroup } from './voice-groups.ts'

/** Settings of {@link trackSpeakers}. */
export interface SpeakerTrackerOptions {
  /** Cap on the number of speakers, 1 to 10; 10 when absent. */
  maxSpeakers?: number | undefined
}

const mostSpeakers = 10
/** Speech frames (10 ms each) a group needs to be a speaker of its own, and a stretch to get a label at once. */
const openFrames = 150
const attributeFrames = 75
/** Stretches of fewer frames found no groups, but join one. */
const seedFrames = 100
/** Stretches of fewer frames join none. */
const joinFrames = 50
/**
 * Log odds below which two groups stay apart: as labels come, and at a revision. Both lie below even odds, since what
 * one speaker says differs by more than the words when it is gathered over minutes; a voice that is new at last counts for
 * less than one that is new now.
 */
const keptApart = { live: -1, revised: -2.5 }
/** Stretches kept for another look; beyond it the oldest of one speaker are joined. */
const keptVoices = 80
/** Turns whose words can still be revised. */
const keptTurns = 4000

/** Speech of one speaker: a stretch of one turn, or several old ones joined. */
interface Heard<V> {
  voice: V
  /** Number of the speaker as it was first reported. */
  live: number | undefined
  /** Number of the speaker as believed now. */
  now: number | undefined
}

interface PastTurn<V> {
  order: number
  /** For each word, the speech it lies in. */
  words: (Heard<V> | undefined)[]
  /** How long each word lasts, in ms. */
  lengths: number[]
  /** The labels as reported last. */
  labels: (string | undefined)[]
}

const letter = (speaker: number | undefined): string | undefined =>
  speaker === undefined ? undefined : String.fromCharCode(65 + speaker)

/** Label that lasts longest; absent where there is none. */
function dominant(labels: readonly (string | undefined)[], lengths: readonly number[]): string | undefined {
  const sums = new Map<string, number>()
  labels.forEach((label, index) => {
    if (label !== undefined) sums.set(label, (sums.get(label) ?? 0) + lengths[index]!)
  })
  return [...sums].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

/** Index of the stretch that holds `frame`, or of the nearest one. */
function chunkAt(chunks: readonly Stretch[], frame: number): number | undefined {
  let best: { index: number | undefined; distance: number } = { index: undefined, distance: Infinity }
  chunks.forEach(({ start, end }, index) => {
    const distance = Math.max(0, start - frame, frame - end)
    if (distance < best.distance) best = { index, distance }
  })
  return best.index
}

/** Makes the voices of a turn's stretches. */
type VoiceMaker<V> = (
  turn: HeardTurn,
  chunks: readonly Chunk[],
  frames: readonly Float64Array[],
  speech: readonly boolean[],
) => V[] | Promise<V[]>

/**
 * Tells speakers apart, by `model` where there is one, else by statistics of the voices.
 *
 * A turn is cut at its pauses and where the voice changes, and what sounds alike is joined again. After each turn all
 * stretches are grouped anew by how likely they are of one voice, so that an early mistake does not spoil what follows. A
 * group that holds 1.5 s of speech is a speaker; what is in smaller ones goes to the nearest speaker. Below 0.75 s a
 * stretch stays without a speaker until the next revision. Speakers are lettered in order of appearance. Labels already
 * reported change only by `revise()`.
 */
export function trackSpeakers(options: SpeakerTrackerOptions = {}, model?: SpeakerModel): SpeakerTracker {
  if (model !== undefined) {
    return tracker(options, async ({ samples }, chunks, _frames, speech) => {
      const vectors = await model.embed(samples, chunks, speech)
      return vectors.map((vector, index) => VectorVoice.of(vector, chunks[index]!.voice.count, model.threshold))
    })
  }
  const mixture = voiceMixture()
  return tracker(options, ({ samples }, chunks, frames, speech) => {
    const narrowband = isNarrowband(samples)
    return chunks.map(({ start, end }) => {
      const spoken = frames.slice(start, end).filter((_, index) => speech[start + index] === true)
      return MixtureVoice.of(mixture, spoken, narrowband)
    })
  })
}

function tracker<V extends Voice<V>>(options: SpeakerTrackerOptions, makeVoices: VoiceMaker<V>): SpeakerTracker {
  const most = options.maxSpeakers ?? mostSpeakers
  const past: PastTurn<V>[] = []
  const oddsOf = rememberedOdds<V>()
  let heard: Heard<V>[] = []

  /** The group of each stretch; absent for those too short to tell. */
  function group(apart: number): (VoiceGroup<V> | undefined)[] {
    const longest = heard.reduce((frames, { voice }) => Math.max(frames, voice.frames), 0)
    // The first words of a session would have no speaker, however sure it is that they are of the first one.
    const enough = longest >= seedFrames ? seedFrames : attributeFrames
    const seeds = heard.flatMap(({ voice }, index) => (voice.frames >= enough ? [{ voice, members: [index] }] : []))
    const groups = mergeGroups(seeds, most, apart, oddsOf)
    const result = heard.map(({ voice }) => (voice.frames < joinFrames ? undefined : nearestGroup(groups, voice)))
    for (const each of groups) for (const member of each.members) result[member] = each
    return result
  }

  const match = (groups: readonly (VoiceGroup<V> | undefined)[]): Map<VoiceGroup<V>, number> => {
    const numbers = new Map([...new Set(groups)].map((each, number) => [each, number]))
    const labels = matchLabels(
      groups.map((each) => (each === undefined ? undefined : numbers.get(each))),
      heard.map(({ live }) => live),
      heard.map(({ voice }) => voice.frames),
    )
    return new Map(
      [...numbers].flatMap(([each, number]) => (each === undefined ? [] : [[each, labels.get(number)!] as const])),
    )
  }

  /** Groups all stretches anew and says whose each is. */
  function lookAgain(apart: number): void {
    const groups = group(apart)
    const reported = new Set(heard.map(({ live }) => live))
    const first = match(groups)
    const all = [...first.keys()]
    const speakers = all.filter((each) => each.voice.frames >= openFrames || reported.has(first.get(each)))
    if (speakers.length === 0 && all.length > 0)
      speakers.push(all.reduce((a, b) => (b.voice.frames > a.voice.frames ? b : a)))
    const settled = groups.map((each) =>
      each === undefined || speakers.includes(each) ? each : nearestGroup(speakers, each.voice),
    )
    const labels = match(settled)
    heard.forEach((one, index) => {
      const its = settled[index]
      one.now = its === undefined ? undefined : labels.get(its)
    })
  }

  /** Joins the two oldest stretches that agree on their speaker, or drops the oldest, while there are too many. */
  function join(): void {
    while (heard.length > keptVoices) {
      const alike = (a: Heard<V>, b: Heard<V>): boolean => a.live === b.live && a.now === b.now
      const gone = heard.findIndex((one, index) => heard.slice(0, index).some((older) => alike(older, one)))
      const [one] = heard.splice(Math.max(0, gone), 1)
      const older = gone < 0 ? undefined : heard.find((other) => alike(other, one!))
      if (older === undefined) continue
      older.voice = older.voice.plus(one!.voice)
      for (const turn of past) turn.words = turn.words.map((said) => (said === one ? older : said))
    }
  }

  return {
    async attribute(turn: HeardTurn): Promise<Attribution> {
      const speech = turn.speech.map((probability) => probability >= turn.threshold)
      const frames = voiceCepstra(turn.samples)
      const pieces = splitTurn(frames, speech)
      const stretches = joinNeighbours(pieces.length === 0 ? [] : await makeVoices(turn, pieces, frames, speech))
      const chunks = stretches.map(({ members }) => ({
        start: pieces[members[0]!]!.start,
        end: pieces[members.at(-1)!]!.end,
      }))
      const fresh = stretches.map(({ voice }): Heard<V> => ({ voice, live: undefined, now: undefined }))
      heard.push(...fresh)
      lookAgain(keptApart.live)
      for (const one of fresh) if (one.voice.frames >= attributeFrames) one.live = one.now
      const words = turn.words.map((word) => {
        const index = chunkAt(chunks, ((word.start + word.end) / 2 - turn.offset) / speechFrameMs)
        return index === undefined ? undefined : fresh[index]
      })
      const labels = words.map((one) => letter(one?.live))
      past.push({ order: turn.order, words, lengths: turn.words.map(({ start, end }) => end - start), labels })
      if (past.length > keptTurns) past.shift()
      join()
      const speaker = dominant(
        fresh.map(({ live }) => letter(live)),
        fresh.map(({ voice }) => voice.frames),
      )
      return speaker === undefined ? { words: labels } : { words: labels, speaker }
    },

    revise(): RevisedAttribution[] {
      lookAgain(keptApart.revised)
      return past.flatMap((turn) => {
        const labels = turn.words.map((one) => letter(one?.now))
        if (labels.every((label, index) => label === turn.labels[index])) return []
        turn.labels = labels
        const speaker = dominant(labels, turn.lengths)
        return [{ order: turn.order, words: labels, ...(speaker === undefined ? {} : { speaker }) }]
      })
    },
  }
}
