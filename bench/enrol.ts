import { existsSync } from 'node:fs'
import { openEmbedder } from '../src/engine/voices/embedder.ts'
import { identify } from '../src/voices/identify.ts'
import { type VoiceProfile, withVoice } from '../src/voices/profile.ts'
import { joinedVoice, type Voice } from '../src/voices/voice.ts'
import { speechFolder } from './engine/recordings.ts'
import type { BenchOptions, Finding } from './report.ts'
import { bands, type Reader, readersOf, strangersOf } from './voices/clips.ts'
import { seededRandom } from '../test/helpers/random.ts'

/** People in the book: the readers, and others who never speak. */
const booked = 10
/** Speech that somebody is enrolled by, in s. */
const enrolled = [2, 5, 10, 30]
/** Speech after which it is asked who somebody is, in s. */
const heardAfter = [2, 5, 10, 20]
/** Strangers, and how often all are gone through, with other recordings enrolled each time. */
const people = 60
const rounds = 40

/**
 * Who somebody is, by a book of ten voices: five readers of whom other recordings are heard, and five who never speak, of
 * the half by which nothing was chosen; strangers are of another corpus, on whose other half nothing was chosen either.
 * A conversation of 20 s of each is gone through; a name counts from when it is given.
 */
export async function benchEnrol({ quick, tuning }: BenchOptions): Promise<Finding[]> {
  if (!existsSync(speechFolder)) {
    console.log(`no labelled speech in ${speechFolder}: set DIARIZE_SPEECH`)
    return []
  }
  const findings: Finding[] = []
  const embedder = await openEmbedder()
  try {
    for (const band of bands) {
      const readers = await readersOf(embedder, band, tuning)
      const strangers = await strangersOf(embedder, band, tuning, quick ? 20 : people)
      const ofBand = enrolled.flatMap((seconds) => score(readers, strangers, seconds, band, quick ? 5 : rounds))
      for (const { measure, ours } of ofBand) console.log(`${measure}: ${ours}`)
      findings.push(...ofBand)
    }
  } finally {
    await embedder.close()
  }
  return findings
}

function score(
  readers: readonly Reader[],
  strangers: readonly Reader[],
  seconds: number,
  band: string,
  rounds: number,
): Finding[] {
  const random = seededRandom(seconds)
  const times = { all: 0, named: 0, wrong: 0 }
  const asked = heardAfter.map(() => ({ all: 0, named: 0 }))
  const alien = { all: 0, named: 0, people: 0, everNamed: 0 }
  for (let round = 0; round < rounds; round++) {
    const others = shuffled(strangers, random)
    const silent = others.splice(0, booked - readers.length)
    const parts = readers.map(({ name, recordings }) => ({ name, recordings: shuffled(recordings, random) }))
    const book = [
      ...parts.map(({ name, recordings }) => ({ name, profile: takeFrom(recordings, seconds).profile })),
      ...silent.map(({ name, recordings }) => ({ name, profile: takeFrom(recordings, seconds).profile })),
    ]
    for (const { name, recordings } of parts) {
      const { rest } = takeFrom(recordings, seconds)
      for (const { time, who, at } of listen(rest, book)) {
        times.all += time
        if (who === name) times.named += time
        else if (who !== undefined) times.wrong += time
        heardAfter.forEach((after, index) => {
          if (at < after * 100 || at - time >= after * 100) return
          asked[index]!.all += 1
          if (who === name) asked[index]!.named += 1
        })
      }
    }
    for (const { recordings } of others.slice(0, 20)) {
      let ever = false
      for (const { time, who } of listen(recordings, book)) {
        alien.all += time
        if (who !== undefined) alien.named += time
        ever ||= who !== undefined
      }
      alien.people += 1
      if (ever) alien.everNamed += 1
    }
  }
  const share = (part: number, all: number): number => part / Math.max(1, all)
  const where = `${band}, ${seconds} s enrolled`
  const isMeasure = seconds >= 10
  const right = share(asked[2]!.named, asked[2]!.all)
  const steps = heardAfter.map(
    (after, index) => `${percent(share(asked[index]!.named, asked[index]!.all))} after ${after} s`,
  )
  return [
    {
      measure: `named right, ${where}`,
      ours: `${steps.join(', ')}; ${percent(share(times.named, times.all))} of the time`,
      ...(isMeasure && { target: 'at least 90 % after 10 s', good: right >= 0.9 }),
    },
    {
      measure: `under a wrong name, ${where}`,
      ours: `${percent(share(times.wrong, times.all))} of the time`,
      target: 'at most 1 %',
      good: share(times.wrong, times.all) <= 0.01,
    },
    {
      measure: `strangers under a name, ${where}`,
      ours: `${percent(share(alien.named, alien.all))} of the time, ${percent(share(alien.everNamed, alien.people))} of the people at some time`,
      target: 'at most 2 % of the time',
      good: share(alien.named, alien.all) <= 0.02,
    },
  ]
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** Goes through 20 s of somebody's speech, and says after each piece whom he is taken for. */
function* listen(
  recordings: readonly Voice[][],
  book: readonly { name: string; profile: VoiceProfile }[],
): Generator<{ time: number; who: string | undefined; at: number }> {
  let profile: VoiceProfile = {}
  let before = new Map<string, string>()
  let at = 0
  for (const voice of recordings.flat()) {
    if (at >= 2100) return
    profile = withVoice(profile, voice)
    at += voice.frames
    const who = identify([{ label: 'A', profile }], book, before).get('A')?.name
    before = who === undefined ? new Map<string, string>() : new Map([['A', who]])
    yield { time: voice.frames, who, at }
  }
}

/** The first so many seconds of speech as a profile, and the recordings that are not touched. */
function takeFrom(recordings: readonly Voice[][], seconds: number): { profile: VoiceProfile; rest: Voice[][] } {
  const taken: Voice[] = []
  let frames = 0
  let used = 0
  for (const recording of recordings) {
    if (frames >= seconds * 100) break
    used += 1
    for (const voice of recording) {
      if (frames >= seconds * 100) break
      taken.push(voice)
      frames += voice.frames
    }
  }
  return { profile: withVoice({}, joinedVoice(taken)), rest: recordings.slice(used) }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
