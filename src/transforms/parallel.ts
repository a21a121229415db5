import { EventEmitter } from 'node:events'
import { bytesToMs } from '../audio/format.ts'
import { Framer } from '../audio/framer.ts'
import { meanSquare } from '../audio/pcm.ts'
import { SessionError } from '../errors.ts'
import type { Turn } from '../model.ts'
import { defined } from '../options.ts'
import type { ClientMessage, TerminationMessage, TurnMessage } from '../protocol/messages.ts'
import { joinedTexts } from '../scripts.ts'
import { passOn } from '../stream-helpers.ts'
import { LabelMap, type ServerLabels } from '../stream/label-map.ts'
import type { SupervisorEvents } from '../stream/options.ts'
import { SpeakerLetters } from '../stream/speakers.ts'
import type { Supervisor } from '../stream/supervisor.ts'
import { FinalWords } from '../stream/turns/final-words.ts'
import { type Orders, TurnJoiner } from '../stream/turns/joiner.ts'
import { Waiter } from '../stream/waiter.ts'
import type { VoiceProfile } from '../voices/profile.ts'
import type { WireFormat } from './diarize-input.ts'
import { Spool } from './transcribe/spool.ts'

/** A part is at least this long, ms: what is heard twice costs as much as the rest. */
const LEAST_PART_MS = 10_000
/** A part hears this much beyond its end, ms, so that the word at the end is whole for it. */
const TAIL_MS = 2000
/** A pause is looked for this far from where a part would end, ms, and a fifth of the part at most. */
const PAUSE_WITHIN_MS = 20_000
/** How long a pause is that is looked for, ms. */
const PAUSE_MS = 400
const KEPT_MS = 60_000

/** What a {@link ParallelSupervisor} is told. */
export interface ParallelSupervisorOptions {
  /** Most sessions at a time. */
  parallel: number
  format: WireFormat
  frameBytes: number
  /** Audio before a part that its session hears, to know the speakers by, ms. */
  overlap: number
  serverLabels?: ServerLabels | undefined
  /** Whether the supervisors hear the voices of their speakers. */
  hearsVoices: boolean
  /** Makes the supervisor of a part; of the first one, a mistake is likelier than an outage. */
  supervise(this: void, isFirst: boolean): Supervisor
}

/** A stretch of the audio that a session of its own hears. Frames, the last not included. */
interface Part {
  number: number
  /** What is its own. */
  from: number
  to: number
  /** What it hears. */
  hearFrom: number
  hearTo: number
  supervisor?: Supervisor
  hasBegun: boolean
  termination?: TerminationMessage
  /** Turns that are not out yet, each as it was last revised. */
  waiting: Turn[]
  /** The turn in which what is its own ends, once that has come: all behind it belongs to the next part. */
  lastOrder: number
  joiner?: TurnJoiner
  /** The voices of its speakers, by the letters that its supervisor gave them; known once it is done. */
  voices: ReadonlyMap<string, VoiceProfile>
  /** What turns of the stream have of those they were made of. */
  origins: Map<number, Pick<Turn, 'sessionId' | 'unconfirmed'>>
}

/**
 * A finished recording, cut at pauses into parts that are heard at the same time, each by sessions of its own, as if it
 * were one stream. The audio is kept in a temporary file until it has ended, since only then it is known where to cut. The
 * parts are joined in their order, as sessions are that take over from each other: the words that both heard are found,
 * and say whom the labels of the later one mean.
 */
export class ParallelSupervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: ParallelSupervisorOptions
  readonly #frameMs: number
  readonly #spool = Spool.create()
  #opened: Spool | undefined
  /** The loudness of each frame, as its mean square, for pauses. */
  #levels: number[] = []
  #parts: Part[] = []
  /** The part whose turns come out. */
  #current = 0
  readonly #letters = new SpeakerLetters()
  readonly #finals: FinalWords
  readonly #orders: Orders = { next: 0 }
  readonly #configuration: Record<string, unknown> = {}
  #held = false
  #destroyed = false
  readonly #state = new Waiter()
  #settleDone!: { resolve: (terminations: TerminationMessage[]) => void; reject: (error: Error) => void }
  readonly done = new Promise<TerminationMessage[]>((resolve, reject) => (this.#settleDone = { resolve, reject }))

  constructor(options: ParallelSupervisorOptions) {
    super()
    this.#options = options
    this.#frameMs = bytesToMs(options.frameBytes, options.format)
    this.#finals = new FinalWords(options.overlap + KEPT_MS)
    this.done.catch(() => {})
    this.#spool.catch((error: Error) => this.#settleDone.reject(error))
  }

  /** Ms of audio that has been heard for the first time, in all parts. */
  get sentMs(): number {
    return this.#parts.reduce((sum, { supervisor, from, to, hearFrom }) => {
      const sent = (supervisor?.sentMs ?? 0) - this.#ms(from - hearFrom)
      return sum + Math.max(0, Math.min(sent, this.#ms(to - from)))
    }, 0)
  }

  /** Takes one frame; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<void> | undefined {
    this.#levels.push(meanSquare(frame, this.#options.format.encoding))
    return this.#opened === undefined ? this.#open(frame) : this.#opened.write(frame)
  }

  async #open(frame: Buffer): Promise<void> {
    this.#opened = await this.#spool
    await this.#opened.write(frame)
  }

  /** No more audio: resolves when every turn is out and all sessions have confirmed their end. */
  end(): Promise<TerminationMessage[]> {
    const { parallel, overlap } = this.#options
    const cuts = cutAtPauses(this.#levels, this.#frameMs, parallel)
    const lead = Math.ceil(overlap / this.#frameMs)
    const tail = Math.ceil(TAIL_MS / this.#frameMs)
    const total = this.#levels.length
    this.#levels = []
    this.#parts = cuts.map((from, number) => {
      const to = cuts[number + 1] ?? total
      return {
        number,
        from,
        to,
        hearFrom: Math.max(0, from - lead),
        hearTo: Math.min(total, to + tail),
        hasBegun: false,
        waiting: [],
        lastOrder: Infinity,
        voices: new Map(),
        origins: new Map(),
      }
    })
    const [first, ...others] = this.#parts
    this.#work(first!)
    // Where the first fails, the others would fail the same way.
    first!.supervisor!.once('session', () => {
      for (const part of others) this.#work(part)
    })
    return this.done
  }

  /** Sends a message to all sessions, also to those that are still to come. */
  sendMessage(message: ClientMessage): void {
    if (message.type === 'UpdateConfiguration') Object.assign(this.#configuration, message)
    for (const { supervisor } of this.#parts) supervisor?.sendMessage(message)
  }

  /** Nobody takes the turns: they wait here, while the sessions go on. */
  hold(): void {
    this.#held = true
  }

  resume(): void {
    if (!this.#held) return
    this.#held = false
    this.#release()
  }

  /** Drops everything at once; resolves when no socket and no file is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    await Promise.all(this.#parts.map(async ({ supervisor }) => supervisor?.destroy()))
    this.#state.changed()
    const spool = await this.#spool.catch(() => undefined)
    await spool?.close()
  }

  #ms(frames: number): number {
    return Math.round(frames * this.#frameMs)
  }

  /** How many parts are done. */
  get #done(): number {
    return this.#parts.filter(({ termination }) => termination !== undefined).length
  }

  /** Hears a part, and fails the stream where that cannot be. */
  #work(part: Part): void {
    this.#hear(part).then(
      (termination) => {
        part.termination = termination
        this.#state.changed()
        this.#release()
      },
      (error: Error) => {
        this.#settleDone.reject(error)
        this.#state.changed()
      },
    )
  }

  /** Hears a part; one that there is no session for waits until another part is done. */
  async #hear(part: Part): Promise<TerminationMessage> {
    for (;;) {
      const done = this.#done
      try {
        return await this.#hearOnce(part)
      } catch (error) {
        const mayWait = error instanceof SessionError && error.code === 'TOO_MANY_SESSIONS' && !part.hasBegun
        if (!mayWait || this.#destroyed) throw error
        const isHeard = (): boolean => this.#parts.some((one) => one.hasBegun && one.termination === undefined)
        await this.#state.until(() => this.#done > done || !isHeard() || this.#destroyed)
        if (this.#done === done) throw error
      }
    }
  }

  async #hearOnce(part: Part): Promise<TerminationMessage> {
    const supervisor = this.#options.supervise(part.number === 0)
    part.supervisor = supervisor
    if (Object.keys(this.#configuration).length > 0) supervisor.sendMessage(this.#configuration as ClientMessage)
    this.#relay(part, supervisor)
    const { frameBytes } = this.#options
    let stopped = false
    const stop = (): void => {
      stopped = true
      // What waits for room goes on.
      void supervisor.destroy()
    }
    supervisor.done.catch(stop)
    const framer = new Framer(frameBytes)
    for await (const bytes of (await this.#spool).read(part.hearFrom * frameBytes, part.hearTo * frameBytes)) {
      for (const frame of framer.push(bytes)) if (!stopped && !this.#destroyed) await supervisor.push(frame)
      if (stopped || this.#destroyed) break
    }
    const termination = await supervisor.end()!
    part.voices = await supervisor.heardVoices()
    return termination
  }

  #relay(part: Part, supervisor: Supervisor): void {
    const offset = this.#ms(part.hearFrom)
    supervisor.on('turn', (turn) => {
      if (!turn.endOfTurn) return
      const earlier = part.waiting.findIndex(({ order }) => order === turn.order)
      if (earlier < 0) part.waiting.push(turn)
      else part.waiting[earlier] = turn
      this.#release()
    })
    supervisor.on('session', (change) => {
      part.hasBegun = true
      this.emit('session', {
        ...change,
        offset: change.offset + offset,
        speakers: this.#letterOf(part, change.speakers),
      })
    })
    passOn(supervisor, this, ['sessionEnd', 'reconnecting', 'warning', 'message'])
    // What another part hears is its own.
    const within = <T extends { start: number; end: number }>(stretch: T): T | undefined => {
      const start = Math.max(stretch.start + offset, this.#ms(part.from))
      const end = Math.min(stretch.end + offset, this.#ms(part.to))
      return end > start ? { ...stretch, start, end } : undefined
    }
    supervisor.on('gap', (gap) => {
      const missing = within(gap)
      if (missing !== undefined) this.emit('gap', missing)
    })
    supervisor.on('unrecognized', (speech) => {
      const heard = within(speech)
      if (heard !== undefined) this.emit('unrecognized', heard)
    })
  }

  /** The letters of the stream for the letters of a part, as far as they are known. */
  #letterOf(part: Part, speakers: Record<string, string>): Record<string, string> {
    const known = part.joiner?.labels.mapping ?? {}
    return Object.fromEntries(
      Object.entries(speakers).flatMap(([label, letter]) =>
        known[letter] === undefined ? [] : [[label, known[letter]]],
      ),
    )
  }

  /** Gives out the turns whose time has come: those of the first part at once, of the others when all up to it are done. */
  #release(): void {
    for (;;) {
      const part = this.#parts[this.#current]
      if (part === undefined || this.#destroyed) return
      // Whole, with the labels as they are at its end: by them it is found out whom they mean.
      if (part.number > 0 && part.termination === undefined) return
      for (let turn = part.waiting[0]; turn !== undefined && !this.#held; turn = part.waiting[0]) {
        part.waiting.shift()
        this.#join(part, turn)
      }
      if (this.#held || part.termination === undefined) return
      this.#conclude(part)
      this.#current += 1
      if (this.#current === this.#parts.length)
        this.#settleDone.resolve(this.#parts.map(({ termination }) => termination!))
    }
  }

  #join(part: Part, turn: Turn): void {
    const offset = this.#ms(part.hearFrom)
    part.joiner ??= new TurnJoiner(
      { sessionId: turn.sessionId, toStream: (ms) => ms + offset },
      this.#labelsOf(part),
      this.#finals,
      this.#orders,
    )
    // The first word of a turn may begin a second early, before those that were left to the next part.
    if (turn.order > part.lastOrder) return
    const isLast = part.number === this.#parts.length - 1
    const message = toMessage(turn, isLast ? Infinity : this.#ms(part.to - part.hearFrom))
    if ((message?.words.length ?? -1) < turn.words.length) part.lastOrder = turn.order
    if (message === undefined) return
    const { sessionId, unconfirmed } = turn
    this.#give(part, part.joiner.turn(message), { sessionId, ...(unconfirmed === true && { unconfirmed }) })
  }

  #labelsOf({ voices }: Part): LabelMap {
    const { hearsVoices, serverLabels } = this.#options
    const labels = new LabelMap(this.#letters, serverLabels, hearsVoices)
    for (const [label, profile] of voices) labels.know(label, profile)
    return labels
  }

  /** All turns of a part are out: whom its labels mean is decided, and its voices are known to those after it. */
  #conclude(part: Part): void {
    const { joiner, voices } = part
    if (!this.#options.hearsVoices || joiner === undefined) return
    const { labels } = joiner
    labels.settle()
    // The turns of the first part came out before its voices were known.
    if (part.number === 0) for (const [label, profile] of voices) labels.know(label, profile)
    this.#give(part, joiner.relabel())
    this.emit('voices', { voices: this.#letters.voices })
  }

  /** @param origin - what new turns have of that which they were made of; revisions have that of the turns they revise. */
  #give({ origins }: Part, turns: readonly Turn[], origin?: Pick<Turn, 'sessionId' | 'unconfirmed'>): void {
    for (const turn of turns) {
      if (origin !== undefined && !origins.has(turn.order)) origins.set(turn.order, origin)
      this.#finals.add(turn)
      this.emit('turn', { ...turn, ...origins.get(turn.order) })
    }
  }
}

/** The message of which a turn of a part would have been made; `undefined` where all of it belongs to the next part. */
function toMessage(turn: Turn, untilMs: number): TurnMessage | undefined {
  const end = turn.words.findIndex(({ start }) => start >= untilMs)
  const words = end < 0 ? turn.words : turn.words.slice(0, end)
  if (words.length === 0 && (turn.words.length > 0 || turn.start >= untilMs)) return undefined
  const { order, formatted, transcript, language, speaker } = turn
  return {
    type: 'Turn',
    turn_order: order,
    turn_is_formatted: formatted,
    end_of_turn: true,
    transcript: words.length === turn.words.length ? transcript : joinedTexts(words.map(({ text }) => text)),
    end_of_turn_confidence: 1,
    words: words.map((word) => ({
      text: word.text,
      start: word.start,
      end: word.end,
      word_is_final: true,
      ...(word.confidence !== undefined && { confidence: word.confidence }),
      ...(word.speaker !== undefined && { speaker: word.speaker }),
    })),
    ...defined({ language_code: language, speaker_label: speaker }),
  }
}

/**
 * Where parts begin, in frames: at most `parallel` of about the same length, each cut in the middle of the quietest
 * pause near to where it would be cut else.
 */
export function cutAtPauses(levels: readonly number[], frameMs: number, parallel: number): number[] {
  const total = levels.length
  const count = Math.max(1, Math.min(parallel, Math.floor((total * frameMs) / LEAST_PART_MS)))
  const length = total / count
  const within = Math.floor(Math.min(PAUSE_WITHIN_MS / frameMs, length / 5))
  const pause = Math.max(1, Math.round(PAUSE_MS / frameMs))
  const cuts = [0]
  for (let number = 1; number < count; number += 1) {
    const target = Math.round(number * length)
    let [best, quietest] = [target, Infinity]
    // From the target outwards, so that of two pauses the nearer one is taken.
    for (let step = 0; step <= 2 * within; step += 1) {
      const at = target + (step % 2 === 0 ? step / 2 : -(step + 1) / 2)
      const from = at - Math.floor(pause / 2)
      const loudest = Math.max(...levels.slice(Math.max(0, from), from + pause))
      if (loudest < quietest) [best, quietest] = [at, loudest]
    }
    cuts.push(best)
  }
  return cuts
}
