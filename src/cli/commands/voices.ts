import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { ConfigurationError, InputError } from '../../errors.ts'
import type { Segment, Turn, Word } from '../../model.ts'
import { fileSource } from '../../sources/file.ts'
import { type EnrolledVoice, enrolVoice, leastSpeechMs, type TimeSpan } from '../../transforms/enrol.ts'
import { type VoiceBook, voiceBook } from '../../voices/book.ts'
import type { Voice } from '../../voices/voice.ts'
import { EXIT } from '../exit-codes.ts'
import { printable } from '../view/text.ts'

export const VOICES_USAGE = `diarize-stream voices add <name> <clip>
diarize-stream voices name <transcript.jsonl> <label>=<name> ... --audio <file>
diarize-stream voices list | rename <name> <new name> | forget <name>

A book of voices: who is in it is called by name where --voices <file> is given, in every stream. It holds no audio, but
what a voice is known by is biometric data: ask whoever it is of, and see docs/voices.md.

  add <name> <clip>       add the voice that speaks in a video or audio file, alone, for 2 s at least, better 10 or more
  name <transcript> ...   add the voices of a transcript (.jsonl), by where its labels speak: A=Alice B=Bob
  list                    who is in it, and by how much speech
  rename <name> <new>     give a voice another name; of two voices of one name it makes one
  forget <name>           delete a voice
  --book <file>           the book; else voices.json
  --audio <file>          the file that the transcript is of
  --model <name>          the model that tells voices apart, one that was pulled; else the one in the box
`

export interface VoicesOutput {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
}

export const VOICES_OPTIONS = {
  book: { type: 'string' },
  audio: { type: 'string' },
  model: { type: 'string' },
  help: { type: 'boolean' },
} as const

/** Obeys `diarize-stream voices …`, and gives the exit code. @throws any error of the library */
export async function runVoices(argv: readonly string[], output: VoicesOutput, signal: AbortSignal): Promise<number> {
  const { values, positionals } = parse(argv)
  const { stdout, stderr } = output
  if (values.help === true) {
    stdout.write(VOICES_USAGE)
    return EXIT.complete
  }
  const [action, ...rest] = positionals
  const { model: speakerModel } = values
  const book = voiceBook(values.book ?? 'voices.json', speakerModel === undefined ? {} : { speakerModel })
  const say = (line: string): void => void stderr.write(`${printable(line)}\n`)
  if (action !== 'name' && values.audio !== undefined) throw wrong('--audio is for voices name')
  switch (action) {
    case 'add': {
      const [name, clip] = exactly(rest, 2, 'voices add needs a name and a clip')
      const added = await enrolVoice(book, name!, fileSource(clip!), { signal })
      await book.save()
      sayAdded(added, book, say)
      return EXIT.complete
    }
    case 'name':
      return await nameSpeakers(rest, values.audio, book, say, signal)
    case 'list':
      exactly(rest, 0, 'voices list takes nothing more')
      stdout.write(await listed(book))
      return EXIT.complete
    case 'rename': {
      const [name, to] = exactly(rest, 2, 'voices rename needs a name and a new one')
      await book.rename(name!, to!)
      await book.save()
      say(`${name} is ${to} now`)
      return EXIT.complete
    }
    case 'forget': {
      const [name] = exactly(rest, 1, 'voices forget needs one name')
      await book.forget(name!)
      await book.save()
      say(`${name} is forgotten, and no longer in ${book.path}; copies of that file still have the voice`)
      return EXIT.complete
    }
    default:
      throw wrong(
        `voices ${action === undefined ? 'needs to know what to do' : `cannot ${action}`}: add, name, list, rename or forget`,
      )
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: VOICES_OPTIONS, allowPositionals: true })
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

function exactly(given: readonly string[], count: number, rule: string): readonly string[] {
  if (given.length === count && !given.includes('')) return given
  throw wrong(`${rule}; got ${given.length === 0 ? 'nothing' : given.join(' ')}`)
}

function sayAdded({ name, speechMs, narrowband }: EnrolledVoice, book: VoiceBook, say: (line: string) => void): void {
  const seconds = (speechMs / 1000).toFixed(1)
  say(`${name}: ${seconds} s of speech${narrowband ? ', by telephone' : ''}, added to ${book.path}`)
  if (speechMs < 5 * leastSpeechMs)
    say(`with ${(5 * leastSpeechMs) / 1000} s and more ${name} is known again sooner: add another clip`)
}

async function listed(book: VoiceBook): Promise<string> {
  const voices = await book.list()
  if (voices.length === 0) return `${printable(book.path)} has no voices yet: diarize-stream voices add <name> <clip>\n`
  const widest = Math.max(...voices.map(({ name }) => name.length))
  const lines = voices.map(({ name, profile, updatedAt, learned }) => {
    const speech = [ofBand(profile.wideband, ''), ofBand(profile.narrowband, ' by telephone')].filter(
      (part) => part !== '',
    )
    return `${name.padEnd(widest)}  ${speech.join(', ')}; ${learned ? 'learned' : 'added'} ${updatedAt.slice(0, 10)}\n`
  })
  const model = await book.model()
  return `${lines.join('')}${voices.length} in ${printable(book.path)}, by the speaker model ${model?.name ?? ''}\n`
}

function ofBand(voice: Voice | undefined, how: string): string {
  return voice === undefined ? '' : `${(voice.frames / 100).toFixed(0)} s${how}`
}

/** Adds the voices of the labels of a transcript, each by what it says. */
async function nameSpeakers(
  given: readonly string[],
  audio: string | undefined,
  book: VoiceBook,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const [transcript, ...pairs] = given
  if (transcript === undefined || pairs.length === 0)
    throw wrong('voices name needs a transcript, and names like A=Alice')
  if (audio === undefined) throw wrong('voices name needs --audio <file>, the file that the transcript is of')
  const names = pairs.map((pair) => {
    const [, label = '', name = ''] = /^([^=]+)=(.+)$/s.exec(pair) ?? []
    if (name === '') throw wrong(`names must be like A=Alice; got ${pair}`)
    return { label, name }
  })
  const spans = await spansOf(transcript)
  for (const { label } of names) {
    if (spans.has(label)) continue
    const who = spans.size === 0 ? 'nobody is told apart in it' : `it has ${[...spans.keys()].join(', ')}`
    throw new InputError('INPUT_UNREADABLE', `${label} says nothing in ${transcript} that is long enough; ${who}`)
  }
  for (const { label, name } of names) {
    sayAdded(await enrolVoice(book, name, fileSource(audio), { spans: spans.get(label)!, signal }), book, say)
  }
  await book.save()
  return EXIT.complete
}

/** Words nearer than this are said in one breath, ms. */
const breath = 300
/** A shorter stretch may be of the wrong speaker, ms. */
const shortest = 700
/** The longest line that a transcript of ours has, characters. */
const longestLine = 10_000_000

/** Where each label of a transcript speaks, as it was last revised. */
export async function spansOf(file: string): Promise<Map<string, TimeSpan[]>> {
  const turns = new Map<number, { revision: number; words: [label: string, start: number, end: number][] }>()
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  try {
    let number = 0
    for await (const line of lines) {
      number += 1
      if (line.trim() === '') continue
      const record = parseLine(line, file, number)
      if (record === undefined) continue
      const { order, revision, speaker, words } = record
      const before = turns.get(order)
      if (before !== undefined && before.revision > revision) continue
      const said = words.flatMap((word): [string, number, number][] => {
        const label = word.speaker ?? speaker
        return label === undefined ? [] : [[label, word.start, word.end]]
      })
      // Segments of one turn come one by one.
      const earlier = before?.revision === revision && record.isPart ? before.words : []
      turns.set(order, { revision, words: [...earlier, ...said] })
    }
  } catch (error) {
    if (error instanceof InputError) throw error
    const message = `cannot read the transcript ${file}: ${(error as Error).message}`
    throw new InputError('INPUT_UNREADABLE', message, { cause: error })
  }
  const spans = new Map<string, TimeSpan[]>()
  let open: { label: string; start: number; end: number } | undefined
  const close = (): void => {
    if (open === undefined || open.end - open.start < shortest) return
    spans.set(open.label, [...(spans.get(open.label) ?? []), { start: open.start, end: open.end }])
  }
  const words = [...turns.values()].flatMap((turn) => turn.words).toSorted((a, b) => a[1] - b[1])
  for (const [label, start, end] of words) {
    if (open?.label === label && start - open.end < breath) open.end = Math.max(open.end, end)
    else {
      close()
      open = { label, start, end }
    }
  }
  close()
  return spans
}

interface Said extends Pick<Turn, 'order' | 'revision' | 'speaker'> {
  words: readonly Word[]
  isPart: boolean
}

/** What a line of a transcript says of who spoke; `undefined` for what is of no use, such as a partial turn. */
function parseLine(line: string, file: string, number: number): Said | undefined {
  let record: Partial<Turn & Segment & { type: string }> | null
  try {
    if (line.length > longestLine) throw new Error('it is too long')
    record = JSON.parse(line) as typeof record
  } catch (error) {
    const message = `line ${number} of ${file} is no JSON: give a transcript that was written by -o talk.jsonl`
    throw new InputError('INPUT_UNREADABLE', message, { cause: error })
  }
  if (record === null || typeof record !== 'object' || !Array.isArray(record.words)) return undefined
  const { type, order, revision, speaker, words, endOfTurn } = record
  if (!Number.isInteger(order) || !Number.isInteger(revision) || (type === 'turn' && endOfTurn !== true))
    return undefined
  const isWord = (word: Partial<Word> | null): boolean => Number.isFinite(word?.start) && Number.isFinite(word?.end)
  return {
    order: order!,
    revision: revision!,
    ...(typeof speaker === 'string' && { speaker }),
    words: words.filter(isWord),
    isPart: type !== 'turn',
  }
}

function wrong(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_OPTION', `${message}; see diarize-stream voices --help`)
}
