import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../src/errors.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import { engineUnavailable, findModel } from '../../src/engine/pocketsphinx-library.ts'
import { openDecoders } from '../../src/engine/pocketsphinx.ts'
import { ordinarySettings } from '../helpers/engine-run.ts'

const listener = { speechStarted() {}, turn() {}, revision() {}, failed() {} }

describe('what the embedded engine needs', () => {
  it('is named in one error with the ways out', () => {
    const error = engineUnavailable('the library is missing', new Error('dlopen failed'))
    expect(error).toBeInstanceOf(EngineError)
    expect(error).toMatchObject({ code: 'ENGINE_UNAVAILABLE', cause: new Error('dlopen failed'), retryable: false })
    for (const part of [
      'the library is missing',
      'apt-get install libpocketsphinx3 pocketsphinx-en-us',
      'npm install koffi',
      'ASSEMBLYAI_API_KEY',
      'url',
    ]) {
      expect(error.message).toContain(part)
    }
  })

  it('makes open() reject where the library is missing', async () => {
    const engine = embeddedEngine({ libraryPath: '/nowhere/libpocketsphinx.so.3' })
    await expect(engine.open(ordinarySettings, listener)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
    expect(openDecoders()).toBe(0)
  })

  it('makes open() reject where a model file is missing, and names the file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'no-model-'))
    try {
      expect(() => findModel(folder)).toThrow(expect.objectContaining({ code: 'ENGINE_UNAVAILABLE' }))
      expect(() => findModel(folder)).toThrow(join(folder, 'en-us', 'mdef'))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is not looked for before a session is opened', () => {
    expect(embeddedEngine({ libraryPath: '/nowhere/lib.so', modelPath: '/nowhere' })).toMatchObject({
      name: 'pocketsphinx',
      model: 'pocketsphinx-en-us',
      sampleRate: 16_000,
      fasterThanRealTime: true,
    })
  })

  it('cannot be misspelt in the options', () => {
    expect(() => embeddedEngine({ modelpath: '/x' } as object)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
    expect(() => embeddedEngine({ modelPath: '' })).toThrow('modelPath, when given, must be')
  })
})
