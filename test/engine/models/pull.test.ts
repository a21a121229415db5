import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { catalogue, fromMirror, type ModelEntry } from '../../../src/engine/models/catalogue.ts'
import { modelsFolder } from '../../../src/engine/models/folder.ts'
import { findRecogniser, findSpeakers } from '../../../src/engine/models/installed.ts'
import { type PullOptions, type PullProgress, pullModel } from '../../../src/engine/models/pull.ts'
import { readRecord } from '../../../src/engine/models/record.ts'
import { verifyFiles } from '../../../src/engine/models/verify.ts'
import { bzip2, tarEntry, tarFile, whyNoBzip2 } from '../../helpers/tar.ts'
import { tinySpeakerModel } from '../../helpers/tiny-models.ts'

let models: string
let server: Server
let address: string
/** Answers one request after another; the last one all further ones. */
let answers: ((request: IncomingMessage, response: ServerResponse) => void)[]
let requests: IncomingMessage[]

const data = Buffer.alloc(300_000, 'model ')
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

beforeEach(async () => {
  models = mkdtempSync(join(tmpdir(), 'models-'))
  answers = []
  requests = []
  breaking = undefined
  server = createServer((request, response) => {
    requests.push(request)
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  rmSync(models, { recursive: true })
})

const entry = (change: Partial<ModelEntry> = {}): ModelEntry => ({
  name: 'campplus-en',
  role: 'speakers',
  url: `${address}release/voices.onnx`,
  licence: 'MIT',
  licenceUrl: 'https://example.org',
  about: '',
  size: 1_000_000,
  mostUnpacked: 1_000_000,
  ...change,
})

const pull = (change: Partial<ModelEntry> = {}, options: PullOptions = {}) =>
  pullModel(entry(change), { models, retryDelay: 1, onProgress: received, ...options })

/** Serves bytes as a web server does: whole, or from where it is asked if that is the version it has. */
const serve =
  (bytes: Buffer = data, etag = '"1"') =>
  (request: IncomingMessage, response: ServerResponse): void => {
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined || request.headers['if-range'] !== etag) {
      response.writeHead(200, { etag, 'content-length': bytes.length }).end(bytes)
    } else if (Number(from) >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    } else {
      response
        .writeHead(206, { etag, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
        .end(bytes.subarray(Number(from)))
    }
  }

/** The answer that is to break off, once so many bytes have been received. */
let breaking: { response: ServerResponse; count: number } | undefined
const received = ({ done }: PullProgress): void => {
  if (breaking !== undefined && done >= breaking.count) breaking.response.destroy()
}

/** Promises all and breaks off after `count` bytes. */
const cut =
  (count: number, etag = '"1"') =>
  (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { etag, 'content-length': data.length })
    response.write(data.subarray(0, count))
    breaking = { response, count }
  }

const left = (): string[] => readdirSync(models).toSorted()

describe('pullModel', () => {
  it('puts the file in its place with a record of what it was, and remembers its hash', async () => {
    answers = [serve()]
    const progress: PullProgress[] = []
    const pulled = await pull({}, { onProgress: (step) => void progress.push(step) })
    const folder = join(models, 'campplus-en')
    expect(pulled).toEqual({ folder, wasThere: false, sha256: sha(data), hashFrom: 'first download' })
    expect(readFileSync(join(folder, 'voices.onnx'))).toEqual(data)
    expect(readRecord(folder)).toMatchObject({
      url: `${address}release/voices.onnx`,
      licence: 'MIT',
      hashFrom: 'first download',
      files: [{ path: 'voices.onnx', size: data.length, sha256: sha(data) }],
    })
    expect(left()).toEqual(['campplus-en', 'hashes.json'])
    expect(progress.at(-1)).toEqual({ phase: 'download', done: data.length, total: data.length })
    expect(findSpeakers('campplus-en', models)).toMatchObject({ file: join(folder, 'voices.onnx'), threshold: 0.5 })
    expect(await pull()).toEqual({ folder, wasThere: true })
    expect(requests).toHaveLength(1)
  })

  it('goes on where it broke off, within a pull and in the next one', async () => {
    answers = [cut(100_000), (_request, response) => response.destroy(), serve()]
    await pull()
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-', 'bytes=100000-'])
    rmSync(join(models, 'campplus-en'), { recursive: true })

    answers = [cut(200_000), (_request, response) => response.writeHead(503).end()]
    await expect(pull({}, { attempts: 2 })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      retryable: true,
      message: expect.stringContaining('503') as string,
    })
    expect(left()).toEqual(['campplus-en.part', 'campplus-en.part.json', 'hashes.json'])
    answers = [serve()]
    await pull()
    expect(requests.at(-1)!.headers.range).toBe('bytes=200000-')
    expect(readFileSync(join(models, 'campplus-en', 'voices.onnx'))).toEqual(data)
  })

  it('starts anew where the server has another version by now, or less', async () => {
    const other = Buffer.alloc(50_000, 'other')
    answers = [cut(100_000), serve(other, '"2"')]
    expect((await pull()).sha256).toBe(sha(other))
    rmSync(models, { recursive: true })
    mkdirSync(models)
    answers = [cut(100_000), serve(data.subarray(0, 100_000))]
    expect((await pull()).sha256).toBe(sha(data.subarray(0, 100_000)))
  })

  it('does not continue what the server gives no name to', async () => {
    answers = [
      (_request, response) => {
        response.writeHead(200, { 'content-length': data.length })
        response.write(data.subarray(0, 1000))
        breaking = { response, count: 1000 }
      },
      serve(),
    ]
    await pull()
    expect(requests[1]!.headers.range).toBeUndefined()
  })

  it('keeps nothing whose hash is not the one in the table', async () => {
    answers = [serve()]
    await expect(pull({ sha256: sha(Buffer.from('x')) })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      retryable: false,
      message: expect.stringContaining(`its SHA-256 is ${sha(data)} instead of`) as string,
    })
    expect(left()).toEqual([])
    expect(await pull({ sha256: sha(data) })).toMatchObject({ hashFrom: 'table' })
  })

  it('keeps nothing that is not what it was when it was first downloaded', async () => {
    answers = [serve()]
    await pull()
    rmSync(join(models, 'campplus-en'), { recursive: true })
    answers = [serve(Buffer.from('another'))]
    await expect(pull()).rejects.toThrow('it is not what it was when it was first downloaded here')
    expect(left()).toEqual(['hashes.json'])
  })

  it('stops at the most bytes, whether or not the server says how many there are', async () => {
    answers = [serve()]
    await expect(pull({ size: 1000 })).rejects.toThrow('more than the 1000 bytes')
    answers = [(_request, response) => response.writeHead(200).end(data)]
    await expect(pull({ size: 1000 })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', retryable: false })
    expect(requests).toHaveLength(2)
    expect(left()).toEqual([])
  })

  it.each([
    ['http://example.org/voices.onnx', 'http://example.org/voices.onnx is not an https: address'],
    ['file:///etc/passwd', 'is not an https: address'],
    ['https://user:secret@example.org/', 'is not an https: address'],
    ['https://[', 'redirects to no address'],
    ['/release/voices.onnx', 'redirects more than 5 times'],
  ])('does not follow a redirect to %s', async (location, message) => {
    answers = [(_request, response) => response.writeHead(302, { location }).end()]
    const failure = await pull().catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED', retryable: false })
    expect((failure as Error).message).toContain(message)
    expect((failure as Error).message).not.toContain('secret')
  })

  it('follows redirects, and shows no query of theirs', async () => {
    answers = [
      (_request, response) => response.writeHead(302, { location: '/storage?signature=hidden' }).end(),
      (_request, response) => response.writeHead(404).end(),
    ]
    const failure = (await pull().catch((error: Error) => error)) as Error
    expect(failure.message).toContain(`${address}storage answers with status 404`)
    expect(failure.message).not.toContain('hidden')
  })

  it('does not take http: from anywhere but this machine', async () => {
    await expect(pull({ url: 'http://example.org/voices.onnx' })).rejects.toThrow('not an https: address')
  })

  it('gives up a server that says nothing, and one that stops', async () => {
    answers = [() => {}]
    await expect(pull({}, { answerTimeout: 20, attempts: 1 })).rejects.toThrow('gave no answer for 0.02 s')
    answers = [(_request, response) => void response.writeHead(200).write('begin')]
    await expect(pull({}, { stallTimeout: 20, attempts: 1 })).rejects.toThrow('sent nothing more for 0.02 s')
  })

  it('ends at once when it is aborted', async () => {
    const controller = new AbortController()
    answers = [
      (_request, response) => {
        response.writeHead(200, { etag: '"1"', 'content-length': data.length })
        response.write(data.subarray(0, 1000))
      },
    ]
    const pulling = pull({}, { signal: controller.signal, onProgress: ({ done }) => done > 0 && controller.abort() })
    await expect(pulling).rejects.toMatchObject({ name: 'AbortError' })
    expect(existsSync(join(models, 'campplus-en.lock'))).toBe(false)
  })

  it('names the folder where nothing can be written', async () => {
    const file = join(models, 'file')
    writeFileSync(file, '')
    await expect(pull({}, { models: join(file, 'below') })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('DIARIZE_STREAM_MODELS') as string,
    })
  })

  it('is not begun twice at a time; the lock of a process that has died does not count', async () => {
    answers = [serve()]
    writeFileSync(join(models, 'campplus-en.lock'), String(process.pid))
    await expect(pull()).rejects.toThrow('is being pulled by another process')
    writeFileSync(join(models, 'campplus-en.lock'), '999999999')
    await pull()
  })
})

describe.skipIf(whyNoBzip2 !== undefined)('an archive', () => {
  const parts = { 'm/encoder.onnx': 'e', 'm/decoder.onnx': 'd', 'm/joiner.onnx': 'j', 'm/tokens.txt': '<blk> 0\nA 1\n' }
  const archive = (bytes: Buffer, change: Partial<ModelEntry> = {}): Promise<unknown> => {
    answers = [serve(bzip2(bytes))]
    return pull({ name: 'zipformer-en', role: 'recogniser', url: `${address}m.tar.bz2`, ...change })
  }

  it('is unpacked, without its examples and the weights that are not loaded', async () => {
    await archive(tarFile({ ...parts, 'm/test_wavs/0.wav': 'RIFF', 'm/encoder.int8.onnx': 'i', 'm/README.md': 'r' }))
    expect(readdirSync(join(models, 'zipformer-en')).toSorted()).toEqual([
      'README.md',
      'decoder.onnx',
      'diarize-stream-model.json',
      'encoder.int8.onnx',
      'joiner.onnx',
      'tokens.txt',
    ])
    expect(left()).toEqual(['hashes.json', 'zipformer-en'])
    const { files, folder, onlyCapitals } = findRecogniser('zipformer-en', models)
    expect(onlyCapitals).toBe(true)
    await verifyFiles(folder, Object.values(files))
  })

  it.each([
    ['a path out of its folder', tarFile({ ...parts, 'm/../../out': 'x' }), 'unsafe path'],
    ['an absolute path', tarFile({ ...parts, '/tmp/out': 'x' }), 'unsafe path'],
    ['two files of one name', tarFile({ ...parts, 'n/tokens.txt': 'x' }), 'EEXIST'],
    ['another end', tarFile(parts).subarray(0, 1000), 'ends too early'],
    ['too much', tarFile({ ...parts, 'm/large': Buffer.alloc(2_000_000) }), 'more than 1000000 bytes'],
    ['too many files', tarFile(Object.fromEntries([...Array(1001).keys()].map((n) => [`m/${n}`, '']))), 'bytes|files'],
    ['a part that is missing', tarFile({ ...parts, 'm/joiner.onnx': '' }).subarray(0, 0), 'ends too early'],
    ['no model', tarFile({ 'm/README.md': 'hello' }), 'it has no encoder'],
  ])('with %s is refused, and nothing is left of it', async (_what, bytes, message) => {
    await expect(archive(bytes)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      retryable: false,
      message: expect.stringMatching(message) as string,
    })
    expect(left()).toEqual([])
    expect(existsSync(join(models, '..', 'out'))).toBe(false)
  })

  it('that writes through a link has no link to write through', async () => {
    const target = join(models, 'target')
    const link = tarEntry('m/encoder.onnx', '', { type: '2', link: target })
    await archive(Buffer.concat([link, tarFile(parts)]))
    expect(existsSync(target)).toBe(false)
    expect(readFileSync(join(models, 'zipformer-en', 'encoder.onnx'), 'utf8')).toBe('e')
  })

  it('that is none is refused', async () => {
    answers = [serve(Buffer.from('<html>'))]
    await expect(pull({ url: `${address}m.tar.bz2` })).rejects.toThrow('it does not begin like bzip2')
  })
})

describe('verifyFiles', () => {
  it('refuses a file that has changed since it was pulled, also with its size and time kept', async () => {
    answers = [serve(tinySpeakerModel())]
    await pull()
    const { folder, file } = findSpeakers('campplus-en', models)
    await verifyFiles(folder, [file])
    const bytes = readFileSync(file)
    writeFileSync(file, Buffer.concat([bytes, Buffer.from('x')]))
    await expect(verifyFiles(folder, [file])).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(file, bytes)
    utimesSync(file, 1, 1)
    await expect(verifyFiles(folder, [file])).rejects.toThrow('its SHA-256 is not what it was')
    writeFileSync(join(folder, 'new.onnx'), '')
    await expect(verifyFiles(folder, [join(folder, 'new.onnx')])).rejects.toThrow('it was not there')
    writeFileSync(join(folder, 'diarize-stream-model.json'), '{')
    await expect(verifyFiles(folder, [file])).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
    rmSync(join(folder, 'diarize-stream-model.json'))
    await verifyFiles(folder, [file])
  })
})

describe('the table', () => {
  it('has https: addresses, one name a model, and a licence for each', () => {
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length)
    for (const { name, url, licence, licenceUrl, sha256, role, threshold } of catalogue) {
      expect(name).toMatch(/^[a-z0-9-]+$/)
      expect(url).toMatch(/^https:\/\/.*\.(tar\.bz2|onnx)$/)
      expect(licenceUrl).toMatch(/^https:/)
      expect(licence).not.toBe('')
      expect(sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(threshold === undefined).toBe(role === 'recogniser')
    }
  })

  it('can be read from a mirror', () => {
    const [first] = catalogue
    expect(fromMirror(first!, { DIARIZE_STREAM_MODELS_URL: 'https://mirror.example/m' }).url).toBe(
      'https://mirror.example/m/asr-models/sherpa-onnx-streaming-zipformer-en-2023-06-26.tar.bz2',
    )
    expect(fromMirror(first!, {})).toBe(first)
  })
})

describe('modelsFolder', () => {
  it('obeys the environment', () => {
    expect(modelsFolder({ DIARIZE_STREAM_MODELS: '/m', XDG_CACHE_HOME: '/c' })).toBe('/m')
    expect(modelsFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/diarize-stream/models')
    expect(modelsFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/diarize-stream\/models$/)
  })
})
