import { rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbedder } from '../../src/engine/voices/embedder.ts'
import { LabelMap } from '../../src/stream/label-map.ts'
import { SpeakerLetters } from '../../src/stream/speakers.ts'
import { SpeakerNaming } from '../../src/transforms/voices/speaker-naming.ts'
import { type SpeakerModelIdentity, voiceBook, type VoiceBookInFile } from '../../src/voices/book.ts'
import { oddsOfOnePerson } from '../../src/voices/profile.ts'
import { joinedVoice, type Voice } from '../../src/voices/voice.ts'
import { makeTurn } from '../../test/captions/example-turn.ts'
import { Random } from '../../test/trials/random.ts'
import type { Finding } from '../report.ts'
import { type Band, bands, type Reader, readersOf } from './clips.ts'

const days = 7
/** Sessions of three hours. */
const sessionsADay = 8
const people = 3
/** How likely somebody is there in a session, and heard by both sessions at its beginning. */
const there = 0.6
const overlaps = 0.3
/** Speech of one label that is listened to at a time, and in a session, frames of 10 ms. */
const stretchFrames = 300
const sessionFrames = 800

type Readers = ReadonlyMap<Band, readonly Reader[]>

/** A week: three people who come and go, of whom each session has labels of its own, and each stream letters. */
export async function week(tuning: boolean, weeks: number): Promise<Finding[]> {
  const embedder = await openEmbedder()
  const { model } = embedder
  const readers = new Map<Band, Reader[]>()
  try {
    for (const band of bands) readers.set(band, await readersOf(embedder, band, tuning))
  } finally {
    await embedder.close()
  }
  const findings = weekOfOneStream(readers.get('as recorded')!, weeks)
  for (const streams of [days, days * sessionsADay]) {
    for (const how of [['as recorded'], ['by telephone'], ['as recorded', 'by telephone']] as const)
      findings.push(...(await weekOfBook(readers, { streams, how }, weeks, model)))
  }
  return findings
}

function castOf<T>(readers: readonly T[], random: Random): T[] {
  const left = [...readers]
  return Array.from({ length: people }, () => left.splice(random.integer(0, left.length - 1), 1)[0]!)
}

/** One stream that runs for the week. */
function weekOfOneStream(readers: readonly Reader[], weeks: number): Finding[] {
  const all = { right: 0, labels: 0, letters: 0, bytes: 0 }
  for (let seed = 0; seed < weeks; seed++) {
    const random = new Random(seed)
    const cast = castOf(readers, random)
    const letters = new SpeakerLetters()
    const letterOf = new Map<string, string>()
    for (let session = 0; session < days * sessionsADay; session++) {
      const present = cast.filter(() => random.chance(there))
      for (const { letter, reader } of hearSession(letters, present, letterOf, random)) {
        // Whoever has a letter first has it for the week.
        if (!letterOf.has(reader.name) && ![...letterOf.values()].includes(letter)) letterOf.set(reader.name, letter)
        all.labels += 1
        if (letterOf.get(reader.name) === letter) all.right += 1
      }
    }
    const voices = [...letters.voices.values()].flatMap(({ wideband, narrowband }) => [wideband, narrowband])
    const bytes = voices.reduce((sum, voice) => sum + (voice?.sum.byteLength ?? 0), 0)
    all.letters = Math.max(all.letters, letters.known.length)
    all.bytes = Math.max(all.bytes, bytes)
  }
  const where = `a week of ${people} people, ${days * sessionsADay} sessions`
  const right = (100 * all.right) / all.labels
  return [
    {
      measure: `${where}: labels that get the letter of their speaker`,
      ours: `${right.toFixed(1)} %`,
      target: 'at least 97 %',
      good: right >= 97,
    },
    {
      measure: `${where}: most letters`,
      ours: String(all.letters),
      target: `at most ${people + 1}`,
      good: all.letters <= people + 1,
    },
    { measure: `${where}: memory of their voices`, ours: `${(all.bytes / 1000).toFixed(1)} kB` },
  ]
}

/** A book that learns from as many streams of a week, which sound one way or in turn. */
async function weekOfBook(
  readers: Readers,
  { streams, how }: { streams: number; how: readonly Band[] },
  weeks: number,
  model: SpeakerModelIdentity,
): Promise<Finding[]> {
  const all = { voices: 0, unknown: 0, mixed: 0, speech: 0, wrong: 0, named: 0, file: 0 }
  for (let seed = 0; seed < weeks; seed++) {
    const random = new Random(seed)
    const cast = castOf([...readers.get(how[0]!)!.keys()], random)
    const file = path.join(tmpdir(), `diarize-stream-bench-${process.pid}.json`)
    const book = voiceBook(file, { learn: true }) as VoiceBookInFile
    /** Speech of each person behind each voice of the book. */
    const behind = new Map<string, Map<string, number>>()
    const said: { voice: string | undefined; name: string; frames: number }[] = []
    for (let stream = 0; stream < streams; stream++) {
      const ofBand = readers.get(how[stream % how.length]!)!
      const letters = new SpeakerLetters()
      const heard: HeardLabel[] = []
      for (let session = 0; session < (days * sessionsADay) / streams; session++) {
        const present = cast.filter(() => random.chance(there)).map((index) => ofBand[index]!)
        heard.push(...hearSession(letters, present, new Map(), random))
      }
      const naming = new SpeakerNaming(book, {
        revised: () => {},
        warning: ({ message }) => console.log(message),
        failed: (error) => console.log(error.message),
      })
      naming.heard('', letters.voices)
      await naming.madeBy(model)
      await naming.settle()
      const known = await book.list()
      for (const { letter, reader, frames } of heard) {
        const given = naming.pass({ ...makeTurn(0, 'x', { endOfTurn: false }), speaker: letter }).speakerName
        // Who is new has no name before the next stream.
        const learned = known.find(
          ({ name, profile }) => !behind.has(name) && oddsOfOnePerson(profile, letters.voiceOf(letter)) > 0,
        )
        const voice = given ?? learned?.name
        said.push({ voice, name: reader.name, frames })
      }
      for (const { voice, name, frames } of said.slice(-heard.length)) {
        if (voice === undefined) continue
        const of = behind.get(voice) ?? new Map<string, number>()
        behind.set(voice, of.set(name, (of.get(name) ?? 0) + frames))
      }
      naming.close()
    }
    const inBook = await book.list()
    const owners = new Map([...behind].map(([voice, of]) => [voice, [...of].toSorted((a, b) => b[1] - a[1])]))
    all.voices = Math.max(all.voices, inBook.length)
    all.unknown = Math.max(all.unknown, people - new Set([...owners.values()].map(([owner]) => owner![0])).size)
    for (const [first, second] of owners.values()) if ((second?.[1] ?? 0) >= first![1] / 10) all.mixed += 1
    for (const { voice, name, frames } of said) {
      all.speech += frames
      if (voice !== undefined) all.named += frames
      if (voice !== undefined && owners.get(voice)![0]![0] !== name) all.wrong += frames
    }
    all.file = Math.max(all.file, statSync(file).size)
    rmSync(file)
  }
  const where = `a book that learns from ${streams} streams in a week, ${how.join(' and ')}`
  const wrong = (100 * all.wrong) / all.speech
  return [
    {
      measure: `${where}: most voices in it`,
      ours: `${all.voices}, in a file of ${(all.file / 1000).toFixed(1)} kB`,
      target: `at most ${people + 1}`,
      good: all.voices <= people + 1,
    },
    {
      measure: `${where}: voices that are of two people; most people who have none`,
      ours: `${all.mixed} in ${weeks} weeks; ${all.unknown}`,
      target: '0; 0',
      good: all.mixed === 0 && all.unknown === 0,
    },
    {
      measure: `${where}: speech under the voice of another, and under any`,
      ours: `${wrong.toFixed(1)} %, ${((100 * all.named) / all.speech).toFixed(1)} %`,
      target: 'at most 1 %',
      good: wrong <= 1,
    },
  ]
}

/** A label of a session, and who it is of. */
interface HeardLabel {
  letter: string
  reader: Reader
  /** Speech, frames of 10 ms. */
  frames: number
}

/** Has a session's labels heard, in any order; gives the letter of each. */
function hearSession(
  letters: SpeakerLetters,
  present: readonly Reader[],
  known: ReadonlyMap<string, string>,
  random: Random,
): HeardLabel[] {
  const map = new LabelMap(letters, 'letters', true)
  const names = present.map((_, index) => String.fromCodePoint(65 + index))
  const labels = present.map((reader) => ({
    reader,
    label: names.splice(random.integer(0, names.length - 1), 1)[0]!,
    speech: stretches(reader, random),
    frames: 0,
  }))
  for (const { reader, label } of labels) {
    const letter = known.get(reader.name)
    if (letter !== undefined && random.chance(overlaps))
      for (let word = 0; word < 3; word++) map.vote(label, letter, 240)
    map.letter(label, 0)
  }
  while (labels.some(({ speech }) => speech.length > 0)) {
    const one = random.pick(labels.filter(({ speech }) => speech.length > 0))
    const voice = one.speech.pop()!
    one.frames += voice.frames
    map.hear(one.label, voice)
    map.consider()
  }
  map.settle()
  return labels.map(({ reader, label, frames }) => ({ letter: map.mapping[label]!, reader, frames }))
}

/** Some speech of a reader, as a stream listens to it: from a place in some recording on, and no word of it twice. */
function stretches({ recordings }: Reader, random: Random): Voice[] {
  const result: Voice[] = []
  const first = random.integer(0, recordings.length - 1)
  const pieces = [...recordings.slice(first), ...recordings.slice(0, first)].flat()
  let next = random.integer(0, recordings[first]!.length - 1)
  for (let frames = 0; frames < sessionFrames;) {
    const some: Voice[] = []
    for (let length = 0; length < stretchFrames; length += some.at(-1)!.frames)
      some.push(pieces[next++ % pieces.length]!)
    const voice = joinedVoice(some)
    frames += voice.frames
    result.push(voice)
  }
  return result
}
