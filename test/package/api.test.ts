import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { ENTRIES, writeApiReports } from '../../scripts/api-report.ts'
import { temporaryFolder } from './user-project.ts'

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
