import { openSync, readSync, watch } from 'node:fs'
import { join } from 'node:path'
import { now } from '../child.ts'

/*
 * Looks at the files of captions in a folder as they grow, as the system tells of it: in a process of its own. Says so when
 * it looks, and tells what it has seen at the message it is sent.
 */

/** A turn that was seen in a file. */
export interface SeenTurn {
  stream: string
  order: number
  /** Ms of the common clock. */
  at: number
}

const [folder = ''] = process.argv.slice(2)
const seen: SeenTurn[] = []
const files = new Map<string, { file: number; offset: number; rest: string }>()
const buffer = Buffer.alloc(65_536)

function look(name: string): void {
  let state = files.get(name)
  if (state === undefined) {
    state = { file: openSync(join(folder, name), 'r'), offset: 0, rest: '' }
    files.set(name, state)
  }
  const length = readSync(state.file, buffer, 0, buffer.length, state.offset)
  const at = now()
  state.offset += length
  const text = state.rest + buffer.toString('utf8', 0, length)
  state.rest = text.slice(text.lastIndexOf('\n') + 1)
  for (const [, order] of text.slice(0, text.length - state.rest.length).matchAll(/Turn(\d+)x/g)) {
    seen.push({ stream: name.replace(/\..*/, ''), order: Number(order), at })
  }
}

watch(folder, (_event, name) => {
  if (name !== null) look(name)
})
process.on('message', () => process.send?.(seen))
process.on('disconnect', () => process.exit(0))
process.send?.('looking')
