import type { Readable } from 'node:stream'
import { endEarly } from './stage.ts'

/**
 * Ends a source before its input does. A stage with the method `[endEarly]` does that itself; any other Readable gives
 * out what it holds, ends, and is destroyed. What it reads after that is dropped. Does nothing to one that has ended.
 */
export function endSource(source: Readable & { [endEarly]?: () => void }): void {
  if (source.destroyed || source.readableEnded) return
  if (typeof source[endEarly] === 'function') source[endEarly]()
  else endReadable(source)
}

function endReadable(source: Readable): void {
  // Streams of an older kind have no push() of this kind, and can only be cut off.
  if (typeof source.push !== 'function') return void source.emit('end')
  // Half of a Duplex may stay open, and a read that is under way may wait for ever.
  source.once('end', () => source.destroy())
  source.push(null)
  source.push = () => false
}
