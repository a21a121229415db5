/**
 * Runs the commands of the guides and puts what they write into the guides, where it differs by more than the clock. Run it
 * with `npx tsx scripts/update-guides.ts [guide.md …]` after `npm run build`, and read the difference before you keep it.
 */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { comparable, guideCommands } from '../test/helpers/guide.ts'
import { Workplaces } from '../test/helpers/workplaces.ts'

const guides = fileURLToPath(new URL('../docs/guides', import.meta.url))
const names = process.argv.length > 2 ? process.argv.slice(2) : await readdir(guides)

const once = await mkdtemp(join(tmpdir(), 'diarize-stream-guides-'))
process.env['TESTS_MADE_ONCE'] = once
const workplaces = await Workplaces.open()
try {
  for (const name of names.filter((file) => file.endsWith('.md'))) {
    const file = join(guides, name)
    let text = await readFile(file, 'utf8')
    const commands = guideCommands(text)
    await workplaces.follow(commands, await workplaces.make(name), (command, code, printed) => {
      const { script, output, anyNumbers, isServer } = command
      if (code !== 0) throw new Error(`${name}: the exit code of this is ${code}:\n${script}${printed}`)
      if (output === undefined || comparable(printed, anyNumbers) === comparable(output, anyNumbers)) return
      const kind = `\`\`\`sh ${isServer ? 'server' : 'run'}\n`
      const fence = `${kind}${script}\`\`\`\n\n\`\`\`text output${anyNumbers ? ' numbers' : ''}\n`
      text = text.replace(`${fence}${output}`, () => `${fence}${printed.trimEnd()}\n`)
      console.log(`${name}: the output of this has changed:\n${script}`)
    })
    await writeFile(file, text)
  }
} finally {
  await workplaces.close()
  await rm(once, { recursive: true, force: true })
}
