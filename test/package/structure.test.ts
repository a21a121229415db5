import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')

/** TypeScript files below `folder`, relative to the root. */
function filesIn(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file))
}

/** Files of this repository that `file` imports or exports from, those that are only loaded when they are used left out. */
function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '(\.[^']+)'/gm)].map(([, target = '']) =>
    path.join(path.dirname(file), target),
  )
}

/** The first circle of imports that is met from `file`; `undefined` where there is none. */
function circleFrom(file: string, done: Set<string>, trail: readonly string[] = []): string[] | undefined {
  if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
  if (done.has(file)) return undefined
  for (const next of importsOf(file)) {
    const circle = circleFrom(next, done, [...trail, file])
    if (circle !== undefined) return circle
  }
  done.add(file)
  return undefined
}

describe('the source', () => {
  const source = filesIn('src')

  it('has no circles of imports', () => {
    const done = new Set<string>()
    for (const file of source) expect(circleFrom(file, done)).toBeUndefined()
    expect(done.size).toBe(source.length)
  })

  it('has folders that one can look over', () => {
    const sizes: Record<string, number> = {}
    for (const folder of source.map((file) => path.dirname(file))) sizes[folder] = (sizes[folder] ?? 0) + 1
    expect(Object.entries(sizes).filter(([, size]) => size > 15)).toEqual([])
  })

  it('has index files that only export', () => {
    for (const file of source.filter((name) => path.basename(name) === 'index.ts')) {
      const rest = readFileSync(path.join(root, file), 'utf8')
        .replaceAll(/\/\*\*[^]*?\*\/|^\/\/.*$/gm, '')
        .replaceAll(/^export (?:type )?(?:\{[^}]*\}|\*) from '[^']+'$/gm, '')
      expect({ file, rest: rest.trim() }).toEqual({ file, rest: '' })
    }
  })
})

it('no test imports a benchmark', () => {
  const importing = filesIn('test').filter((file) => importsOf(file).some((target) => target.startsWith('bench')))
  expect(importing).toEqual([])
})
