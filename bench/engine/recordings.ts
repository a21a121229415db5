import { int16ToMulaw, mulawToInt16 } from '../../src/audio/pcm.ts'
import { speak, wavSamples } from '../../test/helpers/flite.ts'
import { parseRttm, type ScoredWord, type SpeakerSpan } from '../../test/helpers/scoring.ts'
import { conversation, onOneMicrophone, type RecordedSpeaker, stretchesOf } from './conversations.ts'
import { charactersOf, spokenWords } from './listen.ts'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of the labelled speech, which is not part of the project: `DIARIZE_SPEECH`, or beside the checkout. */
export const speechFolder =
  process.env['DIARIZE_SPEECH'] ?? fileURLToPath(new URL('../../../shared/speech', import.meta.url))

/** Speakers of LibriSpeech test-other whose conversations settings may be chosen by; the others only report. */
export const tuningSpeakers = new Set(['1688', '1998', '2033', '2414', '2609'])
/** Meetings that settings may be chosen by. */
const tuningMeetings = new Set(['trn01', 'trn02', 'trn03', 'trn04', 'trn05'])

const samplesOf = (path: string): Int16Array =>
  path.endsWith('.wav')
    ? wavSamples(readFileSync(path))
    : new Int16Array(
        Uint8Array.from(
          execFileSync(
            'ffmpeg',
            ['-v', 'error', '-nostdin', '-i', path, '-ar', '16000', '-ac', '1', '-f', 's16le', '-'],
            { maxBuffer: 2 ** 28 },
          ),
        ).buffer,
      )

/** The half of the recorded speakers that settings may be chosen by, or the other half. */
export function libriSpeakers(tuning: boolean): RecordedSpeaker[] {
  const root = `${speechFolder}/librispeech-resemblyzer/librispeech_test-other`
  return readdirSync(root)
    .filter((name) => /^\d+$/.test(name) && tuningSpeakers.has(name) === tuning)
    .toSorted()
    .map((name) => ({
      name,
      stretches: readdirSync(`${root}/${name}`)
        .filter((file) => file.endsWith('.flac'))
        .toSorted()
        .flatMap((file) => stretchesOf(samplesOf(`${root}/${name}/${file}`))),
    }))
}

/**
 * Conversations of 2, 3 and 4 recorded speakers, `each` of each, 75 s long: as recorded, with equal spectra, and those in
 * quick talk; of the half of the speakers that settings may be chosen by, or of the other half.
 */
export function libriConversations(each: number, tuning: boolean): Clip[] {
  const speakers = libriSpeakers(tuning)
  const equalised = onOneMicrophone(speakers)
  const kinds = [
    ['libri', speakers, false],
    ['libri-equalised', equalised, false],
    ['quick', equalised, true],
  ] as const
  return kinds.flatMap(([kind, voices, quick]) =>
    [2, 3, 4].flatMap((count) =>
      Array.from({ length: each }, (_, index): Clip => {
        const seed = 1000 * count + index + (tuning ? 500 : 0)
        return {
          name: `${kind}-${tuning ? 'a' : 'b'}-${count}-${index}`,
          group: `${kind} ${count}`,
          tuning,
          ...conversation(voices, count, seed, 75, quick),
        }
      }),
    ),
  )
}

interface TimedWord {
  text: string
  start: number
  end: number
  speaker: string
}

/** Synthesised dialogues with exact words and times. */
export function synthesised(): Clip[] {
  return ['flite2a', 'flite3a', 'flite4a'].map((name) => {
    const path = `${speechFolder}/synthetic/${name}`
    const timed = JSON.parse(readFileSync(`${path}.words.json`, 'utf8')) as TimedWord[]
    return {
      name,
      group: `flite ${name[5]}`,
      tuning: false,
      samples: samplesOf(`${path}.wav`),
      spans: parseRttm(readFileSync(`${path}.rttm`, 'utf8')),
      words: timed.map(({ text }) => text),
      timed: timed satisfies ScoredWord[],
    }
  })
}

/** Conversations of 2, 3 and 4 synthesised voices, `each` of each; settings may be chosen by them. */
export function synthesisedConversations(each: number): Clip[] {
  const sentences = readFileSync(`${speechFolder}/refs.tsv`, 'utf8')
    .split('\n')
    .map((line) => line.split('\t')[1] ?? '')
    .filter((text) => /^[a-z' ]{20,90}$/.test(text))
  const voices = ['slt', 'rms', 'awb', 'kal16'].map((name, index) => ({
    name,
    stretches: sentences.slice(index * 10, index * 10 + 10).flatMap((text) => stretchesOf(speak(name, text))),
  }))
  return [2, 3, 4].flatMap((count) =>
    Array.from({ length: each }, (_, index): Clip => {
      const group = `flite ${count}`
      return {
        name: `flite-a-${count}-${index}`,
        group,
        tuning: true,
        ...conversation(voices, count, 77 * count + index, 75),
      }
    }),
  )
}

/** Conversations glued by others the same way: an outside check of ours. */
export function gluedByOthers(): Clip[] {
  return ['libri2_0', 'libri3_0', 'libriEQ3_0'].map((name) => ({
    name,
    group: name.includes('EQ') ? 'glued equalised' : 'glued',
    tuning: false,
    samples: samplesOf(`${speechFolder}/synthetic/${name}.wav`),
    spans: parseRttm(readFileSync(`${speechFolder}/synthetic/${name}.rttm`, 'utf8')),
  }))
}

/** Excerpts of AMI meetings, 30 s each; about a quarter of the speech is overlap. */
export function meetings(): Clip[] {
  const folder = `${speechFolder}/ami`
  const spans = ['debug.train.rttm', 'debug.development.rttm'].flatMap((file) =>
    readFileSync(`${folder}/${file}`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('SPEAKER ')),
  )
  return readdirSync(folder)
    .filter((file) => file.endsWith('.wav'))
    .toSorted()
    .map((file) => file.slice(0, -4))
    .map((name) => ({
      name,
      group: 'AMI',
      tuning: tuningMeetings.has(name),
      samples: samplesOf(`${folder}/${name}.wav`),
      spans: parseRttm(spans.filter((line) => line.split(/\s+/)[1] === name).join('\n')),
    }))
}

/** The recording of two speakers that came with a speech service's samples. */
export function katieAndSteve(): Clip {
  const path = `${speechFolder}/azure/katiesteve`
  const words = spokenWords(readFileSync(`${path}.txt`, 'utf8').replaceAll(/^\S+\t/gm, ''))
  return {
    name: 'katiesteve',
    group: 'katiesteve',
    tuning: false,
    samples: samplesOf(`${path}.wav`),
    spans: parseRttm(readFileSync(`${path}.rttm`, 'utf8')),
    words,
  }
}

/** Read speech with a known text and one speaker each. */
export function readings(): Clip[] {
  const files = new Map<string, string>()
  for (const folder of ['librivox', 'jfk', 'speechbrain', 'lhotse', 'wenet', 'moonshine']) {
    if (!existsSync(`${speechFolder}/${folder}`)) continue
    for (const entry of readdirSync(`${speechFolder}/${folder}`, { recursive: true, encoding: 'utf8' })) {
      files.set(entry.split('/').at(-1)!, `${speechFolder}/${folder}/${entry}`)
    }
  }
  return readFileSync(`${speechFolder}/refs.tsv`, 'utf8')
    .split('\n')
    .flatMap((line): Clip[] => {
      const [file = '', text = ''] = line.split('\t')
      const path = files.get(file) ?? files.get(file.replace(/\.wav$/, '.flac'))
      if (path === undefined || text === '') return []
      return [{ name: file, group: 'readings', tuning: false, samples: samplesOf(path), words: spokenWords(text) }]
    })
}

/** A clip of a reader in each of nine languages, twice for most; Chinese, Japanese and Korean are scored by characters. */
export function languages(): Clip[] {
  const folder = `${speechFolder}/languages`
  if (!existsSync(folder)) return []
  return readFileSync(`${folder}/refs.tsv`, 'utf8')
    .split('\n')
    .flatMap((line): Clip[] => {
      const [file = '', text = ''] = line.split('\t')
      if (text === '') return []
      const language = file.slice(0, 2)
      const characters = ['zh', 'ja', 'ko'].includes(language)
      const words = characters ? charactersOf(text) : spokenWords(text)
      const clip = { name: file.replace('.flac', ''), tuning: false, samples: samplesOf(`${folder}/${file}`) }
      return [{ ...clip, group: `language ${language}`, language, words, characters }]
    })
}

/** Whisper base, which knows these languages and is not part of the project: beside the speech, or `DIARIZE_BASE_MODEL`. */
export const baseModel = process.env['DIARIZE_BASE_MODEL'] ?? path.resolve(speechFolder, '../models/whisper-base')

/** Clips as a telephone line would make them. */
export function telephoned(clips: readonly Clip[]): Clip[] {
  return clips.map((clip) => ({
    ...clip,
    name: `${clip.name}-telephone`,
    group: `telephone ${clip.group}`,
    samples: byTelephone(clip.samples),
  }))
}

/** Labelled speech for the embedded engine. */
export interface Clip {
  name: string
  /** Kind of material; results are added up over each. */
  group: string
  /** Whether settings of the engine may be chosen by it; the others only report. */
  tuning: boolean
  /** Mono PCM16 at 16 kHz. */
  samples: Int16Array
  /** Who speaks when; absent where only the words are known. */
  spans?: SpeakerSpan[]
  /** What is said; absent where it is not known. */
  words?: string[]
  /** ISO 639-1 code of what is spoken; English where absent. */
  language?: string
  /** Whether `words` are characters, of a script without spaces. */
  characters?: boolean
  /** The same with times and speakers, of synthesised speech. */
  timed?: ScoredWord[]
}

/** What a telephone line passes, in Hz. */
const passed = [300, 3400] as const
const sampleRate = 16_000
/** Coefficients on each side of the middle one: an edge of about 100 Hz, 50 dB and more beyond it. */
const half = 160

/** A filter of linear phase that passes `from` to `to` Hz (Blackman window). */
function bandPass(from: number, to: number): Float64Array {
  return Float64Array.from({ length: 2 * half + 1 }, (_, index) => {
    const at = index - half
    const lowPass = (hz: number): number =>
      at === 0 ? (2 * hz) / sampleRate : Math.sin((2 * Math.PI * hz * at) / sampleRate) / (Math.PI * at)
    const turn = (Math.PI * index) / half
    return (lowPass(to) - lowPass(from)) * (0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn))
  })
}

const line = bandPass(...passed)
const smooth = bandPass(0, 3700)

/** `samples` (mono, 16 kHz) as a telephone line makes them: 300 to 3400 Hz, 8000 samples a second in 8-bit mu-law. */
export function byTelephone(samples: Int16Array): Int16Array {
  const coarse = Float64Array.from({ length: samples.length }, (_, at) => {
    if (at % 2 === 1) return 0
    let sum = 0
    const [first, last] = [Math.max(0, at - half), Math.min(samples.length - 1, at + half)]
    for (let i = first; i <= last; i++) sum += samples[i]! * line[at - i + half]!
    return 2 * mulawToInt16[int16ToMulaw(Math.round(sum))]!
  })
  return Int16Array.from(coarse, (_, at) => {
    let sum = 0
    const first = Math.max(0, at - half)
    const last = Math.min(coarse.length - 1, at + half)
    for (let i = first + (first % 2); i <= last; i += 2) sum += coarse[i]! * smooth[at - i + half]!
    return Math.max(-32_768, Math.min(32_767, Math.round(sum)))
  })
}
