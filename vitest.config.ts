import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What takes minutes has `long` in its name, and runs by `npm run test:long`. */
const long = 'test/**/*.long.test.ts'

export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^diarize-stream$/, replacement: source('./src/index.ts') },
      { find: /^diarize-stream\/server$/, replacement: source('./src/server/index.ts') },
      { find: /^diarize-stream\/testing$/, replacement: source('./src/testing/index.ts') },
    ],
  },
  test: {
    include: [mode === 'long' ? long : 'test/**/*.test.ts'],
    exclude: mode === 'long' ? [] : [long],
    // Many tests wait for processes and sockets: on two processors one worker, which is vitest's choice, leaves one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
  },
}))
