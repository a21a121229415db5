import { describe, expect, it } from 'vitest'
import { startCommand } from '../cli/command.ts'
import { stores } from '../helpers/stores.ts'

const { missing, start } = stores.redis

describe.skipIf(missing !== undefined)('a worker whose store is away', () => {
  it('ends at SIGTERM all the same', async () => {
    const store = await start()
    const worker = startCommand(['fleet', 'work', '--store', store.url, '--name', 'one'])
    await worker.wrote('one takes jobs')
    await store.close()
    // It has noticed.
    await worker.wrote('warning: ')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toBe(0)
  }, 90_000)
})
