import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { type CertificateFiles, makeCertificate } from './certificate.ts'
import { startChild, stopChild } from './child.ts'
import { type BenchOptions, costRatio, type Finding } from './report.ts'
import { percentile } from './statistics.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const SCRIPTS = ['ours', 'sdk', 'file', 'command', 'sdk-file'] as const
type Script = (typeof SCRIPTS)[number]

interface StartTimes {
  /** Ms from the start of Node to the first audio on the wire. */
  firstFrame: number[]
  /** Ms that the import took. */
  imported: number[]
}

/**
 * `npm run bench -- start`: how long it takes from starting Node to the first audio on the wire, how long the import
 * takes, and how large the package is, beside the official SDK.
 */
export async function benchStart(options: BenchOptions): Promise<Finding[]> {
  const certificate = await makeCertificate()
  const server = await listen(certificate)
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const files = { pcm: join(folder, 'a.pcm'), m4a: join(folder, 'a.m4a') }
  writeFileSync(files.pcm, Buffer.alloc(32_000, 1))
  const tone = ['-f', 'lavfi', '-i', 'sine=d=5', '-c:a', 'aac', files.m4a]
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', ...tone])
  const none = (): StartTimes => ({ firstFrame: [], imported: [] })
  const times = Object.fromEntries(SCRIPTS.map((script) => [script, none()])) as Record<Script, StartTimes>
  try {
    for (let round = 0; round < (options.quick ? 3 : 21); round++) {
      for (const script of SCRIPTS) {
        const first = server.firstAudio()
        const began = performance.now()
        const child = await startChild<number>(
          `start/${script}.ts`,
          [server.url, script === 'ours' || script === 'sdk' ? files.pcm : files.m4a],
          { env: { NODE_EXTRA_CA_CERTS: certificate.certificate } },
        )
        const at = await first
        child.process.kill('SIGKILL')
        await stopChild(child)
        times[script].firstFrame.push(at - began)
        times[script].imported.push(child.said)
      }
    }
  } finally {
    server.close()
    await certificate.remove()
    rmSync(folder, { recursive: true })
  }
  const sizes = { ours: publishedSize(), sdk: folderSize(join(root, 'node_modules/assemblyai')) }
  return findings(times, sizes)
}

function findings(times: Record<Script, StartTimes>, sizes: { ours: number; sdk: number }): Finding[] {
  const median = (script: Script, of: keyof StartTimes): number => percentile(times[script][of], 0.5)
  const [ours, sdk] = [dependencies('.'), dependencies('node_modules/assemblyai')]
  return [
    costRatio('start of Node to the first frame on the wire, PCM, TLS', 'ms', {
      ours: median('ours', 'firstFrame'),
      theirs: median('sdk', 'firstFrame'),
      rival: 'SDK',
    }),
    costRatio('the same from a file, through FFmpeg', 'ms', {
      ours: median('file', 'firstFrame'),
      theirs: median('sdk-file', 'firstFrame'),
      rival: 'SDK, fed by FFmpeg',
    }),
    costRatio('the same by the command', 'ms', {
      ours: median('command', 'firstFrame'),
      theirs: median('sdk-file', 'firstFrame'),
      rival: 'SDK, fed by FFmpeg',
    }),
    costRatio('import', 'ms', {
      ours: median('ours', 'imported'),
      theirs: median('sdk', 'imported'),
      rival: 'SDK',
    }),
    costRatio('size of the package, unpacked', 'MB', {
      ours: sizes.ours / 1e6,
      theirs: sizes.sdk / 1e6,
      rival: 'SDK',
    }),
    {
      measure: 'packages it depends on, indirectly too',
      ours: `${ours.required}, and ${ours.optional} optional`,
      against: `SDK: ${sdk.required}, and ${sdk.optional} optional`,
    },
  ]
}

interface AudioServer {
  url: string
  /** Time of the next first audio of a connection. */
  firstAudio(): Promise<number>
  close(): void
}

async function listen(certificate: CertificateFiles): Promise<AudioServer> {
  const https = createServer({ key: readFileSync(certificate.key), cert: readFileSync(certificate.certificate) })
  const sockets = new WebSocketServer({ server: https })
  let heard: (at: number) => void = () => {}
  sockets.on('connection', (socket) => {
    socket.send('{"type":"Begin","id":"start","expires_at":0}')
    socket.once('message', () => heard(performance.now()))
    socket.on('error', () => {})
  })
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  return {
    url: `wss://localhost:${(https.address() as AddressInfo).port}`,
    firstAudio: () => new Promise((resolve) => (heard = resolve)),
    close() {
      for (const socket of sockets.clients) socket.terminate()
      https.close()
    },
  }
}

function publishedSize(): number {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel', 'error'], {
    cwd: root,
    encoding: 'utf8',
  })
  const packed: unknown = JSON.parse(listed)
  const [first] = Object.values(packed as Record<string, { unpackedSize: number }>)
  return first?.unpackedSize ?? NaN
}

function folderSize(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile() && !file.parentPath.includes('/node_modules/assemblyai/node_modules'))
    .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
}

/** How many packages an installed one needs, and how many it may have beside them. */
function dependencies(path: string): { required: number; optional: number } {
  const required = closure(path, false)
  const all = closure(path, true)
  return { required: required.size, optional: all.size - required.size }
}

function closure(path: string, optional: boolean, seen = new Set<string>()): Set<string> {
  const described = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as {
    dependencies?: object
    optionalDependencies?: object
  }
  const names = Object.keys({ ...described.dependencies, ...(optional && described.optionalDependencies) })
  const left = optional ? names : names.filter((name) => !(name in (described.optionalDependencies ?? {})))
  for (const name of left) {
    if (seen.has(name)) continue
    seen.add(name)
    try {
      closure(`node_modules/${name}`, optional, seen)
    } catch {
      // An optional one that is for other systems.
    }
  }
  return seen
}
