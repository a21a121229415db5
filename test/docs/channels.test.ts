import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { channelChecks } from '../../src/transforms/channels/options.ts'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const guide = read('docs/channels.md')

it('shows the example as it is', () => {
  const shown = /```ts\n(import .*?)```/s.exec(guide)?.[1]
  const [, ...code] = read('examples/call-recording.ts').split('\n')
  expect(shown).toBe(code.join('\n'))
})

it('tells of every option', () => {
  for (const name of Object.keys(channelChecks)) expect(guide).toMatch(new RegExp(`\\b${name}\\b`))
})

it('links to files that exist', () => {
  for (const [, path = ''] of guide.matchAll(/\]\(\.\.\/([^)#]+)\)/g)) expect(() => read(path)).not.toThrow()
})
