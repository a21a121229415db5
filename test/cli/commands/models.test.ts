import { modelOffer, pullLine, runModels } from '../../../src/cli/commands/models.ts'
import { catalogue, findEntry, isListed, type ModelEntry } from '../../../src/engine/models/catalogue.ts'
import { bundledPackage } from '../../../src/engine/models/package.ts'
import { writeModelPackage } from '../../helpers/model-files.ts'
import { type HubServer, hubServer, sha256 } from '../../helpers/model-server.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { startCommand } from '../command.ts'
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const directory = temporaryDirectories()
const commit = '0123456789abcdef0123456789abcdef01234567'
const voices = Buffer.alloc(100_000, 'model')
const entry: ModelEntry = {
  name: 'voices-test',
  role: 'speakers',
  about: 'voices for a test',
  repo: 'someone/voices',
  revision: commit,
  licence: 'CC BY 4.0',
  licenceUrl: 'https://example.org/licence',
  origin: 'https://example.org/origin',
  files: { model: { path: 'voices.onnx', size: voices.length, sha256: sha256(voices) } },
}
const unpinned: ModelEntry = {
  ...entry,
  name: 'voices-main',
  revision: 'main',
  files: { model: { path: 'voices.onnx', size: 1_000_000 } },
}

let server: HubServer
let home: string
beforeEach(async () => {
  home = directory()
  server = await hubServer({ 'someone/voices': { commit, files: { 'voices.onnx': voices } } })
  ;(catalogue as ModelEntry[]).push(entry, unpinned)
  vi.stubEnv('HF_HOME', path.join(home, 'hf'))
  vi.stubEnv('XDG_CACHE_HOME', path.join(home, 'state'))
  vi.stubEnv('HF_ENDPOINT', server.url)
  vi.stubEnv('DIARIZE_STREAM_MODELS', path.join(home, 'models'))
})
afterEach(async () => {
  ;(catalogue as ModelEntry[]).splice(-2)
  vi.unstubAllEnvs()
  await server.close()
})

/** What the command does, without a process. */
async function models(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') =>
    ({ write: (text: string) => Boolean((written[name] += text)) }) as unknown as NodeJS.WriteStream
  const output = { stdout: stream('out'), stderr: stream('err') }
  const code = await runModels(args, output, new AbortController().signal)
  return { code, ...written }
}

const snapshot = (): string => path.join(home, 'hf', 'hub', 'models--someone--voices', 'snapshots', commit)

describe('models list', () => {
  it('says what there is, with licences, sizes and whose figures these are', async () => {
    const { code, out } = await models('list')
    expect(code).toBe(0)
    for (const { name, licence } of catalogue.filter((item) => isListed(item))) {
      expect(out).toMatch(new RegExp(`^ {2}${name} .*${licence}`, 'm'))
    }
    expect(out).toMatch(/parakeet-v3 .*; published WER 6\.3 % on .*; 670 MB$/m)
    expect(out).toMatch(/whisper-base .*; at most 201 MB$/m)
    // The box may be installed.
    expect(out.split('\n').filter((line) => line.endsWith('[here]') && !line.includes('in the box'))).toEqual([])
    expect(out).not.toContain('turbo')
    expect((await models('list', '--all')).out).toMatch(/whisper-large-v3-turbo .*NO word times/)
  })

  it('says what is on this machine', async () => {
    writeModelPackage(path.join(home, 'models', bundledPackage))
    mkdirSync(path.join(home, 'models', 'sense-voice'))
    const { out } = await models('list')
    expect(out).toMatch(/whisper-tiny\.en .*in the box.*\[here\]$/m)
    expect(out).toMatch(/sense-voice .*\[here\]$/m)
  })
})

describe('models pull', () => {
  it('shows the licence and the address before it downloads, and tells where the model is', async () => {
    const { code, err } = await models('pull', 'voices-test')
    expect(code).toBe(0)
    expect(err.split('\n')).toEqual([
      'voices-test: voices for a test',
      'licence: CC BY 4.0, https://example.org/licence',
      'made of https://example.org/origin',
      `from ${server.url}/someone/voices/tree/${commit}, 0.1 MB`,
      'the SHA-256 of the files are as they should be',
      `voices-test is in ${snapshot()}`,
      '',
    ])
    expect((await models('list')).out).toMatch(/voices-test .*\[here\]$/m)
    expect((await models('pull', 'voices-test')).err).toBe(
      `voices-test is there already, and is as it should be: ${snapshot()}\n`,
    )
  })

  it('does not download what is in the folder of models', async () => {
    mkdirSync(path.join(home, 'models', 'voices-test'), { recursive: true })
    const { err } = await models('pull', 'voices-test')
    expect(err).toBe(`voices-test is there already: ${path.join(home, 'models', 'voices-test')}\n`)
    expect(server.requests).toEqual([])
  })

  it('marks a hash that nobody knew as unverified', async () => {
    const { err } = await models('pull', 'voices-main')
    expect(err).toContain(`voices.onnx: SHA-256 ${sha256(voices)}; unverified: no other was known`)
    expect(err).not.toContain('as they should be')
  })

  it('tells of what another program fetched', async () => {
    const repository = path.join(home, 'hf', 'hub', 'models--someone--voices')
    mkdirSync(path.join(repository, 'blobs'), { recursive: true })
    mkdirSync(snapshot(), { recursive: true })
    writeFileSync(path.join(repository, 'blobs', sha256(voices)), voices)
    symlinkSync(path.join('..', '..', 'blobs', sha256(voices)), path.join(snapshot(), 'voices.onnx'))
    expect((await models('pull', 'voices-test')).err).toContain('is there already, and is as it should be')
    expect(server.requests).toEqual([])
  })
})

describe('models path', () => {
  it('prints the cache, or the folder of a model', async () => {
    expect((await models('path')).out).toBe(`${path.join(home, 'hf', 'hub')}\n`)
    await expect(models('path', 'voices-test')).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining('diarize-stream models pull voices-test') as string,
    })
    await models('pull', 'voices-test')
    expect((await models('path', 'voices-test')).out).toBe(`${snapshot()}\n`)
  })
})

describe('models', () => {
  it.each([
    [[], 'needs to know what to do: list, pull or path'],
    [['push'], 'models cannot push: list, pull or path'],
    [['pull'], 'models pull needs the name of a model'],
    [['pull', 'nothing'], 'there is no model called nothing; it is one of whisper-base,'],
    [['pull', 'campplus-en', 'resnet34-en'], 'one model at a time'],
    [['list', 'all'], 'models list takes nothing more than --all; got all'],
    [['path', 'a', 'b'], 'one model at a time'],
  ])('refuses %j', async (args, message) => {
    await expect(models(...args)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message) as string,
    })
  })

  it('explains itself', async () => {
    expect((await models('--help')).out).toContain('HF_ENDPOINT a mirror')
  })
})

describe('the command', () => {
  const campplus = findEntry('campplus-en')!
  const size = 29_596_978
  let large: HubServer
  let env: Record<string, string>
  beforeEach(async () => {
    const files = { '3dspeaker_speech_campplus_sv_en_voxceleb_16k.onnx': Buffer.alloc(size, 'x') }
    large = await hubServer({ [campplus.repo]: { commit: campplus.revision, files } })
    env = { HF_HOME: path.join(home, 'hf'), XDG_CACHE_HOME: path.join(home, 'state'), HF_ENDPOINT: large.url }
  })
  afterEach(() => large.close())

  it('keeps nothing that is not the model, and ends with a code that says so', async () => {
    const running = startCommand(['models', 'pull', 'campplus-en'], env)
    expect(await running.ended).toBe(4)
    expect(running.err).toMatch(
      /licence: Apache-2\.0, https:[\s\S]*from http:[\s\S]*is [0-9a-f]{64} instead of 357a834f/,
    )
    expect(running.err).not.toContain('█')
    expect(running.out).toBe('')
    const wrong = startCommand(['models', 'pull', 'nothing'], env)
    expect(await wrong.ended).toBe(2)
  })

  it('ends a pull at Ctrl-C, which the next one continues', async () => {
    large.faults.stopAfter = 50_000
    const running = startCommand(['models', 'pull', 'campplus-en'], env)
    const blobs = path.join(home, 'hf', 'hub', 'models--csukuangfj--speaker-embedding-models', 'blobs')
    const received = (): number => {
      try {
        return statSync(path.join(blobs, readdirSync(blobs)[0] ?? '')).size
      } catch {
        return 0
      }
    }
    let isOver = false
    void running.ended.then(() => (isOver = true))
    while (received() < 50_000) {
      if (isOver) throw new Error(`it ended: ${running.err}`)
      await delay(5)
    }
    running.child.kill('SIGINT')
    expect([await running.ended, running.err]).toEqual([1, expect.stringContaining('pull it again to go on')])
    expect(readdirSync(blobs)).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.incomplete$/)])
    expect(readdirSync(path.join(home, 'state', 'diarize-stream', 'locks'))).toEqual([])
    rmSync(blobs, { recursive: true })
  })
})

describe('pullLine', () => {
  it('shows a bar where the size is known, and never more than fits', () => {
    const progress = { done: 15_000_000, total: 60_000_000 }
    expect(pullLine(progress, 80)).toBe(`${'█'.repeat(6)}${'░'.repeat(18)}  downloading  25 %  15 MB of 60 MB`)
    expect(pullLine({ done: 1_500_000, total: 0 }, 80)).toBe('downloading  1.5 MB')
    for (let width = 0; width < 60; width++) expect(pullLine(progress, width).length).toBeLessThanOrEqual(width)
  })
})

// How large a machine is decides what is offered.
vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  totalmem: vi.fn<typeof totalmem>(),
  availableParallelism: vi.fn<typeof availableParallelism>(),
}))

const command = {
  engine: undefined,
  finished: false,
  apiKey: undefined,
  url: undefined,
  region: undefined,
  model: undefined,
  language: undefined,
  quiet: false,
  json: false,
}
let env: Record<string, string>
beforeEach(() => {
  vi.mocked(totalmem).mockReturnValue(16e9)
  vi.mocked(availableParallelism).mockReturnValue(8)
  const home = directory()
  env = { XDG_CACHE_HOME: home, HF_HOME: home }
})

const offer = (change: Partial<Parameters<typeof modelOffer>[0]> = {}) => modelOffer({ ...command, ...change }, env)

describe('modelOffer', () => {
  it('is made once', () => {
    expect(offer()).toContain('a better model for this machine is parakeet-v2 (661 MB, published WER')
    expect(offer()).toBeUndefined()
  })

  it('is made to people who use the model in the box', () => {
    expect(offer({ apiKey: 'key' })).toBeUndefined()
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
