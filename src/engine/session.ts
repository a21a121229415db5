import { EngineError } from '../errors.ts'
import { cutAfter } from './cut.ts'
import { TurnDetector } from './end-of-turn.ts'
import type {
  EngineListener,
  EngineSession,
  EngineSettings,
  EngineSettingsUpdate,
  EngineTurn,
  EngineWord,
} from './engine.ts'
import { JobQueue } from './job-queue.ts'
import {
  speechFrameMs,
  type Attribution,
  type RecognisedWord,
  type Recogniser,
  type SpeakerTracker,
  type VoiceActivityDetector,
} from './parts.ts'
import { nextStep } from './pocketsphinx-library.ts'
import { formatWords, SENTENCE_PAUSE_MS, type TurnContext } from './text.ts'
import { Timeline } from './timeline.ts'

/** The replaceable parts of a session. */
export interface SessionParts {
  activity: VoiceActivityDetector
  recogniser: Recogniser
  speakers: SpeakerTracker
}

const samplesPerMs = 16
/** Audio that may wait before `write()` makes its caller wait, in samples (1 s). */
const queueLimit = 16_000
/** Audio handed to the recogniser in one native call, in samples (100 ms). */
const step = 1600
/** Audio before the detected start of speech that the recogniser hears as well. */
const preRollMs = 250
/** Silence after the last speech that the recogniser hears. */
const postRollMs = 300
/** Audio between two partials. */
const partialEveryMs = 400
/** The longest turn with and without speaker labels. */
const longestTurnMs = { labelled: 10_000, unlabelled: 60_000 }
/** Audio heard again after a cut behind the last word of a turn. */
const rehearMs = 500
/** The number of final turns that a revision can still name. */
const revisableTurns = 4000

interface OpenTurn {
  /** Place in the stream of the first sample the recogniser heard. */
  startMs: number
  /** Place in the stream up to which it has heard. */
  fedMs: number
  /** Where the last partial was taken, and what it said. */
  partialMs: number
  partialText: string
}

/** Drives the three parts: audio goes in, turns come out at the listener. */
export class EmbeddedSession implements EngineSession {
  readonly #parts: SessionParts
  readonly #listener: EngineListener
  readonly #detector: TurnDetector
  readonly #timeline = new Timeline()
  readonly #finals = new Map<number, EngineWord[]>()
  readonly #queue = new JobQueue(queueLimit, (error) => this.#fail(error))
  #settings: EngineSettings
  #turn: OpenTurn | undefined
  #order = 0
  /** End of the last final word: no later word begins before it. */
  #wordsUntil = 0
  #revisedAt = 0
  /** Whether the last final was cut in the middle of a sentence. */
  #open = false
  #destroyed: Promise<void> | undefined

  constructor(parts: SessionParts, settings: EngineSettings, listener: EngineListener) {
    this.#parts = parts
    this.#settings = settings
    this.#listener = listener
    this.#detector = new TurnDetector(settings)
  }

  async write(samples: Int16Array): Promise<void> {
    // All blocks are queued before anything is awaited, so that writes nobody waits for stay in order.
    for (let at = 0; at < samples.length; at += step) {
      const block = samples.slice(at, at + step)
      void this.#queue.add(() => this.#hear(block), block.length)
    }
    await this.#queue.room()
  }

  forceEndpoint(): Promise<void> {
    return this.#queue.add(() => this.#finishTurn())
  }

  configure(update: EngineSettingsUpdate): void {
    const given = Object.fromEntries(Object.entries(update).filter(([, value]) => value !== undefined))
    this.#settings = { ...this.#settings, ...given }
    this.#detector.settings = this.#settings
    if (update.keyterms !== undefined) this.#parts.recogniser.expect?.(update.keyterms)
  }

  end(): Promise<void> {
    return this.#queue.add(async () => {
      await this.#finishTurn()
      await this.#revise()
    })
  }

  destroy(): Promise<void> {
    const { recogniser, speakers } = this.#parts
    this.#destroyed ??= Promise.all([this.#queue.close(), recogniser.close(), speakers.close?.()]).then(() => {})
    return this.#destroyed
  }

  #fail(error: unknown): void {
    const failure =
      error instanceof EngineError
        ? error
        : new EngineError('ENGINE_FAILED', `the embedded engine failed: ${String(error)}; ${nextStep}`, {
            cause: error,
          })
    this.#listener.failed(failure)
  }

  async #hear(block: Int16Array): Promise<void> {
    this.#timeline.push(block)
    await this.#listen()
    await this.#feed()
    await this.#cutIfTooLong()
    await this.#reportPartial()
    const needed = this.#turn === undefined ? this.#timeline.speechEndMs - preRollMs - 200 : this.#turn.startMs
    this.#timeline.forget(Math.min(needed, this.#timeline.speechEndMs))
  }

  /** Runs voice activity over the new audio, and begins and ends turns by it. */
  async #listen(): Promise<void> {
    const { activity } = this.#parts
    const timeline = this.#timeline
    const frameMs = activity.frameSamples / samplesPerMs
    while (timeline.endMs - timeline.speechEndMs >= frameMs && !this.#queue.closed) {
      const from = timeline.speechEndMs
      const probability = activity.accept(timeline.samples(from, from + frameMs))
      for (let at = from; at + speechFrameMs <= from + frameMs; at += speechFrameMs) {
        timeline.pushSpeech(probability)
        const event = this.#detector.accept(probability)
        if (event?.type === 'start') await this.#startTurn(event.at, probability)
        else if (event?.type === 'end') await this.#finishTurn()
      }
    }
  }

  async #startTurn(speechMs: number, confidence: number): Promise<void> {
    if (this.#queue.closed) return
    const startMs = Math.max(this.#timeline.startMs, this.#wordsUntil, speechMs - preRollMs)
    this.#listener.speechStarted(Math.max(startMs, speechMs), confidence)
    await this.#startUtterance(startMs)
  }

  async #startUtterance(startMs: number): Promise<void> {
    await this.#parts.recogniser.start()
    this.#turn = { startMs, fedMs: startMs, partialMs: startMs, partialText: '' }
  }

  /** Gives the recogniser what it has not heard of the open turn; it need not hear long silence. */
  async #feed(): Promise<void> {
    const turn = this.#turn
    if (turn === undefined) return
    const until = Math.min(this.#timeline.endMs, this.#detector.lastSpeech + postRollMs)
    while (turn.fedMs < until && !this.#queue.closed) {
      const to = Math.min(until, turn.fedMs + step / samplesPerMs)
      await this.#parts.recogniser.accept(this.#timeline.samples(turn.fedMs, to))
      turn.fedMs = to
    }
  }

  async #finishTurn(): Promise<void> {
    const turn = this.#turn
    if (turn === undefined) return
    this.#detector.close()
    await this.#feed()
    const words = await this.#parts.recogniser.finish()
    this.#turn = undefined
    await this.#reportFinal(turn.startMs, turn.fedMs, words)
  }

  /** Ends a turn that has become too long between two words, and begins the next one right there. */
  async #cutIfTooLong(): Promise<void> {
    const turn = this.#turn
    const longest = this.#settings.speakerLabels ? longestTurnMs.labelled : longestTurnMs.unlabelled
    if (turn === undefined || turn.fedMs - turn.startMs < longest || this.#queue.closed) return
    const words = await this.#parts.recogniser.finish()
    const count = cutAfter(words, turn.fedMs - turn.startMs)
    const last = words[count - 1]
    const lastMs = turn.startMs + (last?.end ?? 0)
    // What follows the last word of all was heard to hold none; only its end may be the beginning of one. Hearing more
    // of it again could go on for ever, with a word at the start of a long noise each time.
    const cutMs = count < words.length ? lastMs : Math.max(lastMs, turn.fedMs - rehearMs)
    const pause = turn.startMs + (words[count]?.start ?? Infinity) - lastMs
    await this.#reportFinal(turn.startMs, cutMs, words.slice(0, count), pause < SENTENCE_PAUSE_MS)
    await this.#startUtterance(cutMs)
    await this.#feed()
  }

  async #reportPartial(): Promise<void> {
    const turn = this.#turn
    if (turn === undefined || !this.#settings.partials || turn.fedMs - turn.partialMs < partialEveryMs) return
    turn.partialMs = turn.fedMs
    const heard = await this.#parts.recogniser.partial()
    const text = heard.map((word) => word.text).join(' ')
    if (text === '' || text === turn.partialText || this.#queue.closed) return
    turn.partialText = text
    const words = this.#toStream(heard, turn.startMs, turn.fedMs)
    this.#listener.turn(this.#assemble(words, false))
  }

  async #reportFinal(startMs: number, endMs: number, heard: readonly RecognisedWord[], open = false): Promise<void> {
    if (heard.length === 0 || this.#queue.closed) return
    const words = this.#toStream(heard, startMs, endMs)
    const attribution = await this.#attribute(startMs, endMs, words)
    if (this.#queue.closed) return
    words.forEach((word, index) => {
      const speaker = attribution.words[index]
      if (speaker !== undefined) word.speaker = speaker
    })
    const continues = this.#open && words[0]!.start - this.#wordsUntil < SENTENCE_PAUSE_MS
    this.#open = open
    this.#wordsUntil = words.at(-1)!.end
    const turn = this.#assemble(words, true, attribution.speaker, { continues, open })
    this.#finals.set(turn.order, turn.words)
    this.#finals.delete(turn.order - revisableTurns)
    this.#order++
    this.#listener.turn(turn)
    const { revisionInterval } = this.#settings
    if (revisionInterval > 0 && endMs - this.#revisedAt >= revisionInterval) {
      this.#revisedAt = endMs
      await this.#revise()
    }
  }

  async #attribute(startMs: number, endMs: number, words: readonly EngineWord[]): Promise<Attribution> {
    if (!this.#settings.speakerLabels) return { words: [] }
    return this.#parts.speakers.attribute({
      order: this.#order,
      offset: startMs,
      samples: this.#timeline.samples(startMs, endMs),
      speech: this.#timeline.speech(startMs, endMs),
      threshold: this.#settings.vadThreshold,
      words,
    })
  }

  /** Places words in the stream: in order, not before the last final word, not after what was heard. */
  #toStream(heard: readonly RecognisedWord[], startMs: number, endMs: number): EngineWord[] {
    let from = this.#wordsUntil
    return heard.map(({ text, start, end, confidence }) => {
      const first = Math.min(Math.max(startMs + start, from), Math.max(endMs, from))
      from = Math.max(first, Math.min(startMs + end, endMs))
      return { text, start: first, end: from, confidence, final: false }
    })
  }

  #assemble(words: EngineWord[], endOfTurn: boolean, speaker?: string, context?: TurnContext): EngineTurn {
    const formatted = this.#settings.formatTurns && endOfTurn
    // A word without a speaker of its own counts as said by the speaker of the turn, as it does for who reads it.
    const said = words.map((word) => (speaker === undefined ? word : { speaker, ...word }))
    const texts = formatted
      ? formatWords(said, { ...context, keyterms: this.#settings.keyterms })
      : words.map((word) => word.text)
    return {
      order: this.#order,
      words: words.map((word, index) => ({ ...word, text: texts[index]!, final: endOfTurn })),
      transcript: texts.join(' '),
      ...(speaker !== undefined && { speaker }),
      endOfTurn,
      formatted,
      endOfTurnConfidence: endOfTurn ? 1 : 0,
    }
  }

  async #revise(): Promise<void> {
    if (!this.#settings.speakerLabels || this.#queue.closed) return
    const revised = await this.#parts.speakers.revise()
    if (this.#queue.closed) return
    const revisions = revised.flatMap(({ order, words: speakers, speaker }) => {
      const words = this.#finals.get(order)
      if (words === undefined) return []
      const relabelled = words.map((word, index) => {
        const { text, start, end, confidence, final } = word
        const label = speakers[index]
        return { text, start, end, confidence, final, ...(label === undefined ? {} : { speaker: label }) }
      })
      this.#finals.set(order, relabelled)
      return [{ order, words: relabelled, ...(speaker === undefined ? {} : { speaker }) }]
    })
    if (revisions.length > 0) this.#listener.revision(revisions)
  }
}
