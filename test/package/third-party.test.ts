import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { root } from './user-project.ts'

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>
interface Locked {
  license?: string
  /** Where a package of this repository is. */
  resolved?: string
}
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages
const licenceOf = (name: string): string | undefined => {
  const { license, resolved = '' } = locked[`node_modules/${name}`] ?? {}
  return license ?? locked[resolved]?.license
}

it('names every npm package that is used, with its licence', () => {
  const rows = read('THIRD_PARTY.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  const listed = rows.map(([, what = '', , licence]) => [/^\[?([^\]\s]+)/.exec(what)?.[1], licence?.split(',')[0]])
  const used = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
    Object.keys(manifest[kind] ?? {}).map((name) => [name, licenceOf(name)]),
  )
  expect(used.length).toBeGreaterThan(5)
  expect(listed).toEqual(expect.arrayContaining(used))
})
