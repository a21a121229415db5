import type { Turn } from '../../src/index.ts'
import { toneNumber, TONE_WORD_MS, type ToneWord } from '../../src/testing/index.ts'

/** A stretch of the stream, `end` not included. */
export interface Stretch {
  start: number
  end: number
}

/** What a run delivered, and what it said about itself. */
export interface Delivery {
  /** Final state of all turns, by rising order. */
  turns: readonly Turn[]
  /** Sessions that began, in order, with the millisecond of the stream at which each begins. */
  sessions: readonly { sessionId: string; offset: number }[]
  /** Stretches reported as missing. */
  gaps: readonly Stretch[]
  /** Words whose letter may rightly be absent or wrong: their session broke off before it could correct it. */
  uncertain: ReadonlySet<string>
  /** Words at the start of a session that tell nothing about speakers. */
  blindWords: number
}

/** How a delivery differs from the script. All zero but `words` and `newLetters` is perfect. */
export interface Verdict {
  /** Words delivered. */
  words: number
  lost: number
  /** Lost, but inside of a reported gap. */
  inGaps: number
  doubled: number
  /** Words that come after one they precede. */
  disordered: number
  /** Words that are in no script. */
  invented: number
  wrongSpeaker: number
  /** Words without a letter, or with one their session did not live to correct. */
  uncertainSpeaker: number
  /** Changes of letter that are allowed: the speaker was not heard in the overlap of two sessions. */
  newLetters: number
  /** Largest difference of a start or end in ms. */
  timeError: number
  /** The first few faults in words. */
  examples: string[]
}

/** Words of a speaker that both sessions must hold before the same letter is asked for. */
const EVIDENCE = 2

interface SpokenWord {
  script: ToneWord
  letter: string | undefined
  text: string
  session: number
}

/** Compares what was delivered with what was said. */
export function judge(script: readonly ToneWord[], delivery: Delivery): Verdict {
  const verdict: Verdict = {
    words: 0,
    lost: 0,
    inGaps: 0,
    doubled: 0,
    disordered: 0,
    invented: 0,
    wrongSpeaker: 0,
    uncertainSpeaker: 0,
    newLetters: 0,
    timeError: 0,
    examples: [],
  }
  const spoken = checkWords(script, delivery, verdict)
  checkSpeakers(spoken, delivery, verdict)
  return verdict
}

/** Counts words lost, doubled, moved and invented; returns those that are there. */
function checkWords(script: readonly ToneWord[], delivery: Delivery, verdict: Verdict): SpokenWord[] {
  const sessions = new Map(delivery.sessions.map(({ sessionId }, index) => [sessionId, index]))
  const byNumber = new Map(script.map((word) => [word.word, word]))
  const times = new Map<number, number>()
  const spoken: SpokenWord[] = []
  let highest = -1
  for (const turn of delivery.turns) {
    for (const word of turn.words) {
      const number = toneNumber(word.text)
      const said = number === undefined ? undefined : byNumber.get(number)
      if (said === undefined) {
        verdict.invented++
        complain(verdict, `${word.text} at ${word.start} ms is in no script`)
        continue
      }
      verdict.words++
      const heard = (times.get(said.word) ?? 0) + 1
      times.set(said.word, heard)
      if (heard > 1) {
        verdict.doubled++
        complain(verdict, `${word.text} comes again in turn ${turn.order}`)
        continue
      }
      if (said.word < highest) {
        verdict.disordered++
        complain(verdict, `${word.text} comes after w${highest}`)
      }
      highest = Math.max(highest, said.word)
      const error = Math.max(Math.abs(word.start - said.start), Math.abs(word.end - said.start - TONE_WORD_MS))
      if (error > 0) complain(verdict, `${word.text} starts at ${word.start} ms instead of ${said.start}`)
      verdict.timeError = Math.max(verdict.timeError, error)
      spoken.push({ script: said, letter: word.speaker, text: word.text, session: sessions.get(turn.sessionId) ?? -1 })
    }
  }
  for (const { word, start } of script) {
    if (times.has(word)) continue
    if (delivery.gaps.some((gap) => gap.start < start + TONE_WORD_MS && gap.end > start)) {
      verdict.inGaps++
    } else {
      verdict.lost++
      complain(verdict, `w${word} at ${start} ms is lost`)
    }
  }
  return spoken
}

/**
 * The rule for letters: one speaker, one letter, for ever; but a speaker of whom too few words lie where two sessions
 * overlap may come back under a letter that nobody has had.
 */
function checkSpeakers(spoken: readonly SpokenWord[], delivery: Delivery, verdict: Verdict): void {
  const owners = new Map<string, number>()
  const current = new Map<number, { letter: string; at: number }>()
  spoken.forEach((word, at) => {
    const { letter, text } = word
    const { speaker } = word.script
    const had = current.get(speaker)
    if (letter !== undefined && letter === had?.letter) {
      had.at = at
      return
    }
    if (delivery.uncertain.has(text)) {
      verdict.uncertainSpeaker++
      return
    }
    const wrong = reasonAgainst(spoken, delivery, owners, word, had)
    if (wrong !== undefined) {
      verdict.wrongSpeaker++
      complain(verdict, `${text} at ${word.script.start} ms, of speaker ${speaker}, has ${wrong}`)
      return
    }
    if (letter === undefined) return
    if (had !== undefined) verdict.newLetters++
    owners.set(letter, speaker)
    current.set(speaker, { letter, at })
  })
}

function reasonAgainst(
  spoken: readonly SpokenWord[],
  delivery: Delivery,
  owners: ReadonlyMap<string, number>,
  { letter, script, session }: SpokenWord,
  had: { letter: string; at: number } | undefined,
): string | undefined {
  if (letter === undefined) return 'no letter'
  const owner = owners.get(letter)
  if (owner !== undefined) {
    return `letter ${letter}, which is ${owner === script.speaker ? 'an earlier one of his' : `speaker ${owner}'s`}`
  }
  if (had === undefined) return undefined
  const before = spoken[had.at]!
  for (let later = Math.max(before.session, 0) + 1; later <= session; later++) {
    if (!overlapHolds(spoken, delivery, script.speaker, later)) return undefined
  }
  return `letter ${letter} instead of ${had.letter}, though every overlap since held him`
}

/** Whether the overlap with which a session began held enough words of a speaker to know him again. */
function overlapHolds(spoken: readonly SpokenWord[], delivery: Delivery, speaker: number, session: number): boolean {
  const { offset } = delivery.sessions[session]!
  const known = spoken.filter((word) => word.session < session && word.script.start >= offset)
  const telling = known
    .slice(delivery.blindWords)
    .filter(
      ({ script, letter, text }) => script.speaker === speaker && letter !== undefined && !delivery.uncertain.has(text),
    )
  return telling.length >= EVIDENCE
}

function complain(verdict: Verdict, what: string): void {
  if (verdict.examples.length < 12) verdict.examples.push(what)
}
