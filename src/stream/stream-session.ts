import type { Turn } from '../model.ts'
import { defined } from '../options.ts'
import type { BeginMessage, ServerMessage, UnrecognizedSpeechMessage } from '../protocol/messages.ts'
import type { Session, SessionEnd } from '../session/session.ts'
import type { UnrecognizedSpeech } from './options.ts'
import type { RollOverTimes } from './reconnect.ts'
import type { Sender } from './sender.ts'
import type { SessionClock } from './session-clock.ts'
import type { TurnJoiner } from './turns/joiner.ts'

/** As many messages are kept of a session that has not taken over yet; a server sends about two a second. */
const MOST_HELD = 10_000
/** How long an unformatted final waits for its formatted form. */
const FORMATTED_WAIT_MS = 1500

export interface StreamSessionListener {
  turns(turns: Turn[], session: StreamSession): void
  message(message: ServerMessage): void
  /** Audio that the server could not hear, in ms of the stream. */
  lost(gap: { start: number; end: number }): void
  /** Speech of which the server made no words, in ms of the stream. */
  unrecognized(speech: UnrecognizedSpeech): void
}

/** A session that has begun, at its place in the stream. Holds its messages until it takes over. */
export class StreamSession {
  readonly session: Session
  readonly begin: BeginMessage
  /** When that came: it may be told of much later, and more than once. */
  readonly beganAt = new Date()
  readonly clock: SessionClock
  readonly sender: Sender
  /** How it ended; absent while it is open. */
  end: SessionEnd | undefined
  /** Whether it goes on where another left off, so that its labels are not the letters. */
  joins = false
  /** Its labels and their letters as last told of; none before the first time. */
  announced: string | undefined
  /** When to open the session after it, and by when to change to that, in ms of `performance.now()`. */
  readonly rollOver: RollOverTimes
  /** Its turns as those of the stream; absent before it takes over. */
  turns: TurnJoiner | undefined
  /** Ms of the stream that some session had been sent, and that were final, when it took over. */
  before = { sent: 0, final: 0 }
  readonly #listener: StreamSessionListener
  #held: ServerMessage[] = []
  #closing = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    session: Session,
    begin: BeginMessage,
    clock: SessionClock,
    sender: Sender,
    rollOver: RollOverTimes,
    listener: StreamSessionListener,
  ) {
    this.session = session
    this.begin = begin
    this.clock = clock
    this.sender = sender
    this.#listener = listener
    this.rollOver = rollOver
    session.on('message', (message) => {
      // When it comes: one that is held says nothing of audio sent since.
      if (message.type === 'Heartbeat') sender.heartbeat()
      this.#receive(message)
    })
    session.once('end', (end) => {
      this.end = end
      sender.stop()
      clearTimeout(this.#timer)
    })
  }

  /** From here on its turns are the stream's; what was held comes first. */
  takeOver(turns: TurnJoiner): void {
    this.turns = turns
    for (const message of this.#held.splice(0)) this.#receive(message)
  }

  /** Another session goes on from here: it hears the open turn whole, and what this one still makes of it is not wanted. */
  close(): void {
    this.#closing = true
    this.sender.stop()
    this.session.terminate()
  }

  /** Gives out a final that waits for its formatted form. */
  release(): void {
    clearTimeout(this.#timer)
    this.#deliver(this.turns?.release() ?? [])
  }

  /** Gives out all that it still holds, once it has ended; where another session `goesOn` from it, what that does not hear. */
  conclude(goesOn: boolean): void {
    this.#deliver(this.turns?.conclude(goesOn) ?? [])
  }

  /** Gives out the turns whose labels have become those of others. */
  relabel(): void {
    this.#deliver(this.turns?.relabel() ?? [])
  }

  #receive(message: ServerMessage): void {
    if (!this.turns) {
      this.#held.push(message)
      if (this.#held.length > MOST_HELD) this.session.flooded()
      return
    }
    switch (message.type) {
      case 'Turn':
        if (this.#closing && message.turn_order > this.turns.lastFinal) return
        this.#deliver(this.turns.turn(message))
        this.#boundWait()
        return
      case 'SpeakerRevision':
        this.#deliver(this.turns.revision(message))
        return
      case 'Warning': {
        const lost = message.audio_lost
        if (lost === undefined) return
        this.#listener.lost({ start: this.clock.toStream(lost.start), end: this.clock.toStream(lost.end) })
        return
      }
      case 'UnrecognizedSpeech':
        if (!this.#closing) this.#listener.unrecognized(this.#speechOf(message))
        return
      default:
        this.#listener.message(message)
    }
  }

  #speechOf({ start_ms, end_ms, reason, repeated_words }: UnrecognizedSpeechMessage): UnrecognizedSpeech {
    return {
      start: this.clock.toStream(start_ms),
      end: this.clock.toStream(end_ms),
      reason: reason === 'no_words' ? 'noWords' : reason,
      ...defined({ repeatedWords: repeated_words }),
    }
  }

  /** The formatted form of a final may never come. */
  #boundWait(): void {
    clearTimeout(this.#timer)
    if (this.turns?.holding && !this.end) this.#timer = setTimeout(() => this.release(), FORMATTED_WAIT_MS)
  }

  #deliver(turns: Turn[]): void {
    if (turns.length > 0) this.#listener.turns(turns, this)
  }
}
