import { EventEmitter } from 'node:events'
import { SessionError } from '../errors.ts'
import type { Turn } from '../model.ts'
import type { BeginMessage, ClientMessage, ServerMessage, TerminationMessage } from '../protocol/messages.ts'
import type { VoiceProfile } from '../voices/profile.ts'
import { Session, type SessionEnd } from '../session/session.ts'
import { LabelMap, labelsRenamed } from './label-map.ts'
import type { StreamStart, SupervisorEvents, SupervisorOptions, UnrecognizedSpeech } from './options.ts'
import { connection, isHeld, rollOverTimes, SessionBudget } from './reconnect.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { Sender } from './sender.ts'
import { SessionClock } from './session-clock.ts'
import type { Ticket } from './session-meter.ts'
import { SessionQueue } from './session-queue.ts'
import { SpeakerLetters } from './speakers.ts'
import { StreamSession } from './stream-session.ts'
import { StreamVoices } from './stream-voices.ts'
import { FinalWords } from './turns/final-words.ts'
import { type Orders, TurnJoiner } from './turns/joiner.ts'
import { turnUnconfirmed } from './turns/turn-assembler.ts'
import { Waiter } from './waiter.ts'

/** Words are kept this much longer than the overlap: a turn that a new session hears again may have begun before it. */
const TAIL_MS = 60_000
/** The same where another process began the stream: then sessions hear again what tells them all speakers. */
const START_TAIL_MS = 180_000
/** How often a source that is held back is looked at again. */
const RECHECK_MS = 1000
/** Turns of a live source wait for voices at most as long, where it is not yet clear who somebody is. */
const LIVE_VOICES_WAIT_MS = 5000
/** Frames that are sent between two looks at a source that is held back: half of what piles up, or less. */
const FRAMES_AT_ONCE = 10
/** Why a session is closed, or not opened, while no turns are taken. */
const HELD = 'nobody takes the turns, so no more are asked for'

/**
 * One stream of audio in, turns out, over as many sessions as it takes: audio without a final word is kept and sent
 * again, and their turns are joined so that no word is lost or repeated and speakers keep their letters.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: SupervisorOptions
  readonly #audio: ReplayBuffer
  readonly #finals: FinalWords
  readonly #letters = new SpeakerLetters()
  readonly #budget: SessionBudget
  readonly #queue: SessionQueue
  readonly #voices: StreamVoices | undefined
  /** Whose turns are the stream's at present. */
  #present: StreamSession | undefined
  readonly #state = new Waiter()
  readonly #sessions = new Set<Session>()
  readonly #configuration: Record<string, unknown> = {}
  /** Asked for before there was a session. */
  #early: ClientMessage | undefined
  #senders: Sender[] = []
  /** The sender that must keep up with the source. */
  #lead: Sender | undefined
  /** Resolves or rejects when all is done; nothing is before the first audio. */
  readonly done: Promise<TerminationMessage>
  #hasAudio = false
  readonly #orders: Orders = { next: 0 }
  /** Frames of the stream that some session has been sent. */
  #sent = 0
  #everBegun = false
  /** Whether a session of this stream has sent heartbeats, so that one that sends none is dead. */
  #beats = false
  #audioEnded = false
  #destroyed = false
  /** Whether no session is to be open, since nobody takes the turns. */
  #onHold = false
  #warnedOfLabels = false
  /** Ms of the stream up to which it was told what is not recognised. */
  readonly #toldUntil = { noWords: 0, repetition: 0 }

  constructor(options: SupervisorOptions) {
    super()
    this.#options = options
    this.#budget = new SessionBudget(options)
    this.#queue = new SessionQueue(options, this.#state, (warning) => this.emit('warning', warning))
    this.#finals = new FinalWords(options.overlap + (options.start === undefined ? TAIL_MS : START_TAIL_MS))
    this.#audio = new ReplayBuffer(options, this.#finals)
    if (options.start !== undefined) this.#resumeFrom(options.start)
    this.#voices =
      options.voices &&
      new StreamVoices(options.voices, {
        heard: () => {
          this.#reconsider((labels) => labels.consider(true))
          this.emit('voices', { voices: this.#letters.voices })
          this.#state.changed()
        },
        failed: () => this.#reconsider((labels) => labels.deafen()),
        warning: (warning) => this.emit('warning', warning),
      })
    this.done = this.#supervise().finally(() => this.#queue.release())
    // Whoever asks for the outcome gets it; until then it must not count as unhandled.
    this.done.catch(() => {})
  }

  /** The voices behind the letters, as far as they are known by now. */
  get voices(): ReadonlyMap<string, VoiceProfile> {
    return this.#letters.voices
  }

  /** Ms of the stream that have come. */
  get receivedMs(): number {
    return this.#audio.msAt(this.#audio.next)
  }

  /** Ms of the stream that some session has been sent. */
  get sentMs(): number {
    return this.#audio.msAt(this.#sent)
  }

  /** Ms of the stream that the present session has been sent; where there is none, up to which turns are final. */
  get reachedMs(): number {
    return this.#lead === undefined ? this.#finals.end : this.#audio.msAt(this.#lead.cursor)
  }

  /** Takes one frame of audio; resolves when the next may come, `undefined` where that is at once. */
  push(frame: Buffer): Promise<void> | undefined {
    this.#audio.push(frame)
    if (!this.#hasAudio) {
      this.#hasAudio = true
      this.#state.changed()
    }
    for (const sender of this.#senders) sender.wake()
    this.#audio.trim()
    if (this.#lead) this.#tellGap()
    if (this.#hasRoom()) return undefined
    // What a server has heard grows with time alone.
    return this.#state.poll(this.#hasRoom, RECHECK_MS, () => this.#audio.trim())
  }

  /** No more audio: resolves when every turn is out and the last session has confirmed its end; `undefined` where none came. */
  end(): Promise<TerminationMessage> | undefined {
    this.#audioEnded = true
    this.#state.changed()
    return this.#hasAudio ? this.done : undefined
  }

  /** Sends a message to the sessions that are open; an update goes to all later ones as well. */
  sendMessage(message: ClientMessage): void {
    if (message.type === 'UpdateConfiguration') Object.assign(this.#configuration, message)
    else if (!this.#everBegun) this.#early = message
    for (const session of this.#sessions) session.sendMessage(message)
  }

  /** Nobody takes the turns: drops the session until {@link resume}, when what was not final is heard again. */
  hold(): void {
    if (this.#onHold) return
    this.#onHold = true
    for (const session of this.#sessions) void session.destroy('OUTPUT_STALLED', HELD)
  }

  resume(): void {
    if (!this.#onHold) return
    this.#onHold = false
    this.#state.changed()
  }

  /** Drops everything at once; resolves when no socket is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    for (const sender of this.#senders) sender.stop()
    this.#queue.release()
    const gone = [...this.#sessions].map((session) => session.destroy())
    this.#state.changed()
    await Promise.all([...gone, this.#voices?.close()])
  }

  /** The voices behind the letters, as far as they are known, once all that is there was listened to. */
  async heardVoices(): Promise<ReadonlyMap<string, VoiceProfile>> {
    await this.#voices?.drained()
    return this.#letters.voices
  }

  #resumeFrom({ frame, settled, turns, nextOrder, speakers, voices, unrecognizedUntil = 0 }: StreamStart): void {
    // Of turns that were revised only the words count here.
    for (const turn of turns) this.#finals.add({ ...turn, revision: 0 })
    this.#audio.beginAt(frame, settled)
    this.#finals.context = this.#audio.msAt(frame)
    this.#sent = frame
    this.#tellFrom(Math.max(settled, unrecognizedUntil))
    this.#orders.next = nextOrder
    // Who hears all of it again calls the speakers as they were called; whom words show to be another is that one.
    if (frame > 0) for (const speaker of speakers) this.#letters.claim(speaker)
    for (const [speaker, profile] of voices) this.#letters.hear(speaker, profile)
  }

  async #supervise(): Promise<TerminationMessage> {
    await this.#state.until(() => this.#hasAudio)
    let current = await this.#takeOver(await this.#reopen())
    for (;;) {
      const done = (): boolean => this.#over(current) || this.#sentAll(current)
      const untilRollOver = current.rollOver.start - performance.now()
      if (!(await this.#state.until(done, untilRollOver))) {
        const may = (): boolean => this.#budget.mayPlan(this.sentMs - current.before.sent, this.sentMs)
        await this.#state.until(() => done() || may())
        if (!done()) current = await this.#rollOver(current)
        continue
      }
      if (!current.end) current.session.terminate()
      const end = await this.#finish(current)
      if (!end.error) {
        await this.#settle()
        return end.termination
      }
      this.#voices?.begin()
      if (end.error.code === 'SESSION_EXPIRED') {
        const { sent, final } = current.before
        this.#budget.expired(end.error, this.sentMs > sent || this.#finals.end > final)
      }
      current = await this.#takeOver(await this.#reopen(this.#options.failure() ?? end.error))
    }
  }

  /** Opens one session. Rejects where that fails. */
  async #open(ticket: Ticket | undefined): Promise<StreamSession> {
    try {
      return await this.#begin(() => ticket?.begun())
    } catch (error) {
      ticket?.leave(error as Error)
      throw error
    }
  }

  /** @param begun - called as soon as the server has let the session in. */
  async #begin(begun: () => void): Promise<StreamSession> {
    const options = this.#options
    const { target, connect } = await connection(options)
    if (this.#destroyed) throw new SessionError('CONNECTION_LOST', 'the stream was closed before the session began')
    if (this.#onHold) throw new SessionError('OUTPUT_STALLED', HELD, { retryable: true })
    const beats = this.#beats && this.#configuration['session_heartbeat'] !== false
    const session = new Session(target, { ...options, beats }, connect)
    this.#sessions.add(session)
    session.on('warning', (warning) => this.emit('warning', warning))
    session.once('end', () => this.#sessions.delete(session))
    return new Promise((resolve, reject) => {
      // At once, since the first turn may come in the same packet.
      session.once('begin', (begin) => {
        begun()
        resolve(this.#place(session, begin))
      })
      session.once('end', (end) => reject(options.failure() ?? end.error ?? new Error('the session ended')))
    })
  }

  /** Opens a session after `lost`, and tries again within the budget. Rejects with the last cause. */
  async #reopen(lost?: Error): Promise<StreamSession> {
    const since = performance.now()
    let cause = lost
    for (;;) {
      await this.#state.until(() => !this.#onHold || this.#destroyed)
      let delay = 0
      if (cause) {
        if (this.#destroyed) throw cause
        const record = this.#budget.spend(cause)
        this.emit('reconnecting', record)
        delay = record.delay
      }
      const ticket = await this.#queue.wait({ since, again: this.#everBegun, delay }, () => this.#destroyed)
      if (this.#destroyed && cause) throw cause
      try {
        return await this.#open(ticket)
      } catch (error) {
        cause = error as Error
      }
    }
  }

  /** Waits for the end of a session, and gives out what it still holds, but for what `next` hears, which goes on from it. */
  async #finish(current: StreamSession, next?: StreamSession): Promise<SessionEnd> {
    await this.#state.until(() => current.end !== undefined)
    const end = current.end as SessionEnd
    current.conclude(next !== undefined || end.error !== undefined)
    if (end.error) this.#audio.lose(current.sender, next && { reader: next.sender, from: next.clock.offset })
    this.#leave(current)
    return end
  }

  #place(session: Session, begin: BeginMessage): StreamSession {
    const options = this.#options
    const rollOver = rollOverTimes(session.life, performance.now(), options.rollOverBefore)
    const from = this.#audio.replayFrom
    const clock = new SessionClock(this.#audio.msAt(from))
    const paced = { ...options, rate: options.rate(begin) }
    const sender = new Sender(session, this.#audio, clock, from, this.#everBegun, paced, this.#moved)
    this.#read([...this.#senders, sender], this.#lead)
    session.on('message', ({ type }) => {
      this.#audio.answered(sender)
      if (type === 'Heartbeat') this.#beats = true
    })
    if (Object.keys(this.#configuration).length > 0) session.sendMessage(this.#configuration as ClientMessage)
    if (this.#early) session.sendMessage(this.#early)
    this.#early = undefined
    this.#everBegun = true
    this.#budget.begun()
    const streamSession = new StreamSession(session, begin, clock, sender, rollOver, {
      turns: (turns, from) => this.#deliver(turns, from),
      message: (message) => this.#pass(message),
      lost: (gap) => void this.emit('gap', gap),
      unrecognized: (speech) => this.#tellUnrecognized(speech),
    })
    session.once('end', () => {
      if (streamSession.announced !== undefined) this.#tellEnd(streamSession)
      this.#state.changed()
    })
    return streamSession
  }

  async #takeOver(next: StreamSession): Promise<StreamSession> {
    // The labels of the session before get their letters now, for good.
    if (this.#present?.turns?.labels.anyOpen === true) await this.#hearVoices()
    const { awaitFormatted, serverLabels } = this.#options
    this.#tellGap()
    this.#reconsider((labels) => labels.settle())
    this.#read(this.#senders, next.sender)
    next.before = { sent: this.sentMs, final: this.#finals.end }
    const { begin, clock } = next
    // Later sessions are told of once it is known who their speakers are.
    next.joins = this.#finals.any
    if (next.joins) {
      this.#voices?.begin()
      this.#tellFrom(this.#finals.end)
    } else this.#announce(next)
    const hearsVoices = this.#voices?.isOn === true
    const labels = new LabelMap(this.#letters, serverLabels, hearsVoices)
    this.#present = next
    next.takeOver(
      new TurnJoiner(
        {
          sessionId: begin.id,
          toStream: (ms) => clock.toStream(ms),
          heard: () => clock.heard,
          awaitFormatted,
        },
        labels,
        this.#finals,
        this.#orders,
        (words) => this.#voices?.take(labels, words, (from, to) => this.#audio.read(from, to)),
      ),
    )
    return next
  }

  /** Looks again at whom the labels of the present session mean, and gives out the turns that this changes. */
  #reconsider(look: (labels: LabelMap) => void): void {
    const labels = this.#present?.turns?.labels
    if (this.#destroyed || labels === undefined) return
    look(labels)
    this.#present?.relabel()
  }

  /** At the end: waits for the voices of those of whom it is not clear who they are, and decides. */
  async #settle(): Promise<void> {
    const isWanted = this.#options.voices?.isWanted === true || this.#present?.turns?.labels.anyOpen === true
    if (isWanted) await this.#hearVoices()
    this.#reconsider((labels) => labels.settle())
  }

  /** Has the voices heard of all that was said so far. */
  async #hearVoices(): Promise<void> {
    await this.#voices?.drained(this.#options.live ? LIVE_VOICES_WAIT_MS : undefined)
  }

  /** Opens the next session beside the present one, and changes over at the end of a turn, or at the deadline. */
  async #rollOver(current: StreamSession): Promise<StreamSession> {
    const done = (): boolean => this.#over(current) || this.#sentAll(current)
    // The present session hears all of it.
    const needless = (): boolean => this.#sentAll(current) && !this.#over(current)
    this.#budget.plan(this.sentMs)
    // The model is loaded while the session is opened.
    this.#voices?.begin()
    let next: StreamSession
    try {
      next = await this.#open(await this.#queue.wait({ since: performance.now(), again: true, delay: 0 }, done))
    } catch (error) {
      if (this.#destroyed) throw error
      if (!isHeld(error) && !needless()) {
        const message = `the next session could not be opened in time: ${(error as Error).message}`
        this.emit('warning', { code: 'ROLL_OVER_FAILED', message, error })
      }
      // The present session goes on to its end, which then is a loss like any other.
      await this.#state.until(done)
      return current
    }
    const left = (): number => current.rollOver.deadline - performance.now()
    const gone = (): boolean => done() || next.end !== undefined
    await this.#state.until(() => gone() || next.sender.cursor >= current.sender.cursor, left())
    // Each final turn takes an order.
    const { next: order } = this.#orders
    await this.#state.until(() => gone() || this.#orders.next > order, left())
    if (next.end || needless()) {
      next.close()
      this.#leave(next)
      await this.#state.until(done)
      return current
    }
    this.#read(this.#senders, next.sender)
    if (!this.#over(current)) current.close()
    await this.#finish(current, next)
    return await this.#takeOver(next)
  }

  #deliver(turns: Turn[], streamSession: StreamSession): void {
    for (const turn of turns) if (turn.endOfTurn) this.#finals.add(turn, streamSession.clock.heard)
    // A server that fails the same way each time may send the same final each time.
    this.#budget.reached(this.#finals.end, this.sentMs)
    const { announced, joins, turns: { labels } = {} } = streamSession
    if (joins && JSON.stringify(labels?.mapping) !== announced) this.#announce(streamSession)
    if (labels?.foreign !== undefined && !this.#warnedOfLabels) {
      this.#warnedOfLabels = true
      this.emit('warning', labelsRenamed(labels.foreign))
    }
    for (const turn of turns) {
      if (turn.unconfirmed) this.emit('warning', turnUnconfirmed(turn))
      this.emit('turn', turn)
    }
    if (this.#lead === streamSession.sender) this.#audio.openWords(streamSession.turns?.openWords)
    this.#audio.trim()
    this.#state.changed()
  }

  #pass(message: ServerMessage): void {
    // A heartbeat may make room.
    if (message.type === 'Heartbeat') {
      this.#audio.trim()
      this.#state.changed()
    }
    this.emit('message', message)
  }

  /** A sender has sent a frame. Who waits is told at once only where that matters, else a few times a second. */
  readonly #moved = (cursor: number): void => {
    if (cursor > this.#sent) this.#sent = cursor
    const isLook = cursor % FRAMES_AT_ONCE === 0
    if (isLook) this.#budget.reached(this.#finals.end, this.sentMs)
    if (isLook || this.#audioEnded || this.#senders.length > 1 || cursor === this.#audio.next) this.#state.changed()
  }

  readonly #hasRoom = (): boolean => {
    if (this.#destroyed || this.#options.live) return true
    return this.#audio.hasRoom && this.#voices?.isBehind !== true
  }

  #announce(streamSession: StreamSession): void {
    if (this.#destroyed) return
    const { begin, beganAt, clock, turns } = streamSession
    const speakers = turns?.labels.mapping ?? {}
    const isNew = streamSession.announced === undefined
    streamSession.announced = JSON.stringify(speakers)
    this.emit('session', { begin, beganAt, offset: clock.offset, speakers })
    if (isNew && streamSession.end !== undefined) this.#tellEnd(streamSession)
  }

  #tellEnd({ begin, end }: StreamSession): void {
    this.emit('sessionEnd', { sessionId: begin.id, error: end?.error })
  }

  #leave(streamSession: StreamSession): void {
    this.#read(
      this.#senders.filter((sender) => sender !== streamSession.sender),
      this.#lead === streamSession.sender ? undefined : this.#lead,
    )
  }

  #read(senders: Sender[], lead: Sender | undefined): void {
    this.#senders = senders
    this.#lead = lead
    this.#audio.readBy(senders, lead)
    this.#state.changed()
  }

  #tellGap(): void {
    for (let gap = this.#audio.takeGap(); gap; gap = this.#audio.takeGap()) this.emit('gap', gap)
  }

  #tellFrom(ms: number): void {
    const until = this.#toldUntil
    until.noWords = Math.max(until.noWords, ms)
    until.repetition = Math.max(until.repetition, ms)
  }

  /** What a session hears again has its words, or was told of. */
  #tellUnrecognized({ start, ...speech }: UnrecognizedSpeech): void {
    const from = Math.max(start, this.#toldUntil[speech.reason])
    if (speech.end <= from) return
    this.#toldUntil[speech.reason] = speech.end
    this.emit('unrecognized', { start: from, ...speech })
  }

  #over(streamSession: StreamSession): boolean {
    return streamSession.end !== undefined || this.#destroyed
  }

  #sentAll(streamSession: StreamSession): boolean {
    return this.#audioEnded && streamSession.sender.drained
  }
}
