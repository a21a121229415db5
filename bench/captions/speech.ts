import type { Segment, Word } from '../../src/index.ts'
import { Random } from '../../test/trials/random.ts'

/** What {@link inventedSpeech} is drawn from. */
export interface InventedSpeechOptions {
  seed: number
  /** Words in all; the last turn is cut off there. */
  words: number
  /** @defaultValue `3` */
  speakers?: number
}

const list = (words: string): readonly string[] => words.split(' ')

const ARTICLES = list('the a this that my your our her his their every some')
const NOUNS = list(
  'house river morning question answer machine window garden teacher market summer paper engine story neighbour ' +
    'bridge winter doctor letter kitchen mountain possibility government language conversation responsibility',
)
const ADJECTIVES = list('old quiet little difficult green strange wonderful second important slow unexpected')
const VERBS = list('sees finds wants brings remembers knows builds leaves follows understands forgets changes')
const PREPOSITIONS = list('in on behind near with without from of through beside after')
const CONJUNCTIONS = list('and but because so or while when although')
const OPENERS = list('Yes, No, Well, Right, Listen, Perhaps Sometimes Today Tomorrow Honestly,')
const NAMES = list('Alice Bob Carter Dr. Mrs. Smith Anna Miller U.S.')
const UNITS = list('km percent minutes dollars degrees')

/**
 * Draws a conversation of invented English, turn by turn, so that a million words need no memory: sentences of one to
 * some forty words with commas, names, abbreviations and figures; short and long pauses; quick and slow speakers.
 * Each item holds the one segment of a turn.
 */
export function* inventedSpeech(options: InventedSpeechOptions): Generator<Segment[], void> {
  const { seed, words: total, speakers = 3 } = options
  const random = new Random(seed)
  let now = random.integer(0, 2000)
  let speaker = 0
  let order = 0
  for (let spoken = 0; spoken < total;) {
    const words: Word[] = []
    const label = String.fromCodePoint(65 + speaker)
    const letterMs = random.integer(45, 80)
    const sentences = random.spread(1, 8)
    for (let sentence = 0; sentence < sentences; sentence++) {
      for (const text of inventedSentence(random)) {
        if (spoken === total) break
        const end = now + 60 + text.length * letterMs
        words.push({ text, start: now, end, confidence: 1, speaker: label, final: true })
        spoken++
        now = end + (random.chance(0.7) ? 0 : random.integer(10, text.endsWith(',') ? 500 : 120))
      }
      now += random.chance(0.05) ? random.integer(1500, 5000) : random.integer(80, 900)
    }
    const [first, last] = [words[0], words.at(-1)]
    if (first === undefined || last === undefined) return
    yield [
      {
        speaker: label,
        start: first.start,
        end: last.end,
        text: words.map(({ text }) => text).join(' '),
        words,
        turn: { order: order++, revision: 0 },
      },
    ]
    now += random.spread(1, 2500)
    if (random.chance(0.85)) speaker = (speaker + random.integer(1, Math.max(1, speakers - 1))) % speakers
  }
}

function inventedSentence(random: Random): string[] {
  if (random.chance(0.12)) return [random.pick(['Yes.', 'No.', 'Really?', 'Right.', 'What?', 'Never!'])]
  const words: string[] = random.chance(0.25) ? [random.pick(OPENERS)] : []
  const clauses = random.spread(1, 4)
  for (let clause = 0; clause < clauses; clause++) {
    if (clause > 0) {
      if (random.chance(0.5)) words[words.length - 1] += ','
      words.push(random.pick(CONJUNCTIONS))
    }
    words.push(...inventedPhrase(random), random.pick(VERBS), ...inventedPhrase(random))
    while (random.chance(0.35)) words.push(random.pick(PREPOSITIONS), ...inventedPhrase(random))
  }
  const first = words[0] ?? ''
  words[0] = first.charAt(0).toUpperCase() + first.slice(1)
  words[words.length - 1] += random.weighted<string>([
    [8, '.'],
    [2, '?'],
    [1, '!'],
  ])
  return words
}

function inventedPhrase(random: Random): string[] {
  if (random.chance(0.12)) return [random.pick(NAMES), random.pick(['Smith', 'Miller', 'Carter'])]
  if (random.chance(0.06)) return [String(random.integer(2, 900)), random.pick(UNITS)]
  const adjective = random.chance(0.3) ? [random.pick(ADJECTIVES)] : []
  return [random.pick(ARTICLES), ...adjective, random.pick(NOUNS)]
}
