import { FinalWords, type Orders, SessionTurns } from './joiner.ts'
import { KeptAudio, RoomWaiter } from './replay-buffer.ts'
import { rollOverTimes, type RollOverTimes, SessionBudget, SessionOpener } from './reconnect.ts'
import type { SupervisorEvents, SupervisorOptions } from './options.ts'
import type { Turn } from '../model.ts'
import type { BeginMessage, ClientMessage, ServerMessage, TerminationMessage } from '../protocol/messages.ts'
import { oneLine } from '../redact.ts'
import type { Session, SessionEnd } from '../session/session.ts'
import { Feed } from './sender.ts'
import { SessionClock } from './session-clock.ts'
import { LabelMap, SpeakerLetters } from './speakers.ts'
import { EventEmitter } from 'node:events'

/** Words are kept this much longer than the overlap: a turn that a new session hears again may have begun before it. */
const TAIL_MS = 60_000

/** Frames that are sent between two looks at a source that is held back: half of what piles up, or less. */
const FRAMES_AT_ONCE = 10

/**
 * One stream of audio in, one stream of turns out, over as many sessions as it takes. Keeps the audio that no final word
 * covers, sends it again where a session was lost, opens the next session before the present one expires, and joins
 * their turns so that no word is lost or repeated and every speaker heard by both keeps the letter.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: SupervisorOptions
  readonly #audio: KeptAudio
  readonly #finals: FinalWords
  readonly #letters = new SpeakerLetters()
  readonly #budget: SessionBudget
  readonly #state = new StateWaiter()
  readonly #opener: SessionOpener
  readonly #configuration: Record<string, unknown> = {}
  /** Asked for before there was a session. */
  #early: ClientMessage | undefined
  #feeds: Feed[] = []
  /** The feed that must keep up with the source. */
  #lead: Feed | undefined
  #run: Promise<TerminationMessage> | undefined
  readonly #orders: Orders = { next: 0 }
  /** Frames of the stream that some session has been sent. */
  #sent = 0
  #everBegun = false
  #audioEnded = false
  #destroyed = false
  /** Whether no session is to be open, since nobody takes the turns. */
  #onHold = false
  #finalCount = 0
  #warnedOfLabels = false
  readonly #room: RoomWaiter

  constructor(options: SupervisorOptions) {
    super()
    this.#options = options
    this.#budget = new SessionBudget(options)
    this.#finals = new FinalWords(options.overlap + TAIL_MS)
    this.#audio = new KeptAudio(options, this.#finals)
    this.#opener = new SessionOpener(options, this.#budget, this.#state, {
      begun: (session, begin) => this.#place(session, begin),
      reconnecting: (record) => this.emit('reconnecting', record),
      warning: (warning) => this.emit('warning', warning),
    })
    this.#room = new RoomWaiter(
      () => this.#destroyed || this.#audio.room,
      () => this.#audio.trim(),
    )
  }

  /** Resolves or rejects when all is done; absent before the first audio. */
  get done(): Promise<TerminationMessage> | undefined {
    return this.#run
  }

  /** Ms of the stream that some session has been sent. */
  get sentMs(): number {
    return this.#audio.frames.msAt(this.#sent)
  }

  /** Ms of the stream that the present session has been sent; where there is none, up to which turns are final. */
  get reachedMs(): number {
    return this.#lead === undefined ? this.#finals.end : this.#audio.frames.msAt(this.#lead.cursor)
  }

  /** Takes one frame of audio; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<void> | undefined {
    this.#audio.frames.push(frame)
    if (!this.#run) {
      this.#run = this.#supervise()
      // Whoever asks for the outcome gets it; until then it must not count as unhandled.
      this.#run.catch(() => {})
    }
    for (const feed of this.#feeds) feed.wake()
    this.#audio.trim()
    if (this.#lead) this.#tellGap()
    return this.#room.wait()
  }

  /** No more audio: resolves when every turn is out and the last session has confirmed its end. */
  end(): Promise<TerminationMessage> | undefined {
    this.#audioEnded = true
    this.#room.stop()
    this.#changed()
    return this.#run
  }

  /** Sends a message to the sessions that are open; an update goes to all later ones as well. */
  sendMessage(message: ClientMessage): void {
    if (message.type === 'UpdateConfiguration') Object.assign(this.#configuration, message)
    else if (!this.#everBegun) this.#early = message
    this.#opener.sendMessage(message)
  }

  /**
   * Nobody takes the turns: drops the session, so that no more come, and opens none before {@link resume}. What it had not
   * made final is heard again then; of a source that cannot be held back, as much as is kept, and the rest is a gap.
   */
  hold(): void {
    if (this.#onHold || this.#run === undefined) return
    this.#onHold = true
    this.#opener.drop('OUTPUT_STALLED', 'nobody takes the turns, so no more are asked for')
  }

  /** Turns are taken again. */
  resume(): void {
    if (!this.#onHold) return
    this.#onHold = false
    this.#changed()
  }

  /** Drops everything at once; resolves when no socket is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    this.#room.stop()
    for (const feed of this.#feeds) feed.stop()
    const gone = this.#opener.destroy()
    this.#changed()
    await gone
  }

  async #supervise(): Promise<TerminationMessage> {
    let current = this.#takeOver(await this.#opener.reopen())
    for (;;) {
      const done = (): boolean => this.#over(current) || this.#sentAll(current)
      const untilRollOver = current.rollOver.start - performance.now()
      if (!(await this.#state.until(done, untilRollOver))) {
        const may = (): boolean => this.#budget.mayPlan(this.sentMs - current.before.sent, this.sentMs)
        await this.#state.until(() => done() || may())
        if (!done()) current = await this.#rollOver(current)
        continue
      }
      const end = await this.#finish(current)
      if (!end.error) return end.termination
      if (end.error.code === 'SESSION_EXPIRED') {
        const { sent, final } = current.before
        this.#budget.expired(end.error, this.sentMs > sent || this.#finals.end > final)
      }
      await this.#state.until(() => !this.#onHold || this.#destroyed)
      current = this.#takeOver(await this.#opener.reopen(this.#options.failure() ?? end.error))
    }
  }

  /** Waits for the end of a session, asking for it where that has not happened. */
  async #finish(current: PlacedSession): Promise<SessionEnd> {
    if (!current.end) current.session.terminate()
    await this.#state.until(() => current.end !== undefined)
    current.conclude()
    this.#leave(current)
    return current.end as SessionEnd
  }

  #place(session: Session, begin: BeginMessage): PlacedSession {
    const { frameMs, live, keepAlive, catchUp, silentFrame, pending, rollOverBefore } = this.#options
    const rollOver = rollOverTimes(session.life, performance.now(), rollOverBefore)
    const { from, frames } = this.#audio
    const clock = new SessionClock(frames.msAt(from))
    const rate = this.#options.rate(begin)
    const feedOptions = { rate, catchUp, live, silence: keepAlive, frameMs, silentFrame, pending }
    const feed = new Feed(session, frames, clock, from, this.#everBegun, feedOptions, (cursor) => this.#moved(cursor))
    this.#read([...this.#feeds, feed], this.#lead)
    if (Object.keys(this.#configuration).length > 0) session.sendMessage(this.#configuration as ClientMessage)
    if (this.#early) session.sendMessage(this.#early)
    this.#early = undefined
    this.#everBegun = true
    this.#budget.begun()
    const placed = new PlacedSession(session, begin, clock, feed, rollOver, {
      turns: (turns, from) => this.#deliver(turns, from),
      message: (message) => this.#pass(message),
      lost: (gap) => void this.emit('gap', gap),
    })
    session.once('end', () => this.#changed())
    return placed
  }

  #takeOver(next: PlacedSession): PlacedSession {
    const { awaitFormatted, channel, serverLabels } = this.#options
    this.#tellGap()
    this.#read(this.#feeds, next.feed)
    next.before = { sent: this.sentMs, final: this.#finals.end }
    const { begin, clock } = next
    // Later sessions are told of once it is known who their speakers are.
    next.joins = this.#finals.any
    if (!next.joins) this.#announce(next)
    next.takeOver(
      new SessionTurns(
        {
          sessionId: begin.id,
          toStream: (ms) => clock.toStream(ms),
          awaitFormatted,
          ...(channel === undefined ? {} : { channel }),
        },
        new LabelMap(this.#letters, !this.#letters.any, serverLabels),
        this.#finals,
        this.#orders,
      ),
    )
    return next
  }

  /** Opens the next session beside the present one, and changes over at the end of a turn, or at the deadline. */
  async #rollOver(current: PlacedSession): Promise<PlacedSession> {
    const done = (): boolean => this.#over(current) || this.#sentAll(current)
    this.#budget.plan(this.sentMs)
    let next: PlacedSession
    try {
      next = await this.#opener.open()
    } catch (error) {
      if (this.#destroyed) throw error
      const message = `the next session could not be opened in time: ${(error as Error).message}`
      this.emit('warning', { code: 'ROLL_OVER_FAILED', message, error })
      // The present session goes on to its end, which then is a loss like any other.
      await this.#state.until(done)
      return current
    }
    const left = (): number => current.rollOver.deadline - performance.now()
    const gone = (): boolean => done() || next.end !== undefined
    await this.#state.until(() => gone() || next.feed.cursor >= current.feed.cursor, left())
    const finals = this.#finalCount
    await this.#state.until(() => gone() || this.#finalCount > finals, left())
    if (next.end || (this.#sentAll(current) && !this.#over(current))) {
      // Not needed, or gone already.
      next.close()
      this.#leave(next)
      await this.#state.until(done)
      return current
    }
    this.#read(this.#feeds, next.feed)
    if (!this.#over(current)) current.close()
    await this.#state.until(() => current.end !== undefined)
    current.release()
    this.#leave(current)
    return this.#takeOver(next)
  }

  #deliver(turns: Turn[], placed: PlacedSession): void {
    for (const turn of turns) {
      if (!turn.endOfTurn) continue
      this.#finals.add(turn, placed.clock.heard)
      if (turn.revision === 0) this.#finalCount += 1
    }
    // A server that fails the same way each time may send the same final each time.
    this.#budget.reached(this.#finals.end, this.sentMs)
    const known = Object.keys(placed.speakers).length
    if (placed.announced < 0 || (placed.joins && known > placed.announced)) this.#announce(placed)
    this.#warnOfLabels(placed)
    for (const turn of turns) {
      if (turn.unconfirmed) this.#warnOfUnconfirmed(turn)
      this.emit('turn', turn)
    }
    this.#audio.trim()
    this.#changed()
  }

  #warnOfLabels({ foreignLabel: label }: PlacedSession): void {
    if (label === undefined || this.#warnedOfLabels) return
    this.#warnedOfLabels = true
    const message =
      `the server calls its speakers by names of its own, such as '${oneLine(label, 100)}'; here they are A, B, … in order of ` +
      "appearance. serverLabels: 'asGiven', or --server-names, shows its names"
    this.emit('warning', { code: 'LABELS_RENAMED', message, label })
  }

  #warnOfUnconfirmed({ order, words, start, end }: Turn): void {
    const message =
      'the server confirmed the end of the session while a turn was still open; its words ' +
      `(${words.length}, from ${(start / 1000).toFixed(3)} s) are the last turn, as they were known, and may be wrong or incomplete`
    this.emit('warning', { code: 'TURN_UNCONFIRMED', message, order, words: words.length, start, end })
  }

  #pass(message: ServerMessage): void {
    // A heartbeat may make room.
    if (message.type === 'Heartbeat') {
      this.#audio.trim()
      this.#changed()
    }
    this.emit('message', message)
  }

  /**
   * A feed has sent a frame. Who waits for that is looked at only where it matters at once, at the end and while sessions
   * change; a source that is held back gives as many frames as there is room for, a few times a second.
   */
  #moved(cursor: number): void {
    if (cursor > this.#sent) this.#sent = cursor
    const { next } = this.#audio.frames
    if (cursor % FRAMES_AT_ONCE === 0) this.#budget.reached(this.#finals.end, this.sentMs)
    if (this.#audioEnded || this.#feeds.length > 1 || cursor % FRAMES_AT_ONCE === 0 || cursor === next) this.#changed()
  }

  #changed(): void {
    this.#state.changed()
    this.#room.look()
  }

  #announce(placed: PlacedSession): void {
    const { begin, clock, speakers } = placed
    placed.announced = Object.keys(speakers).length
    this.emit('session', { begin, offset: clock.offset, speakers })
  }

  #leave(placed: PlacedSession): void {
    this.#read(
      this.#feeds.filter((feed) => feed !== placed.feed),
      this.#lead === placed.feed ? undefined : this.#lead,
    )
  }

  #read(feeds: Feed[], lead: Feed | undefined): void {
    this.#feeds = feeds
    this.#lead = lead
    this.#audio.readBy(feeds, lead)
    this.#changed()
  }

  #tellGap(): void {
    const gap = this.#audio.takeGap()
    if (gap) this.emit('gap', gap)
  }

  #over(placed: PlacedSession): boolean {
    return placed.end !== undefined || this.#destroyed
  }

  #sentAll(placed: PlacedSession): boolean {
    return this.#audioEnded && placed.feed.drained
  }
}

/** As many messages are kept of a session that has not taken over yet; a server sends about two a second. */
const MOST_HELD = 10_000
/** How long an unformatted final waits for its formatted form. */
const FORMATTED_WAIT_MS = 1500

/** Where a {@link PlacedSession} delivers. */
export interface PlacedSessionListener {
  turns(turns: Turn[], placed: PlacedSession): void
  /** Any message that is no turn. */
  message(message: ServerMessage): void
  /** Audio that the server could not hear, in ms of the stream. */
  lost(gap: { start: number; end: number }): void
}

/** A session that has begun, at its place in the stream. Holds its messages until it takes over. */
export class PlacedSession {
  readonly session: Session
  readonly begin: BeginMessage
  readonly clock: SessionClock
  readonly feed: Feed
  /** How it ended; absent while it is open. */
  end: SessionEnd | undefined
  /** Whether it goes on where another left off, so that its labels are not the letters. */
  joins = false
  /** How many of its labels its last record named; -1 before the first. */
  announced = -1
  /** When to open the session after it, and by when to change to that, in ms of `performance.now()`. */
  readonly rollOver: RollOverTimes
  /** Ms of the stream that some session had been sent, and that were final, when it took over. */
  before = { sent: 0, final: 0 }
  readonly #listener: PlacedSessionListener
  #held: ServerMessage[] = []
  #turns: SessionTurns | undefined
  #lastFinal = -1
  #closing = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    session: Session,
    begin: BeginMessage,
    clock: SessionClock,
    feed: Feed,
    rollOver: RollOverTimes,
    listener: PlacedSessionListener,
  ) {
    this.session = session
    this.begin = begin
    this.clock = clock
    this.feed = feed
    this.#listener = listener
    this.rollOver = rollOver
    session.on('message', (message) => {
      // When it comes: one that is held says nothing of audio sent since.
      if (message.type === 'Heartbeat') feed.heartbeat()
      this.#receive(message)
    })
    session.once('end', (end) => {
      this.end = end
      feed.stop()
      clearTimeout(this.#timer)
    })
  }

  /** Speaker labels of the session and the letters they stand for. */
  get speakers(): Record<string, string> {
    return this.#turns?.mapping ?? {}
  }

  /** A label of the server that is none of the protocol's letters and got one, if any did. */
  get foreignLabel(): string | undefined {
    return this.#turns?.foreignLabel
  }

  /** From here on its turns are the stream's; what was held comes first. */
  takeOver(turns: SessionTurns): void {
    this.#turns = turns
    for (const message of this.#held.splice(0)) this.#receive(message)
  }

  /** Another session goes on from here: it hears the open turn whole, and what this one still makes of it is not wanted. */
  close(): void {
    this.#closing = true
    this.feed.stop()
    this.session.terminate()
  }

  /** Gives out a final that waits for its formatted form. */
  release(): void {
    clearTimeout(this.#timer)
    this.#deliver(this.#turns?.release() ?? [])
  }

  /** Gives out all that it still holds, once it has ended and no session goes on from it. */
  conclude(): void {
    clearTimeout(this.#timer)
    // What was lost with the session is heard again by the next one.
    this.#deliver((this.end?.error ? this.#turns?.release() : this.#turns?.conclude()) ?? [])
  }

  #receive(message: ServerMessage): void {
    if (!this.#turns) {
      this.#held.push(message)
      if (this.#held.length > MOST_HELD) this.session.flooded()
      return
    }
    switch (message.type) {
      case 'Turn':
        if (this.#closing && message.turn_order > this.#lastFinal) return
        if (message.end_of_turn) this.#lastFinal = Math.max(this.#lastFinal, message.turn_order)
        this.#deliver(this.#turns.turn(message))
        this.#boundWait()
        return
      case 'SpeakerRevision':
        this.#deliver(this.#turns.revision(message))
        return
      case 'Warning': {
        const lost = message.audio_lost
        if (lost === undefined) return
        this.#listener.lost({ start: this.clock.toStream(lost.start), end: this.clock.toStream(lost.end) })
        return
      }
      default:
        this.#listener.message(message)
    }
  }

  /** The formatted form of a final may never come. */
  #boundWait(): void {
    clearTimeout(this.#timer)
    if (this.#turns?.holding && !this.end) this.#timer = setTimeout(() => this.release(), FORMATTED_WAIT_MS)
  }

  #deliver(turns: Turn[]): void {
    if (turns.length > 0) this.#listener.turns(turns, this)
  }
}

/** Longest delay a Node timer takes. */
const MOST_MS = 2 ** 31 - 1

/**
 * Waits for conditions on a state that many things change: each of them says that something has changed, and whoever
 * waits looks again. Conditions must be cheap.
 */
export class StateWaiter {
  readonly #waiting = new Set<() => void>()

  /** Something may have become true. */
  changed(): void {
    for (const look of this.#waiting) look()
  }

  /**
   * Resolves with `true` as soon as `condition` holds, at once where it already does; with `false` where it does not
   * hold within `ms` milliseconds.
   */
  until(condition: () => boolean, ms = Infinity): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const finish = (holds: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(holds)
      }
      const look = (): void => {
        if (condition()) finish(true)
      }
      const timer = ms === Infinity ? undefined : setTimeout(() => finish(false), Math.min(Math.max(0, ms), MOST_MS))
      this.#waiting.add(look)
    })
  }
}
