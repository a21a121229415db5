import { describe, expect, it } from 'vitest'
import { JobQueue } from '../../src/engine/job-queue.ts'

const noError = (error: unknown): never => {
  throw error
}
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('JobQueue', () => {
  it('runs one job at a time in the order they came', async () => {
    const queue = new JobQueue(noError)
    const log: string[] = []
    const job = (name: string) => async () => {
      log.push(`${name} begins`)
      await tick()
      log.push(`${name} ends`)
    }
    await Promise.all([queue.add(job('a')), queue.add(job('b'))])
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  it('runs a job that is added the moment the last one has ended', async () => {
    const queue = new JobQueue(noError)
    const log: number[] = []
    for (let i = 0; i < 5; i++) await queue.add(() => void log.push(i))
    for (let i = 5; i < 10; i++) await queue.add(async () => void log.push(i))
    expect(log).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await queue.close()
  })

  it('drops waiting jobs and waits for the running one when it is closed', async () => {
    const queue = new JobQueue(noError)
    const log: string[] = []
    let release = (): void => {}
    const first = queue.add(async () => {
      await new Promise<void>((resolve) => (release = resolve))
      log.push('first ended')
    })
    const second = queue.add(() => void log.push('second ran'))
    const closed = queue.close().then(() => log.push('closed'))
    await second
    expect(log).toEqual([])
    release()
    await Promise.all([first, closed])
    expect(log).toEqual(['first ended', 'closed'])
    await queue.add(() => void log.push('never'))
    expect(log).not.toContain('never')
  })

  it('tells the first error, then runs nothing more', async () => {
    const errors: unknown[] = []
    const queue = new JobQueue((error) => errors.push(error))
    let ran = false
    await Promise.all([queue.add(() => Promise.reject(new Error('broken'))), queue.add(() => void (ran = true))])
    expect(errors).toEqual([new Error('broken')])
    expect(ran).toBe(false)
    expect(queue.closed).toBe(true)
    await queue.close()
  })

  it('keeps the errors of the job under way to itself once it is closed', async () => {
    const queue = new JobQueue(noError)
    let fail = (): void => {}
    const job = queue.add(() => new Promise<void>((_resolve, reject) => (fail = () => reject(new Error('closed')))))
    const closed = queue.close()
    fail()
    await Promise.all([job, closed])
    expect(queue.closed).toBe(true)
  })

  it('can be closed from within a job', async () => {
    const queue = new JobQueue(noError)
    let ran = false
    const job = queue.add(() => void queue.close())
    await Promise.all([job, queue.add(() => void (ran = true))])
    expect(ran).toBe(false)
    await queue.close()
  })
})
