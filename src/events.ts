import type { Duplex, Readable, Writable } from 'node:stream'
import type { Warning } from './errors.ts'

/*
 * Node streams whose events, and what they give, have types: a misspelt event is a type error. What a factory returns is
 * declared by them:
 *
 *   export interface FileSource extends TypedReadable<{ gap: [SourceGap] }> {
 *     readonly duration: number | undefined
 *   }
 */

/** A Readable that gives `Item`s, with the events `Own` beside its usual ones. */
export interface TypedReadable<Own = object, Item = Buffer> extends Readable {
  on: Listen<Own & ReadableEvents<Item>, this>
  once: Listen<Own & ReadableEvents<Item>, this>
  off: Listen<Own & ReadableEvents<Item>, this>
  addListener: Listen<Own & ReadableEvents<Item>, this>
  removeListener: Listen<Own & ReadableEvents<Item>, this>
  prependListener: Listen<Own & ReadableEvents<Item>, this>
  prependOnceListener: Listen<Own & ReadableEvents<Item>, this>
  [Symbol.asyncIterator](): ItemIterator<Item>
}

/** A Writable with the events `Own` beside its usual ones. */
export interface TypedWritable<Own = object> extends Writable {
  on: Listen<Own & WritableEvents, this>
  once: Listen<Own & WritableEvents, this>
  off: Listen<Own & WritableEvents, this>
  addListener: Listen<Own & WritableEvents, this>
  removeListener: Listen<Own & WritableEvents, this>
  prependListener: Listen<Own & WritableEvents, this>
  prependOnceListener: Listen<Own & WritableEvents, this>
}

/** A Duplex that gives `Item`s, with the events `Own` beside its usual ones. */
export interface TypedDuplex<Own = object, Item = Buffer> extends Duplex {
  on: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  once: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  off: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  addListener: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  removeListener: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  prependListener: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  prependOnceListener: Listen<Own & ReadableEvents<Item> & WritableEvents, this>
  [Symbol.asyncIterator](): ItemIterator<Item>
}

/** What `for await` goes through. */
// oxlint-disable-next-line no-explicit-any -- what it returns at its end is nothing
export interface ItemIterator<Item> extends NodeJS.AsyncIterator<never, any> {
  // Node's types have every stream give text and bytes. With `done` left open, one that gives objects is a stream to them, too.
  // oxlint-disable-next-line no-explicit-any
  next(): Promise<{ done: any; value: Item }>
  [Symbol.asyncIterator](): ItemIterator<Item>
}

/** Adds or removes a listener of one of `Events`, each named with what it hands over. */
export interface Listen<Events, Stream> {
  // A signature beside the generic one is what lets the compiler take these streams for Node's.
  (event: 'close', listener: (nothing?: undefined) => void): Stream
  <Name extends keyof Events>(event: Name, listener: (...values: ListenerArguments<Events[Name]>) => void): Stream
}

/** What a listener is handed; one of an event that hands over nothing may be a Promise's `resolve`. */
export type ListenerArguments<Event> = Event extends []
  ? [nothing?: undefined]
  : Event extends unknown[]
    ? Event
    : never

/** Events of every readable stage. */
export interface ReadableEvents<Item> {
  /** Nothing is open any more; the last event. */
  close: []
  /** The stage gives something. */
  data: [Item]
  /** Everything has been given. */
  end: []
  /** The stage has failed. */
  error: [Error]
  /** Nobody reads for now. */
  pause: []
  /** Something can be read, or the end has come. */
  readable: []
  /** It is read again. */
  resume: []
  /** Recoverable trouble. */
  warning: [Warning]
}

/** Events of every writable stage. */
export interface WritableEvents {
  /** Nothing is open any more; the last event. */
  close: []
  /** More may be written. */
  drain: []
  /** The stage has failed. */
  error: [Error]
  /** Everything has been taken. */
  finish: []
  /** A stream is piped into it. */
  pipe: [Readable]
  /** A stream is piped into it no longer. */
  unpipe: [Readable]
  /** Recoverable trouble. */
  warning: [Warning]
}
