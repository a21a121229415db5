import type { WebSocket } from 'ws'
import { socketPeer, termination, type SocketPeer } from '../../helpers/socket-peer.ts'
import type { Case, Deed, Script, Step } from './arbitrary.ts'

/** A server that follows the scripts of many cases at once; a client names its case in the query. */
export interface ScriptedPeer extends SocketPeer {
  /** Adds a case and returns the number by which a client names it. */
  add(scripted: Case): string
}

const TIME_MS = 15

/** Starts a {@link ScriptedPeer}. */
export async function scriptedPeer(): Promise<ScriptedPeer> {
  const cases = new Map<string, { scripted: Case; connections: number }>()
  let count = 0
  const peer = await socketPeer((socket, { url }) => {
    const known = cases.get(new URL(url, 'http://peer').searchParams.get('case') ?? '')
    if (!known) return socket.terminate()
    const { scripts } = known.scripted
    follow(socket, scripts[known.connections++] ?? (scripts.at(-1) as Script))
  })
  return {
    ...peer,
    add(scripted) {
      const name = String(count++)
      cases.set(name, { scripted, connections: 0 })
      return name
    },
  }
}

function follow(socket: WebSocket, script: Script): void {
  const steps = [...script.steps]
  let timer: NodeJS.Timeout | undefined
  const proceed = (happened: Step['after']): void => {
    const [next] = steps
    if (!next || (next.after !== 'nothing' && next.after !== happened)) return
    steps.shift()
    perform(socket, next.deed)
    if (steps[0]?.after === 'time') timer = setTimeout(() => proceed('time'), TIME_MS)
    proceed('nothing')
  }
  socket.on('message', (data, binary) => {
    proceed(binary ? 'audio' : 'text')
    if (binary || !script.polite || !(data as Buffer).toString().includes('"Terminate"')) return
    socket.send(termination, () => {})
    socket.close(1000, 'Session Ended')
  })
  socket.once('close', () => clearTimeout(timer))
  if (steps[0]?.after === 'time') timer = setTimeout(() => proceed('time'), TIME_MS)
  proceed('nothing')
}

function perform(socket: WebSocket, deed: Deed): void {
  if (socket.readyState !== socket.OPEN) return
  switch (deed.do) {
    case 'text':
      return socket.send(deed.text, () => {})
    case 'binary':
      return socket.send(Buffer.from(deed.bytes), () => {})
    case 'ping':
      return socket.ping()
    case 'close':
      return socket.close(deed.code, deed.reason)
    case 'drop':
      return socket.terminate()
  }
}
