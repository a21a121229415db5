declare const plain: unique symbol

/** A plain value as one string; see {@link pack}. */
export type Packed<T> = string & { readonly [plain]: T }

/**
 * Makes a value that may be represented as JSON small, to be kept for long: thousands of turns, each of dozens of objects,
 * are what keeps a garbage collector busy.
 */
export function pack<T>(value: T): Packed<T> {
  // What V8 makes is a tree of pieces; read out of bytes it is a string in one piece.
  return Buffer.from(JSON.stringify(value)).toString() as Packed<T>
}

/** A copy of the value that was packed. */
export function unpack<T>(packed: Packed<T>): T {
  return JSON.parse(packed) as T
}
