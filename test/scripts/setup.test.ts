import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/setup.js', import.meta.url))

/** Stands in for npm: writes down its arguments, answers as the environment says, and installs or builds a little. */
const fakeNpm = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
const args = process.argv.slice(2)
appendFileSync('npm-calls', args.join(' ') + '\\n')
const failing = process.env.FAKE_NPM_FAILS ?? ''
if (failing && args[0].startsWith(failing)) {
  console.error(process.env.FAKE_NPM_SAYS ?? 'it went wrong')
  process.exit(1)
}
if (args[0] === 'run') {
  const folder = args[args.indexOf('--outDir') + 1]
  mkdirSync(folder)
  writeFileSync(join(folder, 'index.js'), 'fresh')
} else {
  mkdirSync('node_modules/left-pad', { recursive: true })
  writeFileSync('node_modules/left-pad/package.json', '{}')
  writeFileSync('node_modules/.package-lock.json', process.env.FAKE_NPM_LOCK)
}
`

const lock = (version = '1.0.0') =>
  JSON.stringify({
    packages: {
      '': { version: '0.1.0' },
      'node_modules/left-pad': { version, integrity: `sha512-${version}` },
      'node_modules/ffmpeg-static': { version: '5.3.0', optional: true },
    },
  })

let tree: string

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(tree, path)), { recursive: true })
  writeFileSync(join(tree, path), text)
}
const npmCalls = () => (existsSync(join(tree, 'npm-calls')) ? readFileSync(join(tree, 'npm-calls'), 'utf8') : '')
const built = () => readFileSync(join(tree, 'dist/index.js'), 'utf8')
const leftovers = () => readdirSync(tree).filter((name) => name.startsWith('dist-'))
const age = (path: string, minutes: number) => {
  const time = Date.now() / 1000 - minutes * 60
  utimesSync(join(tree, path), time, time)
}

/** Runs setup in the tree, with programs for all it looks for on PATH unless told otherwise. */
function setup(env: Record<string, string> = {}, ...args: string[]) {
  const result = spawnSync(process.execPath, [join(tree, 'scripts/setup.js'), ...args], {
    encoding: 'utf8',
    env: { PATH: join(tree, 'bin'), npm_execpath: join(tree, 'npm-cli.js'), FAKE_NPM_LOCK: lock(), ...env },
    timeout: 30_000,
  })
  return { status: result.status, said: result.stdout + result.stderr }
}

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'setup-test-'))
  mkdirSync(join(tree, 'scripts'))
  copyFileSync(script, join(tree, 'scripts/setup.js'))
  write('package.json', '{ "type": "module" }')
  write('npm-cli.js', fakeNpm)
  write('package-lock.json', lock())
  write('node_modules/.package-lock.json', lock())
  write('node_modules/left-pad/package.json', '{}')
  write('src/index.ts', '')
  write('src/deep/part.ts', '')
  for (const path of ['src/index.ts', 'src/deep/part.ts', 'src/deep', 'src']) age(path, 10)
  write('dist/index.js', 'old')
  for (const program of ['ffmpeg', 'flite']) {
    write(`bin/${program}`, '#!/bin/sh\n')
    chmodSync(join(tree, 'bin', program), 0o755)
  }
})

afterEach(() => rmSync(tree, { recursive: true, force: true }))

describe('setup where nothing is missing', () => {
  it('runs nothing and exits with 0', () => {
    const { status, said } = setup()
    expect(status).toBe(0)
    expect(said).not.toMatch(/ffmpeg|flite|npm/)
    expect(npmCalls()).toBe('')
    expect(readFileSync(join(tree, 'dist/index.js'), 'utf8')).toBe('old')
  })

  it('takes an FFmpeg that FFMPEG_PATH names for installed', () => {
    rmSync(join(tree, 'bin/ffmpeg'))
    write('elsewhere/my-ffmpeg', '')
    expect(setup({ FFMPEG_PATH: join(tree, 'elsewhere/my-ffmpeg') }).said).not.toContain('ffmpeg')
  })
})

describe('setup without Debian packages', () => {
  it.skipIf(process.platform !== 'linux')('prints the exact line where there is no apt, and goes on', () => {
    rmSync(join(tree, 'bin'), { recursive: true })
    const { status, said } = setup()
    expect(status).toBe(0)
    expect(said).toContain(
      'on Debian or Ubuntu, run: sudo apt-get update && sudo apt-get install -y --no-install-recommends ffmpeg flite\n',
    )
  })

  it.skipIf(process.platform !== 'linux')('does not ask for FFmpeg where ffmpeg-static has one', () => {
    rmSync(join(tree, 'bin'), { recursive: true })
    write('node_modules/ffmpeg-static/ffmpeg', '')
    const { said } = setup()
    expect(said).toContain('--no-install-recommends flite\n')
  })

  it.skipIf(process.platform !== 'linux')(
    'installs what is missing with apt-get, one by one when all at once fails',
    () => {
      rmSync(join(tree, 'bin/flite'))
      rmSync(join(tree, 'bin/ffmpeg'))
      // Takes the place of sudo, env and apt-get; cannot install ffmpeg.
      const log = join(tree, 'apt-calls')
      const script = `#!/bin/sh\nif [ "$1" = -n ]; then shift; fi\necho "$@" >> '${log}'\ncase "$*" in *ffmpeg*) echo no such package; exit 100;; esac\n`
      for (const name of ['sudo', 'env', 'apt-get']) {
        write(`bin/${name}`, script)
        chmodSync(join(tree, 'bin', name), 0o755)
      }
      const { status, said } = setup()
      expect(status).toBe(0)
      const calls = readFileSync(log, 'utf8')
      expect(calls).toContain('DEBIAN_FRONTEND=noninteractive apt-get')
      expect(calls).toContain('DPkg::Lock::Timeout=120')
      expect(calls).toMatch(/ update\n/)
      expect(calls).toMatch(/--no-install-recommends install ffmpeg flite/)
      expect(calls).toMatch(/ install flite\n/)
      expect(said).toMatch(/setup: apt-get install flite … done in [\d.]+ s/)
      expect(said).toContain('no such package')
    },
  )
})

describe('setup for tests', () => {
  it.skipIf(process.platform !== 'linux')('also wants a browser, which nothing else does', () => {
    expect(setup().said).not.toContain('chromium')
    expect(setup({ CHROMIUM_PATH: script }, '--test').said).not.toContain('chromium')
    expect(setup({}, '--test').said).toMatch(/apt-get install -y .*chromium\n/)
    write('bin/chromium', '')
    expect(setup({}, '--test').said).not.toContain('chromium')
  })
})

describe('setup of npm packages', () => {
  it('runs npm ci where node_modules is missing', () => {
    rmSync(join(tree, 'node_modules'), { recursive: true })
    const { status, said } = setup()
    expect(status).toBe(0)
    expect(npmCalls()).toBe('ci --include=dev --no-audit --no-fund\n')
    expect(said).toMatch(/setup: npm ci \(node_modules is missing\) … done in [\d.]+ s\n/)
  })

  it('notices an installation that was interrupted', () => {
    rmSync(join(tree, 'node_modules/.package-lock.json'))
    expect(setup().said).toContain('npm ci (node_modules is incomplete)')
  })

  it('notices a package whose version is not the locked one', () => {
    write('package-lock.json', lock('1.0.1'))
    expect(setup({ FAKE_NPM_LOCK: lock('1.0.1') }).said).toContain('npm ci (node_modules/left-pad is out of date)')
    expect(npmCalls()).toMatch(/^ci /)
    expect(setup().said).not.toContain('npm ci')
  })

  it('notices a package whose files are gone', () => {
    rmSync(join(tree, 'node_modules/left-pad'), { recursive: true })
    expect(setup().said).toContain('npm ci (node_modules/left-pad is missing)')
  })

  it('ends with 1 and what npm said when npm ci fails', () => {
    rmSync(join(tree, 'node_modules'), { recursive: true })
    const { status, said } = setup({ FAKE_NPM_FAILS: 'ci', FAKE_NPM_SAYS: 'registry not reachable' })
    expect(status).toBe(1)
    expect(said).toContain('setup: npm ci failed:\nregistry not reachable')
  })
})

describe('setup of dist/', () => {
  it.each(['src/index.ts', 'src/deep/part.ts', 'src/deep/new.ts'])('builds when %s is newer', (path) => {
    age('dist', 5)
    write(path, 'changed')
    expect(setup().said).toMatch(/setup: npm run build … done in [\d.]+ s\n/)
    expect(built()).toBe('fresh')
    expect(leftovers()).toEqual([])
    expect(setup().said).not.toContain('build')
  })

  it('builds when a source file was removed', () => {
    age('dist', 5)
    rmSync(join(tree, 'src/deep/part.ts'))
    setup()
    expect(built()).toBe('fresh')
  })

  it('builds when dist is missing', () => {
    rmSync(join(tree, 'dist'), { recursive: true })
    setup()
    expect(built()).toBe('fresh')
  })

  it('leaves one whole dist when several run at once', async () => {
    rmSync(join(tree, 'dist'), { recursive: true })
    const env = { PATH: join(tree, 'bin'), npm_execpath: join(tree, 'npm-cli.js'), FAKE_NPM_LOCK: lock() }
    const children = [1, 2, 3, 4].map(() => spawn(process.execPath, [join(tree, 'scripts/setup.js')], { env }))
    const codes = await Promise.all(children.map((child) => once(child, 'close').then(([code]: unknown[]) => code)))
    expect(codes).toEqual([0, 0, 0, 0])
    expect(built()).toBe('fresh')
    expect(leftovers()).toEqual([])
  })

  it('ends with 1 and keeps the old dist when the build fails', () => {
    age('dist', 5)
    write('src/index.ts', 'broken')
    const { status, said } = setup({ FAKE_NPM_FAILS: 'run', FAKE_NPM_SAYS: 'src/index.ts(1,1): error TS1005' })
    expect(status).toBe(1)
    expect(said).toContain('setup: npm run build failed:\nsrc/index.ts(1,1): error TS1005')
    expect(built()).toBe('old')
    expect(leftovers()).toEqual([])
  })
})
