import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type CommandRun, startCommand } from '../cli/command.ts'
import { haveFlite, join16, silence, speak } from '../helpers/flite.ts'
import { wordErrorRate } from '../helpers/scoring.ts'
import { whyNoBox } from '../helpers/sherpa.ts'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/official-sdks.md'), 'utf8')
const sentences = [
  'good morning i hope you had a pleasant journey',
  'the train was only a little late this time',
  'i think we should look at the numbers first',
  'we will send you the report on monday',
]

const said = sentences.join(' ').split(' ')

const folder = mkdtempSync(join(tmpdir(), 'official-sdks-'))
const whyNoPython = pythonOf(join(folder, 'python'))
if (whyNoPython !== undefined) console.warn(`skipping the official SDK for Python: ${whyNoPython}`)

/** Installs the SDK into a Python of its own; says why it cannot. */
function pythonOf(where: string): string | undefined {
  const made = spawnSync('python3', ['-m', 'venv', where], { encoding: 'utf8' })
  if (made.status !== 0) return `no python3 with venv: ${made.error?.message ?? made.stdout}${made.stderr ?? ''}`
  const installed = spawnSync(join(where, 'bin/pip'), ['install', '--quiet', 'assemblyai'], { encoding: 'utf8' })
  return installed.status === 0 ? undefined : `pip cannot install assemblyai: ${installed.stderr}`
}

/** The program that the page shows in this language, for a server on this port. */
function program(language: 'js' | 'python', port: string): string {
  const [, code = ''] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(page) ?? []
  expect(code).toContain('8080')
  return code.replaceAll('8080', port)
}

let running: CommandRun | undefined
const burning: { kill(signal: 'SIGKILL'): unknown }[] = []

beforeAll(() => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  if (!haveFlite) return
  const speech = sentences.flatMap((text) => [speak('rms', text), silence(60)])
  writeFileSync(join(folder, 'talk.pcm'), new Uint8Array(join16(speech).buffer))
})
afterEach(() => {
  for (const one of burning.splice(0)) one.kill('SIGKILL')
  running?.child.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts the server of the page, and gives its port. */
async function startServer(...more: string[]): Promise<string> {
  const certificate = join(folder, 'certificate.pem')
  const address = ['--host', 'localhost', '--port', '0', '--self-signed', certificate]
  running = startCommand(['serve', ...address, '--json', ...more])
  await running.wrote('"type":"listening"')
  return new URL((JSON.parse(running.out.split('\n')[0]!) as { url: string }).url).port
}

/** Ends the server; how each session ended: `true` where it came to its last word. */
async function stopServer(): Promise<unknown[]> {
  running!.child.kill('SIGTERM')
  expect(await running!.ended).toBe(0)
  const lines = running!.out.trim().split('\n')
  const events = lines.map((line) => JSON.parse(line) as { type: string; terminated?: boolean })
  return events.flatMap(({ type, terminated }) => (type === 'sessionEnd' ? [terminated] : []))
}

async function run(name: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const options = { cwd: folder, env: { ...process.env, ...env } }
  return (await promisify(execFile)(name, args, options)).stdout
}

/** The words that a program printed, behind the letters of those who said them. */
function wordsOf(output: string): string[] {
  return output
    .trim()
    .split('\n')
    .flatMap((line) => /^[A-Z]+: (.*)$/.exec(line)?.[1]?.split(' ') ?? [`not a turn: ${line}`])
}

describe.skipIf(whyNoBox !== undefined || !haveFlite)('the programs of the page, against diarize-stream serve', () => {
  it('in JavaScript', { timeout: 120_000 }, async () => {
    writeFileSync(join(folder, 'talk.mjs'), program('js', await startServer()))
    const heard = wordsOf(await run(process.execPath, ['talk.mjs'], { NODE_EXTRA_CA_CERTS: 'certificate.pem' }))
    expect(wordErrorRate(said, heard)).toBeLessThan(0.15)
    expect(heard.at(-1)).toMatch(/^monday\W*$/i)
    expect(await stopServer()).toEqual([true])
  })

  it.skipIf(whyNoPython !== undefined)('in Python', { timeout: 120_000 }, async () => {
    writeFileSync(join(folder, 'talk.py'), program('python', await startServer()))
    const heard = wordsOf(
      await run(join(folder, 'python/bin/python'), ['talk.py'], { SSL_CERT_FILE: 'certificate.pem' }),
    )
    expect(wordErrorRate(said, heard)).toBeLessThan(0.15)
    expect(heard.at(-1)).toMatch(/^monday\W*$/i)
    expect(await stopServer()).toEqual([true])
  })
})

it('keeps to the limits that the SDK has by itself while all cores are busy', { timeout: 120_000 }, async () => {
  const engine = join(folder, 'engine.mjs')
  const words = Array.from({ length: 20 }, (_, index) => ({
    words: `number ${index}`,
    start: 100 + index * 100,
    end: 190 + index * 100,
    speaker: 'A',
  }))
  writeFileSync(
    engine,
    `import { scriptedEngine } from ${JSON.stringify(pathToFileURL(join(root, 'dist/testing/index.js')))}
     export default scriptedEngine(${JSON.stringify(words)})`,
  )
  writeFileSync(join(folder, 'talk.mjs'), program('js', await startServer('--engine', engine)))
  writeFileSync(join(folder, 'talk.pcm'), Buffer.alloc(96_000))
  for (let core = 0; core < availableParallelism(); core += 1) {
    burning.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  }
  // 1 s for Begin, 5 s for the end.
  const heard = await run(process.execPath, ['talk.mjs'], { NODE_EXTRA_CA_CERTS: 'certificate.pem' })
  expect(heard.trim().split('\n')).toEqual(words.map((turn) => `A: ${turn.words}`))
  expect(await stopServer()).toEqual([true])
})
