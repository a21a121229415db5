import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Piece } from './destination.ts'
import { PassageSequence } from './passage-sequence.ts'
import type { PassageFormat } from './passage-text.ts'
import type { Checkpoint, WrittenPassage } from './written-passage.ts'

/** How long a text is made at a stretch: whatever else the process does has its turn in between. */
const SLICE_MS = 4

/** What {@link remake} makes again. */
export interface Remade<State> {
  format: PassageFormat<State>
  /** All passages that can be made again. */
  kept: readonly WrittenPassage<State>[]
  /** Where the first of them begins. */
  from: Readonly<Checkpoint<State>>
  /** Whether a passage is not, or not only, what was written in its place. */
  isChanged: (passage: WrittenPassage<State>) => boolean
  /** Whether nothing follows the last of them. */
  isEnded: boolean
}

/**
 * The text of kept passages after some of them have changed, in pieces: first everything before the earliest change, as
 * it is. A text is made again from there until it goes on as it did before, up to the next change, and so forth. The
 * last passages are always made again.
 *
 * @returns what goes on where the new text ends.
 */
export async function* remake<State>(remade: Remade<State>): AsyncGenerator<Piece, PassageSequence<State>> {
  const { format, kept, from, isChanged } = remade
  /** Where to make text again: what comes before a change depends on how it begins, too. */
  const stops = kept.flatMap((passage, i) => (isChanged(passage) ? [beginning(kept, i - 1)] : []))
  stops.push(beginning(kept, kept.length - 1))
  let index = stops[0] ?? 0
  let sequence = new PassageSequence(format, kept[index]?.checkpoint ?? from)
  yield { from: 0, to: sequence.from.bytes }
  let begun = index
  let paused = performance.now()
  for (let stop = 0; index < kept.length;) {
    const passage = kept[index]
    if (passage === undefined) break
    passage.unpack()
    while (stop < stops.length - 1 && (stops[stop] ?? 0) < index) stop += 1
    const next = stops[stop] ?? 0
    const old = passage.checkpoint
    if (next > index && old !== undefined && !isChanged(passage) && sequence.begins(passage)) {
      yield sequence.close(passage.start)
      const { here } = sequence
      if (format.isSame(here.state, old.state)) {
        packAll(kept, begun, index + 1)
        const by = format.isNumbered ? here.blocks - old.blocks : 0
        const to = kept[next]?.checkpoint?.bytes ?? old.bytes
        yield { from: old.bytes, to, ...(by !== 0 && { edit: (text) => renumber(text, by) }) }
        for (const moved of kept.slice(index, next + 1)) {
          if (moved.checkpoint !== undefined) moved.checkpoint = moveAlong(moved.checkpoint, old, here, by)
        }
        sequence = new PassageSequence(format, kept[next]?.checkpoint ?? here)
        index = next
        begun = next
        continue
      }
    }
    passage.blocks = 0
    yield sequence.append(passage)
    if (passage.begins) {
      packAll(kept, begun, index)
      begun = index
    }
    index += 1
    if (performance.now() - paused < SLICE_MS) continue
    await nextTurn()
    paused = performance.now()
  }
  if (remade.isEnded) yield sequence.close(Infinity)
  return sequence
}

/** Index of the passage with which the passages begin that lie together with the one at `index`. */
function beginning(kept: readonly WrittenPassage[], index: number): number {
  while (index > 0 && kept[index]?.checkpoint === undefined) index -= 1
  return Math.max(0, index)
}

function packAll(kept: readonly WrittenPassage[], from: number, to: number): void {
  for (let i = from; i < to; i++) kept[i]?.pack()
}

/** Where `checkpoint` is once the text that follows `old` follows `here`, its numbers raised by `by`. */
function moveAlong<State>(
  checkpoint: Checkpoint<State>,
  old: Checkpoint<State>,
  here: Checkpoint<State>,
  by: number,
): Checkpoint<State> {
  const { state, blocks } = checkpoint
  const longer = by === 0 ? 0 : digits(old.blocks + by, blocks + by) - digits(old.blocks, blocks)
  return { state, blocks: blocks + here.blocks - old.blocks, bytes: checkpoint.bytes + here.bytes - old.bytes + longer }
}

/** Digits of all numbers after `from` up to `to`. */
function digits(from: number, to: number): number {
  let count = 0
  for (let least = 1; least <= to; least *= 10) count += to - Math.max(least - 1, from, 0)
  return count
}

/** Whole cues, each with its number on a line of its own, with the numbers raised by `by`. */
function renumber(cues: string, by: number): string {
  return cues.replaceAll(/(?<=^|\n\n)\d+(?=\n)/g, (number) => String(Number(number) + by))
}
