import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^diarize-stream$/, replacement: source('./src/index.ts') },
      { find: /^diarize-stream\/server$/, replacement: source('./src/server/index.ts') },
      { find: /^diarize-stream\/testing$/, replacement: source('./src/testing/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // A model that was pulled on this machine would be chosen by the tests of the embedded engine.
    env: { DIARIZE_STREAM_MODELS: source('./test/no-models') },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
  },
})
