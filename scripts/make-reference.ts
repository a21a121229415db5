/**
 * Writes `docs/reference.md` from the doc comments of the source. Run it with `npx tsx scripts/make-reference.ts`
 * whenever a public comment, option or event has changed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { reference } from './reference/reference.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = fileURLToPath(new URL('../docs/reference.md', import.meta.url))

const text = await format(reference(root), { ...(await resolveConfig(file)), filepath: file })
const isNew = (await readFile(file, 'utf8').catch(() => '')) !== text
if (isNew) await writeFile(file, text)
console.log(`${file}: ${text.split('\n').length} lines, ${isNew ? 'written' : 'up to date'}`)
