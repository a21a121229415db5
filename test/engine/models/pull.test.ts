import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ModelEntry, SpeakerEntry } from '../../../src/engine/models/catalogue.ts'
import { isCached } from '../../../src/engine/models/hub-cache.ts'
import { hubFailure, hubSettings } from '../../../src/engine/models/hub-client.ts'
import { type PullOptions, type PullProgress, pullModel } from '../../../src/engine/models/pull.ts'
import { FileLock } from '../../../src/sinks/file-lock.ts'
import { type HubServer, hubServer, sha256 } from '../../helpers/model-server.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const token = 'SehrGeheim.of-a-mirror'
const voices = Buffer.alloc(300_000, 'model ')
const encoder = Buffer.alloc(200_000, 'encoder ')
const tokens = Buffer.from('a 0\nb 1\n')

let home: string
let server: HubServer
let env: Record<string, string>

beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'hub-'))
  server = await hubServer({
    'someone/voices': { commit, files: { 'voices.onnx': voices } },
    'someone/words': { commit, files: { 'encoder.onnx': encoder, 'tokens.txt': tokens } },
    'someone/gated': { commit, token, files: { 'voices.onnx': voices } },
  })
  env = { HF_HOME: path.join(home, 'hf'), XDG_CACHE_HOME: path.join(home, 'state'), HF_ENDPOINT: server.url }
})

afterEach(async () => {
  await server.close()
  rmSync(home, { recursive: true })
})

const base = { licence: 'MIT', licenceUrl: 'https://example.org', origin: 'https://example.org', about: '' }
const speakers = (change: Partial<SpeakerEntry> = {}): ModelEntry => ({
  ...base,
  name: 'voices-test',
  role: 'speakers',
  repo: 'someone/voices',
  revision: commit,
  files: { model: { path: 'voices.onnx', size: voices.length, sha256: sha256(voices) } },
  ...change,
})
const words: ModelEntry = {
  ...base,
  name: 'words-test',
  role: 'recogniser',
  repo: 'someone/words',
  revision: 'main',
  mode: 'offline',
  kind: 'whisper',
  files: {
    encoder: { path: 'encoder.onnx', size: 1_000_000 },
    tokens: { path: 'tokens.txt', size: tokens.length, sha256: sha256(tokens) },
  },
  languages: ['en'],
  detectsLanguage: false,
  lateMs: 0,
  hasWordTimes: true,
}

const pull = (entry: ModelEntry, options: PullOptions = {}) =>
  pullModel(entry, { env, retryDelay: 1, answerTimeout: 5000, stallTimeout: 5000, ...options })
const cache = (...parts: string[]): string => path.join(home, 'hf', 'hub', ...parts)
const snapshot = (repo: string, file: string): string =>
  cache(`models--${repo.replace('/', '--')}`, 'snapshots', commit, file)
const blobs = (repo: string): string[] => readdirSync(cache(`models--${repo.replace('/', '--')}`, 'blobs'))
/** Requests for the bytes of files, but for those that only ask how many there are. */
const ranges = (): (string | undefined)[] =>
  server.requests.filter(({ host, range }) => host === 'files' && range !== 'bytes=0-0').map(({ range }) => range)

/** Lays a file into the cache as the Python client does. */
function layAsPython(repo: string, name: string, data: Buffer, etag: string, revision?: string): void {
  const folder = cache(`models--${repo.replace('/', '--')}`)
  for (const part of ['blobs', 'refs', path.join('snapshots', commit)]) {
    mkdirSync(path.join(folder, part), { recursive: true })
  }
  writeFileSync(path.join(folder, 'blobs', etag), data)
  symlinkSync(path.join('..', '..', 'blobs', etag), path.join(folder, 'snapshots', commit, name))
  if (revision !== undefined) writeFileSync(path.join(folder, 'refs', revision), commit)
}

describe('pullModel', () => {
  it('puts the files where all programs of the Hub look for them', async () => {
    const progress: PullProgress[] = []
    const debug = vi.spyOn(console, 'debug')
    const pulled = await pull(speakers(), { onProgress: (step) => void progress.push(step) })
    expect(pulled).toEqual({
      folder: path.dirname(snapshot('someone/voices', 'voices.onnx')),
      fetched: ['voices.onnx'],
      there: [],
      firstHashes: {},
    })
    const file = snapshot('someone/voices', 'voices.onnx')
    expect(sha256(readFileSync(file))).toBe(sha256(voices))
    expect(readlinkSync(file)).toBe(path.join('..', '..', 'blobs', sha256(voices)))
    expect(blobs('someone/voices')).toEqual([sha256(voices)])
    expect(progress.at(-1)).toEqual({ done: voices.length, total: voices.length })
    expect(debug).not.toHaveBeenCalled()
    debug.mockRestore()
    expect(existsSync(path.join(home, 'state', 'diarize-stream', 'locks', 'voices-test'))).toBe(false)

    server.requests.length = 0
    expect(await pull(speakers())).toMatchObject({ fetched: [], there: ['voices.onnx'] })
    expect(server.requests).toEqual([])
  })

  it('follows a branch, notes where it stands, and remembers hashes that nobody knew', async () => {
    expect(await pull(words)).toMatchObject({
      fetched: ['encoder.onnx', 'tokens.txt'],
      firstHashes: { 'encoder.onnx': sha256(encoder) },
    })
    expect(readFileSync(cache('models--someone--words', 'refs', 'main'), 'utf8')).toBe(commit)
    expect(isCached(words, env)).toBe(true)
    const hashes = JSON.parse(readFileSync(path.join(home, 'state', 'diarize-stream', 'hashes.json'), 'utf8')) as object
    expect(hashes).toEqual({ 'someone/words/encoder.onnx': { size: encoder.length, sha256: sha256(encoder) } })

    // The next download must be the same.
    rmSync(cache(), { recursive: true })
    server.faults.wrongBytes = true
    await expect(pull(words)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/not what it was when it was first downloaded.*hashes\.json/s) as string,
    })
  })

  it('uses what another program fetched, and gets the rest', async () => {
    layAsPython('someone/words', 'encoder.onnx', encoder, sha256(encoder), 'main')
    expect(isCached(words, env)).toBe(false)
    expect(await pull(words)).toMatchObject({ fetched: ['tokens.txt'], there: ['encoder.onnx'] })
    expect(ranges()).toEqual([])

    layAsPython('someone/voices', 'voices.onnx', voices, sha256(voices))
    server.requests.length = 0
    expect(await pull(speakers(), { env: { ...env, HF_HUB_OFFLINE: '1' } })).toMatchObject({ there: ['voices.onnx'] })
    expect(server.requests).toEqual([])
  })

  it('takes a blob of another revision instead of a download', async () => {
    layAsPython('someone/voices', 'voices.onnx', voices, sha256(voices))
    rmSync(cache('models--someone--voices', 'snapshots'), { recursive: true })
    await pull(speakers())
    expect(lstatSync(snapshot('someone/voices', 'voices.onnx')).isSymbolicLink()).toBe(true)
    expect(ranges()).toEqual([])
  })

  it('does not trust what is in the cache', async () => {
    layAsPython('someone/voices', 'voices.onnx', Buffer.alloc(voices.length, 'other'), sha256(voices))
    await expect(pull(speakers())).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('which was there before, is damaged or another file; delete it') as string,
    })
  })

  it('goes on where it broke off, within a pull and in the next one', async () => {
    server.faults.cutAfter = 130_000
    await pull(speakers())
    expect(ranges()).toEqual([undefined, 'bytes=130000-299999', 'bytes=260000-299999'])
    expect(sha256(readFileSync(snapshot('someone/voices', 'voices.onnx')))).toBe(sha256(voices))

    rmSync(cache(), { recursive: true })
    server.requests.length = 0
    server.faults.cutAfter = 100_000
    await expect(pull(speakers(), { attempts: 1 })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      retryable: true,
      message: expect.stringContaining('pull again') as string,
    })
    expect(blobs('someone/voices')).toEqual([`${sha256(voices)}.incomplete`])
    delete server.faults.cutAfter
    await pull(speakers())
    expect(ranges()).toEqual([undefined, 'bytes=100000-299999'])
    expect(sha256(readFileSync(snapshot('someone/voices', 'voices.onnx')))).toBe(sha256(voices))
  })

  it('begins anew where the server sends only whole files', async () => {
    server.faults.cutAfter = 100_000
    await expect(pull(speakers(), { attempts: 1 })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
    server.faults = Object.assign(server.faults, { ignoreRange: true })
    delete server.faults.cutAfter
    await pull(speakers())
    expect(sha256(readFileSync(snapshot('someone/voices', 'voices.onnx')))).toBe(sha256(voices))
  })

  it('keeps nothing whose hash is not the one in the catalogue', async () => {
    server.faults.wrongBytes = true
    await expect(pull(speakers())).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      retryable: false,
      message: expect.stringMatching(
        new RegExp(`the SHA-256 of voices.onnx from .* is [0-9a-f]{64} instead of ${sha256(voices)}`),
      ) as string,
    })
    expect(blobs('someone/voices')).toEqual([])
  })

  it('downloads nothing of another size, and no more than was promised', async () => {
    const large = { model: { path: 'voices.onnx', size: voices.length - 1, sha256: sha256(voices) } }
    await expect(pull(speakers({ files: large }))).rejects.toMatchObject({
      message: expect.stringContaining('has 300000 bytes there instead of 299999') as string,
    })
    const unknown = { model: { path: 'voices.onnx', size: 1000 } }
    await expect(pull(speakers({ files: unknown }))).rejects.toMatchObject({
      message: expect.stringContaining('instead of at most 1000') as string,
    })
    expect(ranges()).toEqual([])
    server.faults.tooMany = true
    await expect(pull(speakers())).rejects.toMatchObject({
      message: expect.stringContaining('more than the 300000 bytes') as string,
    })
  })

  it('says what a repository with terms wants, and sends the token to the Hub only', async () => {
    const gated = speakers({ repo: 'someone/gated' })
    await expect(pull(gated)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      status: 401,
      message: expect.stringContaining('set HF_TOKEN to a token that may read it') as string,
    })
    const wrongToken = pull(gated, { env: { ...env, HF_TOKEN: 'hf_WrongSecret' } })
    await expect(wrongToken).rejects.toMatchObject({
      message: expect.stringContaining('the token in HF_TOKEN may not read it') as string,
    })
    await expect(wrongToken).rejects.not.toMatchObject({ message: expect.stringContaining('WrongSecret') as string })
    server.requests.length = 0
    await pull(gated, { env: { ...env, HF_TOKEN: token } })
    const sent = (host: string) =>
      new Set(server.requests.filter((request) => request.host === host).map(({ authorization }) => authorization))
    expect(sent('hub')).toEqual(new Set([`Bearer ${token}`]))
    expect(server.requests.filter(({ host }) => host === 'files')).not.toEqual([])
    expect(sent('files')).toEqual(new Set([undefined]))
  })

  it('keeps the token from plain http to other machines', () => {
    const settings = (endpoint: string) => hubSettings({ HF_ENDPOINT: endpoint, HF_TOKEN: token })
    expect(settings('https://mirror.example/hf/')).toMatchObject({ endpoint: 'https://mirror.example/hf', token })
    const plain = settings('http://mirror.example')
    expect(plain).toMatchObject({ token: undefined, isTokenWithheld: true })
    const failure = hubFailure(new Error('Api error with status 401'), 'voices.onnx', plain)
    expect(failure.message).toContain('HF_TOKEN is not sent over http:')
  })

  it.each([
    [{ HF_TOKEN: 'a secret' }, 'HF_TOKEN, when set, must be a token'],
    [{ HF_ENDPOINT: 'ftp://mirror' }, 'HF_ENDPOINT, when set, must be an address'],
    [{ HF_ENDPOINT: 'http://me:secret@mirror' }, 'without user and password'],
  ])('refuses %j without repeating it', async (change, message) => {
    const failure: unknown = await pull(speakers(), { env: { ...env, ...change } }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining(message) as string })
    expect((failure as Error).message).not.toContain('secret')
  })

  it('touches no network where HF_HUB_OFFLINE is set', async () => {
    await expect(pull(speakers(), { env: { ...env, HF_HUB_OFFLINE: '1' } })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('HF_HUB_OFFLINE forbids it') as string,
    })
    expect(server.requests).toEqual([])
  })

  it('tells of statuses and of a server that is not there', async () => {
    server.faults.status = 503
    const failure: unknown = await pull(speakers(), { attempts: 2 }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ retryable: true, message: expect.stringContaining('status 503') as string })
    expect((failure as Error).message).not.toContain('geheim')
    server.faults.status = 404
    await expect(pull(speakers())).rejects.toMatchObject({ retryable: false, status: 404 })
    await expect(pull(speakers({ repo: 'nobody/nothing' }))).rejects.toMatchObject({ status: 404 })
    await expect(pull(speakers({ revision: 'f'.repeat(40) }))).rejects.toMatchObject({ status: 404 })
    const other = speakers({ files: { model: { path: 'other.onnx', size: 10 } } })
    await expect(pull(other)).rejects.toThrow('someone/voices has no file other.onnx')
    const gone = await hubServer({})
    await gone.close()
    await expect(pull(speakers(), { env: { ...env, HF_ENDPOINT: gone.url }, attempts: 2 })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringMatching(/ECONNREFUSED.*HF_ENDPOINT/) as string,
    })
  })

  it('gives up on a server that falls silent', async () => {
    server.faults.stopAfter = 1000
    await expect(pull(speakers(), { attempts: 1, answerTimeout: 200, stallTimeout: 50 })).rejects.toMatchObject({
      message: expect.stringContaining('nothing came for 0.05 s') as string,
    })
  })

  it('stops when it is told to, and leaves what the next pull can use', async () => {
    server.faults.stopAfter = 50_000
    const controller = new AbortController()
    const onProgress = ({ done }: PullProgress): void => {
      if (done >= 50_000) controller.abort()
    }
    await expect(pull(speakers(), { signal: controller.signal, onProgress })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(blobs('someone/voices')).toEqual([`${sha256(voices)}.incomplete`])
    expect(readdirSync(path.join(home, 'state', 'diarize-stream', 'locks'))).toEqual([])
    delete server.faults.stopAfter
    await pull(speakers())
    expect(ranges()).toEqual([undefined, 'bytes=50000-299999'])
  })

  it('lets one process at a time pull a model, and is not held up by one that died', async () => {
    const locks = path.join(home, 'state', 'diarize-stream', 'locks')
    mkdirSync(locks, { recursive: true })
    const other = await FileLock.take(path.join(locks, 'voices-test'))
    await expect(pull(speakers())).rejects.toMatchObject({
      message: expect.stringContaining('is being pulled by another process') as string,
      retryable: true,
    })
    const [name = ''] = readdirSync(locks)
    const text = readFileSync(path.join(locks, name), 'utf8')
    await other?.release()
    // One that was killed: in a container its number is that of each later one.
    const { ticks: _ticks, ...holder } = JSON.parse(text) as Record<string, unknown>
    writeFileSync(path.join(locks, name), JSON.stringify({ ...holder, ticks: '1', started: 0 }))
    await pull(speakers())
    expect(readdirSync(locks)).toEqual([])
  })

  it('replaces a file that has been damaged in the cache, once it has been deleted as is said', async () => {
    await pull(speakers())
    const [blob = ''] = blobs('someone/voices')
    const damaged = Buffer.from(voices)
    damaged[1000]! ^= 1
    writeFileSync(cache('models--someone--voices', 'blobs', blob), damaged)
    await expect(pull(speakers())).rejects.toThrow('delete it and pull again')
    rmSync(snapshot('someone/voices', 'voices.onnx'))
    expect(await pull(speakers())).toMatchObject({ fetched: ['voices.onnx'] })
    expect(readFileSync(snapshot('someone/voices', 'voices.onnx')).equals(voices)).toBe(true)
    expect(blobs('someone/voices')).toEqual([blob])
  })

  it('says which folder cannot be written', async () => {
    writeFileSync(path.join(home, 'hf'), 'no folder')
    await expect(pull(speakers())).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('name another folder in HF_HOME') as string,
    })
  })
})
