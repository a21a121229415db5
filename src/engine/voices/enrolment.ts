import { joinedVoice, logOdds, type Voice } from '../../voices/voice.ts'
import { mergeGroups } from './clustering.ts'

/** Shorter pieces (frames of 10 ms) found no group. */
const seedFrames = 80
/** A second voice of so many frames, and so much of all, is no mistake of the grouping. */
const secondFrames = 200
const secondShare = 0.12
/** Log odds from which on two groups are one voice: one who reads aloud plays roles, too. */
const keptApart = -1

/** The voice of pieces that are all to be of one person; `'several'` where they are of more. */
export function onlyVoice(pieces: readonly Voice[]): Voice | 'several' | undefined {
  if (pieces.length === 0) return undefined
  const seeds = pieces.filter(({ frames }) => frames >= seedFrames)
  const groups = mergeGroups(
    seeds.map((voice, index) => ({ voice, members: [index] })),
    Infinity,
    keptApart,
    (a, b) => logOdds(a, b, 1),
  ).toSorted((a, b) => b.voice.frames - a.voice.frames)
  const [first, second] = groups
  const all = pieces.reduce((sum, { frames }) => sum + frames, 0)
  if (second !== undefined && second.voice.frames >= Math.max(secondFrames, secondShare * all)) return 'several'
  // What lies apart is a noise, or a word of somebody else.
  return first === undefined ? joinedVoice(pieces) : first.voice
}
