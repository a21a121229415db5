import { expect, it } from 'vitest'
import { hashOf, repeated, sortedHashes } from '../../src/batch/path-hashes.ts'

const paths = Array.from({ length: 500 }, (_, index) => `/in/talk${index}.mp4`)
const hashes = (all: readonly string[]): Float64Array => sortedHashes(all.length, 1, (index) => [all[index]!])

it('tells which paths are there twice, and which are among others', () => {
  expect(repeated(hashes(paths))).toEqual(new Set())
  expect(repeated(hashes([...paths, '/in/talk7.mp4']))).toEqual(new Set([hashOf('/in/talk7.mp4')]))
  expect(repeated(hashes(paths), hashes(['/out', '/in/talk499.mp4', '/in/talk0.mp4']))).toEqual(
    new Set(['/in/talk0.mp4', '/in/talk499.mp4'].map(hashOf)),
  )
})

it('takes several paths of each input', () => {
  const both = sortedHashes(500, 2, (index) => [`/out/${index}.srt`, `/out/${index === 9 ? 8 : index}.vtt`])
  expect(both).toHaveLength(1000)
  expect(repeated(both)).toEqual(new Set([hashOf('/out/8.vtt')]))
})
