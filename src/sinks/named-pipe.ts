import { close, constants, open } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorCode } from '../errors.ts'

/** How often a pipe is looked at that nobody reads yet. */
const LOOK_AGAIN_MS = 100

/**
 * Opens a named pipe for writing once somebody reads it. What is written waits in no thread: one that waits for a reader, or for room
 * in the pipe, would keep the process from its end, even by `process.exit()`.
 *
 * @param signal - ends the waiting.
 */
export async function openNamedPipe(file: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return await openNow(file, signal)
    } catch (error) {
      if (errorCode(error) !== 'ENXIO') throw error
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal })
  }
}

/** @throws (rejects with) `ENXIO` where nobody reads it. */
async function openNow(file: string, signal: AbortSignal): Promise<Socket> {
  const fd = await promisify(open)(file, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    signal.throwIfAborted()
    const pipe = new Socket({ fd, readable: false, writable: true })
    // What goes wrong is told to each write.
    return pipe.on('error', () => {})
  } catch (error) {
    await promisify(close)(fd)
    throw error
  }
}
