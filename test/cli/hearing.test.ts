import { parseCommand } from '../../src/cli/arguments.ts'
import { engineOptions, isLocal, withKey } from '../../src/cli/hearing.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'

const directory = temporaryDirectories()

// What the engine makes of its options is tested with it.
vi.mock('../../src/engine/embedded.ts', () => ({ embeddedEngine: (options: object) => ({ made: options }) }))

async function options(line: string, environmentKey?: string, apiKey?: string) {
  const command = parseCommand(['a.mp4', ...line.split(' ').filter((word) => word !== '')])
  if (typeof command === 'string') throw new Error(command)
  return engineOptions(withKey({ ...command, apiKey: apiKey ?? command.apiKey }, environmentKey))
}

describe('engineOptions', () => {
  it('chooses AssemblyAI where there is a key, else the engine of this machine', async () => {
    expect(await options('')).toEqual({})
    expect(await options('--engine local', 'key')).toEqual({ engine: 'embedded' })
    expect(await options('', 'key')).toEqual({ engine: 'assemblyai', apiKey: 'key' })
    expect(await options('', 'environment', 'file')).toEqual({ engine: 'assemblyai', apiKey: 'file' })
  })

  it('passes on what AssemblyAI is told', async () => {
    const line = '--region eu --model m --keyterms a,b --language de-AT --speakers 3'
    expect(await options(line, 'key')).toEqual({
      engine: 'assemblyai',
      apiKey: 'key',
      region: 'eu',
      parameters: { speechModel: 'm', keytermsPrompt: ['a', 'b'], languageCodes: ['de'], maxSpeakers: 3 },
    })
    const apart = await options('--channels X,Y --speakers 3', 'key')
    expect(apart).toEqual({ engine: 'assemblyai', apiKey: 'key', channels: ['X', 'Y'] })
    expect(await options('--language cy', 'key')).not.toHaveProperty('parameters')
  })

  it('names speakers by a book, learns new ones where asked to, and makes no voices where that is not wanted', async () => {
    const file = path.join(directory(), 'voices.json')
    const learning = await options(`--engine local --voices ${file} --learn-voices`)
    expect(learning).toMatchObject({ engine: 'embedded', voices: { path: file, learn: true } })
    writeFileSync(file, '')
    expect(await options(`--engine local --voices ${file}`)).toMatchObject({ voices: { path: file, learn: false } })
    expect(await options('--engine local --no-voices')).toEqual({ engine: 'embedded', voices: false })
  })

  it("shows the names that a server of one's own gives, where asked to", async () => {
    expect(await options('--url ws://localhost:1 --server-names')).toEqual({
      url: 'ws://localhost:1',
      serverLabels: 'asGiven',
    })
  })

  it('gives model and language to the engine on this machine', async () => {
    expect(await options('--engine local --model ./some/model', 'key')).toEqual({
      engine: { made: { model: './some/model' } },
    })
    expect(await options('--language pt-BR')).toEqual({ engine: { made: { language: 'pt-BR' } } })
    expect(await options('--engine local --model whisper-base --language auto --keyterms a')).toEqual({
      engine: { made: { model: 'whisper-base', language: 'auto' } },
      parameters: { keytermsPrompt: ['a'] },
    })
    expect(await options('--language auto', 'key')).not.toHaveProperty('parameters')
  })

  it('never sends the key of the environment to another server', async () => {
    expect(await options('--url ws://localhost:1', 'key')).toEqual({ url: 'ws://localhost:1' })
    expect(await options('--url ws://localhost:1', 'key', 'file')).toEqual({ url: 'ws://localhost:1', apiKey: 'file' })
  })

  it('gives keyterms to the engine on this machine', async () => {
    expect(await options('--engine local --keyterms Buxtehude')).toEqual({
      engine: 'embedded',
      parameters: { keytermsPrompt: ['Buxtehude'] },
    })
    expect(await options('--keyterms Buxtehude')).toEqual({ parameters: { keytermsPrompt: ['Buxtehude'] } })
  })

  it.each([
    ['--engine assemblyai', 'AssemblyAI needs a key: set ASSEMBLYAI_API_KEY, or give --api-key-file'],
    ['--region eu', 'AssemblyAI needs a key'],
    ['--model m', 'AssemblyAI needs a key'],
    ['--engine local --region eu', '--region is of no use'],
    ['--engine local --url ws://localhost:1', '--url and --engine exclude each other'],
    ['--learn-voices', '--learn-voices needs --voices <file>'],
    ['--learn-voices --no-voices', '--learn-voices needs --voices <file>'],
    [
      '--voices no-such-folder/book.json --learn-voices',
      /there is no folder .*no-such-folder for the voice book book.json/,
    ],
    ['--voices no-such-book.json', 'there is no voice book no-such-book.json; make one by diarize-stream voices add'],
    ['--region us --url ws://localhost:1', '--url and --region exclude each other'],
  ])('refuses %s', async (line, message) => {
    await expect(options(line)).rejects.toThrow(message)
  })
})

describe('isLocal', () => {
  const none = {
    engine: undefined,
    finished: false,
    apiKey: undefined,
    url: undefined,
    region: undefined,
    model: undefined,
  }
  it.each([
    [{}, true],
    [{ apiKey: 'key' }, false],
    [{ engine: 'embedded', model: 'm', apiKey: 'key' } as const, true],
    [{ engine: 'assemblyai' } as const, false],
    [{ url: 'ws://localhost:1' }, false],
    [{ model: 'm' }, false],
    [{ finished: true }, false],
  ])('of %j is %s', (change, expected) => {
    expect(isLocal({ ...none, ...change })).toBe(expected)
  })
})
