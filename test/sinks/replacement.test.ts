import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/sinks/replacement.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()

describe('makeFolder', () => {
  it('makes a folder and all it lies in, also where several do at once', async () => {
    const root = directory()
    const folder = path.join(root, 'a', 'b', 'c')
    await Promise.all([makeFolder(folder), makeFolder(folder), makeFolder(path.join(folder, 'd')), makeFolder(root)])
    expect(statSync(path.join(folder, 'd')).isDirectory()).toBe(true)
  })

  it('takes a link to a folder for one', async () => {
    const root = directory()
    symlinkSync(root, path.join(root, 'link'))
    await makeFolder(path.join(root, 'link', 'a'))
    expect(statSync(path.join(root, 'a')).isDirectory()).toBe(true)
  })

  it('fails where a file is in the way, or a link to nothing', async () => {
    const root = directory()
    writeFileSync(path.join(root, 'file'), '')
    symlinkSync('nowhere', path.join(root, 'dangling'))
    await expect(makeFolder(path.join(root, 'file', 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(makeFolder(path.join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(path.join(root, 'dangling', 'a'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it.runIf(process.platform === 'linux')('fails, and does not try for ever, where none can be made', async () => {
    await expect(makeFolder('/proc/captions/talks')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
