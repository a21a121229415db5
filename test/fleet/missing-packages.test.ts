import { afterEach, expect, it, vi } from 'vitest'
import { openFleet } from '../../src/fleet/index.ts'

afterEach(() => {
  vi.doUnmock('bullmq')
  vi.doUnmock('ioredis')
  vi.doUnmock('pg')
  vi.resetModules()
})

it.each([
  ['bullmq', 'redis://127.0.0.1:1'],
  ['ioredis', 'redis://127.0.0.1:1'],
  ['pg', 'postgres://127.0.0.1:1/any'],
])('says that a fleet needs %s where it is missing', async (name, store) => {
  vi.doMock(name, () => {
    throw new Error(`Cannot find package '${name}'`)
  })
  await expect(openFleet({ store })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: `a fleet needs the package ${name}: npm install ${name}`,
  })
})
