import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigurationError } from '../../../src/errors.ts'
import { parseServe } from '../../../src/cli/commands/serve.ts'
import { RawClient } from '../../server/raw-client.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { command, type CommandRun, startCommand } from '../command.ts'

const directory = temporaryDirectories()
const running: CommandRun[] = []
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
})

/** A module with an engine that says four words. */
function engineModule(more = ''): string {
  const file = path.join(directory(), 'engine.mjs')
  const testing = pathToFileURL(path.resolve(import.meta.dirname, '../../../dist/testing/index.js')).href
  const said = [{ words: 'Good morning to you', start: 100, end: 900, speaker: 'A' }]
  writeFileSync(
    file,
    `import { scriptedEngine } from '${testing}'\nexport default scriptedEngine(${JSON.stringify(said)})\n${more}`,
  )
  return file
}

type Event = Record<string, unknown> & { type: string }
const eventsOf = (run: CommandRun): Event[] =>
  run.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)

/** Starts the server on a free port; gives the event that says where. */
async function start(...args: string[]): Promise<{ run: CommandRun; url: string; listening: Event }> {
  return startWith(engineModule(), ...args)
}

async function startWith(module: string, ...args: string[]) {
  const run = startCommand(['serve', '--engine', module, '--port', '0', '--json', ...args])
  running.push(run)
  await run.wrote('"type":"listening"')
  const listening = eventsOf(run)[0]!
  return { run, url: listening['url'] as string, listening }
}

describe('diarize-stream serve', () => {
  it('serves the protocol, says what happens, and ends in good order at SIGTERM', async () => {
    const { run, url, listening } = await start()
    expect(listening).toMatchObject({
      engine: 'scripted',
      url: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/v3\/ws$/),
    })
    const client = await new RawClient(url).open()
    run.child.kill('SIGTERM')
    await run.wrote('"type":"draining"')
    // What had begun goes on to its last word.
    client.sendAudio(1500)
    expect((await client.terminate()).code).toBe(1000)
    expect(client.all('Turn').at(-1)?.transcript).toBe('Good morning to you')
    expect(await run.ended).toBe(0)
    expect(eventsOf(run).map(({ type }) => type)).toEqual(['listening', 'session', 'draining', 'sessionEnd', 'closed'])
    expect(eventsOf(run)[3]).toMatchObject({ code: 1000, terminated: true, audioSeconds: 1.5, open: 0 })
    expect(run.err).toBe('')
  })

  it.each([
    ['a second Ctrl-C comes', ['--drain', '600'], true],
    ['the time to drain is over', ['--drain', '0'], false],
  ])('cuts what is open when %s, and says so by its exit code', async (_when, args, twice) => {
    const { run, url } = await start(...args)
    const client = await new RawClient(url).open()
    run.child.kill('SIGINT')
    await run.wrote('"type":"draining"')
    if (twice) run.child.kill('SIGINT')
    expect((await client.closed).code).toBe(1001)
    expect(await run.ended).toBe(1)
    expect(eventsOf(run).at(-1)).toMatchObject({ type: 'closed', cut: 1 })
  })

  it('ends although the module of the engine holds what keeps a process', async () => {
    const { run } = await startWith(engineModule('setInterval(() => {}, 1000)'))
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })

  it('ends at the second signal while the module is loaded', async () => {
    const slow = "process.stderr.write('loading')\nsetInterval(() => {}, 1000)\nawait new Promise(() => {})\n"
    const run = startCommand(['serve', '--engine', engineModule(slow), '--port', '0', '--json'])
    running.push(run)
    await run.wrote('loading')
    run.child.kill('SIGTERM')
    await run.wrote('"type":"draining"')
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(1)
  })

  it('lets in whose key is in the file, and nobody else', async () => {
    const keys = path.join(directory(), 'keys')
    writeFileSync(keys, '# of the office\n\nfirst-key\n  second-key \n')
    const { run, url } = await start('--keys-file', keys, '--metrics')
    await new RawClient(url, {}, { headers: { Authorization: 'second-key' } }).open()
    const refused = await new RawClient(url, {}, { headers: { Authorization: '# of the office' } }).refusal()
    expect(refused.code).toBe(1008)
    await run.wrote('"type":"refused"')
    const metrics = eventsOf(run)[0]!['metricsUrl'] as string
    expect((await fetch(metrics)).status).toBe(401)
    const answer = await fetch(metrics, { headers: { authorization: 'Bearer first-key' } })
    expect(await answer.text()).toContain('diarize_stream_sessions 1\n')
  })

  it('makes a certificate that clients can trust, and writes no key', async () => {
    const file = path.join(directory(), 'certificate.pem')
    const { url, listening } = await start('--self-signed', file, '--host', 'localhost')
    expect(url).toMatch(/^wss:\/\/localhost:/)
    const certificate = readFileSync(file, 'utf8')
    expect(certificate).toMatch(/^-----BEGIN CERTIFICATE-----/)
    expect(certificate).not.toContain('PRIVATE')
    const status = await new Promise((resolve, reject) => {
      const token = `${String(listening['tokenUrl'])}?expires_in_seconds=60`
      const asked = request(token, { ca: certificate, headers: { authorization: 'any' } }, ({ statusCode }) =>
        resolve(statusCode),
      )
      asked.on('error', reject).end()
    })
    expect(status).toBe(200)
  })

  it('leaves the certificate of a server that runs where it cannot take its place', async () => {
    const file = path.join(directory(), 'certificate.pem')
    const { url } = await start('--self-signed', file)
    const certificate = readFileSync(file, 'utf8')
    const { port } = new URL(url)
    const second = await command('serve', '--engine', engineModule(), '--port', port, '--self-signed', file)
    expect(second).toMatchObject({ code: 2, err: expect.stringContaining('cannot listen') })
    expect(readFileSync(file, 'utf8')).toBe(certificate)
  })

  it.each([
    ['a folder that is not there', path.join('no', 'such', 'certificate.pem')],
    ['a folder', '.'],
  ])('does not begin where its certificate would go to %s', async (_what, name) => {
    const file = path.join(directory(), name)
    const run = await command('serve', '--engine', engineModule(), '--port', '0', '--self-signed', file, '--json')
    expect(run).toMatchObject({ code: 2, err: expect.stringContaining('--self-signed cannot be written') })
    expect(JSON.parse(run.out)).toMatchObject({ type: 'error', code: 'INVALID_OPTION' })
  })

  it('does not begin where it cannot listen, or has no engine', async () => {
    const { url } = await start()
    const { port } = new URL(url)
    const taken = await command('serve', '--engine', engineModule(), '--port', port)
    expect(taken).toMatchObject({ code: 2, err: expect.stringContaining(`cannot listen on 127.0.0.1, port ${port}`) })
    const missing = await command('serve', '--engine', './no-engine.mjs')
    expect(missing).toMatchObject({ code: 4, err: expect.stringContaining('./no-engine.mjs cannot be loaded') })
    const model = await command('serve', '--model', './no-model', '--port', '0')
    expect(model.code).toBe(4)
    const open = await command('serve', '--engine', engineModule(), '--host', '0.0.0.0')
    expect(open).toMatchObject({ code: 2, err: expect.stringContaining('give --keys-file, or --open') })
    const pem = path.join(directory(), 'bad.pem')
    writeFileSync(pem, 'no certificate')
    const unusable = await command('serve', '--engine', engineModule(), '--tls-cert', pem, '--tls-key', pem)
    expect(unusable).toMatchObject({ code: 2, err: expect.stringContaining('--tls-cert and --tls-key cannot be used') })
  })

  it('explains itself', async () => {
    const { code, out } = await command('serve', '--help')
    expect([code, out]).toEqual([0, expect.stringContaining('--keys-file <file>')])
  })
})

describe('the arguments of serve', () => {
  it('become options of the server', () => {
    const args = '--port 9000 --max-sessions 3 --max-duration 60 --max-payload 4096 --pacing enforce --open --drain 5'
    expect(parseServe(args.split(' '))).toMatchObject({
      local: {},
      server: {
        host: '127.0.0.1',
        port: 9000,
        maxSessions: 3,
        maxSessionDuration: 60_000,
        maxPayload: 4096,
        pacing: 'enforce',
        authentication: false,
        metrics: false,
      },
      drainMs: 5000,
    })
    expect(parseServe(['--model', './folder', '--language', 'de'])).toMatchObject({
      local: { model: './folder', language: 'de' },
      server: { port: 8080 },
      drainMs: 30_000,
    })
  })

  it.each([
    [['--port', 'x'], '--port, when given, must be an integer from 0 to 65535'],
    [['--max-payload', '3'], '--max-payload, when given, must be an integer from 1024'],
    [['--pacing', 'slow'], "--pacing, when given, must be 'enforce' or 'off'"],
    [['--tls-cert', 'a.pem'], '--tls-cert and --tls-key need each other'],
    [['--tls-cert', 'a', '--tls-key', 'b', '--self-signed', 'c'], '--self-signed and --tls-cert exclude each other'],
    [['--open', '--keys-file', 'keys'], '--open and --keys-file exclude each other'],
    [['--keys-file', '/no/such/file'], '--keys-file cannot be read'],
    [['--engine', './mine.js', '--model', 'x'], '--model is for --engine local'],
    [['talk.mp4'], 'talk.mp4'],
  ])('%j are refused', (args, message) => {
    expect(() => parseServe(args)).toThrow(ConfigurationError)
    expect(() => parseServe(args)).toThrow(message)
  })

  it('never repeat a key', () => {
    expect(() => parseServe(['--api-key=secret-of-mine'])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret-of-mine') }),
    )
  })
})
