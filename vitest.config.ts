import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What takes minutes has `long` in its name, and runs by `npm run test:long`. */
const long = 'test/**/*.long.test.ts'

/** Files of properties, which `npm run test:long` tries in full and `npm test` less often: they call `runs()`. */
function properties(): string[] {
  const files = readdirSync(source('./test'), { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => readFileSync(source(`./${file}`), 'utf8').includes('helpers/runs.ts'))
}

export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^diarize-stream$/, replacement: source('./src/index.ts') },
      { find: /^diarize-stream\/server$/, replacement: source('./src/server/index.ts') },
      { find: /^diarize-stream\/testing$/, replacement: source('./src/testing/index.ts') },
    ],
  },
  test: {
    include: mode === 'long' ? [long, ...properties()] : ['test/**/*.test.ts'],
    exclude: mode === 'long' ? [] : [long],
    env: mode === 'long' ? { LONG_RUNS: 'yes' } : {},
    // Half of the tests wait for processes and sockets: with a worker more than there are processors, none is idle. The long
    // ones work, and some watch memory, which depends on how soon V8 gets to tidy up.
    maxWorkers: Math.max(2, availableParallelism() + (mode === 'long' ? 0 : 1)),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
  },
}))
