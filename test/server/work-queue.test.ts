import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { WorkQueue } from '../../src/server/work-queue.ts'

function queue(limitMs: number) {
  const events: string[] = []
  const work = new WorkQueue(limitMs, {
    full: () => events.push('full'),
    drained: () => events.push('drained'),
    failed: (error) => events.push(`failed: ${String(error)}`),
  })
  return { work, events }
}

describe('WorkQueue', () => {
  it('does one job after another, in order, and nothing before it is started', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (slow) => {
        const { work, events } = queue(1e9)
        let busy = false
        slow.forEach((isSlow, index) =>
          work.push(10, async () => {
            expect(busy).toBe(false)
            busy = true
            if (isSlow) await new Promise(setImmediate)
            busy = false
            events.push(String(index))
          }),
        )
        expect(events).toEqual([])
        work.start()
        await vi.waitFor(() => expect(work.waitingMs).toBe(0))
        expect(events).toEqual(slow.map((_, index) => String(index)))
      }),
      { numRuns: 20 },
    )
  })

  it('says once when it is full and once when it has half drained', async () => {
    const { work, events } = queue(100)
    const finish: (() => void)[] = []
    for (let count = 0; count < 6; count++) {
      work.push(25, () => {
        return new Promise<void>((resolve) => {
          finish.push(resolve)
        })
      })
    }
    expect(events).toEqual(['full'])
    work.start()
    for (let done = 1; done <= 6; done++) {
      await vi.waitFor(() => expect(finish).toHaveLength(1))
      finish.pop()?.()
      await vi.waitFor(() => expect(work.waitingMs).toBe(150 - done * 25))
      expect(events).toEqual(done < 4 ? ['full'] : ['full', 'drained'])
    }
  })

  it('counts commands too, so that they cannot pile up', () => {
    const { work, events } = queue(100)
    for (let count = 0; count < 6; count++) work.push(0, () => {})
    expect(events).toEqual(['full'])
  })

  it('stops at the first failure', async () => {
    const { work, events } = queue(100)
    work.start()
    work.push(0, () => Promise.reject(new Error('no')))
    work.push(0, () => {
      events.push('never')
    })
    await vi.waitFor(() => expect(events).toEqual(['failed: Error: no']))
    work.push(0, () => {
      events.push('never')
    })
    await new Promise(setImmediate)
    expect(events).toEqual(['failed: Error: no'])
  })

  it('says nothing once stopped, whatever the job in work does', async () => {
    const { work, events } = queue(10)
    let fail!: (error: Error) => void
    work.start()
    work.push(100, () => {
      return new Promise<void>((_resolve, reject) => {
        fail = reject
      })
    })
    work.push(100, () => {
      events.push('never')
    })
    work.stop()
    fail(new Error('late'))
    await new Promise(setImmediate)
    expect(events).toEqual(['full'])
  })
})
