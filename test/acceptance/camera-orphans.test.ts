import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { rtspFaultServer } from 'diarize-stream/testing'

const listener = fileURLToPath(new URL('camera-listener.ts', import.meta.url))
const loader = import.meta.resolve('tsx')

/** Processes anywhere whose arguments hold `marker`, but for the shell of none. */
function running(marker: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      return command.includes(marker) && command.includes('allowed_media_types') ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

it.skipIf(process.platform !== 'linux').each(['tcp', 'udp'] as const)(
  'FFmpeg ends when this program is killed, though the camera keeps its connection and says nothing (%s)',
  async (transport) => {
    const camera = await rtspFaultServer({ fault: 'none' }, { credentials: `orphan-${transport}-${process.pid}:x` })
    const marker = `orphan-${transport}-${process.pid}`
    const url = camera.url.replace('//', `//${marker}:x@`)
    const child = spawn(process.execPath, ['--import', loader, listener, url, transport, '1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    expect(running(marker)).toHaveLength(1)
    // Now nothing more comes that FFmpeg could fail to pass on.
    for (const connection of camera.connections) connection.stall()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const deadline = Date.now() + 10_000
    while (running(marker).length > 0 && Date.now() < deadline) await delay(50)
    expect(running(marker)).toEqual([])
    await camera.close()
  },
)
