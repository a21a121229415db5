import { isDeepStrictEqual } from 'node:util'
import type { Format } from './format.ts'
import type { Position, Entry } from './history.ts'
import { Tail } from './tail.ts'

/** Bytes of the text as it was written, from `from` to before `to`. */
export interface Copied {
  from: number
  to: number
  /** Changes the bytes, which are whole cues: it is given some of them at a time, each with the empty line that ends it. */
  edit?: (cues: string) => string
}

/** A piece of a text that is written anew: new text, or what is copied. */
export type Piece = string | Copied

export interface Rewritten {
  format: Format
  kept: readonly Entry[]
  from: Readonly<Position>
  /** Whether an utterance is not, or not only, what was written in its place. */
  isChanged: (entry: Entry) => boolean
  isEnded: boolean
}

/**
 * The text after some utterances have changed, in small pieces: as it was up to the first change, made again until it
 * goes on as before, and so forth. Returns what goes on at its end.
 */
export function* rewrite({ format, kept, from, isChanged, isEnded }: Rewritten): Generator<Piece, Tail> {
  /** Where to make text again: what comes before a change depends on how it begins, too. */
  const stops = kept.flatMap((entry, i) => (isChanged(entry) ? [beginning(kept, i - 1)] : []))
  stops.push(beginning(kept, kept.length - 1))
  let index = stops[0]!
  let tail = new Tail(format, kept[index]?.position ?? from)
  yield { from: 0, to: tail.from.bytes }
  let begun = index
  for (let stop = 0; index < kept.length;) {
    const entry = kept[index]!
    entry.unpack()
    while (stop < stops.length - 1 && stops[stop]! < index) stop += 1
    const next = stops[stop]!
    const old = entry.position
    if (next > index && old !== undefined && !isChanged(entry) && tail.begins(entry)) {
      yield tail.close(entry.start)
      const { here } = tail
      if (isDeepStrictEqual(here.state, old.state)) {
        packAll(kept, begun, index + 1)
        const by = format.isNumbered ? here.blocks - old.blocks : 0
        const to = kept[next]?.position?.bytes ?? old.bytes
        yield { from: old.bytes, to, ...(by !== 0 && { edit: (text) => renumber(text, by) }) }
        for (const moved of kept.slice(index, next + 1)) {
          if (moved.position !== undefined) moved.position = moveAlong(moved.position, old, here, by)
        }
        tail = new Tail(format, kept[next]?.position ?? here)
        index = next
        begun = next
        continue
      }
    }
    entry.blocks = 0
    yield tail.append(entry)
    if (entry.begins) {
      packAll(kept, begun, index)
      begun = index
    }
    index += 1
  }
  if (isEnded) yield tail.close(Infinity)
  return tail
}

/** Index of the utterance with which those begin that lie together with the one at `index`. */
function beginning(kept: readonly Entry[], index: number): number {
  while (index > 0 && kept[index]?.position === undefined) index -= 1
  return Math.max(0, index)
}

function packAll(kept: readonly Entry[], from: number, to: number): void {
  for (const entry of kept.slice(from, to)) entry.pack()
}

/** Where `position` is once the text that follows `old` follows `here`, its numbers raised by `by`. */
function moveAlong(position: Position, old: Position, here: Position, by: number): Position {
  const { state, blocks } = position
  const longer = by === 0 ? 0 : digits(old.blocks + by, blocks + by) - digits(old.blocks, blocks)
  return { state, blocks: blocks + here.blocks - old.blocks, bytes: position.bytes + here.bytes - old.bytes + longer }
}

function digits(from: number, to: number): number {
  let count = 0
  for (let least = 1; least <= to; least *= 10) count += to - Math.max(least - 1, from, 0)
  return count
}

/** Whole cues, each with its number on a line of its own, with the numbers raised by `by`. */
function renumber(cues: string, by: number): string {
  return cues.replaceAll(/(?<=^|\n\n)\d+(?=\n)/g, (number) => String(Number(number) + by))
}
