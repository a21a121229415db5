import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../.ci/run', import.meta.url))

let tree: string

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'ci-run-test-'))
  for (const folder of ['.ci', 'bin']) mkdirSync(join(tree, folder))
  copyFileSync(script, join(tree, '.ci/run'))
})

afterEach(() => rmSync(tree, { recursive: true, force: true }))

/** Runs the script with an npm that prints the text and exits with the code; all is well with the tests that take long. */
function ciRun(printed: string, code: number, long = '      Tests  1 passed (1)\n') {
  writeFileSync(join(tree, 'printed'), printed)
  writeFileSync(join(tree, 'long'), long)
  const tests = `if [ "$*" = test ]; then cat '${join(tree, 'printed')}'; exit ${code}; fi`
  const npm = `#!/bin/sh\n${tests}\nif [ "$*" = "run test:long" ]; then cat '${join(tree, 'long')}'; exit; fi\necho 1.2.3\n`
  writeFileSync(join(tree, 'bin/npm'), npm)
  chmodSync(join(tree, 'bin/npm'), 0o755)
  const { status, stdout } = spawnSync('bash', [join(tree, '.ci/run')], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(tree, 'bin')}:${process.env['PATH']}` },
    timeout: 30_000,
  })
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1), stdout }
}

describe.skipIf(process.platform === 'win32')('.ci/run', () => {
  it('closes with the counts of a run in which all passed', () => {
    const { status, lastLine, stdout } = ciRun(' Test Files  3 passed (3)\n      Tests  123 passed (123)\n', 0)
    expect(lastLine).toBe('124 passed, 0 failed')
    expect(stdout).toContain('Test Files  3 passed (3)')
    expect(status).toBe(0)
  })

  it('reads the summary through its colours, with failed and skipped tests', () => {
    const tests = `\u001B[2m      Tests \u001B[22m \u001B[1m\u001B[31m2 failed\u001B[39m\u001B[22m\u001B[2m | \u001B[22m\u001B[1m\u001B[32m40 passed\u001B[39m\u001B[22m\u001B[2m | \u001B[22m\u001B[33m3 skipped\u001B[39m\u001B[90m (45)\u001B[39m\n`
    const { status, lastLine } = ciRun(tests, 1)
    expect(lastLine).toBe('41 passed, 2 failed, 3 skipped')
    expect(status).toBe(1)
  })

  it('counts test files that did not load as failed', () => {
    const { status, lastLine } = ciRun(' Test Files  2 failed | 1 passed (3)\n      Tests  9 passed (9)\n', 1)
    expect(lastLine).toBe('10 passed, 2 failed')
    expect(status).toBe(1)
  })

  it('reports a failure when the tests never ran', () => {
    const { status, lastLine } = ciRun('setup: npm ci failed:\n', 7)
    expect(lastLine).toBe('1 passed, 1 failed')
    expect(status).toBe(1)
  })

  it('adds the tests that take long', () => {
    const { status, lastLine } = ciRun('      Tests  5 passed (5)\n', 0, '      Tests  1 failed | 2 passed (3)\n')
    expect(lastLine).toBe('7 passed, 1 failed')
    expect(status).toBe(1)
  })
})
