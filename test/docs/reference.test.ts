import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { beforeAll, expect, it } from 'vitest'
import * as library from 'diarize-stream'
import * as server from 'diarize-stream/server'
import * as testing from 'diarize-stream/testing'
import { readPublicNames } from '../../scripts/reference/public-names.ts'
import { reference } from '../../scripts/reference/reference.ts'
import { anchorsOf } from '../helpers/anchors.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const file = fileURLToPath(new URL('../../docs/reference.md', import.meta.url))
let text: string

beforeAll(async () => {
  text = await readFile(file, 'utf8')
})

it('is what the source says: if not, run npx tsx scripts/make-reference.ts', async () => {
  const made = await format(reference(root), { ...(await resolveConfig(file)), filepath: file })
  expect(text).toBe(made)
})

it('holds everything that can be imported', () => {
  const headings = new Set([...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name))
  for (const name of [library, server, testing].flatMap((module) => Object.keys(module))) {
    expect(headings).toContain(name)
  }
})

it('has a sentence for every option and every event', () => {
  const names = readPublicNames(root, ['index.ts', 'captions/index.ts', 'server/index.ts', 'testing/index.ts']).flat()
  const tables = names.filter(({ name }) => /(?:Options|Parameters|Events)$/.test(name))
  const silent = tables.flatMap(({ name, members }) =>
    members.filter(({ text }) => text === '').map((member) => `${name}.${member.name}`),
  )
  expect(tables.length).toBeGreaterThan(20)
  expect(silent).toEqual([])
})

it('links to places that exist', () => {
  const anchors = anchorsOf([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading))
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor)
  expect(links.length).toBeGreaterThan(100)
  expect(links.filter((link) => !anchors.includes(link))).toEqual([])
})
