import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import { findDamage } from '../../src/engine/model-check.ts'
import { findModel } from '../../src/engine/pocketsphinx-library.ts'
import { ordinarySettings } from '../helpers/engine-run.ts'
import { whyNoSphinx } from '../helpers/sphinx.ts'

describe.skipIf(whyNoSphinx !== undefined)('findDamage', () => {
  const whole = '/usr/share/pocketsphinx/model/en-us'
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'model-'))
    cpSync(whole, folder, { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What is found while `name` is damaged by `damage`; the file is whole again afterwards. */
  async function found(name: string, damage: (path: string) => void): Promise<string | undefined> {
    const path = join(folder, name)
    damage(path)
    try {
      return await findDamage(findModel(folder))
    } finally {
      copyFileSync(join(whole, name), path)
    }
  }

  const files = ['means', 'variances', 'transition_matrices', 'mdef', 'sendump'].map((name) => join('en-us', name))

  it('finds nothing wrong with the model as it is installed', async () => {
    expect(await findDamage(findModel(folder))).toBeUndefined()
  })

  it.each([...files, 'en-us.lm.bin'])('finds that %s is truncated, wherever', async (name) => {
    const { length } = readFileSync(join(whole, name))
    for (const left of [0, 3, 20, 100, Math.floor(length / 2), length - 1]) {
      expect(await found(name, (path) => truncateSync(path, left))).toContain(`${join(folder, name)} is damaged`)
    }
  })

  it.each([...files, 'en-us.lm.bin', 'cmudict-en-us.dict'])('finds that %s is another kind of file', async (name) => {
    const other = Buffer.alloc(50_000, 'PK\u0003\u0004\u0000abc', 'latin1')
    expect(await found(name, (path) => writeFileSync(path, other))).toContain('is damaged')
  })

  it.each(files.slice(0, 3))('finds a changed byte in %s by its checksum', async (name) => {
    const bytes = readFileSync(join(whole, name))
    bytes[bytes.length >> 1]! ^= 0x10
    expect(await found(name, (path) => writeFileSync(path, bytes))).toContain('its checksum does not match')
  })

  it('makes open() reject instead of ending the process', async () => {
    const path = join(folder, 'en-us', 'means')
    truncateSync(path, 1000)
    const listener = { speechStarted() {}, turn() {}, revision() {}, failed() {} }
    await expect(embeddedEngine({ modelPath: folder }).open(ordinarySettings, listener)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('means is damaged'),
    })
    copyFileSync(join(whole, 'en-us', 'means'), path)
  })
})
