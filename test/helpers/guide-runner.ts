import { spawn, type ChildProcess } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type HttpFaultServer, httpFaultServer, type RtspFaultServer, rtspFaultServer } from 'diarize-stream/testing'
import { ffmpeg } from './media.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dialogue = join(root, 'demo', 'dialogue.mp4')

/** Where the commands of the guides run: folders with the package and the clip, a camera and a radio station. */
export class GuideRunner {
  readonly #material: string
  readonly #radio: HttpFaultServer
  readonly #camera: RtspFaultServer
  readonly #children = new Set<ChildProcess>()

  private constructor(material: string, radio: HttpFaultServer, camera: RtspFaultServer) {
    this.#material = material
    this.#radio = radio
    this.#camera = camera
  }

  static async open(): Promise<GuideRunner> {
    const material = await mkdtemp(join(tmpdir(), 'diarize-stream-guides-'))
    const [mp3, pcm] = [join(material, 'clip.mp3'), join(material, 'clip.pcm')]
    await ffmpeg('-i', dialogue, '-b:a', '64k', mp3)
    await ffmpeg('-i', dialogue, '-ar', '16000', '-ac', '1', '-f', 's16le', pcm)
    await makeCall(join(material, 'call.wav'))
    const station = { endless: true, bytesPerSecond: 8000, headers: { 'icy-name': 'Test' }, type: 'audio/mpeg' }
    const radio = await httpFaultServer(await readFile(mp3), [], station)
    const fault = { fault: 'drop', afterMs: 8000 } as const
    const camera = await rtspFaultServer([fault], { pcm: await readFile(pcm), loop: true })
    return new GuideRunner(material, radio, camera)
  }

  async close(): Promise<void> {
    // Where a test ran out of time, nothing of it goes on: a shell and all that it started are a group.
    for (const { pid } of this.#children) if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    await this.#camera.close()
    await this.#radio.close()
    await rm(this.#material, { recursive: true, force: true })
  }

  /** A folder in which somebody has installed the package, and has copied the examples and the clip. */
  async workplace(name: string): Promise<string> {
    const folder = join(this.#material, name)
    const commands = join(folder, 'node_modules', '.bin')
    await mkdir(commands, { recursive: true })
    await symlink(root, join(folder, 'node_modules', 'diarize-stream'))
    await symlink(join(root, 'bin', 'diarize-stream.js'), join(commands, 'diarize-stream'))
    await symlink(join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs'), join(commands, 'tsx'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
    for (const file of await readdir(join(root, 'examples'))) {
      await copyFile(join(root, 'examples', file), join(folder, file))
    }
    await copyFile(dialogue, join(folder, 'talk.mp4'))
    await copyFile(join(this.#material, 'call.wav'), join(folder, 'call.wav'))
    return folder
  }

  /** Runs lines of a shell as they are, with no key, and gives what they write to either output. */
  async run(script: string, cwd: string): Promise<{ code: number | null; output: string }> {
    const { ASSEMBLYAI_API_KEY: _, ...environment } = process.env
    const env = {
      ...environment,
      // The node that runs this runs the commands, too.
      PATH: [dirname(process.execPath), environment['PATH']].join(delimiter),
      CAMERA: this.#camera.url,
      RADIO: this.#radio.url('/radio'),
      npm_config_loglevel: 'error',
    }
    const child = spawn('sh', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#children.add(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    this.#children.delete(child)
    return { code, output: output.replaceAll(/^(?:note: no API key is set|npm warn).*\n/gm, '') }
  }
}

/** The clip as a call: speaker A on the left channel, B on the right. */
async function makeCall(file: string): Promise<void> {
  const reference = JSON.parse(await readFile(join(root, 'demo', 'dialogue.reference.json'), 'utf8')) as {
    turns: { speaker: string; start: number; end: number }[]
  }
  const when = (speaker: string): string =>
    reference.turns
      .filter((turn) => turn.speaker === speaker)
      .map(({ start, end }) => `between(t,${start / 1000 - 0.2},${end / 1000 + 0.2})`)
      .join('+')
  const left = `[a]volume=0:enable='${when('B')}'[l]`
  const right = `[b]volume=0:enable='${when('A')}'[r]`
  const filter = `[0:a]asplit[a][b];${left};${right};[l][r]join=inputs=2[call]`
  await ffmpeg('-i', dialogue, '-filter_complex', filter, '-map', '[call]', '-ar', '8000', '-c:a', 'pcm_mulaw', file)
}
