import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), 'utf8')

it('shows the example as it is', () => {
  const shown = /```ts\nimport(.*?)```/s.exec(read('README.md'))?.[1]
  const [, ...code] = read('examples/caption-a-video.ts').split('\n')
  expect(`import${shown}`).toBe(code.join('\n'))
})

it('names commands that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const [, name = ''] of read('README.md').matchAll(/npm (?:run )?(\w+)$/gm)) expect(scripts).toHaveProperty(name)
})

it('links to files that exist', () => {
  for (const [, path = ''] of read('README.md').matchAll(/\]\((?!https?:)([^)#]+)\)/g))
    expect(() => read(path)).not.toThrow()
})

it('says of sizes what the page on the engine adds up to, and the package with the model says of itself', () => {
  const sizes = (path: string, pattern: RegExp): number[] => (pattern.exec(read(path)) ?? []).slice(1).map(Number)
  const models = sizes('docs/engines.md', /three models \((\d+) MB, (\d+) MB packed\)/)
  const library = sizes('docs/engines.md', /for the platform \((\d+) MB, (\d+) MB packed\)/)
  expect([...models, ...library]).toHaveLength(4)
  const added = models.map((size, index) => size + library[index]!)
  expect(sizes('README.md', /(\d+) MB installed, (\d+) MB fetched/)).toEqual(added)
  const own = read('packages/diarize-stream-model-en-tiny/README.md').matchAll(/(\d+) MB/g)
  expect(new Set([...own].map(([, size]) => Number(size)))).toEqual(new Set(models))
})
