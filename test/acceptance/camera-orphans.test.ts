import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { rtspFaultServer } from 'diarize-stream/testing'

const listener = fileURLToPath(new URL('camera-listener.mjs', import.meta.url))

/** Every FFmpeg that listens to a camera, with the process that started it. */
function listening(): { id: string; parent: string }[] {
  return readdirSync('/proc').flatMap((id) => {
    if (!/^\d+$/.test(id)) return []
    try {
      const command = readFileSync(`/proc/${id}/cmdline`, 'utf8')
      const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? ''
      return command.includes('allowed_media_types') ? [{ id, parent }] : []
    } catch {
      return []
    }
  })
}

it.skipIf(process.platform !== 'linux').each(['tcp', 'udp'] as const)(
  'FFmpeg ends when this program is killed, though the camera keeps its connection and says nothing (%s)',
  async (transport) => {
    const camera = await rtspFaultServer({ fault: 'none' }, { credentials: 'orphan:x' })
    const url = camera.url.replace('//', '//orphan:x@')
    const child = spawn(process.execPath, [listener, url, transport, '1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const own = listening().filter(({ parent }) => parent === String(child.pid))
    expect(own).toHaveLength(1)
    const running = (): unknown[] => listening().filter(({ id }) => id === own[0]?.id)
    // Now nothing more comes that FFmpeg could fail to pass on.
    for (const connection of camera.connections) connection.stall()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const deadline = Date.now() + 10_000
    while (running().length > 0 && Date.now() < deadline) await delay(50)
    expect(running()).toEqual([])
    await camera.close()
  },
)
