import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { parseCommand } from '../../src/cli/arguments.ts'
import { finishedOptions, withKey } from '../../src/cli/hearing.ts'
import { finishedOffer } from '../../src/cli/offers.ts'
import { phaseLine } from '../../src/cli/view/text.ts'
import {
  prerecordedServer,
  type PrerecordedServer,
  type PrerecordedServerOptions,
  toneAudio,
} from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { main, startCommand } from './command.ts'

const directory = temporaryDirectories()
const key = 'key-that-nobody-may-see'
const script = toneScript({ seed: 4, duration: 8000, turnWords: [1, 5] })

const servers: PrerecordedServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function served(options: PrerecordedServerOptions = {}): Promise<PrerecordedServer> {
  const server = await prerecordedServer({ keys: [key], polls: 0, ...options })
  servers.push(server)
  return server
}

/** A WAV file of the script, and the options with which a server is asked. */
function prepared(server: PrerecordedServer, given = key) {
  const folder = directory()
  const file = path.join(folder, 'talk.wav')
  const audio = toneAudio(script, { to: 8000 })
  writeFileSync(
    file,
    Buffer.concat([writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, audio.length), audio]),
  )
  const keyFile = path.join(folder, 'key')
  writeFileSync(keyFile, given)
  return { folder, argv: [file, '--url', server.url, '--api-key-file', keyFile] }
}

async function ran(...argv: string[]) {
  const running = startCommand(argv)
  running.child.stdin?.end()
  return { code: await running.ended, out: running.out, err: running.err }
}

function parsed(line: string) {
  const command = parseCommand(line.split(' '))
  if (typeof command === 'string') throw new Error('no command')
  return command
}

describe('the command with --finished', () => {
  it.each(['--finished', '--engine=assemblyai-batch', '--engine=assemblyai --finished'])('as %s', async (choice) => {
    const server = await served()
    const { folder, argv } = prepared(server)
    const output = path.join(folder, 'talk.srt')
    const { code, out, err } = await ran(
      ...argv,
      ...choice.split(' '),
      '-o',
      output,
      '--names',
      'A=Alice',
      '--language',
      'de',
    )
    expect([code, out]).toEqual([0, ''])
    const captions = readFileSync(output, 'utf8')
    for (const { word } of script) expect(captions).toMatch(new RegExp(`\\bw${word}\\b`))
    expect(captions).toContain('Alice: ')
    expect(err).toMatch(/8\.0 s of audio in \d+\.\d s: \d+ turns, \d speakers? \(Alice/)
    expect(err).toContain('heard: German (de)')
    expect(server.transcripts).toMatchObject([
      { request: { language_code: 'de', speaker_labels: true }, deleted: false },
    ])
  })

  it('tells programs how it goes', async () => {
    const server = await served({ faults: { create: [{ fault: 'status', status: 503 }] } })
    const { code, out } = await ran(...prepared(server).argv, '--finished', '--json')
    expect(code).toBe(0)
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const types = events.map(({ type }) => type)
    expect(events.filter(({ type }) => type === 'phase').map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(['reading', 'uploading', 'done']),
    )
    expect(types).toEqual(expect.arrayContaining(['reconnecting', 'session', 'turn', 'termination']))
    expect(events.at(-1)).toMatchObject({ type: 'summary', audioMs: 8000, reconnects: 1, gaps: [] })
    expect(out).not.toContain(key)
  })

  it.each<[string, number, PrerecordedServerOptions, string]>([
    ['a wrong key', 4, { keys: ['other'] }, 'HTTP 401'],
    [
      'a transcript that fails',
      4,
      { faults: { create: { fault: 'failed', message: 'no speech' } } },
      'no transcript was made: no speech',
    ],
    [
      'audio that was not heard',
      5,
      { faults: { create: { fault: 'cutShort', heardMs: 4000 } } },
      'missing: 4.000 s to 8.000 s',
    ],
  ])('ends with the right code for %s', async (_what, expected, options, message) => {
    const { code, err } = await ran(...prepared(await served(options)).argv, '--finished')
    expect(code).toBe(expected)
    expect(err).toContain(message)
    expect(err).not.toContain(key)
    expect(err).not.toMatch(/\n\s+at /)
  })

  it.each([
    [['/does/not/exist.mp4', '--finished', '--url', 'http://127.0.0.1:9'], 3, 'does not exist'],
    [['mic', '--finished', '--url', 'http://127.0.0.1:9'], 2, '--finished is for what has an end; got microphone'],
    [
      ['a.mp4', '--finished', '--url', 'ws://127.0.0.1:9'],
      2,
      '--url: url, when given, must begin with http:// or https://',
    ],
    [['a.mp4', '--finished', '--engine', 'local'], 2, '--finished is of no use with --engine local'],
    [['a.mp4', '--finished'], 2, '--finished needs a key of AssemblyAI'],
  ])('ends with the right code for %j', async (argv, expected, message) => {
    const { code, err } = await ran(...argv)
    expect([code, err]).toEqual([expected, expect.stringContaining(message)])
  })

  it('deletes the transcript where Ctrl-C is pressed twice', async () => {
    const server = await served({ faults: { create: { fault: 'neverReady' } } })
    const running = startCommand([...prepared(server).argv, '--finished'])
    running.child.stdin?.end()
    await vi.waitFor(() => expect(server.requests.at(-1)?.operation).toBe('poll'), { timeout: 20_000, interval: 5 })
    running.child.kill('SIGINT')
    await running.wrote('once more stops at once')
    running.child.kill('SIGINT')
    expect(await running.ended).toBe(1)
    expect(server.transcripts.map(({ deleted }) => deleted)).toEqual([true])
    expect(running.err).toContain('stopped')
  })
})

describe('the options of the command for transcribe()', () => {
  it('are those of the command', async () => {
    const command = parsed('a.mp4 --finished --model m --keyterms Hanse,Elbe --speakers 3 --language pt-BR --region eu')
    expect(await finishedOptions(withKey(command, key))).toEqual({
      apiKey: key,
      region: 'eu',
      parameters: { speechModels: ['m'], keytermsPrompt: ['Hanse', 'Elbe'], maxSpeakers: 3, languageCode: 'pt' },
    })
    expect(
      await finishedOptions(withKey(parsed('a.mp4 --finished --language auto --url http://localhost:1'), key)),
    ).toEqual({
      url: 'http://localhost:1',
      parameters: {},
    })
    const book = path.join(directory(), 'voices.json')
    expect(
      await finishedOptions(withKey(parsed(`a.mp4 --finished --voices ${book} --learn-voices`), key)),
    ).toMatchObject({
      voices: { path: book, learn: true },
    })
  })

  it.each([
    ['de', 'de'],
    ['en', 'en'],
    ['en-GB', 'en_uk'],
    ['en-NZ', 'en'],
  ])('say %s as the service does: %s', async (language, languageCode) => {
    const { parameters } = await finishedOptions(withKey(parsed(`a.mp4 --finished --language ${language}`), key))
    expect(parameters).toEqual({ languageCode })
  })

  it.each([
    ['--channels A,B', '--channels is of no use with --finished'],
    ['--server-names', '--server-names is of no use with --finished'],
    ['--voices no-such-book.json', 'there is no voice book no-such-book.json'],
    ['--no-voices', '--no-voices is of no use with --finished'],
    ['--region global', '--finished has the regions us and eu'],
    ['--region eu --url https://localhost:1', '--url and --region exclude each other'],
  ])('do not go with %s', async (options, message) => {
    await expect(finishedOptions(withKey(parsed(`a.mp4 --finished ${options}`), key))).rejects.toThrow(message)
  })
})

it('says what is being done', () => {
  const facts = { readMs: 90_000, uploadedMs: 45_000 }
  expect(phaseLine({ phase: 'reading', ...facts }, 3_600_000, 0)).toBe('reading  1:30 of 1:00:00')
  expect(phaseLine({ phase: 'reading', ...facts }, undefined, 0)).toBe('reading  1:30')
  expect(phaseLine({ phase: 'uploading', ...facts }, undefined, 0)).toBe('uploading  50 %')
  expect(phaseLine({ phase: 'transcribing', ...facts }, undefined, 40_000)).toBe(
    '1:30 of audio are being heard  0:40 so far',
  )
})

describe('the offer of --finished', () => {
  interface Surroundings {
    environmentKey?: string | undefined
    duration?: number | undefined
    env?: { XDG_CACHE_HOME: string }
  }
  const offered = (line: string, change: Surroundings = {}) => {
    const usual = { environmentKey: key, duration: 7_083_000, env: { XDG_CACHE_HOME: directory() } }
    const { environmentKey, duration, env } = { ...usual, ...change }
    return finishedOffer(withKey(parsed(line), environmentKey), duration, env)
  }

  it('says what it would save, once', () => {
    const env = { XDG_CACHE_HOME: directory() }
    expect(offered('film.mp4', { env })).toBe(
      'this takes 1:58:03, as long as the file; --finished takes minutes, after npm install assemblyai',
    )
    expect(offered('film.mp4', { env })).toBeUndefined()
    const state = path.join(env.XDG_CACHE_HOME, 'diarize-stream/offers.json')
    expect(JSON.parse(readFileSync(state, 'utf8'))).toEqual({ finished: true })
    // Another offer was made before this one was known.
    const other = { XDG_CACHE_HOME: directory() }
    mkdirSync(path.join(other.XDG_CACHE_HOME, 'diarize-stream'))
    writeFileSync(path.join(other.XDG_CACHE_HOME, 'diarize-stream/offers.json'), '{ "better": true }\n')
    expect(offered('film.mp4', { env: other })).toContain('--finished')
    expect(offered('film.mp4', { env: other })).toBeUndefined()
  })

  it.each<[string, Surroundings?]>([
    ['film.mp4 --finished'],
    ['film.mp4 --quiet'],
    ['film.mp4 --json'],
    ['film.mp4 --engine local'],
    ['film.mp4 --url ws://localhost:1'],
    ['film.mp4 --channels A,B'],
    ['http://localhost/film.mp4'],
    ['film.mp4', { environmentKey: undefined }],
    ['film.mp4', { duration: 100_000 }],
    ['film.mp4', { duration: undefined }],
  ])('is not made for %s %j', (line, change) => {
    expect(offered(line, change)).toBeUndefined()
  })

  const canPretend =
    process.platform === 'linux' && spawnSync('script', ['--version']).stdout?.toString().includes('util-linux')
  it.runIf(canPretend)('stands on a terminal', async () => {
    const folder = directory()
    const file = path.join(folder, 'long.wav')
    const silence = Buffer.alloc(130 * 16_000)
    writeFileSync(
      file,
      Buffer.concat([writeWavHeader({ sampleRate: 8000, channels: 1, encoding: 's16le' }, silence.length), silence]),
    )
    const child = spawn('script', ['-qec', `'${process.execPath}' '${main}' '${file}'`, '/dev/null'], {
      // Nothing listens there, so that nobody is asked.
      env: {
        ...process.env,
        ASSEMBLYAI_API_KEY: key,
        HTTPS_PROXY: 'http://127.0.0.1:9',
        https_proxy: 'http://127.0.0.1:9',
        XDG_CACHE_HOME: folder,
        TERM: 'xterm',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    expect(await text(child.stdout)).toContain('note: this takes 2:10, as long as the file; --finished takes minutes')
  })
})
