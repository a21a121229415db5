import type { Cue } from '../../model.ts'
import { defined } from '../../options.ts'
import { attributed } from '../speakers.ts'
import { cleanLine, cleanName } from '../text.ts'
import { characterOf, REFERENCE } from './character-references.ts'

/** A cue as it stands in a file. */
interface RawCue {
  start: number
  end: number
  settings: string
  lines: string[]
}

/** What is shown on a line, and whose voice it is. */
interface SpokenLine {
  text: string
  voice: string | undefined
}

/** A time as programs write it: translation puts spaces into it, a shift takes it below zero, some count more than milliseconds. */
const CLOCK = String.raw`(-?)(?:(\d+)\s*:\s*)?(\d{1,2})\s*:\s*(\d{1,2})(?:\s*[.,]\s*(\d+))?`
/** What stands behind the times is anything at all, so that nothing in it is tried again and again. */
const TIMING = new RegExp(String.raw`^\s*${CLOCK}\s*-->\s*${CLOCK}(?:\s(.*))?$`, 's')

/** Silence after which a name that was shown holds no more: our own files name the speaker again. */
const NAME_HOLDS_MS = 10_000

/**
 * The cues of a SubRip or WebVTT file, in order of their starts, with the text that is shown and who speaks as far as
 * the file says so: by a voice (`<v Alice>`), or a name before the text (`Alice: `), which then is no part of the lines.
 * `Speaker A` is the label `A`. A name before the text holds until there is another, or what may be one, or two dashes, or
 * ten seconds of silence. Cues have no words, since nobody knows when each was said.
 *
 * @param prefixes - whether names before the text are looked for.
 * @returns `undefined` where there is text, and no cue in it.
 */
export function readCues(text: string, prefixes = true): Cue[] | undefined {
  // Two carriage returns are what a line end becomes that is made one of Windows twice.
  const lines = text.split(/\r{0,2}\n|\r/)
  const isVtt = /^WEBVTT(?:[ \t]|$)/.test(lines[0] ?? '')
  const raw = isVtt ? vttCues(lines) : srtCues(lines)
  if (raw.length === 0) return isVtt || text.trim() === '' ? [] : undefined
  const spoken = raw.toSorted((one, other) => one.start - other.start)
  const read = spoken.map((cue) => ({ cue, said: spokenLines(cue.lines, isVtt) })).filter(({ said }) => said.length > 0)
  const isVoiced = read.some(({ said }) => said.some(({ voice }) => voice !== undefined))
  const names = new Names(prefixes && !isVoiced && hasPrefixes(read.map(({ said }) => said)))
  return read.map(({ cue: { start, end, settings }, said }, i) => {
    const lane = laneOf(settings)
    const who = isVoiced ? voicesOf(said) : names.of(said, start, end)
    return { index: i + 1, start, end, ...(lane > 0 && { lane }), ...who, words: [] }
  })
}

function timing(line: string): Omit<RawCue, 'lines'> | undefined {
  const found = TIMING.exec(line)
  if (found === null) return undefined
  const at = (index: number): number => {
    if (found[index] === '-') return 0
    const [hours, minutes, seconds] = [1, 2, 3].map((part) => Number(found[index + part] ?? 0)) as [
      number,
      number,
      number,
    ]
    const ms = Number((found[index + 4] ?? '').slice(0, 3).padEnd(3, '0'))
    return Math.min(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms, 1e15)
  }
  return { start: at(1), end: Math.max(at(1) + 1, at(6)), settings: found[11] ?? '' }
}

/** A text ends where the next timing line follows, before which there may be a number: so an empty line in it loses nothing. */
function srtCues(lines: readonly string[]): RawCue[] {
  const cues: RawCue[] = []
  for (const line of lines) {
    const times = timing(line)
    const open = cues.at(-1)
    if (times === undefined) {
      open?.lines.push(line)
      continue
    }
    if (/^\s*\d+\s*$/.test(open?.lines.at(-1) ?? '')) open?.lines.pop()
    cues.push({ ...times, lines: [] })
  }
  return cues
}

/** Blocks between empty lines; one without a timing line is a comment, a style or a region. */
function vttCues(lines: readonly string[]): RawCue[] {
  const cues: RawCue[] = []
  let open: RawCue | undefined
  for (const line of lines) {
    const times = timing(line)
    if (times !== undefined) {
      open = { ...times, lines: [] }
      cues.push(open)
    } else if (line === '') open = undefined
    else open?.lines.push(line)
  }
  return cues
}

/**
 * Tags that readers know, with their annotation, and times inside a cue. No part of one holds what begins another, so that tags
 * that are never closed take no longer than others.
 */
const TAGS = String.raw`<(\/?)(v|c|i|b|u|s|ruby|rt|lang|font)(?:\.[^\s<>]*)?(?:\s([^<>]*))?>|<\d+:[\d:.]+>`
/** In SubRip also codes such as `{\an8}`. */
const SRT_MARKUP = new RegExp(String.raw`${TAGS}|\{\\[^{}]*\}`, 'gi')
/** In WebVTT also what stands for a character. */
const VTT_MARKUP = new RegExp(`${TAGS}|&(${REFERENCE});`, 'gi')
const REFERENCES = new RegExp(`&(${REFERENCE});`, 'gi')

/** What is shown of the lines of a cue, without markup; another voice begins another line. */
function spokenLines(lines: readonly string[], isVtt: boolean): SpokenLine[] {
  const spoken: SpokenLine[] = []
  const voices: string[] = []
  let line: SpokenLine = { text: '', voice: undefined }
  const show = (text: string): void => {
    const voice = voices.at(-1)
    if (cleanLine(line.text) !== '' && cleanLine(text) !== '' && voice !== line.voice) end()
    if (cleanLine(line.text) === '') line.voice = voice
    line.text += text
  }
  const end = (): void => {
    const text = cleanLine(line.text)
    if (text !== '') spoken.push({ text, voice: line.voice })
    line = { text: '', voice: undefined }
  }
  for (const raw of lines) {
    let from = 0
    for (const found of raw.matchAll(isVtt ? VTT_MARKUP : SRT_MARKUP)) {
      const [whole, closing, tag, annotation = '', reference] = found
      const character = reference === undefined ? '' : (characterOf(reference) ?? whole)
      show(raw.slice(from, found.index) + character)
      from = found.index + whole.length
      if (tag?.toLowerCase() !== 'v') continue
      if (closing === '') voices.push((isVtt ? decoded(annotation) : annotation).trim())
      else voices.pop()
    }
    show(raw.slice(from))
    end()
  }
  return spoken
}

function decoded(annotation: string): string {
  return annotation.replaceAll(REFERENCES, (whole, reference: string) => characterOf(reference) ?? whole)
}

/** Longest name that is taken for one, characters. */
const LONGEST_NAME = 200

/** The label of a name as it is shown; `undefined` for nobody. */
function labelOf(shown: string | undefined): string | undefined {
  const name = attributed(cleanName(shown ?? '').slice(0, LONGEST_NAME))
  return name?.replace(/^speaker ([a-z]{1,2})$/i, (_whole, letters: string) => letters.toUpperCase())
}

type Who = Pick<Cue, 'speaker' | 'lines' | 'lineSpeakers'>

/** A cue of one speaker, of several, each on lines of their own, or of nobody who is known. */
function attribute(lines: readonly string[], speakers: readonly (string | undefined)[]): Who {
  const [first] = speakers
  if (speakers.every((speaker) => speaker === first)) return { ...defined({ speaker: first }), lines: [...lines] }
  const known = speakers.filter((speaker) => speaker !== undefined)
  if (known.length < lines.length) return { lines: [...lines] }
  return { lines: lines.map((line) => (/^[-–—]/.test(line) ? line : `-${line}`)), lineSpeakers: known }
}

/** What voices say; a name before the text that is that of its voice is only a label. */
function voicesOf(said: readonly SpokenLine[]): Who {
  const speakers = said.map(({ voice }) => labelOf(voice))
  const lines = said.map(({ text }, i) => {
    const { name, rest } = splitAtColon(text)
    const label = labelOf(name)?.toLowerCase()
    return label !== undefined && label === speakers[i]?.toLowerCase() && rest !== '' ? rest : text
  })
  return attribute(lines, speakers)
}

const PREFIX = /^(-\s?)?\u200F?\u2068?(?:\[([^[\]:]{1,40})\]|([^\s:[\]-][^:]{0,39}?))\s?:\u2069?(?:\s+|$)/u
const LETTERS = String.raw`[\p{L}\p{M}\p{N}_.'’-]*`
/** Parts such as those of `Agent/B`, which is the speaker B on a channel. */
const PARTS = String.raw`(?:[/&][\p{Lu}\p{Lt}\p{Lo}\p{N}]${LETTERS})*`
const CAPITAL = new RegExp(String.raw`^[\p{Lu}\p{Lt}\p{Lo}]${LETTERS}${PARTS}$`, 'u')
const WITHIN_NAME = new RegExp(String.raw`^(?:#?[\p{Lu}\p{Lt}\p{Lo}\p{N}]${LETTERS}${PARTS}|\p{Ll}{1,3}|&)$`, 'u')
/** What some programs call those of whom they know no name. */
const NUMBERED = /^speaker[ _-]?\d+$/i
/** What is said of a name: `Bob (host)`. */
const ASIDE = / ?(?:\([^()]*\)|\[[^[\]]*\])$/
/** What stands before a colon at the beginning of a sentence, and is nobody. */
const NOBODY =
  /^(?:note|warning|caution|attention|remember|example|tip|hint|update|question|answer|chapter|part|step|rule|lesson|figure|table|number|re|ps|p\.s\.?)(?: \S+)?$/i

/** What stands before a colon at the beginning of a line, also without its aside, and what is behind; `''` where nothing does. */
function splitAtColon(line: string): { name: string; bare: string; rest: string } {
  const [whole = '', dash = '', bracketed, plain] = PREFIX.exec(line) ?? []
  const name = cleanName(bracketed ?? plain ?? '')
  return { name, bare: name.replace(ASIDE, ''), rest: dash + line.slice(whole.length) }
}

/** A name before a text, and the text behind it; `undefined` where there is none. */
function prefixOf(line: string): { name: string; rest: string } | undefined {
  const { name, bare, rest } = splitAtColon(line)
  const words = bare.split(' ')
  const isName =
    words.length <= 4 &&
    CAPITAL.test(words[0] ?? '') &&
    words.slice(1).every((word) => WITHIN_NAME.test(word)) &&
    !/^[\p{Ll}&]/u.test(words.at(-1) ?? '')
  if (!(isName || NUMBERED.test(name)) || NOBODY.test(bare)) return undefined
  return { name, rest }
}

/** Whether a line that {@link prefixOf} finds no name in may begin with one all the same: no sentence stands before its colon. */
function mayBeNamed(line: string): boolean {
  const { name, bare } = splitAtColon(line)
  return name !== '' && !NOBODY.test(bare) && !/ \p{Ll}{4}/u.test(bare)
}

/** Whether a file says who speaks by names before the texts: one colon somewhere in the middle is none. */
function hasPrefixes(cues: readonly (readonly SpokenLine[])[]): boolean {
  const isNamed = (said: readonly SpokenLine[]): boolean => said.some(({ text }) => prefixOf(text) !== undefined)
  const [first] = cues
  return (first !== undefined && isNamed(first)) || cues.filter(isNamed).length > 1
}

/** Who speaks in one cue after the other, by names before the texts. */
class Names {
  readonly #isWanted: boolean
  #last: { speaker: string; end: number } | undefined

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted
  }

  of(said: readonly SpokenLine[], start: number, end: number): Who {
    const texts = said.map(({ text }) => text)
    if (!this.#isWanted) return { lines: texts }
    const prefixes = texts.map((text) => prefixOf(text))
    const isDashed = texts.length > 1 && texts.every((text) => /^[-–—]/.test(text))
    let speaker =
      isDashed || this.#last === undefined || start - this.#last.end >= NAME_HOLDS_MS ? undefined : this.#last.speaker
    const lines: string[] = []
    const speakers: (string | undefined)[] = []
    for (const [i, text] of texts.entries()) {
      const { name, rest = text } = prefixes[i] ?? {}
      if (name !== undefined) speaker = labelOf(name)
      // To hold the name before would be to say that another one's words are theirs.
      else if (isDashed || (i === 0 && mayBeNamed(text))) speaker = undefined
      if (rest === '') continue
      lines.push(rest)
      speakers.push(speaker)
    }
    this.#last = speaker === undefined ? undefined : { speaker, end }
    // A name alone is what was said.
    if (lines.length === 0) return { lines: texts }
    const who = attribute(lines, speakers)
    // Where not all are known, the names that were shown stay where they were.
    return who.speaker === undefined && who.lineSpeakers === undefined ? { lines: texts } : who
  }
}

/** How high a cue stands, as our own files say it. */
function laneOf(settings: string): number {
  const line = Number(/(?:^|\s)line:(-\d{1,2})(?:\s|$)/.exec(settings)?.[1] ?? 0)
  return line < -2 && line % 2 === 0 ? (-2 - line) / 2 : 0
}
