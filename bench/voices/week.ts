import { rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbedder } from '../../src/engine/voices/embedder.ts'
import { SpeakerLetters } from '../../src/stream/speakers.ts'
import { VoicedLabelMap } from '../../src/stream/voiced-labels.ts'
import { SpeakerNaming } from '../../src/transforms/speaker-naming.ts'
import { voiceBook, type VoiceBookInFile } from '../../src/voices/book.ts'
import { joinedVoice, type Voice } from '../../src/voices/voice.ts'
import { Random } from '../../test/trials/random.ts'
import type { Finding } from '../report.ts'
import { type Reader, readersOf } from './clips.ts'

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

/** A week of a stream: three people who come and go, of whom each session has labels of its own. */
export async function week(tuning: boolean, weeks: number): Promise<Finding[]> {
  const embedder = await openEmbedder()
  const { model } = embedder
  let readers: Reader[]
  try {
    readers = await readersOf(embedder, 'as recorded', tuning)
  } finally {
    await embedder.close()
  }
  const all = { right: 0, labels: 0, letters: 0, bytes: 0, inBook: 0, file: 0 }
  for (let seed = 0; seed < weeks; seed++) {
    const random = new Random(seed)
    const left = [...readers]
    const cast = Array.from({ length: people }, () => left.splice(random.integer(0, left.length - 1), 1)[0]!)
    const letters = new SpeakerLetters()
    const file = path.join(tmpdir(), `diarize-stream-bench-${process.pid}.json`)
    const book = voiceBook(file, { learn: true }) as VoiceBookInFile
    const letterOf = new Map<string, string>()
    for (let day = 0; day < days; day++) {
      const ofDay = new SpeakerLetters()
      for (let session = 0; session < sessionsADay; session++) {
        const present = cast.filter(() => random.chance(there))
        for (const [label, { name }] of hearSession(letters, present, letterOf, random)) {
          // Whoever has a letter first has it for the week.
          if (!letterOf.has(name) && ![...letterOf.values()].includes(label)) letterOf.set(name, label)
          all.labels += 1
          if (letterOf.get(name) === label) all.right += 1
        }
        hearSession(ofDay, present, new Map(), random)
      }
      const naming = new SpeakerNaming(book, {
        revised: () => {},
        warning: ({ message }) => console.log(message),
        failed: (error) => console.log(error.message),
      })
      naming.heard('', ofDay.voices)
      await naming.settle(model)
      naming.close()
    }
    const voices = [...letters.voices.values()].flatMap(({ wideband, narrowband }) => [wideband, narrowband])
    all.letters = Math.max(all.letters, letters.known.length)
    all.bytes = Math.max(
      all.bytes,
      voices.reduce((sum, voice) => sum + (voice?.sum.byteLength ?? 0), 0),
    )
    all.inBook = Math.max(all.inBook, (await book.list()).length)
    all.file = Math.max(all.file, statSync(file).size)
    rmSync(file)
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
    {
      measure: `a book that learns from a stream each day, after the week: most voices in it`,
      ours: `${all.inBook}, in a file of ${(all.file / 1000).toFixed(1)} kB`,
    },
  ]
}

/** Has a session's labels heard, in any order; gives the letter of each, and who it is of. */
function hearSession(
  letters: SpeakerLetters,
  present: readonly Reader[],
  known: ReadonlyMap<string, string>,
  random: Random,
): [letter: string, reader: Reader][] {
  const map = new VoicedLabelMap(letters, !letters.any)
  const names = present.map((_, index) => String.fromCodePoint(65 + index))
  const labels = present.map((reader) => ({
    reader,
    label: names.splice(random.integer(0, names.length - 1), 1)[0]!,
    speech: stretches(reader, random),
  }))
  for (const { reader, label } of labels) {
    const letter = known.get(reader.name)
    if (letter !== undefined && random.chance(overlaps))
      for (let word = 0; word < 3; word++) map.vote(label, letter, 240)
    map.letter(label, 0)
  }
  while (labels.some(({ speech }) => speech.length > 0)) {
    const { label, speech } = random.pick(labels.filter((one) => one.speech.length > 0))
    map.hear(label, speech.pop()!)
    map.consider()
  }
  map.settle()
  return labels.map(({ reader, label }) => [map.mapping[label]!, reader])
}

/** Some speech of a reader, as a stream listens to it. */
function stretches({ recordings }: Reader, random: Random): Voice[] {
  const result: Voice[] = []
  const pieces = random.pick(recordings)
  let next = random.integer(0, pieces.length - 1)
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
