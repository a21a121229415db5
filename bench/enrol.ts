import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { openEmbedder } from '../src/engine/voices/embedder.ts'
import { identify } from '../src/voices/identify.ts'
import { type VoiceProfile, withVoice } from '../src/voices/profile.ts'
import { joinedVoice, type Voice } from '../src/voices/voice.ts'
import { speechFolder } from './engine/recordings.ts'
import type { BenchOptions, Finding } from './report.ts'
import { seededRandom } from '../src/testing/random.ts'

/** Speakers of LibriSpeech test-other by whom settings may be chosen; the others only report. */
const tuningSpeakers = new Set(['1688', '1998', '2033', '2414', '2609'])
/** People in the book: the readers, and others who never speak. */
const booked = 10
/** Speech that somebody is enrolled by, in s. */
const enrolled = [2, 5, 10, 30]
/** Speech after which it is asked who somebody is, in s. */
const heardAfter = [2, 5, 10, 20]

interface Reader {
  name: string
  /** Voices in the pieces of each recording. */
  recordings: Voice[][]
}

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
    for (const band of ['as recorded', 'by telephone'] as const) {
      const load = async (file: string): Promise<Voice[]> => {
        const samples = samplesOf(file, band === 'by telephone')
        return await embedder.voicesIn(samples)
      }
      const readers = await readersOf(load, tuning)
      const strangers = await strangersOf(load, tuning, quick ? 20 : 125)
      for (const seconds of enrolled) findings.push(...score(readers, strangers, seconds, band, quick ? 5 : 40))
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

async function readersOf(load: (file: string) => Promise<Voice[]>, tuning: boolean): Promise<Reader[]> {
  const root = path.join(speechFolder, 'librispeech-resemblyzer', 'librispeech_test-other')
  const names = readdirSync(root).filter((name) => /^\d+$/.test(name) && tuningSpeakers.has(name) === tuning)
  const readers: Reader[] = []
  for (const name of names.toSorted()) {
    const files = readdirSync(path.join(root, name)).filter((file) => file.endsWith('.flac'))
    const recordings: Voice[][] = []
    for (const file of files.toSorted()) recordings.push(await load(path.join(root, name, file)))
    readers.push({ name, recordings })
  }
  return readers
}

async function strangersOf(load: (file: string) => Promise<Voice[]>, tuning: boolean, most: number): Promise<Reader[]> {
  const root = path.join(speechFolder, 'speaker-training')
  const files = readdirSync(root).filter((file) => file.endsWith('.flac'))
  const half = files.toSorted().filter((_, index) => (index % 2 === 0) === tuning)
  const strangers: Reader[] = []
  for (const file of half.slice(0, most)) {
    const voices = await load(path.join(root, file))
    if (voices.length > 0) strangers.push({ name: file, recordings: [voices] })
  }
  return strangers
}

/** A recording at 16 kHz; by telephone its band is cut, and it is mu-law at 8 kHz in between. */
function samplesOf(file: string, telephone: boolean): Int16Array {
  const ffmpeg = (args: readonly string[], input?: Buffer): Buffer =>
    execFileSync('ffmpeg', ['-v', 'error', ...args, '-'], { maxBuffer: 2 ** 28, ...(input && { input }) })
  const pcm = ['-ac', '1', '-ar', '16000', '-f', 's16le']
  const cut = 'highpass=f=300,highpass=f=300,lowpass=f=3400,lowpass=f=3400'
  const line = ['-f', 'mulaw', '-ar', '8000', '-ac', '1']
  const bytes = telephone
    ? ffmpeg([...line, '-i', '-', ...pcm], ffmpeg(['-i', file, '-af', cut, ...line.slice(2), '-f', 'mulaw']))
    : ffmpeg(['-i', file, ...pcm])
  return new Int16Array(Uint8Array.from(bytes).buffer)
}
