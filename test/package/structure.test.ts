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

/** Files whose code is run by whoever imports `file`, later or at once: those of which only types are imported are not loaded. */
function codeOf(file: string, pattern: RegExp): string[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  const targets: string[] = []
  for (const [, what = '', target = ''] of text.matchAll(pattern)) {
    const names = /\{([^}]*)\}/
      .exec(what)?.[1]
      ?.split(',')
      .filter((name) => name.trim() !== '') ?? ['all']
    const isType = /^ type\b/.test(what) || names.every((name) => name.trim().startsWith('type '))
    if (!isType) targets.push(path.join(path.dirname(file), target))
  }
  return targets
}

const AT_ONCE = /^(?:import|export)\b([^'"]*?)from '(\.[^']+)'/gm
const LATER = /()\bawait import\('(\.[^']+)'\)/g

/** Files of which code is run by whoever imports `file`. */
function loadedBy(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  for (const target of codeOf(file, AT_ONCE)) loadedBy(target, loaded)
  return loaded
}

/** Each costs who imports the library a fraction of a millisecond, as long as the command or a script takes to begin. */
const MOST_LOADED = 70
/** What only some chains use, and each when there is audio or a turn. */
const LOADED_WHEN_USED = [
  'src/audio/pcm.ts',
  'src/batch/caption-each.ts',
  'src/captions/composer/',
  'src/checkpoint/checkpointing.ts',
  'src/destinations/segmented-text.ts',
  'src/engine/',
  'src/ffmpeg/decoding.ts',
  'src/server/',
  'src/session/',
  'src/sources/hls/',
  'src/sources/live/joint.ts',
  'src/sources/live/openings.ts',
  'src/stream/supervisor.ts',
  'src/stream/turn-totals.ts',
  'src/transforms/hearing/',
  'src/voices/book-file.ts',
]

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

  it('has folders that load code of those that the documentation says', () => {
    const folderOf = (file: string): string => /^src\/(\w+)\//.exec(file)?.[1] ?? ''
    const page = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8')
    const rows = new Map(
      [...page.matchAll(/^\| `(\w+)\/` +\|[^|]*\| ([^|]*)\|$/gm)].map(([, name = '', cell = '']) => [name, cell]),
    )
    const folders = new Set(source.map(folderOf).filter((name) => name !== ''))
    expect(new Set(rows.keys())).toEqual(folders)
    for (const [folder, cell] of rows) {
      const files = source.filter((file) => folderOf(file) === folder)
      const targets = files.flatMap((file) =>
        [AT_ONCE, LATER].flatMap((pattern) => codeOf(file, pattern)).map(folderOf),
      )
      const loaded = new Set(targets.filter((name) => name !== '' && name !== folder))
      const named = new Set([...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
      const isAllBut = cell.startsWith('all but')
      // Of `all but`, nothing that is named is loaded; else what is named, and nothing more.
      const expected = isAllBut ? [...loaded].filter((name) => !named.has(name)) : [...named]
      expect({ folder, loaded }).toEqual({ folder, loaded: new Set(expected) })
    }
  })

  it('has an entry that loads no more than it must', () => {
    const loaded = loadedBy('src/index.ts')
    expect(loaded.size).toBeLessThanOrEqual(MOST_LOADED)
    expect([...loaded].filter((file) => LOADED_WHEN_USED.some((folder) => file.startsWith(folder)))).toEqual([])
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
