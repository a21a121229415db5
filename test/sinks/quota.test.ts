import { existsSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, it, vi } from 'vitest'
import { srtSink, whisperJsonSink } from '../../src/sinks/caption-sinks.ts'
import { docxSink } from '../../src/sinks/docx.ts'
import { replaceFile } from '../../src/sinks/private-file.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories } from './temporary.ts'

const failing = vi.hoisted(() => ({ at: 'close' as 'close' | 'sync' }))

// A quota is told late by NFS, which takes what is written later.
vi.mock('node:fs/promises', async (original) => {
  const { constants } = await import('node:os')
  const fs = await original<typeof import('node:fs/promises')>()
  const open: typeof fs.open = async (file, ...rest) => {
    const handle = await fs.open(file, ...rest)
    const { at } = failing
    const real = handle[at].bind(handle)
    handle[at] = async () => {
      await real()
      if (String(file).endsWith('.lock')) return
      // What Node makes of EDQUOT.
      const code = `Unknown system error -${constants.errno.EDQUOT}`
      throw Object.assign(new Error(`${code}: ${code}, ${at}`), { errno: -constants.errno.EDQUOT, code })
    }
    return handle
  }
  return { ...fs, open }
})

const directory = temporaryDirectories()

it.each([
  ['captions', 'srt', srtSink],
  ['one JSON', 'json', whisperJsonSink],
  ['a document', 'docx', docxSink],
])('a quota that is used up is told as it is at the close of %s', async (_what, ending, sink) => {
  failing.at = 'close'
  const file = path.join(directory(), `talk.${ending}`)
  await expect(pipeline(Readable.from([makeTurn(0, 'A:word')]), sink(file))).rejects.toMatchObject({
    code: 'OUTPUT_UNWRITABLE',
    message: `cannot write to ${file}: the disk quota is used up; free some space, or choose another target; what is there stays as it was`,
  })
})

it('a file that is replaced stays as it was where the quota is used up, which is told', async () => {
  failing.at = 'sync'
  const file = path.join(directory(), 'checkpoint')
  await expect(replaceFile(file, 'text')).rejects.toThrow(/free some space; the file stays as it was$/)
  expect(existsSync(file)).toBe(false)
})
