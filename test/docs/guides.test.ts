import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { anchorsOf } from '../helpers/anchors.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name))
const guides = pages.filter((page) => dirname(page) === join('docs', 'guides'))
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts'))

/** Text without its code, in which a bracket is no link. */
const prose = (text: string): string => text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '')

/** Where a page's headings are found. */
function anchors(text: string): Set<string> {
  const headings = [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)]
  return new Set(anchorsOf(headings.map(([, heading = '']) => heading)))
}

describe('every page', () => {
  it.each(pages)('%s links to files and headings that exist', (page) => {
    const links = [...prose(read(page)).matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map(([, link = '']) => link)
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#')
      const file = path === '' ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, file))) return true
      return anchor !== undefined && !anchors(read(file)).has(anchor)
    })
    expect(broken).toEqual([])
  })

  it('stands in the index', () => {
    const index = read(join('docs', 'README.md'))
    for (const page of pages.filter((name) => !name.endsWith('README.md'))) {
      expect(index).toContain(`](${page.slice('docs/'.length)})`)
    }
  })
})

describe('every guide', () => {
  it.each(guides)('%s can be read at one sitting', (page) => {
    const lines = read(page).split('\n').length
    expect(lines).toBeGreaterThanOrEqual(40)
    expect(lines).toBeLessThanOrEqual(120)
  })

  it.each(guides)('%s has an example, and shows it as it is where it shows all of it', (page) => {
    const text = read(page)
    const named = examples.filter((name) => text.includes(`(../../examples/${name})`))
    expect(named).not.toEqual([])
    const codes = named.map((name) => read(join('examples', name)).split('\n').slice(1).join('\n'))
    for (const [, shown = ''] of text.matchAll(/^```ts\n(import .*?)^```$/gms)) expect(codes).toContain(shown)
  })
})

describe('every example', () => {
  it.each(examples)('%s is short and stands in the index', (name) => {
    const lines = read(join('examples', name)).split('\n')
    expect(lines.length).toBeLessThan(60)
    expect(lines[0]).toMatch(/^\/\/ /)
    expect(read(join('docs', 'README.md'))).toContain(`](../examples/${name})`)
  })
})
