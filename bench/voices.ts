import { libriSpeakers } from './engine/recordings.ts'
import type { BenchOptions, Finding } from './report.ts'
import { glue } from './voices/talk.ts'
import { hear, type TalkResult } from './voices/measure.ts'
import { week } from './voices/week.ts'
import { Random } from '../test/trials/random.ts'

/** Sessions that take over in each talk, and how long it is. */
const rollOvers = 12
const seconds = 780
/** Parts that are heard at the same time. */
const parts = 8
/** Times real time that the audio comes at. */
const pace = 10

/** `npm run bench -- voices`: who keeps his letter when sessions take over from each other, and in parts, without voices and with them. */
export async function benchVoices({ quick, tuning }: BenchOptions): Promise<Finding[]> {
  const speakers = libriSpeakers(tuning)
  const count = quick ? 2 : 4
  const kinds = {
    words: { pace: 4 * pace, voices: false },
    voices: { pace },
    parallelWords: { pace, parallel: parts, voices: false },
    parallel: { pace, parallel: parts },
  }
  const results: Record<keyof typeof kinds, TalkResult[]> = { words: [], voices: [], parallelWords: [], parallel: [] }
  for (let index = 0; index < count; index++) {
    const seed = index + (tuning ? 500 : 0)
    const talk = glue(speakers, 3 + (index % 2), seed, seconds)
    const random = new Random(seed)
    const cuts = Array.from({ length: rollOvers }, (_, at) => 1000 * ((at + 1) * 58) + random.integer(-15_000, 15_000))
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      const result = await hear(talk, kind.startsWith('parallel') ? [] : cuts, seed, kinds[kind])
      results[kind].push(result)
      const { wordMs, rightMs, sharedMs, letters, sessions, revisions, lost, doubled } = result
      const shares = [rightMs, sharedMs].map((ms) => `${((100 * ms) / wordMs).toFixed(1)} %`)
      console.log(
        `${result.speakers} speakers, by ${kind}: same letter ${shares[0]}, letter of another ${shares[1]}, ${letters} letters, ` +
          `${sessions} sessions, ${revisions} revisions, ${lost} words lost, ${doubled} doubled`,
      )
    }
  }
  const share = (all: readonly TalkResult[], of: 'rightMs' | 'sharedMs'): number =>
    (100 * all.reduce((sum, one) => sum + one[of], 0)) / all.reduce((sum, { wordMs }) => sum + wordMs, 0)
  const more = (all: readonly TalkResult[]): number =>
    Math.max(...all.map(({ letters, speakers }) => letters - speakers))
  const ofTalks = (['voices', 'parallel'] as const).flatMap((kind): Finding[] => {
    const byWords = results[kind === 'voices' ? 'words' : 'parallelWords']
    const where = kind === 'voices' ? `over ${rollOvers} sessions` : `in ${parts} parts`
    const [right, shared] = [share(results[kind], 'rightMs'), share(results[kind], 'sharedMs')]
    return [
      {
        measure: `same letter from beginning to end, ${where}`,
        ours: `${right.toFixed(1)} %`,
        against: `by words alone: ${share(byWords, 'rightMs').toFixed(1)} %`,
        target: 'at least 97 %',
        good: right >= 97,
      },
      {
        measure: `speech under the letter of another, ${where}`,
        ours: `${shared.toFixed(1)} %`,
        against: `by words alone: ${share(byWords, 'sharedMs').toFixed(1)} %`,
        target: 'at most 1 %',
        good: shared <= 1,
      },
      {
        measure: `most letters beyond one a speaker, ${where}`,
        ours: String(more(results[kind])),
        against: `by words alone: ${more(byWords)}`,
        target: 'at most 1',
        good: more(results[kind]) <= 1,
      },
    ]
  })
  return [...ofTalks, ...(await week(tuning, quick ? 3 : 20))]
}
