import { bestAssignment } from '../../voices/assignment.ts'
import { framesOf, oddsOfOnePerson, profileOf, type VoiceProfile, withoutSpeech } from '../../voices/profile.ts'
import { joinedVoice, logOdds, type Voice, voiceOf } from '../../voices/voice.ts'
import {
  type Attribution,
  type TrackedUtterance,
  type SpeakerModel,
  type SpeakerTracker,
  speechFrameMs,
  type Stretch,
} from '../parts.ts'
import { greatestBy, joinNeighbours, mergeGroups, nearestGroup, splitGroup, type VoiceGroup } from './clustering.ts'
import { isNarrowband } from './bandwidth.ts'
import { NoiseReduction } from './noise.ts'
import { SessionScatter } from './scatter.ts'
import { levelsOf, speechPieces, windowsOf } from './segmentation.ts'

export interface SpeakerTrackerOptions {
  /** Cap on the number of speakers, 1 to 10; 10 when absent. */
  maxSpeakers?: number | undefined
}

const speakerLimit = 10
/** Speech frames (10 ms each) a group needs to be a speaker of its own. */
const openFrames = 150
/** From so many frames on a run of one speaker gets a label at once; shorter ones if it is clear whose they are. */
const labelFrames = 75
/** Shorter runs get none before a revision, in frames. */
const minFrames = 30
/** Stretches of fewer frames found no groups, but join one: in quick talk nobody says much at a time. */
const seedFrames = 60
/** Stretches of fewer frames join none. */
const joinFrames = 50
/** Log odds up to which two groups stay apart; people in one room sound more alike than the odds are made of. */
const keptApart = { wideband: 1, narrowband: 0 }
/** At a revision, a small group (frames) is no speaker of its own above these log odds with a larger one. */
const doubtfulFrames = 300
const doubtfulFrom = { wideband: -4, narrowband: -2 }
/** Stretches kept for another look; beyond it the oldest of one speaker are joined. */
const keptVoices = 80
/** Utterances whose words can still be revised. */
const keptUtterances = 4000
/** Pieces that a revision looks at one by one (1 MB); beyond it the oldest keep the speaker of their stretch. */
const keptPieces = 500
/**
 * From which log odds on neighbours are joined, by the pause between them in frames. Where another may have begun to speak,
 * it is for the whole session to say: what is joined by chance is not parted again, and who is in it is no speaker. By
 * telephone short stretches tell too little for that.
 */
const joinedFrom = (pause: number, narrowband: boolean): number =>
  pause < 6 ? -1 : pause < 15 ? 1 : pause < 30 || narrowband ? 2 : Infinity
/** What a change of speaker costs by the pause before it, in frames, as log odds. */
const changeCost = (pause: number): number => (pause < 15 ? 3 : pause < 40 ? 1 : 0.5)
/** It is clear whose a short run is where he is likelier than anybody else, known or new, by this much, as log odds. */
const clearFrom = 1

/** Speech taken to be of one speaker: a stretch of one utterance, or several old ones joined. */
interface SpeechSegment {
  voice: Voice
  /** Number of the speaker as it was first reported. */
  live: number | undefined
  /** Number of the speaker as believed now. */
  now: number | undefined
  /** What it has been joined to, which stands for it from then on. */
  into?: SpeechSegment
}

function current(one: SpeechSegment): SpeechSegment {
  let last = one
  while (last.into !== undefined) last = last.into
  if (last !== one) one.into = last
  return last
}

/** A piece of an utterance, as short as a voice can be told by. */
interface Piece extends Stretch {
  voice: Voice
  /** The stretch it is a part of. */
  part: SpeechSegment
  /** Number of the speaker as believed now, with regard to the pieces around it. */
  now: number | undefined
}

interface PastUtterance {
  id: number
  /** None where the utterance is too old for a look at each of them. */
  pieces: Piece[]
  /** For each word, the piece and the stretch it lies in. */
  words: { piece?: Piece; part?: SpeechSegment }[]
  labels: (string | undefined)[]
}

/** A speaker: a profile as streams and voice books keep it, of which no speech fades while its stretches are at hand. */
interface Speaker {
  number: number
  profile: VoiceProfile
}

/** What of two voices can be compared. */
const bandOf = (a: Voice, b: Voice): 'wideband' | 'narrowband' =>
  a.narrowband || b.narrowband ? 'narrowband' : 'wideband'

const letter = (speaker: number | undefined): string | undefined =>
  speaker === undefined ? undefined : String.fromCharCode(65 + speaker)

/** The piece that holds `frame`, or the nearest one. */
function pieceAt(pieces: readonly Piece[], frame: number): Piece | undefined {
  return greatestBy(pieces, ({ start, end }) => -Math.max(0, start - frame, frame - end))
}

/**
 * Tells speakers apart by the vectors of `model`.
 *
 * An utterance is cut into pieces at its pauses and where it is softest; neighbours that sound alike are joined to
 * stretches. After each utterance all stretches are grouped anew by the odds that they are of one voice, so that an early
 * mistake does not spoil what follows; how alike one voice must be to itself is learned from the session. By telephone a
 * group that is two voices after all is parted again. A group that holds 1.5 s of speech is a speaker; what is in smaller
 * ones goes to the nearest speaker. Then each piece of the utterance gets the speaker that is likeliest with regard to the
 * pieces around it.
 * What is short and might be of several speakers stays without a label until a revision, which does all of this again for
 * everything kept. Speakers are lettered in order of appearance. Labels already reported change only by `revise()`.
 */
export function trackSpeakers(options: SpeakerTrackerOptions, model: SpeakerModel): SpeakerTracker {
  const most = options.maxSpeakers ?? speakerLimit
  const past: PastUtterance[] = []
  const scatter = new SessionScatter()
  const oddsOf = (a: Voice, b: Voice): number => logOdds(a, b, scatter.now)
  let remembered = { scatter: scatter.now, odds: new WeakMap<Voice, WeakMap<Voice, number>>() }
  /** The same for voices that are compared again after every utterance. */
  const rememberedOdds = (a: Voice, b: Voice): number => {
    if (remembered.scatter !== scatter.now) remembered = { scatter: scatter.now, odds: new WeakMap() }
    let row = remembered.odds.get(a)
    if (row === undefined) remembered.odds.set(a, (row = new WeakMap()))
    let odds = row.get(b)
    if (odds === undefined) row.set(b, (odds = oddsOf(a, b)))
    return odds
  }
  const segments: SpeechSegment[] = []
  let piecesKept = 0
  const noise = new NoiseReduction()

  /** The group of each stretch; absent for those too short to tell. `atLast` something is better than nothing. */
  function group(atLast: boolean): (VoiceGroup | undefined)[] {
    const longest = segments.reduce((frames, { voice }) => Math.max(frames, voice.frames), 0)
    const voices = segments.map(({ voice }) => voice)
    // The first words of a session would have no speaker, however sure it is that they are of the first one.
    const enough = longest >= seedFrames ? seedFrames : atLast ? Math.min(longest, labelFrames) : labelFrames
    const seeds = segments.flatMap(({ voice }, index) => (voice.frames >= enough ? [{ voice, members: [index] }] : []))
    const merged = mergeGroups(seeds, most, (a, b) => rememberedOdds(a, b) - keptApart[bandOf(a, b)])
    const parted = merged.flatMap((each) => splitGroup(each, voices))
    const groups = parted.length <= most ? parted : merged
    const result = segments.map(({ voice }) =>
      voice.frames < joinFrames ? undefined : nearestGroup(groups, voice, oddsOf),
    )
    for (const each of groups) for (const member of each.members) result[member] = each
    return result
  }

  /** The number of each group: that under which most of its speech was reported, else the lowest that is free. */
  const match = (groups: readonly (VoiceGroup | undefined)[]): Map<VoiceGroup, number> => {
    const all = [...new Set(groups)].filter((each) => each !== undefined)
    const known = segments.reduce((count, { live = -1 }) => Math.max(count, live + 1), 0)
    const shared = all.map(() => Array<number>(known).fill(0))
    groups.forEach((each, index) => {
      const { live, voice } = segments[index]!
      if (each !== undefined && live !== undefined) shared[all.indexOf(each)]![live]! += voice.frames
    })
    const numbers = bestAssignment(shared)
    all.forEach((_, index) => {
      if (numbers[index]! >= 0) return
      let free = 0
      while (numbers.includes(free)) free++
      numbers[index] = free
    })
    return new Map(all.map((each, index) => [each, numbers[index]!]))
  }

  /** Whether what is in a small group may well be of one of the others. */
  const isDoubtful = (group: VoiceGroup, all: readonly VoiceGroup[]): boolean =>
    group.voice.frames < doubtfulFrames &&
    all.some(
      ({ voice }) =>
        voice.frames > group.voice.frames && oddsOf(group.voice, voice) > doubtfulFrom[bandOf(group.voice, voice)],
    )

  /** Groups all stretches anew and says whose each is; `atLast` at a revision. */
  function lookAgain(atLast: boolean): void {
    const groups = group(atLast)
    const reported = new Set(segments.map(({ live }) => live))
    const first = match(groups)
    const all = [...first.keys()]
    const speakers = all.filter(
      (each) =>
        (each.voice.frames >= openFrames || reported.has(first.get(each))) && !(atLast && isDoubtful(each, all)),
    )
    const largest = greatestBy(all, ({ voice }) => voice.frames)
    if (speakers.length === 0 && largest !== undefined) speakers.push(largest)
    const settled = groups.map((each) =>
      each === undefined || speakers.includes(each) ? each : nearestGroup(speakers, each.voice, oddsOf),
    )
    const labels = match(settled)
    segments.forEach((one, index) => {
      const its = settled[index]
      one.now = its === undefined ? undefined : labels.get(its)
    })
  }

  function speakersNow(): Speaker[] {
    const voices = new Map<number, Voice[]>()
    for (const { now, voice } of segments) {
      if (now !== undefined) voices.set(now, [...(voices.get(now) ?? []), voice])
    }
    return [...voices]
      .map(([number, of]) => ({ number, profile: profileOf(of) }))
      .toSorted((a, b) => a.number - b.number)
  }

  /** Says for each piece of an utterance whose it is, with regard to those around it. */
  function assign(pieces: readonly Piece[], speakers: readonly Speaker[]): number[][] {
    const steps = pieces.map(({ voice, part, start }, index) => {
      const piece = profileOf([voice])
      const odds = speakers.map(({ number, profile }) => {
        const rest = current(part).now === number ? withoutSpeech(profile, voice) : profile
        return framesOf(rest) < joinFrames ? 0 : oddsOfOnePerson(piece, rest, scatter.now)
      })
      return { odds, change: changeCost(start - (pieces[index - 1]?.end ?? 0)) }
    })
    likeliestPath(steps).forEach((speaker, index) => {
      pieces[index]!.now = speakers[speaker]!.number
    })
    return steps.map(({ odds }) => odds)
  }

  /** The numbers of the speakers of `pieces` that are sure enough to be reported at once. */
  function sureOf(
    pieces: readonly Piece[],
    speakers: readonly Speaker[],
    odds: readonly number[][],
  ): Map<Piece, number> {
    const sure = new Map<Piece, number>()
    for (let from = 0, to = 0; from < pieces.length; from = to) {
      const { now } = pieces[from]!
      while (to < pieces.length && pieces[to]!.now === now) to++
      const its = speakers.findIndex(({ number }) => number === now)
      if (now === undefined || its < 0) continue
      const run = pieces.slice(from, to)
      const frames = run.reduce((sum, { voice }) => sum + voice.frames, 0)
      const sums = speakers.map((_, speaker) => odds.slice(from, to).reduce((sum, of) => sum + of[speaker]!, 0))
      const other = Math.max(0, ...sums.filter((_, speaker) => speaker !== its))
      if (frames >= labelFrames || (frames >= minFrames && sums[its]! - other >= clearFrom)) {
        for (const piece of run) sure.set(piece, now)
      }
    }
    return sure
  }

  /** Joins the two oldest stretches that agree on their speaker, or drops the oldest, while there are too many. */
  function join(): void {
    while (segments.length > keptVoices) {
      const alike = (a: SpeechSegment, b: SpeechSegment): boolean =>
        a.live === b.live && a.now === b.now && a.voice.narrowband === b.voice.narrowband
      const gone = segments.findIndex((one, index) => segments.slice(0, index).some((older) => alike(older, one)))
      const [one] = segments.splice(Math.max(0, gone), 1) as [SpeechSegment]
      const older = gone < 0 ? undefined : segments.find((other) => alike(other, one))
      if (older === undefined) continue
      older.voice = joinedVoice([older.voice, one.voice])
      one.voice = older.voice
      one.into = older
    }
  }

  /** Gives up what is kept of the oldest utterances, while it is too much. */
  function forget(): void {
    if (past.length > keptUtterances) piecesKept -= past.shift()!.pieces.length
    for (const utterance of past) {
      if (piecesKept <= keptPieces) return
      if (utterance.pieces.length === 0) continue
      piecesKept -= utterance.pieces.length
      utterance.pieces = []
      for (const word of utterance.words) {
        const speaker = word.piece?.now
        // From now on a word has the speaker of a stretch that had its speaker so far.
        const part = segments.find(({ now }) => now === speaker) ?? word.part
        if (part !== undefined && (word.part === undefined || current(word.part).now !== speaker)) word.part = part
        delete word.piece
      }
    }
  }

  return {
    async attribute({ id, offset, samples: heard, speech, words: said }: TrackedUtterance): Promise<Attribution> {
      const samples = noise.reduce(heard)
      const cut = speechPieces(levelsOf(samples, speech.length), speech)
      const voices = await voicesOf(model, samples, cut)
      const least = cut
        .slice(1)
        .map(({ start }, index) => joinedFrom(start - cut[index]!.end, voices[index]!.narrowband))
      scatter.learn(cut, voices)
      const pieces = joinNeighbours(voices, least, oddsOf).flatMap(({ voice, members }) => {
        const part: SpeechSegment = { voice, live: undefined, now: undefined }
        segments.push(part)
        return members.map((index): Piece => ({ ...cut[index]!, voice: voices[index]!, part, now: undefined }))
      })
      lookAgain(false)
      const speakers = speakersNow()
      const sure = sureOf(pieces, speakers, assign(pieces, speakers))
      for (const [{ part }, speaker] of sure) if (part.now === speaker) part.live = speaker
      const words = said.map(({ start, end }) => {
        const piece = pieceAt(pieces, ((start + end) / 2 - offset) / speechFrameMs)
        return piece === undefined ? {} : { piece, part: piece.part }
      })
      const labels = words.map(({ piece }) => letter(piece && sure.get(piece)))
      past.push({ id, pieces, words, labels })
      piecesKept += pieces.length
      join()
      forget()
      return { id, words: labels }
    },

    revise(): Promise<Attribution[]> {
      lookAgain(true)
      const speakers = speakersNow()
      const changed = past.flatMap((utterance) => {
        assign(utterance.pieces, speakers)
        const labels = utterance.words.map(({ piece, part }) =>
          letter(piece === undefined ? part && current(part).now : piece.now),
        )
        if (labels.every((label, index) => label === utterance.labels[index])) return []
        utterance.labels = labels
        return [{ id: utterance.id, words: labels }]
      })
      return Promise.resolve(changed)
    },
  }
}

/** The voices in `pieces` of `samples`, one each, by the windows that `cover` a piece. */
export async function voicesOf(
  model: SpeakerModel,
  samples: Int16Array,
  pieces: readonly Stretch[],
  cover = windowsOf,
): Promise<Voice[]> {
  const windows = pieces.map(cover)
  const narrowband = isNarrowband(samples)
  const vectors = await model.embed(samples, windows.flat())
  let next = 0
  return windows.map((of, index) => {
    const frames = pieces[index]!.end - pieces[index]!.start
    return joinedVoice(of.map(() => voiceOf(vectors[next++]!, frames / of.length, narrowband)))
  })
}

export interface Step {
  /** For each speaker, log odds that the stretch is of its voice. */
  odds: readonly number[]
  /** What a change of speaker before this stretch costs, in the same measure. */
  change: number
}

/** Who speaks in each of the `steps`: the likeliest sequence of indexes of speakers; empty where there are none. */
export function likeliestPath(steps: readonly Step[]): number[] {
  const speakers = steps[0]?.odds.length ?? 0
  if (speakers === 0) return []
  let scores = Array<number>(speakers).fill(0)
  /** For each step, from which speaker each one is best reached. */
  const from = steps.map(({ odds, change }, index) => {
    let best = 0
    scores.forEach((score, speaker) => {
      if (score > scores[best]!) best = speaker
    })
    const changed = scores[best]! - (index === 0 ? 0 : change)
    const origins = scores.map((score, speaker) => (score >= changed ? speaker : best))
    scores = scores.map((score, speaker) => Math.max(score, changed) + odds[speaker]!)
    return origins
  })
  let speaker = scores.indexOf(Math.max(...scores))
  const path: number[] = []
  for (let index = steps.length - 1; index >= 0; index--) {
    path.unshift(speaker)
    speaker = from[index]![speaker]!
  }
  return path
}
