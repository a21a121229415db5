import { writeFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { modelOffer } from '../../src/cli/models-offer.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

// How large a machine is decides what is offered.
vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  totalmem: vi.fn<typeof totalmem>(),
  availableParallelism: vi.fn<typeof availableParallelism>(),
}))

const directory = temporaryDirectories()
const command = { model: undefined, language: undefined, quiet: false, json: false }
let env: Record<string, string>
beforeEach(() => {
  vi.mocked(totalmem).mockReturnValue(16e9)
  vi.mocked(availableParallelism).mockReturnValue(8)
  const home = directory()
  env = { XDG_CACHE_HOME: home, HF_HOME: home }
})

const offer = (
  change: Partial<typeof command> | { model: string } | { language: string } = {},
  engine: 'local' | 'other' = 'local',
) => modelOffer({ ...command, ...change }, engine, { isTerminal: true, env })

describe('modelOffer', () => {
  it('is made once', () => {
    expect(offer()).toContain('a better model for this machine is parakeet-v2 (661 MB, published WER')
    expect(offer()).toBeUndefined()
  })

  it('is made to people who use the model in the box', () => {
    expect(modelOffer(command, 'local', { isTerminal: false, env })).toBeUndefined()
    expect(offer({}, 'other')).toBeUndefined()
    expect(offer({ quiet: true })).toBeUndefined()
    expect(offer({ json: true })).toBeUndefined()
    expect(offer({ model: './folder' })).toBeUndefined()
    expect(offer({ language: 'xx' })).toBeUndefined()
    expect(offer({ language: 'de' })).toContain('parakeet-v3')
  })

  it('is no reason to fail', () => {
    const file = path.join(env['XDG_CACHE_HOME']!, 'file')
    writeFileSync(file, '')
    env = { XDG_CACHE_HOME: file, HF_HOME: file }
    expect(offer()).toContain('parakeet-v2')
  })
})
