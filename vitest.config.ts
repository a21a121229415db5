import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The test files, by their paths, and what is in them. */
const files = readdirSync(source('./test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file.replaceAll('\\', '/')}`)
  .map((path) => ({ path, isLong: path.endsWith('.long.test.ts'), text: readFileSync(source(`./${path}`), 'utf8') }))

/** Whether `npm test` tries properties in full as well, so that `npm run test:long` need not: as `.ci/run` does. */
const isInFull = process.env['LONG_RUNS'] === 'yes'

/** Files of which `npm run test:long` tries more than `npm test`: properties, and long tables. */
const hasMore = (text: string): boolean => text.includes('helpers/runs.ts')

/**
 * Files that change what belongs to their process, or look at it: the modules it has loaded, its environment, its children.
 * Each has a process of its own. All others share a few, which saves half a second a file to start them and to load all.
 */
const needsProcess = (text: string): boolean =>
  /\bvi\.(?:mock|stub)|\bprocess\.(?:chdir|env\[)|(?:processes|leftovers)\.ts/.test(text)

/** What takes longest begins first, so that nobody waits for it when all else is done. */
const longest = [
  'engine/process/endurance.long',
  'acceptance/guides.long',
  'acceptance/noises.long',
  'trials/camera.long',
  'trials/rollover.long',
  'sources/hls/live',
  'sources/hls/source',
  'acceptance/containers',
  'sources/http/source',
  'cli/interrupts',
  'cli/main',
  'session/session',
  'package/package',
  'fleet/fleet',
  'ffmpeg/decoder',
  'sources/rtsp/source',
  'trials/faults',
  'engine/embedded',
  'acceptance/hostile-inputs',
  'acceptance/demo',
]

class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? longest.length : at
    }
    // oxlint-disable-next-line unicorn/no-array-sort -- it is not that of an array
    return (await super.sort(specifications)).toSorted((one, other) => rank(one) - rank(other))
  }
}

export default defineConfig(({ mode }) => {
  // What takes minutes has `long` in its name.
  const isAskedFor = ({ isLong, text }: (typeof files)[number]): boolean =>
    mode === 'long' ? isLong || (hasMore(text) && !isInFull) : !isLong
  const project = (name: string, isolate: boolean) => ({
    resolve: {
      alias: [
        { find: /^diarize-stream$/, replacement: source('./src/index.ts') },
        { find: /^diarize-stream\/captions$/, replacement: source('./src/captions/index.ts') },
        { find: /^diarize-stream\/server$/, replacement: source('./src/server/index.ts') },
        { find: /^diarize-stream\/testing$/, replacement: source('./src/testing/index.ts') },
        { find: /^diarize-stream\/fleet$/, replacement: source('./src/fleet/index.ts') },
      ],
    },
    test: {
      name,
      isolate,
      include: files
        .filter(isAskedFor)
        .filter(({ isLong, text }) => (isLong || needsProcess(text)) === isolate)
        .map(({ path }) => path),
      env: {
        TESTS_MADE_ONCE: join(tmpdir(), `diarize-stream-tests-${process.pid}`),
        ...(mode === 'long' || isInFull ? { LONG_RUNS: 'yes' } : {}),
      },
      globalSetup: 'test/helpers/made-once.ts',
      // For what hangs: it says nothing of how fast this machine is.
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  })
  return {
    test: {
      sequence: { sequencer: LongestFirst },
      // Half of the tests wait for processes and sockets: with a worker more than there are processors, none is idle.
      maxWorkers: availableParallelism() + 1,
      projects: [project('alone', true), project('shared', false)],
      coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    },
  }
})
