import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { pullLine } from '../../src/cli/models-progress.ts'
import { catalogue, modelsUrl } from '../../src/engine/models/catalogue.ts'
import { pullModel } from '../../src/engine/models/pull.ts'
import { join16 } from '../helpers/flite.ts'
import { modelServer } from '../helpers/model-server.ts'
import { whyNoSherpa } from '../helpers/sherpa.ts'
import { bzip2, tarFile, whyNoBzip2 } from '../helpers/tar.ts'
import { tinySpeakerModel, tokenTone, writeTinyRecogniser } from '../helpers/tiny-models.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { startCommand } from './command.ts'

const directory = temporaryDirectories()

async function run(
  env: Record<string, string>,
  ...argv: string[]
): Promise<{ code: number | null; out: string; err: string }> {
  const running = startCommand(argv, env)
  running.child.stdin?.end()
  const code = await running.ended
  return { code, out: running.out, err: running.err }
}

/** A recording of "hello world … good bye". */
function recording(folder: string): string {
  const samples = join16([
    tokenTone(undefined, 1000),
    tokenTone('▁HEL', 300),
    tokenTone('LO', 300),
    tokenTone('▁WORLD', 300),
    tokenTone(undefined, 2000),
    tokenTone('▁GOOD', 300),
    tokenTone('▁BY', 300),
    tokenTone('E', 300),
    tokenTone(undefined, 1000),
  ])
  const file = path.join(folder, 'tones.wav')
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, data.length)
  writeFileSync(file, Buffer.concat([header, data]))
  return file
}

interface Event {
  type: string
  name?: string
  model?: string
  transcript?: string
  endOfTurn?: boolean
}

const events = (out: string): Event[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)

describe('diarize-stream models', () => {
  it('prints the folder', async () => {
    const { code, out } = await run({ DIARIZE_STREAM_MODELS: '/some/where' }, 'models', 'path')
    expect([code, out]).toEqual([0, '/some/where\n'])
  })

  it('lists what there is, with licences', async () => {
    const { code, out } = await run({}, 'models', 'list')
    expect(code).toBe(0)
    for (const { name, licence } of catalogue) expect(out).toMatch(new RegExp(`^ {2}${name} .*${licence}`, 'm'))
    expect(out).not.toContain('[pulled]')
  })

  it.each([
    [[], 'needs to know what to do: list, pull or path'],
    [['push'], 'models cannot push: list, pull or path'],
    [['pull'], 'models pull needs the name of a model'],
    [['pull', 'nothing'], 'there is no model called nothing; it is one of zipformer-en,'],
    [['pull', 'campplus-en', 'resnet34-en'], 'one model at a time'],
    [['list', 'all'], 'models list takes nothing more; got all'],
  ])('refuses %j', async (argv, message) => {
    const { code, err } = await run({}, 'models', ...argv)
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })

  it('shows the licence before it downloads, and keeps nothing that is not the model', async () => {
    const [url = ''] = catalogue.filter(({ name }) => name === 'campplus-en').map((entry) => entry.url)
    const server = await modelServer({ [`/${url.slice(modelsUrl.length)}`]: tinySpeakerModel() })
    const env = { DIARIZE_STREAM_MODELS: directory(), DIARIZE_STREAM_MODELS_URL: server.url }
    const { code, err } = await run(env, 'models', 'pull', 'campplus-en')
    expect(code).toBe(4)
    expect(err).toMatch(
      /licence: Apache-2\.0, https:[\s\S]*from http:[\s\S]*its SHA-256 is [0-9a-f]{64} instead of 357a834f/,
    )
    expect(readdirSync(env.DIARIZE_STREAM_MODELS)).toEqual([])
    const missing = await run(env, 'models', 'pull', 'resnet34-en')
    expect([missing.code, missing.err]).toEqual([4, expect.stringContaining('answers with status 404')])
    await server.close()
  })
})

describe('Ctrl-C', () => {
  it('ends a pull, which the next one continues', async () => {
    const [url = ''] = catalogue.filter(({ name }) => name === 'campplus-en').map((entry) => entry.url)
    const address = `/${url.slice(modelsUrl.length)}`
    const data = Buffer.alloc(100_000, 'model')
    const server = await modelServer({ [address]: data }, { stopAfter: 50_000 })
    const models = directory()
    const running = startCommand(['models', 'pull', 'campplus-en'], {
      DIARIZE_STREAM_MODELS: models,
      DIARIZE_STREAM_MODELS_URL: server.url,
    })
    const part = path.join(models, 'campplus-en.part')
    while ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < 50_000) await delay(5)
    running.child.kill('SIGINT')
    expect([await running.ended, running.err]).toEqual([1, expect.stringContaining('pull it again to go on')])
    expect(readdirSync(models).toSorted()).toEqual(['campplus-en.part', 'campplus-en.part.json'])
    await server.close()
  })
})

describe.skipIf(whyNoSherpa !== undefined)('--engine local --model', () => {
  let model: string
  let wav: string
  beforeEach(() => {
    const folder = directory()
    model = path.join(folder, 'tiny')
    writeTinyRecogniser(model)
    wav = recording(folder)
  })

  it('runs the recogniser in a folder, and says so', async () => {
    const { code, out, err } = await run({}, wav, '--engine', 'local', '--model', model, '--json')
    expect([code, err]).toEqual([0, ''])
    expect(events(out).find(({ type }) => type === 'session')).toMatchObject({ name: 'sherpa-onnx', model: 'tiny' })
    const turns = events(out).filter(({ type, endOfTurn }) => type === 'turn' && endOfTurn)
    expect(turns.map(({ transcript }) => transcript?.toLowerCase().replaceAll(/[^a-z ]/g, ''))).toEqual([
      'hello world',
      'good bye',
    ])
  })

  it('names the way to a model that is not there', async () => {
    const { code, err } = await run({}, wav, '--engine', 'local', '--model', 'zipformer-en')
    expect([code, err]).toEqual([4, expect.stringContaining('diarize-stream models pull zipformer-en')])
  })

  it('tells of a model file that ends the process which loads it', async () => {
    const broken = path.join(directory(), 'broken')
    writeTinyRecogniser(broken)
    writeFileSync(path.join(broken, 'decoder-epoch-99-avg-1-chunk-16-left-128.onnx'), 'no model')
    const { code, err } = await run({}, wav, '--engine', 'local', '--model', broken)
    expect([code, err]).toEqual([4, expect.stringContaining(`the model in ${broken} cannot be loaded`)])
  })

  it.skipIf(whyNoBzip2 !== undefined)('is not needed once a model has been pulled, but checked each time', async () => {
    const parts = readdirSync(model).map((name) => [`m/${name}`, readFileSync(path.join(model, name))] as const)
    const [entry] = catalogue
    const archive = bzip2(tarFile(Object.fromEntries(parts)))
    const server = await modelServer({ '/m.tar.bz2': archive })
    const env = { DIARIZE_STREAM_MODELS: directory() }
    const sha256 = createHash('sha256').update(archive).digest('hex')
    await pullModel({ ...entry!, url: `${server.url}m.tar.bz2`, sha256 }, { models: env.DIARIZE_STREAM_MODELS })
    await server.close()
    expect((await run(env, 'models', 'list')).out).toMatch(/zipformer-en .*\[pulled\]/)
    expect((await run(env, 'models', 'pull', entry!.name)).err).toContain('is there already')
    const { code, out } = await run(env, wav, '--json')
    expect(code).toBe(0)
    expect(events(out).find(({ type }) => type === 'session')).toMatchObject({
      name: 'sherpa-onnx',
      model: entry!.name,
    })
    writeFileSync(path.join(env.DIARIZE_STREAM_MODELS, entry!.name, 'tokens.txt'), '<blk> 0\n')
    const changed = await run(env, wav, '--json')
    expect([changed.code, changed.out]).toEqual([4, expect.stringContaining('"code":"MODEL_UNUSABLE"')])
    rmSync(path.join(env.DIARIZE_STREAM_MODELS, entry!.name), { recursive: true })
  })

  it.skipIf(process.platform !== 'linux')('leaves no process behind when it is killed', async () => {
    const running = startCommand(['-', '--engine', 'local', '--model', model])
    running.child.stdin!.write(readFileSync(wav))
    let child: number | undefined
    while (child === undefined) {
      child = engineProcesses().find(({ parent }) => parent === running.child.pid)?.pid
      await delay(10)
    }
    running.child.kill('SIGKILL')
    await running.ended
    const deadline = Date.now() + 20_000
    const isLeft = (): boolean => engineProcesses().some(({ pid }) => pid === child)
    while (isLeft() && Date.now() < deadline) await delay(20)
    expect(isLeft()).toBe(false)
  })
})

/** The processes on this machine in which models run. */
function engineProcesses(): { pid: number; parent: number }[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      if (!readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('engine-process.js')) return []
      const [, parent] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? []
      return [{ pid: Number(entry), parent: Number(parent) }]
    } catch {
      return []
    }
  })
}

describe('pullLine', () => {
  it('shows a bar where the size is known, and never more than fits', () => {
    const progress = { phase: 'download', done: 15_000_000, total: 60_000_000 } as const
    expect(pullLine(progress, 80)).toBe(`${'█'.repeat(6)}${'░'.repeat(18)}  downloading  25 %  15 MB of 60 MB`)
    expect(pullLine({ phase: 'unpack', done: 1_500_000, total: undefined }, 80)).toBe('unpacking  1.5 MB')
    for (let width = 0; width < 60; width++) expect(pullLine(progress, width).length).toBeLessThanOrEqual(width)
  })
})
