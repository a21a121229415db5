import { defined } from '../../options.ts'
import { type Recognition, type RecognisedWord, type Recogniser, speechFrameMs, type Utterance } from '../parts.ts'
import { SpeechBuffer } from '../speech-buffer.ts'
import { quietestPlace } from '../turns/cut.ts'
import { chooseBetter, judge, type Judgement, withSilence } from '../words/hallucinations.ts'
import { noKeyterms, spellKeyterms, whyIgnored } from '../words/hotwords.ts'
import { isSameWord, missedStretches, withRecovered } from '../words/missed-speech.ts'
import type { UtteranceAudio } from '../words/word-times.ts'
import type { RecogniserPool } from './pool.ts'
import type { TokenResult } from './sherpa.ts'

/** Stretches of an utterance that may be heard once more by themselves. */
const maxStretches = 4
/** Audio from which on what came before a pause is heard by itself where speech goes on behind it, in ms. */
const partFromMs = 6000
/** Silence at the end of what is given at a pause, which the next part hears as well: speech is noticed late, in ms. */
const pauseMs = 200
/** Audio without such a pause in which a shorter one is looked for, and how often, in ms. */
const splitFromMs = 10_000
const splitEveryMs = 1000
/** The least audio before a shorter pause, in ms. */
const splitAfterMs = 4000
/** Silence after which the language is no longer asked for, in ms of speech. */
const settledAfterMs = 8000

export interface RecogniserSettings {
  /** ISO 639-1 code; `''` where the model is to find out. */
  language: string
  /** Whether the language may change in the middle. */
  mayChangeLanguage: boolean
}

/** Decides on the language of a talk by what its first utterances are taken for. */
export class LanguageVote {
  readonly #speech = new Map<string, number>()
  #total = 0

  /** The language that is kept from now on; absent while it is open. */
  get settled(): string | undefined {
    return this.#total >= settledAfterMs ? this.leader : undefined
  }

  get leader(): string | undefined {
    return [...this.#speech].toSorted((a, b) => b[1] - a[1])[0]?.[0]
  }

  add(language: string, speechMs: number): void {
    this.#speech.set(language, (this.#speech.get(language) ?? 0) + speechMs)
    this.#total += speechMs
  }
}

/** What is heard in an utterance, and the language that was listened for. */
interface EarlyDecode {
  language: string
  recognition: Promise<Recognition>
}

/** A stretch of an utterance that is heard by itself; places in ms. */
interface Part {
  from: number
  to: number
  next: number
  early?: EarlyDecode
}

/** A recogniser that is given whole utterances; the utterances of a stream go to the processes of a pool. */
export class OfflineRecogniser implements Recogniser {
  readonly #pool: RecogniserPool
  readonly #settings: RecogniserSettings
  readonly #vote = new LanguageVote()
  #hotwords = ''
  /** The utterances before the language is settled, one after another: what each is taken for depends on those before. */
  #unsettled: Promise<unknown> = Promise.resolve()
  #isClosed = false
  #isPrioritised = false

  constructor(pool: RecogniserPool, settings: RecogniserSettings) {
    this.#pool = pool
    this.#settings = settings
  }

  get parallel(): number {
    return this.#pool.maxProcesses
  }

  setKeyterms(keyterms: readonly string[]): string | undefined {
    this.#hotwords = ''
    const { model } = this.#pool
    if (keyterms.length === 0) return undefined
    if (!model.takesHotwords) return noKeyterms(model)
    if (!this.#pool.hotwords) {
      return `the model ${model.name} was loaded without keyterms, since the session began without any; they have no effect`
    }
    try {
      const { hotwords, ignored } = spellKeyterms(keyterms, this.#pool.vocabulary)
      this.#hotwords = hotwords
      return ignored.length > 0 ? whyIgnored(model.name, ignored) : undefined
    } catch (error) {
      return `keyterms have no effect: ${(error as Error).message}`
    }
  }

  begin(): Required<Utterance> {
    return new OfflineUtterance(this)
  }

  prioritise(): void {
    this.#isPrioritised = true
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  /** What is heard in an utterance that may go on; absent where no process is free. */
  async decodePartial(audio: UtteranceAudio): Promise<Recognition | undefined> {
    const language = this.#settings.language || (this.#vote.settled ?? this.#vote.leader ?? '')
    const { samples } = audio
    const result = await this.#pool.decode({ samples, language, hotwords: this.#hotwords }, 'partial')
    return result && this.#recognition(this.#judge(result, audio), result)
  }

  /** Begins to find what is heard in an utterance that is likely to end here; it has no say in the language yet. */
  decodeAhead(audio: UtteranceAudio, isWanted: () => boolean): EarlyDecode {
    const language = this.#language ?? ''
    return { language, recognition: this.#decode(audio, language, isWanted) }
  }

  /** What is heard in a whole utterance; `early` is what {@link decodeAhead} gave for the same audio. */
  async decode(audio: UtteranceAudio, early?: EarlyDecode): Promise<Recognition> {
    const decode = (language: string): Promise<Recognition> =>
      early?.language === language ? early.recognition : this.#decode(audio, language)
    const language = this.#language
    if (language !== undefined) return await decode(language)
    const recognition = this.#unsettled.then(() => this.#find(decode, audio.speech))
    this.#unsettled = recognition.catch(() => {})
    return await recognition
  }

  /** The language to listen for, `''` for the model to find out each time; absent while it is open. */
  get #language(): string | undefined {
    const { language, mayChangeLanguage } = this.#settings
    if (language !== '' || mayChangeLanguage || !this.#pool.model.detectsLanguage) return language
    return this.#vote.settled
  }

  async #find(decode: (language: string) => Promise<Recognition>, speech: readonly number[]): Promise<Recognition> {
    const settled = this.#vote.settled
    if (settled !== undefined) return await decode(settled)
    const recognition = await decode('')
    if (recognition.language === undefined || recognition.words.length === 0) return recognition
    this.#vote.add(recognition.language, speech.filter((level) => level > 0).length * 10)
    const leader = this.#vote.leader!
    return leader === recognition.language ? recognition : await decode(leader)
  }

  async #decode(audio: UtteranceAudio, language: string, isWanted = (): boolean => true): Promise<Recognition> {
    const wanted = (): boolean => !this.#isClosed && isWanted()
    const recognition = await this.#decodeTwice(audio, language, wanted)
    let { words, repeatedWords = 0 } = recognition
    if (this.#pool.model.kind !== 'whisper') return recognition
    const { samples, speech } = audio
    for (const stretch of missedStretches(words, speech).slice(0, maxStretches)) {
      const part = {
        samples: samples.slice(stretch.start * 16, stretch.end * 16),
        speech: speech.slice(stretch.start / speechFrameMs, stretch.end / speechFrameMs),
      }
      const found = await this.#decodeTwice(part, recognition.language ?? language, wanted)
      words = withRecovered(words, stretch, found.words)
      repeatedWords += found.repeatedWords ?? 0
    }
    return recognitionOf(words, recognition.language, repeatedWords)
  }

  /** Decodes audio, and again with silence behind it where the first result is doubtful. */
  async #decodeTwice(audio: UtteranceAudio, language: string, wanted: () => boolean): Promise<Recognition> {
    const { model } = this.#pool
    const decode = async (samples: Int16Array): Promise<TokenResult | undefined> =>
      await this.#pool.decode(
        { samples, language, hotwords: this.#hotwords },
        'final',
        wanted,
        () => this.#isPrioritised,
      )
    const first = await decode(audio.samples)
    if (first === undefined || this.#isClosed) return { words: [] }
    const judgement = this.#judge(first, audio)
    if (model.kind !== 'whisper' || !judgement.suspicious) return this.#recognition(judgement, first)
    const filled = withSilence(audio.samples)
    const second = await decode(filled)
    if (second === undefined || this.#isClosed) return this.#recognition(judgement, first)
    const again = this.#judge(second, audio, filled.length)
    const better = chooseBetter(judgement, again)
    return this.#recognition(better, better === judgement ? first : second)
  }

  /** @param decoded - samples that were decoded, where silence was put behind the audio. */
  #judge(result: TokenResult, audio: UtteranceAudio, decoded = audio.samples.length): Judgement {
    const { model } = this.#pool
    return judge(model.hasWordTimes ? result : withTimes(result, audio.speech), audio, model, decoded)
  }

  #recognition({ words, repeatedWords }: Judgement, result: TokenResult): Recognition {
    const { languages } = this.#pool.model
    const language = result.language ?? (languages.length === 1 ? languages[0] : undefined)
    return recognitionOf(words, language, repeatedWords)
  }
}

function recognitionOf(words: RecognisedWord[], language: string | undefined, repeatedWords: number): Recognition {
  return { words, ...defined({ language }), ...(repeatedWords > 0 && { repeatedWords }) }
}

/** Gathers an utterance and decodes it at its end; live, what lies before a pause is decoded ahead of that. */
class OfflineUtterance implements Utterance {
  readonly #recogniser: OfflineRecogniser
  readonly #audio = new SpeechBuffer()
  #lengthMs = 0
  /** Those that are heard by themselves, in order. */
  #parts: Part[] = []
  /** What is not in them, asked for where a pause made an end likely. */
  #ahead: Part | undefined
  /** Length of the audio, in ms, at which a place to split it is looked for again. */
  #splitAt = 0

  constructor(recogniser: OfflineRecogniser) {
    this.#recogniser = recogniser
  }

  accept(samples: Int16Array, speech: readonly number[]): void {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead !== undefined && ahead.to - ahead.from >= partFromMs) this.#parts.push(ahead)
    this.#audio.push(samples, speech)
    this.#lengthMs = this.#audio.endMs
  }

  async partial(): Promise<Recognition | undefined> {
    const parts = [...this.#parts, this.#rest()]
    const last = await this.#recogniser.decodePartial(this.#cut(parts.at(-1)!))
    if (last === undefined) return undefined
    const before = await Promise.all(parts.slice(0, -1).map(({ early }) => early!.recognition))
    return joined(parts, [...before, last])
  }

  prepare(): void {
    const rest = this.#rest()
    if (this.#ahead?.to === rest.to) return
    this.#ahead = rest
    this.#begin(rest)
  }

  splitAtPause(): void {
    const { from, to } = this.#rest()
    if (to - from < splitFromMs || to < this.#splitAt) return
    this.#splitAt = to + splitEveryMs
    const { samples, speech } = this.#cut({ from, to })
    const quiet = quietestPlace(samples, speech, splitAfterMs, to - from)
    if (!quiet.isPause) return
    const at = from + Math.round(quiet.ms / speechFrameMs) * speechFrameMs
    const part = { from, to: at, next: at }
    this.#ahead = undefined
    this.#parts.push(part)
    this.#begin(part)
  }

  async finish(untilMs = Infinity): Promise<Recognition> {
    this.#lengthMs = Math.min(this.#lengthMs, untilMs)
    this.#parts = this.#parts.filter(({ to }) => to <= this.#lengthMs)
    const rest = this.#rest()
    const isPrepared = this.#ahead?.to === rest.to && this.#ahead.from === rest.from
    const last = isPrepared ? this.#ahead! : rest
    const isSilent = !this.#cut(last).speech.some((level) => level > 0)
    const parts = this.#parts.length > 0 && isSilent ? this.#parts : [...this.#parts, last]
    const recognitions = parts.map((part) => this.#recogniser.decode(this.#cut(part), part.early))
    return joined(parts, await Promise.all(recognitions))
  }

  #rest(): Part {
    return {
      from: this.#parts.at(-1)?.next ?? 0,
      to: this.#lengthMs,
      next: Math.max(0, this.#lengthMs - pauseMs),
    }
  }

  #begin(part: Part): void {
    const isWanted = (): boolean => this.#ahead === part || this.#parts.includes(part)
    part.early = this.#recogniser.decodeAhead(this.#cut(part), isWanted)
    // Who finishes the utterance is told of a failure.
    part.early.recognition.catch(() => {})
  }

  #cut({ from, to }: Pick<Part, 'from' | 'to'>): UtteranceAudio {
    return { samples: this.#audio.samples(from, to), speech: this.#audio.speech(from, to) }
  }
}

function joined(parts: readonly Part[], recognitions: readonly Recognition[]): Recognition {
  const words: RecognisedWord[] = []
  for (const [index, { from: atMs }] of parts.entries()) {
    for (const word of recognitions[index]!.words) {
      const before = words.at(-1)
      const start = Math.max(atMs + word.start, before?.end ?? 0)
      // Both heard the pause between them.
      const isDouble = word === recognitions[index]!.words[0] && atMs + word.start < (before?.end ?? 0)
      if (isDouble && isSameWord(word, before)) continue
      words.push({ ...word, start, end: Math.max(start, atMs + word.end) })
    }
  }
  const language = recognitions.find((part) => part.language !== undefined)?.language
  const repeatedWords = recognitions.reduce((sum, part) => sum + (part.repeatedWords ?? 0), 0)
  return recognitionOf(words, language, repeatedWords)
}

/** A result without token times with such as they would be if all letters took as long, in the frames that are speech. */
function withTimes(result: TokenResult, speech: readonly number[]): TokenResult {
  const frames = speech.flatMap((level, frame) => (level > 0 ? [frame] : []))
  const letters = result.tokens.reduce((sum, token) => sum + token.length, 0)
  let before = 0
  const timestamps = result.tokens.map((token) => {
    const frame = frames[Math.floor((before / letters) * frames.length)] ?? 0
    before += token.length
    return (frame * speechFrameMs) / 1000
  })
  return { ...result, timestamps }
}
