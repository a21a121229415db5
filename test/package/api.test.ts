import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { beforeAll, expect, expectTypeOf, it } from 'vitest'
import { ENTRIES, writeApiReports } from '../../scripts/api-report.ts'
import type * as library from '../../src/index.ts'
import { temporaryFolder } from './temporary.ts'

const root = path.resolve(import.meta.dirname, '../..')
const folder = temporaryFolder()

beforeAll(() => writeApiReports(folder))

it('has a report on every entry of the package', () => {
  const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { exports: object }
  const entries = Object.values(ENTRIES).map((entry) => `./dist/${entry.replace('.d.ts', '.js')}`)
  expect(Object.values(exports).filter((file: string) => file.endsWith('.js'))).toEqual(entries)
  expect(readdirSync(path.join(root, 'api')).toSorted()).toEqual(readdirSync(folder).toSorted())
})

it.each(Object.keys(ENTRIES))('says what users of %s rely on; after a change that is meant: npm run api', (name) => {
  const file = `${name}.api.md`
  expect(readFileSync(path.join(folder, file), 'utf8')).toBe(readFileSync(path.join(root, 'api', file), 'utf8'))
})

it.each(Object.keys(ENTRIES))('exports every type that %s shows', (name) => {
  const report = readFileSync(path.join(folder, `${name}.api.md`), 'utf8')
  const declared = report.match(/^(?:export )?(?:interface|type|class|const|function) \w+/gm) ?? []
  expect(declared.filter((line) => !line.startsWith('export '))).toEqual([])
  expect(declared.length).toBeGreaterThan(10)
})

/** The functions of the package that make a stream which takes any event, a misspelt one, too. */
type Untyped<Library> = {
  [Name in keyof Library]: Library[Name] extends (...args: never[]) => {
    pipe: unknown
    on: (event: infer Event, listener: never) => unknown
  }
    ? string extends Event
      ? Name
      : never
    : never
}[keyof Library]

it('knows the events of every stage by name', () => {
  expectTypeOf<Untyped<{ stage: () => Duplex }>>().toEqualTypeOf<'stage'>()
  expectTypeOf<Untyped<typeof library>>().toBeNever()
})
