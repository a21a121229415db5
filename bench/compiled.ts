import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
let done = false

/**
 * Path of a script of this folder as plain JavaScript, beside the library as it is published. What is measured in a
 * process of its own runs like that: the loader for TypeScript has a cost at run time.
 *
 * @param name - of the script within bench, such as `sockets/client.ts`.
 */
export function compiled(name: string): string {
  if (!done) {
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    execFileSync(process.execPath, [compiler, '-p', join(root, 'bench/tsconfig.json')], { stdio: 'inherit' })
    done = true
  }
  return join(root, 'dist-bench/bench', name.replace(/\.ts$/, '.js'))
}
