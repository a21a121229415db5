import { close, constants, open, read } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorCode } from '../errors.ts'

/** How often a pipe is looked at to which nobody writes yet. */
const LOOK_AGAIN_MS = 100
/** The most that is taken by such a look, in bytes. */
const LOOK_BYTES = 65_536

/**
 * The bytes of a named pipe, from when somebody writes to it until the last who does has gone. What is to come is waited for in no
 * thread: one that waits for a writer would keep the process from its end, even by `process.exit()`.
 *
 * @param signal - ends the waiting.
 * @param isSilent - whether the system says nothing of a pipe to which nobody has written; elsewhere it says that it has ended.
 */
export async function readNamedPipe(
  file: string,
  signal: AbortSignal,
  isSilent = process.platform === 'linux',
): Promise<Readable> {
  const fd = await promisify(open)(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const first = isSilent ? undefined : await firstBytes(fd, signal)
    signal.throwIfAborted()
    const pipe = new Socket({ fd, readable: true, writable: false })
    if (first !== undefined) pipe.unshift(first)
    return pipe
  } catch (error) {
    await promisify(close)(fd)
    throw error
  }
}

/** What comes first; `undefined` where somebody writes, of whom nothing has come yet. */
async function firstBytes(fd: number, signal: AbortSignal): Promise<Buffer | undefined> {
  for (;;) {
    signal.throwIfAborted()
    try {
      const { bytesRead, buffer } = await promisify(read)(fd, Buffer.alloc(LOOK_BYTES), 0, LOOK_BYTES, null)
      if (bytesRead > 0) return buffer.subarray(0, bytesRead)
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') return undefined
      throw error
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal })
  }
}
