import { describe, expect, it } from 'vitest'
import { containerName } from '../../src/audio/container.ts'

describe('containerName', () => {
  it.each([
    ['MP4 or QuickTime', '\0\0\0\x20ftypisom'],
    ['Ogg', 'OggS\0\x02\0\0\0\0\0\0'],
    ['FLAC', 'fLaC\0\0\0\x22\0\0\0\0'],
    ['Matroska or WebM', '\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0'],
    ['MP3', 'ID3\x04\0\0\0\0\0\0\0\0'],
    ['AVI', 'RIFF\0\0\0\0AVI '],
  ])('knows %s', (name, head) => {
    expect(containerName(Buffer.from(head, 'latin1'))).toBe(name)
  })

  it('knows nothing in samples, short or absent ones too', () => {
    for (const head of [
      Buffer.alloc(0),
      Buffer.alloc(12),
      Buffer.alloc(12, 0xff),
      Buffer.from('ftyp'),
      Buffer.from('RIFF'),
    ]) {
      expect(containerName(head)).toBeUndefined()
    }
  })
})
