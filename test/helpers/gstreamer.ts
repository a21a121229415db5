import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './stores.ts'

const script = fileURLToPath(new URL('gstreamer-camera.py', import.meta.url))
// The system's own: GStreamer's bindings are installed for no other.
const PYTHON = '/usr/bin/python3'
const PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"

/** Why there can be no GStreamer camera here; `undefined` where there can. */
export function gstreamerMissing(): string | undefined {
  const probe = spawnSync(PYTHON, ['-c', PROBE], { encoding: 'utf8', timeout: 20_000 })
  if (probe.status === 0) return undefined
  return 'no GStreamer RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-gi'
}

/** A camera in a process of its own that can be killed and started again. */
export class GstreamerCamera {
  readonly url: string
  readonly #port: number
  readonly #launch: string
  #child: ChildProcess | undefined

  private constructor(port: number, launch: string) {
    this.#port = port
    this.#launch = launch
    this.url = `rtsp://127.0.0.1:${port}/live`
  }

  /** @param launch - what it shows: a GStreamer launch line in parentheses, whose payloaders are named pay0, pay1, … */
  static async start(launch: string): Promise<GstreamerCamera> {
    const camera = new GstreamerCamera(await freePort(), launch)
    await camera.start()
    return camera
  }

  async start(): Promise<void> {
    const child = spawn(PYTHON, [script, String(this.#port), this.#launch], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error('the GStreamer camera did not start'))),
    ])
  }

  /** Ends it as a loss of power would. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
