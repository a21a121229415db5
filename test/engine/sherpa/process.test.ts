import { afterEach, describe, expect, it } from 'vitest'
import { ProcessEnded, SherpaProcess } from '../../../src/engine/sherpa/process.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { whyNoSherpa } from '../../helpers/sherpa.ts'

const marker = 'engine-process.js'
const pid = (): number => childProcesses(marker)[0]!.pid

describe.skipIf(whyNoSherpa !== undefined)('SherpaProcess', () => {
  afterEach(() => noChildLeft(marker))

  it('passes on what went wrong, and goes on', async () => {
    const child = new SherpaProcess()
    await expect(child.call('start', { stream: 1 }, 30_000)).rejects.toThrow('no model is loaded')
    await expect(child.call('nothing' as 'start', { stream: 1 }, 30_000)).rejects.toThrow('there is no such call')
    expect(child.ended).toBe(false)
    await child.close()
    await expect(child.call('start', { stream: 1 }, 30_000)).rejects.toThrow('is closed')
  })

  it('does not end by Ctrl-C, which reaches it as well', async () => {
    const child = new SherpaProcess()
    await expect(child.call('start', { stream: 1 }, 30_000)).rejects.toThrow('no model is loaded')
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid(), signal)
    await expect(child.call('start', { stream: 1 }, 30_000)).rejects.toThrow('no model is loaded')
    await child.close()
  })

  it.skipIf(process.platform === 'win32')('is ended where it does not answer in time', async () => {
    const child = new SherpaProcess()
    await expect(child.call('start', { stream: 1 }, 30_000)).rejects.toThrow('no model is loaded')
    process.kill(pid(), 'SIGSTOP')
    const failures = await Promise.allSettled([
      child.call('start', { stream: 1 }, 20),
      child.call('partial', { stream: 1 }, 30_000),
    ])
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: expect.any(ProcessEnded) as ProcessEnded })
      expect(String((failure as PromiseRejectedResult).reason)).toContain('did not answer within 0.02 s')
    }
    expect(child.ended).toBe(true)
  })

  it('can be closed before it has begun', async () => {
    const child = new SherpaProcess()
    const call = child.call('start', { stream: 1 }, 30_000)
    await Promise.all([expect(call).rejects.toThrow('is closed'), child.close()])
    await child.close()
  })
})
