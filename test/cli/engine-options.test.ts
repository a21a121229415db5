import { describe, expect, it } from 'vitest'
import { parseCommand } from '../../src/cli/arguments.ts'
import { engineOptions } from '../../src/cli/engine-options.ts'

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

  it('takes a model of the local engine', () => {
    expect(options('--engine local --model /some/model', 'key')).toMatchObject({
      engine: { name: 'sherpa-onnx', model: 'model' },
    })
    expect(options('--engine local --model pocketsphinx')).toMatchObject({ engine: { name: 'pocketsphinx' } })
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
