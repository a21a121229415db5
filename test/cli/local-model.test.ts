import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { bundledPackage, findPackage } from '../../src/engine/models/package.ts'
import { join16 } from '../helpers/flite.ts'
import { whyNoSherpa } from '../helpers/sherpa.ts'
import { tokenTone, writeTinyRecogniser } from '../helpers/tiny-models.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { startCommand } from './command.ts'

const directory = temporaryDirectories()

/** The detector of speech and the speaker model come from the box, whatever the recogniser. */
function hasBox(): boolean {
  try {
    findPackage(bundledPackage, {})
    return true
  } catch {
    return false
  }
}

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
}

const events = (out: string): Event[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)

describe.skipIf(whyNoSherpa !== undefined || !hasBox())('--engine local --model', () => {
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
  })

  it('names the way to a model that is not there', async () => {
    const { code, err } = await run({}, wav, '--engine', 'local', '--model', 'zipformer-en')
    expect([code, err]).toEqual([4, expect.stringContaining('diarize-stream models pull zipformer-en')])
  })

  it('tells of a model file that would end the process which loads it', async () => {
    const broken = path.join(directory(), 'broken')
    writeTinyRecogniser(broken)
    writeFileSync(path.join(broken, 'decoder-epoch-99-avg-1-chunk-16-left-128.onnx'), 'no model')
    const { code, err } = await run({}, wav, '--engine', 'local', '--model', broken)
    expect([code, err]).toEqual([
      4,
      expect.stringContaining('decoder-epoch-99-avg-1-chunk-16-left-128.onnx: it is no ONNX file'),
    ])
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
