import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { FfmpegError } from '../../src/errors.ts'
import { findFfmpeg, type Surroundings } from '../../src/ffmpeg/find.ts'

let root = ''
const at = (...names: string[]): string => join(root, ...names)

async function program(...names: string[]): Promise<string> {
  const path = at(...names)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, '')
  await chmod(path, 0o755)
  return path
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'diarize-stream-find-'))
  for (const directory of ['installer', 'option', 'path', 'bin', 'static', 'first', 'second'])
    await program(directory, 'ffmpeg')
  await program('named', 'ffmpeg-7')
  await program('windows', 'ffmpeg.exe')
  await program('resources', 'app.asar.unpacked', 'ffmpeg-static', 'ffmpeg')
  await mkdir(at('directory', 'ffmpeg'), { recursive: true })
  await mkdir(at('plain'))
  await writeFile(at('plain', 'ffmpeg'), '')
  await chmod(at('plain', 'ffmpeg'), 0o644)
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** Surroundings with nothing in them but what is given. */
function only(env: Surroundings['env'], bundled?: string, platform: NodeJS.Platform = 'linux'): Surroundings {
  return { env: env ?? {}, platform, bundled: () => bundled, installer: () => undefined }
}

/** The error with which a search fails. */
function refusal(explicit: string | undefined, surroundings: Surroundings): FfmpegError {
  let found: string
  try {
    found = findFfmpeg(explicit, surroundings)
  } catch (error) {
    if (error instanceof FfmpegError && error.code === 'FFMPEG_NOT_FOUND') return error
    throw error
  }
  throw new Error(`nothing was refused: ${found}`)
}

describe('the order of the search', () => {
  const env = (...names: ('FFMPEG_PATH' | 'FFMPEG_BIN' | 'PATH')[]): Record<string, string> => {
    const all = { FFMPEG_PATH: at('path', 'ffmpeg'), FFMPEG_BIN: at('bin', 'ffmpeg'), PATH: at('first') }
    return Object.fromEntries(names.map((name) => [name, all[name]]))
  }

  it('prefers the option to everything', () => {
    const all = only(env('FFMPEG_PATH', 'FFMPEG_BIN', 'PATH'), at('static', 'ffmpeg'))
    expect(findFfmpeg(at('option', 'ffmpeg'), all)).toBe(at('option', 'ffmpeg'))
  })

  it('takes @ffmpeg-installer/ffmpeg last of all, and warns once of its age', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const last = { ...only({ PATH: at('plain') }), installer: () => at('installer', 'ffmpeg') }
    expect(findFfmpeg(undefined, last)).toBe(at('installer', 'ffmpeg'))
    expect(findFfmpeg(undefined, last)).toBe(at('installer', 'ffmpeg'))
    expect(warn.mock.calls.map(([message]) => message)).toEqual([expect.stringContaining('is a build of 2018')])
    expect(findFfmpeg(undefined, { ...last, env: { PATH: at('first') } })).toBe(at('first', 'ffmpeg'))
    const message = refusal(undefined, { ...last, installer: () => at('gone') }).message
    expect(message).toContain('npm install @ffmpeg-installer/ffmpeg')
    warn.mockRestore()
  })

  it('then takes FFMPEG_PATH, then FFMPEG_BIN, then ffmpeg-static, then PATH', () => {
    const bundled = at('static', 'ffmpeg')
    expect(findFfmpeg(undefined, only(env('FFMPEG_PATH', 'FFMPEG_BIN', 'PATH'), bundled))).toBe(at('path', 'ffmpeg'))
    expect(findFfmpeg(undefined, only(env('FFMPEG_BIN', 'PATH'), bundled))).toBe(at('bin', 'ffmpeg'))
    expect(findFfmpeg(undefined, only(env('PATH'), bundled))).toBe(at('static', 'ffmpeg'))
    expect(findFfmpeg(undefined, only(env('PATH')))).toBe(at('first', 'ffmpeg'))
  })

  it('takes the first directory of PATH that has it', () => {
    const PATH = [at('absent'), at('plain'), at('directory'), at('second'), at('first')].join(delimiter)
    expect(findFfmpeg(undefined, only({ PATH }))).toBe(at('second', 'ffmpeg'))
  })

  it('treats empty environment variables as absent', () => {
    const surroundings = only({ FFMPEG_PATH: '', FFMPEG_BIN: ' ', PATH: at('first') })
    expect(findFfmpeg('', surroundings)).toBe(at('first', 'ffmpeg'))
  })

  it('skips an ffmpeg-static whose binary was never downloaded', () => {
    expect(findFfmpeg(undefined, only({ PATH: at('first') }, at('absent', 'ffmpeg')))).toBe(at('first', 'ffmpeg'))
    expect(findFfmpeg(undefined, only({ PATH: at('first') }, at('plain', 'ffmpeg')))).toBe(at('first', 'ffmpeg'))
  })

  it('looks beside an Electron archive, from which nothing can be run', () => {
    const inside = at('resources', 'app.asar', 'ffmpeg-static', 'ffmpeg')
    const outside = at('resources', 'app.asar.unpacked', 'ffmpeg-static', 'ffmpeg')
    expect(findFfmpeg(undefined, only({}, inside))).toBe(outside)
    expect(findFfmpeg(undefined, only({}, outside))).toBe(outside)
  })

  it('remembers nothing: an FFmpeg that comes or goes is noticed', async () => {
    const surroundings = only({ PATH: at('later') })
    refusal(undefined, surroundings)
    const path = await program('later', 'ffmpeg')
    expect(findFfmpeg(undefined, surroundings)).toBe(path)
    await rm(path)
    refusal(undefined, surroundings)
  })
})

describe('an explicit choice', () => {
  it('may be a relative path, and comes back absolute', () => {
    const path = relative(process.cwd(), at('option', 'ffmpeg'))
    expect(findFfmpeg(path, only({}))).toBe(at('option', 'ffmpeg'))
  })

  it('may be a bare name, looked up in PATH', () => {
    expect(findFfmpeg('ffmpeg-7', only({ PATH: at('named') }))).toBe(at('named', 'ffmpeg-7'))
    expect(findFfmpeg(undefined, only({ FFMPEG_PATH: 'ffmpeg-7', PATH: at('named') }))).toBe(at('named', 'ffmpeg-7'))
  })

  it.each([
    ['is missing', () => at('absent', 'ffmpeg')],
    ['is a directory', () => at('directory', 'ffmpeg')],
    ['may not be executed', () => at('plain', 'ffmpeg')],
    ['is a name that PATH does not have', () => 'ffmpeg-of-nobody'],
  ])('that %s is an error, and nothing falls through it', (_what, choice) => {
    const good = { PATH: at('first') }
    const bundled = at('static', 'ffmpeg')
    const byOption = refusal(choice(), only({ ...good, FFMPEG_PATH: at('path', 'ffmpeg') }, bundled))
    expect(byOption.message).toContain('the option ffmpegPath')
    expect(byOption.message).toContain(choice())
    const byPath = refusal(
      undefined,
      only({ ...good, FFMPEG_PATH: choice(), FFMPEG_BIN: at('bin', 'ffmpeg') }, bundled),
    )
    expect(byPath.message).toContain('FFMPEG_PATH')
    const byBin = refusal(undefined, only({ ...good, FFMPEG_BIN: choice() }, bundled))
    expect(byBin.message).toContain('FFMPEG_BIN')
  })
})

describe('when there is no FFmpeg', () => {
  it('says what was tried and what to do', () => {
    const without = refusal(undefined, only({ PATH: at('absent') }))
    expect(without.message).toContain('ffmpeg-static (not installed)')
    expect(without.message).toContain(at('absent'))
    expect(without.message).toContain('apt-get install ffmpeg')
    expect(without.message).toContain('FFMPEG_PATH')
    expect(without['tried']).toHaveLength(3)
    const blocked = refusal(undefined, only({}, at('absent', 'ffmpeg'))).message
    expect(blocked).toContain(`no file ${at('absent', 'ffmpeg')}: its install script`)
    expect(blocked).toContain('npm rebuild ffmpeg-static')
    expect(refusal(undefined, only({}, undefined, 'darwin')).message).toContain('brew install ffmpeg')
    expect(refusal(undefined, only({}, undefined, 'win32')).message).toContain('winget install ffmpeg')
  })

  it('does not run what lies in the current directory because of an empty PATH entry', () => {
    const before = process.cwd()
    process.chdir(at('first'))
    try {
      const error = refusal(undefined, only({ PATH: `${delimiter}${at('absent')}${delimiter}` }))
      expect(error.retryable).toBe(false)
    } finally {
      process.chdir(before)
    }
  })
})

describe('on Windows', () => {
  it('adds .exe, reads Path in any spelling, and takes quoted entries', () => {
    const found = at('windows', 'ffmpeg.exe')
    expect(findFfmpeg(undefined, only({ Path: `${at('first')};"${at('windows')}"` }, undefined, 'win32'))).toBe(found)
    expect(findFfmpeg('ffmpeg.exe', only({ PATH: at('windows') }, undefined, 'win32'))).toBe(found)
  })
})

describe('on this machine', () => {
  it('finds the FFmpeg that the other tests use', () => {
    expect(findFfmpeg()).toMatch(/ffmpeg/)
  })
})
