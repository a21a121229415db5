/**
 * Runs the commands of the guides and puts what they write into the guides, where it differs by more than the clock. Run it
 * with `npx tsx scripts/update-guides.ts [guide.md …]` after `npm run build`, and read the difference before you keep it.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { comparable, guideCommands } from '../test/helpers/guide.ts'
import { GuideRunner } from '../test/helpers/guide-runner.ts'

const guides = fileURLToPath(new URL('../docs/guides', import.meta.url))
const names = process.argv.length > 2 ? process.argv.slice(2) : await readdir(guides)

const runner = await GuideRunner.open()
try {
  for (const name of names.filter((file) => file.endsWith('.md'))) {
    const file = join(guides, name)
    const folder = await runner.workplace(name)
    let text = await readFile(file, 'utf8')
    for (const { script, output, anyNumbers } of guideCommands(text)) {
      const ran = await runner.run(script, folder)
      if (ran.code !== 0) throw new Error(`${name}: the exit code of this is ${ran.code}:\n${script}${ran.output}`)
      if (output === undefined || comparable(ran.output, anyNumbers) === comparable(output, anyNumbers)) continue
      const fence = `\`\`\`sh run\n${script}\`\`\`\n\n\`\`\`text output${anyNumbers ? ' numbers' : ''}\n`
      text = text.replace(`${fence}${output}`, () => `${fence}${ran.output.trimEnd()}\n`)
      console.log(`${name}: the output of this has changed:\n${script}`)
    }
    await writeFile(file, text)
  }
} finally {
  await runner.close()
}
