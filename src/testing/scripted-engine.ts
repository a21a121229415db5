import { setTimeout as delay } from 'node:timers/promises'
import { dominantSpeaker, withSpeaker } from '../engine/turns/final-turns.ts'
import type {
  Engine,
  EngineListener,
  EngineRevision,
  EngineSession,
  EngineSettings,
  EngineSettingsUpdate,
  EngineTurn,
  EngineWord,
} from '../engine/engine.ts'
import { defined } from '../options.ts'

/** A word of a {@link ScriptedTurn}; times in ms from the first audio sample. */
export interface ScriptedWord {
  text: string
  start: number
  end: number
  /** From 0 to 1. @defaultValue 0.9 */
  confidence?: number
  /** Speaker label; `null` for a word that cannot be attributed. @defaultValue the turn's */
  speaker?: string | null
  /**
   * The label a revision gives the word later.
   * @defaultValue the turn's `revisedSpeaker`; without one the word is not revised
   */
  revisedSpeaker?: string
}

/** A turn that a scripted engine hears, whatever the audio holds. */
export interface ScriptedTurn {
  /** Words with their times; or a text, whose words are spread evenly from `start` to `end`. */
  words: string | readonly ScriptedWord[]
  /** Milliseconds at which a text begins; needed with a text only. */
  start?: number
  /** Milliseconds at which a text ends; needed with a text only. */
  end?: number
  /** Speaker label of the turn and of its words. @defaultValue the label of most of its words' time */
  speaker?: string
  /** The label a revision gives the turn later. @defaultValue none: the turn is not revised */
  revisedSpeaker?: string
  /** Milliseconds of audio at which the revision is reported. @defaultValue at the end of the session */
  revisionAt?: number
  /** Milliseconds of audio at which partials are reported. @defaultValue at the end of each word but the last */
  partialsAt?: readonly number[]
  /** Milliseconds of audio at which the final is reported. @defaultValue 640 after the last word */
  finalAt?: number
  /** Language code of the final. */
  language?: string
}

/** Something a scripted engine reports beside its turns. */
export interface ScriptedEvent {
  /** Milliseconds of audio at which it happens. */
  at: number
  /** Reports it, e.g. `(listener) => listener.failed(new Error('out of memory'))`. */
  report(listener: EngineListener): void
}

/** Options of {@link scriptedEngine}. */
export interface ScriptedEngineOptions {
  /** Name of the engine. @defaultValue 'scripted' */
  name?: string
  /** Model id that `Begin` echoes. @defaultValue none: the one that was asked for */
  model?: string
  /** Samples per second the engine wants, in Hz. @defaultValue 16000 */
  sampleRate?: number
  /** Whether audio may come faster than it plays. @defaultValue true */
  fasterThanRealTime?: boolean
  /** Milliseconds that opening a session takes. @defaultValue 0 */
  openDelay?: number
  /** What opening a session fails with. @defaultValue none */
  openError?: Error
  /** Milliseconds that each write takes, to stand for a slow engine. @defaultValue 0 */
  writeDelay?: number
  /** What is reported beside the turns. @defaultValue none */
  events?: readonly ScriptedEvent[]
}

/** What a session of a {@link ScriptedEngine} was asked and given. */
export interface ScriptedSession {
  readonly settings: EngineSettings
  /** Every `configure()` so far. */
  readonly updates: readonly EngineSettingsUpdate[]
  /** Milliseconds of audio written. */
  readonly receivedMs: number
  readonly forcedEndpoints: number
  readonly state: 'open' | 'ended' | 'destroyed'
}

/** An {@link Engine} that recognises what its script says. */
export interface ScriptedEngine extends Engine {
  /** All sessions opened so far, in order. */
  readonly sessions: readonly ScriptedSession[]
}

/**
 * An engine for tests: it reports the given turns when the audio reaches their times, and the revised labels at the
 * end. It listens to the length of the audio only, so that silence will do; what it reports does not depend on how the
 * audio is cut or when it comes.
 */
export function scriptedEngine(turns: readonly ScriptedTurn[], options: ScriptedEngineOptions = {}): ScriptedEngine {
  const plans = turns.map(planTurn)
  const sessions: Script[] = []
  return {
    name: options.name ?? 'scripted',
    ...defined({ model: options.model }),
    sampleRate: options.sampleRate ?? 16_000,
    fasterThanRealTime: options.fasterThanRealTime ?? true,
    sessions,
    async open(settings, listener) {
      if (options.openDelay) await delay(options.openDelay)
      if (options.openError) throw options.openError
      const session = new Script(plans, options, settings, listener)
      sessions.push(session)
      return session
    },
  }
}

class Script implements EngineSession, ScriptedSession {
  readonly settings: EngineSettings
  readonly updates: EngineSettingsUpdate[] = []
  forcedEndpoints = 0
  state: ScriptedSession['state'] = 'open'
  readonly #listener: EngineListener
  readonly #options: ScriptedEngineOptions
  readonly #turns: PlannedTurn[]
  /** What happens beside the turns, in the order of time; revisions at `Infinity` wait for the end. */
  #events: (ScriptedEvent & { revision?: EngineRevision })[]
  readonly #stop = new AbortController()
  #samples = 0
  #order = 0
  #speechReported = false
  #partials = 0

  constructor(
    turns: readonly PlannedTurn[],
    options: ScriptedEngineOptions,
    settings: EngineSettings,
    listener: EngineListener,
  ) {
    this.#turns = [...turns]
    this.#events = (options.events ?? []).toSorted((a, b) => a.at - b.at)
    this.#options = options
    this.#listener = listener
    this.settings = { ...settings }
  }

  get receivedMs(): number {
    return (this.#samples * 1000) / (this.#options.sampleRate ?? 16_000)
  }

  async write(samples: Int16Array): Promise<void> {
    this.#samples += samples.length
    while (this.state === 'open' && this.#step());
    const { writeDelay } = this.#options
    // Being destroyed in mid-write is no failure of the write.
    if (writeDelay) await delay(writeDelay, undefined, { signal: this.#stop.signal }).catch(() => {})
  }

  forceEndpoint(): Promise<void> {
    this.forcedEndpoints++
    const [turn] = this.#turns
    if (turn !== undefined && this.#heard(turn) > 0) this.#finish(turn, this.#heard(turn), true)
    return Promise.resolve()
  }

  configure(update: EngineSettingsUpdate): void {
    this.updates.push(update)
    Object.assign(this.settings, update)
  }

  end(): Promise<void> {
    for (let [turn] = this.#turns; turn !== undefined && this.#heard(turn) > 0; [turn] = this.#turns) {
      this.#finish(turn, this.#heard(turn), false)
    }
    const revisions = this.#events.flatMap(({ revision }) => revision ?? [])
    if (revisions.length > 0) this.#listener.revision(revisions)
    this.state = 'ended'
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    this.state = 'destroyed'
    this.#stop.abort()
    return Promise.resolve()
  }

  /** Does what comes next, if the audio has reached its time; turns come one after another. */
  #step(): boolean {
    const [turn] = this.#turns
    const [event] = this.#events
    const now = this.receivedMs
    const turnAt = turn === undefined ? Infinity : this.#nextAt(turn)
    if (event !== undefined && event.at < turnAt && event.at <= now) {
      this.#events.shift()
      event.report(this.#listener)
      return true
    }
    if (turn === undefined || turnAt > now) return false
    if (!this.#speechReported) {
      this.#speechReported = true
      this.#listener.speechStarted(turnAt, 0.99)
    } else if (turnAt < turn.finalAt) {
      this.#partials++
      const heard = turn.words.filter((word) => word.start < turnAt)
      if (heard.length > 0) this.#report(turn, heard, false)
    } else {
      this.#finish(turn, turn.words.length, false)
    }
    return true
  }

  /** When the turn begins, then when its next partial is due, at last its final. */
  #nextAt(turn: PlannedTurn): number {
    if (!this.#speechReported) return turn.words[0]?.start ?? 0
    const partialAt = this.settings.partials ? turn.partialsAt[this.#partials] : undefined
    return Math.min(partialAt ?? Infinity, turn.finalAt)
  }

  #heard(turn: PlannedTurn): number {
    return turn.words.filter((word) => word.start < this.receivedMs).length
  }

  #report(turn: PlannedTurn, words: PlannedTurn['words'], final: boolean): EngineTurn {
    const { formatTurns, speakerLabels } = this.settings
    const facts = { order: this.#order, final, formatted: final && formatTurns, speakerLabels }
    const reported = engineTurn(turn, words, facts)
    this.#listener.turn(reported)
    return reported
  }

  /** Reports the final of the first turn, with `count` words; `keepRest` makes a new turn of the others. */
  #finish(turn: PlannedTurn, count: number, keepRest: boolean): void {
    this.#turns.shift()
    this.#speechReported = false
    this.#partials = 0
    const final = this.#report(turn, turn.words.slice(0, count), true)
    this.#order++
    const revision = this.settings.speakerLabels ? engineRevision(turn, final) : undefined
    if (revision !== undefined) {
      const report = (listener: EngineListener): void => listener.revision([revision])
      this.#events.push({ at: turn.source.revisionAt ?? Infinity, report, revision })
      this.#events.sort((a, b) => a.at - b.at)
    }
    const rest = turn.words.slice(count)
    if (keepRest && rest.length > 0) this.#turns.unshift({ ...turn, words: rest })
  }
}

/** A word with what its turn says of it. */
interface PlannedWord extends Omit<ScriptedWord, 'speaker' | 'revisedSpeaker'> {
  speaker: string | undefined
  revisedSpeaker: string | undefined
}

export interface PlannedTurn {
  words: readonly PlannedWord[]
  partialsAt: readonly number[]
  finalAt: number
  source: ScriptedTurn
}

const SETTLE_MS = 640

/** Works out the words and times of a turn. Throws a `RangeError` for a turn without words or with times that lack. */
export function planTurn(turn: ScriptedTurn): PlannedTurn {
  const given = typeof turn.words === 'string' ? spread(turn.words, turn.start, turn.end) : turn.words
  const last = given.at(-1)
  if (last === undefined) throw new RangeError('a scripted turn needs at least one word')
  const words = given.map((word) => ({
    ...word,
    speaker: word.speaker === null ? undefined : (word.speaker ?? turn.speaker),
    revisedSpeaker: word.revisedSpeaker ?? turn.revisedSpeaker,
  }))
  return {
    words,
    partialsAt: turn.partialsAt ?? words.slice(0, -1).map((word) => word.end),
    finalAt: turn.finalAt ?? last.end + SETTLE_MS,
    source: turn,
  }
}

function spread(text: string, start: number | undefined, end: number | undefined): ScriptedWord[] {
  if (start === undefined || end === undefined || end < start) {
    throw new RangeError('a scripted turn given as text needs start and end in ms')
  }
  const texts = text.split(/\s+/).filter((word) => word !== '')
  const at = (index: number) => Math.round(start + ((end - start) * index) / texts.length)
  return texts.map((word, index) => ({ text: word, start: at(index), end: at(index + 1) }))
}

/** The turn as an engine reports it with the words heard so far. */
export function engineTurn(
  plan: PlannedTurn,
  words: readonly PlannedWord[],
  facts: { order: number; final: boolean; formatted: boolean; speakerLabels: boolean },
): EngineTurn {
  const { order, final, formatted, speakerLabels } = facts
  const isLabelled = speakerLabels && final
  const spoken = words.map(({ text, start, end, confidence = 0.9, speaker }): EngineWord => {
    return { text, start, end, confidence, ...(isLabelled && speaker !== undefined && { speaker }), final }
  })
  const speaker = isLabelled ? (plan.source.speaker ?? dominantSpeaker(spoken)) : undefined
  return {
    order,
    words: spoken,
    transcript: words.map((word) => word.text).join(' '),
    ...defined({ speaker }),
    endOfTurn: final,
    formatted,
    endOfTurnConfidence: final ? 1 : 0,
    ...(final && plan.source.language !== undefined ? { language: plan.source.language } : {}),
  }
}

/** The new labels of a turn whose final is out; `undefined` where its script holds none. */
export function engineRevision(plan: PlannedTurn, final: EngineTurn): EngineRevision | undefined {
  const labels = plan.words.slice(0, final.words.length).map((word) => word.revisedSpeaker)
  if (labels.every((label) => label === undefined)) return undefined
  const words = final.words.map((word, index) => withSpeaker(word, labels[index] ?? word.speaker))
  const speaker = plan.source.revisedSpeaker ?? final.speaker ?? dominantSpeaker(words)
  return { order: final.order, words, ...defined({ speaker }) }
}
