import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const documented = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` /gm)].map(([, code]) => code)

it('lists every error code, and none that does not exist', () => {
  const codes = [...read('src/errors.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code)
  const warnings = documented.slice(codes.length)
  expect(new Set(documented.slice(0, codes.length))).toEqual(new Set(codes))
  expect(warnings).toContain('EMBEDDED_ENGINE')
})

it('lists every code that the source uses', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const used = files.flatMap((name) => {
    // Errors that never leave the file they are made in are not codes of the library.
    const text = read(join('src', name)).replaceAll(/new Error\([^)]*\), \{ code: '\w+'/g, '')
    return [...text.matchAll(/(?:code: |#warn\()'([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, code]) => code)
  })
  // Codes of Node itself.
  const own = used.filter((code) => !code?.startsWith('ERR_'))
  expect(documented).toEqual(expect.arrayContaining([...new Set(own)]))
})
