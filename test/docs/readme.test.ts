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
