#!/usr/bin/env node
/*
 * Makes a fresh clone ready to run: npm packages, Debian packages, dist/. Runs before `npm ci`, so it imports nothing
 * but Node itself. Says one line per thing it does (on stderr) and nothing when there is nothing to do.
 *
 * Missing Debian packages are installed where apt and the rights for it are there; elsewhere the line to run is
 * printed and setup goes on, because the library itself says what it cannot do without. Only npm packages that cannot
 * be installed and a build that fails end it with exit status 1.
 *
 * With --test it also sees to what only the tests use: a browser, which is large, GStreamer's RTSP server, Redis
 * and PostgreSQL, and tmux.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const minutes = 60_000
const forTests = process.argv.includes('--test')

class SetupError extends Error {}

if (process.versions.node.localeCompare('20.18.1', undefined, { numeric: true }) < 0) {
  fail(`Node.js 20.18.1 or newer is needed; this is ${process.version}. Install a newer one: https://nodejs.org`)
}
try {
  await installNpmPackages()
  await installSystemPackages()
  await build()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  fail(error.message)
}

// --- npm packages ---------------------------------------------------------------------------------------------------

async function installNpmPackages() {
  const reason = npmPackagesMissing()
  if (!reason) return
  // Optional packages may fail to install (ffmpeg-static downloads a program); npm then leaves them out and goes on.
  const result = await step(`npm ci (${reason})`, () => npm(['ci', '--include=dev', '--no-audit', '--no-fund']))
  if (result.status !== 0) throw new SetupError(`npm ci failed:\n${lastLines(result.output)}`)
}

/**
 * Why `npm ci` has to run, or undefined. npm writes node_modules/.package-lock.json last, so where it is missing an
 * installation was interrupted; where it names other versions than package-lock.json, the installation is out of date.
 */
function npmPackagesMissing() {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing'
  const wanted = lockedPackages('package-lock.json')
  if (!wanted) throw new SetupError('package-lock.json is missing or damaged; restore it with git')
  const installed = lockedPackages('node_modules/.package-lock.json')
  if (!installed) return 'node_modules is incomplete'
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue
    const found = installed[path]
    const there = existsSync(join(root, path, 'package.json'))
    // Optional packages may be missing: those for other platforms are, and so is one that failed to install.
    if ((!found || !there) && (entry.optional || entry.devOptional)) continue
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) return `${path} is out of date`
    if (!there) return `${path} is missing`
  }
  return undefined
}

function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Runs npm: the one that runs this script where there is one, else the one on PATH. */
function npm(args) {
  const running = process.env.npm_execpath
  if (running && basename(running) === 'npm-cli.js') return run(process.execPath, [running, ...args])
  return run('npm', args, { shell: process.platform === 'win32' })
}

// --- system packages ------------------------------------------------------------------------------------------------

async function installSystemPackages() {
  const missing = missingSystemPackages()
  if (missing.length === 0) return
  const apt = findApt()
  if (!apt) return explain(missing.filter((name) => name !== 'ffmpeg' || !ffmpegStaticIsThere()))
  await step('apt-get update', () => apt('update'))
  const all = await step(`apt-get install ${missing.join(' ')}`, () => apt('install', missing))
  if (all.status === 0) return
  // One name that this release does not have must not keep the others out.
  const alone = missing.length > 1 ? missing : []
  for (const name of alone) await step(`apt-get install ${name}`, () => apt('install', [name]))
  const left = missingSystemPackages()
  if (left.length > 0) say(`apt-get could not install ${left.join(' ')}:\n${lastLines(all.output)}\nGoing on without.`)
}

/** Debian package names of what is missing. What counts is what a package provides, however it came here. */
function missingSystemPackages() {
  const ffmpeg = [process.env.FFMPEG_PATH, process.env.FFMPEG_BIN].some((path) => path && existsSync(path))
  const provided = {
    ffmpeg: ffmpeg || onPath('ffmpeg'),
    flite: onPath('flite'),
    ...(forTests && process.platform === 'linux' ? { ...gstreamerParts(), ...stores(), tmux: onPath('tmux') } : {}),
    chromium: !forTests || hasBrowser(),
  }
  return Object.keys(provided).filter((name) => !provided[name])
}

/** What test/acceptance/gstreamer-camera.long.test.ts needs, by package, and whether it is there. */
function gstreamerParts() {
  const has = (file) => entries('/usr/lib').some((folder) => existsSync(join('/usr/lib', folder, file)))
  return {
    'gir1.2-gst-rtsp-server-1.0': has('girepository-1.0/GstRtspServer-1.0.typelib'),
    'gstreamer1.0-plugins-base': has('gstreamer-1.0/libgstaudiotestsrc.so'),
    'gstreamer1.0-plugins-good': has('gstreamer-1.0/libgstrtp.so'),
    'python3-gi': existsSync('/usr/lib/python3/dist-packages/gi'),
  }
}

/** The stores that the tests of a fleet run on; Debian keeps the programs of PostgreSQL from the path. */
function stores() {
  const root = '/usr/lib/postgresql'
  const postgresql = entries(root).some((version) => existsSync(join(root, version, 'bin', 'initdb')))
  return { 'redis-server': onPath('redis-server'), postgresql }
}

/** The function that runs apt-get with the rights to install, or undefined where there is no such way. */
function findApt() {
  if (process.platform !== 'linux' || !onPath('apt-get')) return undefined
  const prefix = process.getuid?.() === 0 ? ['env'] : ['sudo', '-n', 'env']
  if (prefix[0] === 'sudo' && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore', timeout: 10_000 }).status !== 0) {
    return undefined
  }
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3']
  return (action, names = []) => {
    const only = action === 'install' ? ['--no-install-recommends'] : []
    const [command, ...args] = [...prefix, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options, ...only, action]
    return run(command, [...args, ...names])
  }
}

function explain(missing) {
  if (missing.length === 0) return
  say(`these are missing and cannot be installed from here: ${missing.join(' ')}`)
  const brewed = missing.filter((name) => name === 'ffmpeg' || name === 'flite').join(' ')
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.platform === 'linux') say(`on Debian or Ubuntu, run: sudo apt-get update && sudo ${install}`)
  if (process.platform === 'darwin' && brewed) say(`to install what Homebrew has, run: brew install ${brewed}`)
  if (process.platform === 'win32' && missing.includes('ffmpeg'))
    say('to install FFmpeg, run: winget install Gyan.FFmpeg')
}

function onPath(program) {
  const names = process.platform === 'win32' ? [`${program}.exe`, `${program}.cmd`] : [program]
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return folders.some((folder) => names.some((name) => existsSync(join(folder, name))))
}

/** Whether there is a browser where test/helpers/chromium.ts looks for one. */
function hasBrowser() {
  const named = process.env.CHROMIUM_PATH
  return (
    Boolean(named && existsSync(named)) ||
    ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].some(onPath)
  )
}

/** Whether the optional npm package ffmpeg-static got its program, which then serves where no other FFmpeg is. */
function ffmpegStaticIsThere() {
  const folder = join(root, 'node_modules', 'ffmpeg-static')
  return existsSync(join(folder, process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg'))
}

// --- dist/ ----------------------------------------------------------------------------------------------------------

/** Compiles beside dist/ and swaps, so that a failed or interrupted build never leaves a half-written dist/. */
async function build() {
  const dist = join(root, 'dist')
  const sources = ['src', 'tsconfig.json', 'tsconfig.build.json'].map((name) => newest(join(root, name)))
  if (existsSync(join(dist, 'index.js')) && statSync(dist).mtimeMs >= Math.max(...sources)) return
  const fresh = `${dist}-${process.pid}`
  const old = `${fresh}-old`
  const started = new Date()
  try {
    const args = ['run', 'build', '--', '--outDir', basename(fresh), '--noEmitOnError']
    const result = await step('npm run build', () => npm(args))
    if (result.status !== 0) throw new SetupError(`npm run build failed:\n${lastLines(result.output)}`)
    // The time of the start, so that a source changed while the compiler ran counts as newer.
    utimesSync(fresh, started, started)
    swap(fresh, dist, old)
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true })
  }
}

/** Puts one folder in the place of another. Another setup may be doing the same: whoever comes last stays. */
function swap(fresh, current, old) {
  for (let attempt = 1; ; attempt++) {
    rmSync(old, { recursive: true, force: true })
    try {
      if (existsSync(current)) renameSync(current, old)
      renameSync(fresh, current)
      return
    } catch (error) {
      if (attempt === 5) throw new SetupError(`dist/ could not be replaced: ${error.message}`)
    }
  }
}

/** The newest modification time in a folder, the folders themselves included: a removed file shows there. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return 0
  return Math.max(stat.mtimeMs, ...(stat.isDirectory() ? entries(path).map((name) => newest(join(path, name))) : []))
}

// --- running and telling ----------------------------------------------------------------------------------------------

/** Runs a program without input; gives its exit status and what it printed, at most the last 100,000 characters. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 15 * minutes,
      killSignal: 'SIGKILL',
      ...options,
    })
    let output = ''
    const keep = (text) => (output = (output + text).slice(-100_000))
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', (error) => resolve({ status: -1, output: error.message }))
    child.on('close', (status, signal) => resolve({ status, output: output.trim() || `ended: ${signal ?? status}` }))
  })
}

async function step(what, work) {
  const started = performance.now()
  process.stderr.write(`setup: ${what} … `)
  const result = await work()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stderr.write(`${result.status === 0 ? 'done' : 'FAILED'} in ${seconds} s\n`)
  return result
}

function lastLines(text) {
  return text.split('\n').slice(-40).join('\n')
}

function entries(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
