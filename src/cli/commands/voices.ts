import path from 'node:path'
import { mediaBeside } from '../../batch/inputs.ts'
import { type ConfigurationError, InputError } from '../../errors.ts'
import { type Captionable, isCue, isTurn } from '../../model.ts'
import { defined } from '../../options.ts'
import { fileSource } from '../../sources/file.ts'
import { jsonlSource } from '../../sources/jsonl.ts'
import { type EnrolledVoice, enrolVoice, leastSpeechMs, type TimeSpan } from '../../transforms/voices/enrol.ts'
import { type VoiceBook, voiceBook } from '../../voices/book.ts'
import type { Voice } from '../../voices/voice.ts'
import { EXIT } from '../exit-codes.ts'
import { checkBookFolder, parseOptions, unknownAction, usage } from '../options.ts'
import { type Output, printable } from '../view/text.ts'

const VOICES_USAGE = `diarize-stream voices add <name> <clip>
diarize-stream voices name <transcript.jsonl> <label>=<name> ... [--audio <file>]
diarize-stream voices list | rename <name> <new name> | forget <name>

A book of voices: who is in it is called by name where --voices <file> is given, in every stream. It holds no audio, but
what a voice is known by is biometric data: ask whoever it is of, and see docs/voices.md.

  add <name> <clip>       add the voice that speaks in a video or audio file, alone, for 2 s at least, better 10 or more
  name <transcript> ...   add the voices of a transcript (.jsonl), by where its labels speak: A=Alice B=Bob
  list                    who is in it, and by how much speech
  rename <name> <new>     give a voice another name; of two voices of one name it makes one
  forget <name>           delete a voice
  --book <file>           the book; else voices.json
  --audio <file>          the file that the transcript is of; else the one beside it that has its name: talk.mp4
  --model <name>          the model that tells voices apart, one that was pulled; else the one in the box
`

export const VOICES_OPTIONS = {
  book: { type: 'string' },
  audio: { type: 'string' },
  model: { type: 'string' },
  help: { type: 'boolean' },
} as const

/** Obeys `diarize-stream voices …`, and gives the exit code. @throws any error of the library */
export async function runVoices(argv: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseOptions(argv, VOICES_OPTIONS, {
    of: 'diarize-stream voices',
    allowPositionals: true,
  })
  const { stdout, stderr } = output
  if (values.help === true) {
    stdout.write(VOICES_USAGE)
    return EXIT.complete
  }
  const [action, ...rest] = positionals
  const { model: speakerModel } = values
  const book = voiceBook(values.book ?? 'voices.json', defined({ speakerModel }))
  if (action === 'add' || action === 'name') checkBookFolder(book.path)
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
      return await nameSpeakers(rest, values, book, say, signal)
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
      throw unknownAction('voices', action, 'add, name, list, rename or forget')
  }
}

function exactly(given: readonly string[], count: number, rule: string): readonly string[] {
  if (given.length === count && !given.includes('')) return given
  throw wrong(`${rule}; got ${given.length === 0 ? 'nothing' : given.join(' ')}`)
}

function sayAdded(added: EnrolledVoice, book: VoiceBook, say: (line: string) => void): void {
  const { name, speechMs, narrowband, learnedAs } = added
  if (learnedAs !== undefined) say(`${learnedAs}, whom the book knew already, is ${name} now`)
  say(`${name}: ${seconds(speechMs)} s of speech${narrowband ? ', by telephone' : ''}, added to ${book.path}`)
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

/**
 * Gives the labels of a transcript names in the book: a voice that the book learned by itself, and under which a label
 * stands in the transcript, gets another name; the others are added, each by what it says.
 */
async function nameSpeakers(
  given: readonly string[],
  options: { audio?: string; book?: string; model?: string },
  book: VoiceBook,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const [transcript, ...pairs] = given
  if (transcript === undefined || pairs.length === 0)
    throw wrong('voices name needs a transcript, and names like A=Alice')
  const names = pairs.map((pair) => {
    const [, label = '', name = ''] = /^([^=]+)=(.+)$/s.exec(pair) ?? []
    if (name === '') throw wrong(`names must be like A=Alice; got ${pair}`)
    return { label, name }
  })
  const words = await wordsOf(transcript, signal)
  const learned = new Set((await book.list()).filter((voice) => voice.learned).map((voice) => voice.name))
  const renamed = new Map<string, { label: string; name: string }>()
  const toHear = names.filter(({ label, name }) => {
    const before = nameIn(words, label)
    if (before === undefined || !learned.has(before) || (renamed.get(before)?.name ?? name) !== name) return true
    renamed.set(before, { label, name })
    return false
  })
  const spans = spansOf(words)
  for (const { label } of toHear) {
    if (spans.has(label)) continue
    const who = spans.size === 0 ? 'nobody is told apart in it' : `it has ${[...spans.keys()].join(', ')}`
    throw new InputError('INPUT_UNREADABLE', `${label} says nothing in ${transcript} that is long enough; ${who}`)
  }
  if (toHear.length > 0) {
    const recording = options.audio ?? (await audioBeside(transcript, words.at(-1)!.end, lineWith(given, options), say))
    for (const { label, name } of toHear) {
      sayAdded(await enrolVoice(book, name, fileSource(recording), { spans: spans.get(label)!, signal }), book, say)
    }
  }
  for (const [before, { label, name }] of renamed) {
    await book.rename(before, name)
    say(`${before}, as whom the book knew ${label}, is ${name} now`)
  }
  await book.save()
  return EXIT.complete
}

/** A transcript may end so much later than its audio, ms: servers let the last word of a turn end late. */
const lateMs = 3000

/** Gives the same line of the command with the recording in it. */
function lineWith(given: readonly string[], { book, model }: { book?: string; model?: string }) {
  const more = Object.entries({ '--book': book, '--model': model }).flatMap(([option, value = '']) => {
    return value === '' ? [] : [option, value]
  })
  return (file: string) => ['diarize-stream voices name', ...[...given, '--audio', file, ...more].map(quoted)].join(' ')
}

/** The one recording beside a transcript that has its name, and is as long; `line` is what works with another. */
async function audioBeside(
  transcript: string,
  endMs: number,
  line: (file: string) => string,
  say: (line: string) => void,
): Promise<string> {
  const any = `${path.basename(transcript, path.extname(transcript))}.mp4`
  const [found, ...others] = await mediaBeside(transcript)
  if (found === undefined)
    throw wrong(`there is no recording beside ${transcript} that has its name; say where it is: ${line(any)}`)
  if (others.length > 0) {
    const all = [found, ...others].map((file) => path.basename(file)).join(' and ')
    throw wrong(`beside ${transcript} there are ${all}; say which of them it is of: ${line(found)}`)
  }
  const source = fileSource(found)
  source.destroy()
  if (source.duration !== undefined && source.duration + lateMs < endMs) {
    const message = `${found} has ${seconds(source.duration)} s, and ${transcript} ${seconds(endMs)} s, so it is of another recording`
    throw wrong(`${message}; say of which: ${line(any)}`)
  }
  say(`taken to be of ${found}, which lies beside it; --audio <file> names another`)
  return found
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)

/** An argument as a shell takes it. */
const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`

/** Words nearer than this are said in one breath, ms. */
const breath = 300
/** A shorter stretch may be of the wrong speaker, ms. */
const shortest = 700

/** A word of somebody who was told apart. */
export interface LabelledWord {
  label: string
  /** Ms of the recording. */
  start: number
  end: number
  /** What a voice book called whoever said it. */
  name?: string | undefined
}

/** The words of a transcript, in order, as they were last revised. @throws InputError `INPUT_UNREADABLE` */
export async function wordsOf(file: string, signal: AbortSignal): Promise<LabelledWord[]> {
  const turns = new Map<number, { revision: number; words: LabelledWord[] }>()
  try {
    for await (const item of jsonlSource(file, { signal }) as AsyncIterable<Captionable>) {
      // Cues do not say which turn they are of, and the words of a turn that is open come again.
      if (isCue(item) || (isTurn(item) && !item.endOfTurn)) continue
      const { order, revision } = isTurn(item) ? item : item.turn
      const before = turns.get(order)
      if (before !== undefined && before.revision > revision) continue
      const said = item.words.flatMap((word): LabelledWord[] => {
        const label = word.speaker ?? item.speaker
        const name = word.speakerName ?? (word.speaker === undefined ? item.speakerName : undefined)
        return label === undefined ? [] : [{ label, start: word.start, end: word.end, name }]
      })
      // Segments of one turn come one by one.
      const earlier = before?.revision === revision && !isTurn(item) ? before.words : []
      turns.set(order, { revision, words: [...earlier, ...said] })
    }
  } catch (error) {
    if (signal.aborted) throw error
    const message = `cannot read the transcript ${file}: ${(error as Error).message}`
    throw new InputError('INPUT_UNREADABLE', message, { cause: error })
  }
  return [...turns.values()].flatMap(({ words }) => words).toSorted((a, b) => a.start - b.start)
}

/** What all that `label` says was said by, where that is one name. */
function nameIn(words: readonly LabelledWord[], label: string): string | undefined {
  const names = new Set(words.filter((word) => word.label === label).map(({ name }) => name))
  return names.size === 1 ? [...names][0] : undefined
}

/** Where each label speaks. */
export function spansOf(words: readonly LabelledWord[]): Map<string, TimeSpan[]> {
  const spans = new Map<string, TimeSpan[]>()
  let open: LabelledWord | undefined
  const close = (): void => {
    if (open === undefined || open.end - open.start < shortest) return
    spans.set(open.label, [...(spans.get(open.label) ?? []), { start: open.start, end: open.end }])
  }
  for (const word of words) {
    if (open?.label === word.label && word.start - open.end < breath) open.end = Math.max(open.end, word.end)
    else {
      close()
      open = { ...word }
    }
  }
  close()
  return spans
}

function wrong(message: string): ConfigurationError {
  return usage(message, 'diarize-stream voices')
}
