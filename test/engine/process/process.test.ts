import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { RecogniserModel } from '../../../src/engine/models/model.ts'
import { ProcessEnded, SherpaProcess } from '../../../src/engine/process/process.ts'
import { EngineError } from '../../../src/errors.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker, whyNoSherpa } from '../../helpers/sherpa.ts'
import { tinySpeakerModel, writeTinyRecogniser } from '../../helpers/tiny-models.ts'

const pid = (): number => childProcesses(marker)[0]!.pid
function open(nodePath?: string): SherpaProcess {
  const child = new SherpaProcess(nodePath)
  children.push(child)
  return child
}
const start = (child: SherpaProcess): Promise<undefined> => child.call('start', { stream: 1 }, 30_000)
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sherpa-'))
})
const children: SherpaProcess[] = []
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.close()))
  await noChildLeft(marker)
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.skipIf(whyNoSherpa !== undefined)('SherpaProcess', () => {
  it('passes on what went wrong, and goes on', async () => {
    const child = open()
    await expect(start(child)).rejects.toThrow('no model is loaded')
    await expect(child.call('nothing' as 'start', { stream: 1 }, 30_000)).rejects.toThrow('there is no such call')
    expect(child.ended).toBe(false)
    expect(child.memory).toBeGreaterThan(1_000_000)
    await child.close()
    await expect(start(child)).rejects.toThrow('is closed')
  })

  it.skipIf(process.platform === 'win32')('runs where the system does not say how much memory it has', async () => {
    const node = join(folder, 'node')
    const hidden =
      'data:text/javascript,process.memoryUsage.rss=()=>{throw new Error("ENOENT, uv_resident_set_memory")}'
    writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' --import '${hidden}' "$@"\n`, { mode: 0o755 })
    const child = open(node)
    await expect(start(child)).rejects.toThrow('no model is loaded')
    expect(child.memory).toBeGreaterThan(1_000_000)
    await child.close()
  })

  it('does not end by Ctrl-C, which reaches it as well', async () => {
    const child = open()
    await expect(start(child)).rejects.toThrow('no model is loaded')
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid(), signal)
    await expect(start(child)).rejects.toThrow('no model is loaded')
    await child.close()
  })

  it.skipIf(process.platform === 'win32')('is ended where it does not answer in time', async () => {
    const child = open()
    await expect(start(child)).rejects.toThrow('no model is loaded')
    process.kill(pid(), 'SIGSTOP')
    const failures = await Promise.allSettled([
      child.call('start', { stream: 1 }, 20),
      child.call('partial', { stream: 1 }, 30_000),
    ])
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: expect.any(ProcessEnded) as ProcessEnded })
      expect(failure).toMatchObject({ reason: { wasLate: true } })
      expect(String((failure as PromiseRejectedResult).reason)).toContain('did not answer within 0.02 s')
    }
    expect(child.ended).toBe(true)
    await child.close()
  })

  it('can be closed before it has begun', async () => {
    const child = open()
    const call = start(child)
    await Promise.all([expect(call).rejects.toThrow('is closed'), child.close()])
    await child.close()
  })

  /** A tiny recogniser of its own, in which `damage` is done. */
  function damaged(name: string, damage: (files: Record<string, string>) => void): RecogniserModel {
    const own = join(folder, name)
    writeTinyRecogniser(own)
    const part = (kind: string, small = ''): string =>
      join(own, `${kind}-epoch-99-avg-1-chunk-16-left-128${small}.onnx`)
    const files = {
      encoder: part('encoder', '.int8'),
      decoder: part('decoder'),
      joiner: part('joiner'),
      tokens: join(own, 'tokens.txt'),
    }
    damage(files)
    return {
      name,
      folder: own,
      expected: [],
      mode: 'streaming',
      kind: 'transducer',
      files,
      languages: [],
      detectsLanguage: false,
      lateMs: 0,
      onlyCapitals: true,
      takesHotwords: false,
      hasWordTimes: true,
    }
  }

  it.each<[string, (files: Record<string, string>) => void, RegExp]>([
    ['cut-off', ({ joiner }) => writeFileSync(joiner!, tinySpeakerModel().subarray(0, 200)), /ended/],
    ['of-another-kind', ({ encoder }) => writeFileSync(encoder!, tinySpeakerModel()), /ended/],
    ['no-model', ({ encoder }) => writeFileSync(encoder!, 'no model at all'), /ended/],
    ['without-tokens', ({ tokens }) => writeFileSync(tokens!, '\n'), /tokens\.txt is empty/],
    ['missing', ({ decoder }) => rmSync(decoder!), /check your config/],
  ])('tells of a model that is %s, and does not take this process along', async (name, damage, message) => {
    const child = open()
    await expect(
      child.call('loadRecogniser', { model: damaged(name, damage), hotwords: false }, 60_000),
    ).rejects.toThrow(message)
    await child.close()
  })

  it('has what the process wrote last', async () => {
    const child = open()
    const load = child.call(
      'loadRecogniser',
      { model: damaged('log', ({ joiner }) => writeFileSync(joiner!, 'x')), hotwords: false },
      60_000,
    )
    await expect(load).rejects.toMatchObject({ hadStarted: true, log: expect.stringMatching(/\S/) as string })
  })
})

describe('the Node.js that runs a process', () => {
  it.each<[string, string, RegExp]>([
    ['is not there', join(tmpdir(), 'no-such-node'), /could not be started: .*ENOENT/],
    ...(process.platform === 'win32'
      ? []
      : [['ends at once', '/bin/false', /ended with exit code 1/] satisfies [string, string, RegExp]]),
  ])('%s: the process has never started', async (_what, nodePath, message) => {
    const child = open(nodePath)
    await expect(start(child)).rejects.toMatchObject({
      hadStarted: false,
      message: expect.stringMatching(message) as string,
    })
    await expect(start(child)).rejects.toBeInstanceOf(ProcessEnded)
    await child.close()
  })

  it('is told of where Node refuses at once to start it', () => {
    expect(() => new SherpaProcess(`${process.execPath}/node`)).toThrow(
      expect.objectContaining({
        code: 'ENGINE_UNAVAILABLE',
        message: expect.stringMatching(/ENOTDIR.*DIARIZE_STREAM_NODE/) as string,
      }),
    )
  })

  /** Does something as if another runtime had this process. */
  function asRunBy(name: string, act: () => void): void {
    vi.stubGlobal('process', Object.create(process, { versions: { value: { ...process.versions, [name]: '1.0.0' } } }))
    try {
      act()
    } finally {
      vi.unstubAllGlobals()
    }
  }

  it('must be named where Electron runs this', () => {
    asRunBy('electron', () => {
      expect(() => new SherpaProcess(undefined)).toThrow(EngineError)
      expect(() => new SherpaProcess(undefined)).toThrow(/run by Electron: name one by the option nodePath/)
    })
  })

  it.each([undefined, process.execPath])('is none where Bun runs this, which cannot talk to Node.js: %s', (named) => {
    asRunBy('bun', () => {
      expect(() => new SherpaProcess(named)).toThrow(EngineError)
      expect(() => new SherpaProcess(named)).toThrow(/Bun cannot talk to one: run `diarize-stream serve` by Node\.js/)
    })
  })

  it('must not be named where Deno runs this, which waits for ever for what a Node.js says', () => {
    asRunBy('deno', () => {
      expect(() => new SherpaProcess(process.execPath)).toThrow(EngineError)
      expect(() => new SherpaProcess(process.execPath)).toThrow(/leave out the option nodePath/)
    })
  })

  it.skipIf(whyNoSherpa !== undefined)('does not get the options of this one', async () => {
    const env = vi.stubEnv('NODE_OPTIONS', '--no-such-option')
    try {
      const child = open(process.execPath)
      await expect(start(child)).rejects.toThrow('no model is loaded')
      await child.close()
    } finally {
      env.unstubAllEnvs()
    }
  })
})
