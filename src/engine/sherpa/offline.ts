import { type Heard, type Recogniser, speechFrameMs, type Utterance } from '../parts.ts'
import { better, judge, type Judgement, withSilence } from '../words/inventions.ts'
import type { UtteranceAudio } from '../words/times.ts'
import { unheardStretches, withFound } from '../words/unheard.ts'
import { noKeyterms, spellKeyterms, whyIgnored } from './keyterms.ts'
import type { TokenResult } from './messages.ts'
import type { RecogniserPool } from './pool.ts'

const samplesPerMs = 16
/** Stretches of an utterance that may be heard once more by themselves. */
const mostStretches = 4
/** Silence after which the language is no longer asked for, in ms of speech. */
const settledAfterMs = 8000

/** What a session asks of the recogniser. */
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

  /** The language of most of the speech so far. */
  get leader(): string | undefined {
    return [...this.#speech].toSorted((a, b) => b[1] - a[1])[0]?.[0]
  }

  add(language: string, speechMs: number): void {
    this.#speech.set(language, (this.#speech.get(language) ?? 0) + speechMs)
    this.#total += speechMs
  }
}

/** What is heard in an utterance, and the language that was listened for. */
interface Guess {
  language: string
  heard: Promise<Heard>
}

/** A recogniser that is given whole utterances; the utterances of a stream go to the processes of a pool. */
export class OfflineRecogniser implements Recogniser {
  readonly #pool: RecogniserPool
  readonly #settings: RecogniserSettings
  readonly #vote = new LanguageVote()
  #hotwords = ''
  /** The utterances before the language is settled, one after another: what each is taken for depends on those before. */
  #unsettled: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(pool: RecogniserPool, settings: RecogniserSettings) {
    this.#pool = pool
    this.#settings = settings
  }

  get parallel(): number {
    return this.#pool.most
  }

  expect(keyterms: readonly string[]): string | undefined {
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

  begin(): Utterance {
    return new OfflineUtterance(this)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  /** What is heard in an utterance that may go on; absent where no process is free. */
  async glance(samples: Int16Array, speech: readonly number[]): Promise<Heard | undefined> {
    const language = this.#settings.language || (this.#vote.settled ?? this.#vote.leader ?? '')
    const result = await this.#pool.decode({ samples, language, hotwords: this.#hotwords }, 'partial')
    if (result === undefined) return undefined
    return this.#heard(this.#judge(result, { samples, speech }), result)
  }

  /** Begins to find what is heard in an utterance that is likely to end here; it has no say in the language yet. */
  guess(samples: Int16Array, speech: readonly number[], isWanted: () => boolean): Guess {
    const language = this.#language ?? ''
    return { language, heard: this.#decode(samples, speech, language, isWanted) }
  }

  /**
   * What is heard in a whole utterance.
   *
   * @param guess - what {@link guess} gave for the same audio.
   */
  async hear(samples: Int16Array, speech: readonly number[], guess?: Guess): Promise<Heard> {
    const decode = (language: string): Promise<Heard> =>
      guess?.language === language ? guess.heard : this.#decode(samples, speech, language)
    const language = this.#language
    if (language !== undefined) return await decode(language)
    const heard = this.#unsettled.then(() => this.#find(decode, speech))
    this.#unsettled = heard.catch(() => {})
    return await heard
  }

  /** The language to listen for, `''` for the model to find out each time; absent while it is open. */
  get #language(): string | undefined {
    const { language, mayChangeLanguage } = this.#settings
    if (language !== '' || mayChangeLanguage || !this.#pool.model.detectsLanguage) return language
    return this.#vote.settled
  }

  async #find(decode: (language: string) => Promise<Heard>, speech: readonly number[]): Promise<Heard> {
    const settled = this.#vote.settled
    if (settled !== undefined) return await decode(settled)
    const heard = await decode('')
    if (heard.language === undefined || heard.words.length === 0) return heard
    this.#vote.add(heard.language, speech.filter((level) => level > 0).length * 10)
    const leader = this.#vote.leader!
    return leader === heard.language ? heard : await decode(leader)
  }

  async #decode(
    samples: Int16Array,
    speech: readonly number[],
    language: string,
    isWanted = (): boolean => true,
  ): Promise<Heard> {
    const wanted = (): boolean => !this.#closed && isWanted()
    const heard = await this.#decodeTwice({ samples, speech }, language, wanted)
    let { words } = heard
    if (this.#pool.model.kind !== 'whisper') return heard
    for (const stretch of unheardStretches(words, speech).slice(0, mostStretches)) {
      const part = {
        samples: samples.slice(stretch.start * samplesPerMs, stretch.end * samplesPerMs),
        speech: speech.slice(stretch.start / speechFrameMs, stretch.end / speechFrameMs),
      }
      const found = await this.#decodeTwice(part, heard.language ?? language, wanted)
      words = withFound(words, stretch, found.words)
    }
    return { ...heard, words }
  }

  /** Decodes audio, and again with silence behind it where the first result is doubtful. */
  async #decodeTwice(audio: UtteranceAudio, language: string, wanted: () => boolean): Promise<Heard> {
    const { model } = this.#pool
    const decode = async (samples: Int16Array): Promise<TokenResult | undefined> =>
      await this.#pool.decode({ samples, language, hotwords: this.#hotwords }, 'final', wanted)
    const first = await decode(audio.samples)
    if (first === undefined || this.#closed) return { words: [] }
    const heard = this.#judge(first, audio)
    if (model.kind !== 'whisper' || !heard.suspicious) return this.#heard(heard, first)
    const filled = withSilence(audio.samples)
    const second = await decode(filled)
    if (second === undefined || this.#closed) return this.#heard(heard, first)
    const again = this.#judge(second, audio, filled.length)
    return better(heard, again) === again ? this.#heard(again, second) : this.#heard(heard, first)
  }

  /** @param decoded - samples that were decoded, where silence was put behind the audio. */
  #judge(result: TokenResult, audio: UtteranceAudio, decoded = audio.samples.length): Judgement {
    const { model } = this.#pool
    return judge(model.hasWordTimes ? result : withTimes(result, audio.speech), audio, model, decoded)
  }

  #heard({ words }: Judgement, result: TokenResult): Heard {
    const { languages } = this.#pool.model
    const language = result.language ?? (languages.length === 1 ? languages[0] : undefined)
    return { words, ...(language !== undefined && { language }) }
  }
}

/** Gathers the audio of an utterance, and has all of it decoded when it ends. */
class OfflineUtterance implements Utterance {
  readonly #recogniser: OfflineRecogniser
  #samples = new Int16Array(32_000)
  #length = 0
  #speech: number[] = []
  /** The result of all so far, asked for where a pause made an end likely. */
  #ahead: { length: number; guess?: Guess } | undefined

  constructor(recogniser: OfflineRecogniser) {
    this.#recogniser = recogniser
  }

  accept(samples: Int16Array, speech: readonly number[]): void {
    this.#ahead = undefined
    if (this.#length + samples.length > this.#samples.length) {
      const larger = new Int16Array(Math.max(this.#samples.length * 2, this.#length + samples.length))
      larger.set(this.#samples.subarray(0, this.#length))
      this.#samples = larger
    }
    this.#samples.set(samples, this.#length)
    this.#length += samples.length
    this.#speech.push(...speech)
  }

  partial(): Promise<Heard | undefined> {
    return this.#recogniser.glance(this.#heardSoFar(), [...this.#speech])
  }

  prepare(): void {
    const length = this.#length
    if (this.#ahead?.length === length) return
    const ahead: { length: number; guess?: Guess } = { length }
    this.#ahead = ahead
    ahead.guess = this.#recogniser.guess(this.#heardSoFar(), [...this.#speech], () => this.#ahead === ahead)
    // Who finishes the utterance is told of a failure.
    ahead.guess.heard.catch(() => {})
  }

  finish(untilMs?: number): Promise<Heard> {
    if (untilMs !== undefined) this.#length = Math.min(this.#length, untilMs * samplesPerMs)
    const guess = this.#ahead?.length === this.#length ? this.#ahead.guess : undefined
    return this.#recogniser.hear(this.#heardSoFar(), this.#speech.slice(0, Math.ceil(this.#length / 160)), guess)
  }

  #heardSoFar(): Int16Array {
    return this.#samples.slice(0, this.#length)
  }
}

/** A result without token times with such as they would be if all letters took as long, in the frames that are speech. */
export function withTimes(result: TokenResult, speech: readonly number[]): TokenResult {
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
