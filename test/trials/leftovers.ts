import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Longest wait in ms for something to go: a close that is under way, not a timer that has been forgotten. */
const PATIENCE_MS = 500
/** What may come and go with output and with waiting itself. */
const ignored = ['FSReqPromise', 'FSReqCallback', 'Immediate', 'WriteWrap', 'TTYWrap']

function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !ignored.includes(name))
}

/** What keeps the process alive now: sockets, servers, timers, child processes. */
export function openResources(): readonly string[] {
  return resources()
}

/**
 * What is open beyond `before`, after a short wait for it to go: `[]` where nothing is left behind.
 *
 * @param before - what {@link openResources} said when nothing ran.
 */
export function leftovers(before: readonly string[]): Promise<string[]> {
  return stayed(() => {
    const spare = [...before]
    return resources().filter((name) => {
      const at = spare.indexOf(name)
      if (at >= 0) spare.splice(at, 1)
      return at < 0
    })
  })
}

/** The sockets of this process that are connected, or connecting, to a local port: a client's, not the server's own. */
export function clientSockets(port: number): Promise<string[]> {
  const inside = process as unknown as { _getActiveHandles(): unknown[] }
  return stayed(() =>
    inside
      ._getActiveHandles()
      .filter((handle) => handle instanceof Socket && handle.remotePort === port)
      .map((handle) => `socket from port ${(handle as Socket).localPort}`),
  )
}

async function stayed(list: () => string[]): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const left = list()
    if (left.length === 0 || performance.now() > deadline) return left
    // The timer of this very wait is never on the list: it is not running while the list is made.
    await delay(10)
  }
}
