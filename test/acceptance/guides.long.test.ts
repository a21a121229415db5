import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { comparable, guideCommands } from '../helpers/guide.ts'
import { GuideRunner } from '../helpers/guide-runner.ts'

const guides = fileURLToPath(new URL('../../docs/guides', import.meta.url))
const names = (await readdir(guides)).filter((name) => name.endsWith('.md'))
let runner: GuideRunner

beforeAll(async () => {
  runner = await GuideRunner.open()
})

afterAll(() => runner.close())

// Where the output has changed for a good reason, npx tsx scripts/update-guides.ts puts the new one into the guides.
describe('the commands of a guide do what it says', () => {
  it('finds the guides', () => expect(names.length).toBeGreaterThanOrEqual(10))

  it.each(names)('%s', { timeout: 300_000 }, async (name) => {
    const commands = guideCommands(await readFile(join(guides, name), 'utf8'))
    if (commands.length === 0) return
    const folder = await runner.workplace(name)
    for (const { script, output, anyNumbers } of commands) {
      const ran = await runner.run(script, folder)
      const expected = output ?? ran.output
      expect(comparable(ran.output, anyNumbers)).toBe(comparable(expected, anyNumbers))
      expect({ script, code: ran.code }).toEqual({ script, code: 0 })
    }
  })
})
