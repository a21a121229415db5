import { describe, expect, it, vi } from 'vitest'
import { parseCommand } from '../../src/cli/arguments.ts'
import { engineOptions, isLocal } from '../../src/cli/engine-options.ts'

// What the engine makes of its options is tested with it.
vi.mock('../../src/engine/embedded.ts', () => ({ embeddedEngine: (options: object) => ({ made: options }) }))

function options(line: string, environmentKey?: string, apiKey?: string) {
  const command = parseCommand(['a.mp4', ...line.split(' ').filter((word) => word !== '')])
  if (typeof command === 'string') throw new Error(command)
  return engineOptions({ ...command, apiKey: apiKey ?? command.apiKey }, environmentKey)
}

describe('engineOptions', () => {
  it('chooses AssemblyAI where there is a key, else the engine of this machine', () => {
    expect(options('')).toEqual({})
    expect(options('--engine local', 'key')).toEqual({ engine: 'embedded' })
    expect(options('', 'key')).toEqual({ engine: 'assemblyai', apiKey: 'key' })
    expect(options('', 'environment', 'file')).toEqual({ engine: 'assemblyai', apiKey: 'file' })
  })

  it('passes on what AssemblyAI is told', () => {
    const line = '--region eu --model m --keyterms a,b --language de-AT --speakers 3 --channels X,Y'
    expect(options(line, 'key')).toEqual({
      engine: 'assemblyai',
      apiKey: 'key',
      region: 'eu',
      speechModel: 'm',
      keytermsPrompt: ['a', 'b'],
      languageCodes: ['de'],
      maxSpeakers: 3,
      channels: ['X', 'Y'],
    })
    expect(options('--language cy', 'key')).not.toHaveProperty('languageCodes')
  })

  it("shows the names that a server of one's own gives, where asked to", () => {
    expect(options('--url ws://localhost:1 --server-names')).toEqual({
      url: 'ws://localhost:1',
      serverLabels: 'asGiven',
    })
  })

  it('gives model and language to the engine on this machine', () => {
    expect(options('--engine local --model ./some/model', 'key')).toEqual({
      engine: { made: { model: './some/model' } },
    })
    expect(options('--language pt-BR')).toEqual({ engine: { made: { language: 'pt-BR' } } })
    expect(options('--engine local --model whisper-base --language auto --keyterms a')).toEqual({
      engine: { made: { model: 'whisper-base', language: 'auto' } },
      keytermsPrompt: ['a'],
    })
    expect(options('--language auto', 'key')).not.toHaveProperty('languageCodes')
  })

  it('never sends the key of the environment to another server', () => {
    expect(options('--url ws://localhost:1', 'key')).toEqual({ url: 'ws://localhost:1' })
    expect(options('--url ws://localhost:1', 'key', 'file')).toEqual({ url: 'ws://localhost:1', apiKey: 'file' })
  })

  it('gives keyterms to the engine on this machine', () => {
    expect(options('--engine local --keyterms Buxtehude')).toEqual({
      engine: 'embedded',
      keytermsPrompt: ['Buxtehude'],
    })
    expect(options('--keyterms Buxtehude')).toEqual({ keytermsPrompt: ['Buxtehude'] })
  })

  it.each([
    ['--engine assemblyai', 'AssemblyAI needs a key: set ASSEMBLYAI_API_KEY, or give --api-key-file'],
    ['--region eu', 'AssemblyAI needs a key'],
    ['--model m', 'AssemblyAI needs a key'],
    ['--engine local --region eu', '--region is of no use'],
    ['--engine local --url ws://localhost:1', '--url and --engine exclude each other'],
    ['--region us --url ws://localhost:1', '--url and --region exclude each other'],
  ])('refuses %s', (line, message) => {
    expect(() => options(line)).toThrow(message)
  })
})

describe('isLocal', () => {
  const none = { engine: undefined, apiKey: undefined, url: undefined, region: undefined, model: undefined }
  it.each([
    [{}, undefined, true],
    [{}, 'key', false],
    [{ engine: 'embedded', model: 'm' } as const, 'key', true],
    [{ engine: 'assemblyai' } as const, undefined, false],
    [{ url: 'ws://localhost:1' }, undefined, false],
    [{ model: 'm' }, undefined, false],
  ])('of %j with the key %s is %s', (change, key, expected) => {
    expect(isLocal({ ...none, ...change }, key)).toBe(expected)
  })
})
