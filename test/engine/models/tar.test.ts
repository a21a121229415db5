import { describe, expect, it } from 'vitest'
import { readTar } from '../../../src/engine/models/tar.ts'
import { safeName } from '../../../src/engine/models/unpack.ts'
import { tarEntry, tarFile } from '../../helpers/tar.ts'

async function read(archive: Buffer, chunk = 100): Promise<Record<string, string>> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < archive.length; at += chunk) yield archive.subarray(at, at + chunk)
  }
  const files: Record<string, string> = {}
  for await (const { path, size, body } of readTar(source())) {
    const parts: Uint8Array[] = []
    if (!path.endsWith('skipped')) {
      for await (const part of body) parts.push(part)
      if (Buffer.concat(parts).length !== size) throw new Error(`${path} is not of its size`)
    }
    files[path] = Buffer.concat(parts).toString()
  }
  return files
}

describe('readTar', () => {
  it('reads files of any length, and passes over those nobody reads', async () => {
    const archive = tarFile({
      'a/one': 'x'.repeat(511),
      'a/two': 'y'.repeat(512),
      'a/skipped': 'z'.repeat(2000),
      e: '',
    })
    for (const chunk of [1, 100, 1 << 20]) {
      expect(await read(archive, chunk)).toEqual({
        'a/one': 'x'.repeat(511),
        'a/two': 'y'.repeat(512),
        'a/skipped': '',
        e: '',
      })
    }
  })

  it('knows the two ways of long names, and the prefix', async () => {
    const long = `${'n'.repeat(120)}/file`
    const pax = `${String(long.length + 10)} path=${long}\n`
    const archive = Buffer.concat([
      tarEntry('././@LongLink', `${long}\0`, { type: 'L' }),
      tarEntry('short', '1'),
      tarEntry('attributes', pax, { type: 'x' }),
      tarEntry('short', '2'),
      tarEntry('name', '3', { prefix: 'in/front' }),
      Buffer.alloc(1024),
    ])
    expect(pax).toHaveLength(Number.parseInt(pax, 10))
    expect(await read(archive)).toEqual({ [long]: '2', 'in/front/name': '3' })
  })

  it('gives no links, folders or devices', async () => {
    const archive = Buffer.concat([
      tarEntry('link', '', { type: '2', link: '/etc/passwd' }),
      tarEntry('hard', '', { type: '1', link: 'link' }),
      tarEntry('folder/', '', { type: '5' }),
      tarEntry('device', '', { type: '3' }),
      tarEntry('file', 'f'),
      Buffer.alloc(1024),
    ])
    expect(await read(archive)).toEqual({ file: 'f' })
  })

  it('refuses what is damaged', async () => {
    const archive = tarFile({ file: 'f'.repeat(600) })
    await expect(read(archive.subarray(0, 900))).rejects.toThrow('ends too early')
    await expect(read(archive.subarray(0, 1536))).rejects.toThrow('ends too early')
    const changed = Buffer.from(archive)
    changed[0]! ^= 1
    await expect(read(changed)).rejects.toThrow('the sum of a header is wrong')
    await expect(read(Buffer.from('<html>'.repeat(200)))).rejects.toThrow('damaged')
    const long = tarEntry('l', 'x'.repeat(70_000), { type: 'L' })
    await expect(read(long)).rejects.toThrow('too long')
  })
})

describe('safeName', () => {
  it('keeps the files of the first folder', () => {
    expect(safeName('model/encoder.onnx')).toBe('encoder.onnx')
    expect(safeName('./model/encoder.onnx')).toBe('encoder.onnx')
    expect(safeName('encoder.onnx')).toBe('encoder.onnx')
    expect(safeName('model/test_wavs/0.wav')).toBeUndefined()
    expect(safeName('model/._encoder.onnx')).toBeUndefined()
  })

  it.each(['/etc/passwd', 'model/../../x', '..', 'model/..\\x', 'C:/x', 'model/a\0b', 'model/a\nb'])(
    'refuses %j',
    (name) => {
      expect(() => safeName(name)).toThrow('unsafe path')
    },
  )
})
