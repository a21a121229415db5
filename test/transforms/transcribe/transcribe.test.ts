import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it, vi } from 'vitest'
import {
  type DiagnosticsChannels,
  type Gap,
  jsonlSink,
  type ReconnectingRecord,
  resample,
  run,
  type SessionRecord,
  transcribe,
  type TranscribeOptions,
  type TranscribeProgress,
  type Turn,
  type Warning,
} from '../../../src/index.ts'
import {
  prerecordedServer,
  type PrerecordedServer,
  type PrerecordedServerOptions,
  scriptedEngine,
} from '../../../src/testing/index.ts'
import { certificate } from '../../helpers/certificate.ts'
import { clientSockets, leftovers, openResources } from '../../trials/leftovers.ts'
import { collector, conversation, expected, quick, temporaryFolder, wordsOf } from './support.ts'

const temporary = temporaryFolder()
const { script, source } = conversation()

/** Everything that is left behind after a run: at the service, in the folder, in the process. */
async function left(server: PrerecordedServer, before: readonly string[]) {
  const transcripts = server.transcripts.filter(({ deleted }) => !deleted).length
  const sockets = await clientSockets(server.port)
  await server.close()
  return { transcripts, sockets, files: temporary.files(), resources: await leftovers(before) }
}

const nothing = { transcripts: 0, sockets: [], files: [], resources: [] }

/** Transcribes the conversation with a server, and gives all that happens. */
async function attempt(serving: PrerecordedServerOptions, options: TranscribeOptions = {}) {
  const before = openResources()
  const server = await prerecordedServer(serving)
  const { url } = server
  const stage = transcribe({ ...quick, url, temporaryFolder: temporary.folder, ...options })
  const warnings: Warning[] = []
  const reconnecting: ReconnectingRecord[] = []
  stage.on('warning', (warning) => warnings.push(warning))
  stage.on('reconnecting', (record) => reconnecting.push(record))
  const { sink, turns } = collector()
  const outcome = await run(source(), stage, sink).then(
    (summary) => ({ summary, error: undefined }),
    (error: Error) => ({ summary: undefined, error }),
  )
  const remains = await left(server, before)
  return { ...outcome, url, server, turns, warnings, reconnecting, remains }
}

describe('transcribe()', () => {
  it('gives every word, its time, its speaker and how sure it is, and says how it goes', async () => {
    const before = openResources()
    await using server = await prerecordedServer({ polls: 2 })
    const { turns, sink } = collector()
    const stage = transcribe({ ...quick, url: server.url, temporaryFolder: temporary.folder })
    const sessions: SessionRecord[] = []
    const progress: TranscribeProgress[] = []
    stage.on('session', (session) => sessions.push(session))
    stage.on('progress', (facts) => progress.push(facts))
    const terminated = new Promise((resolve) => stage.once('termination', resolve))
    const summary = await run(source(), stage, sink)
    expect(wordsOf(turns)).toEqual(expected(script))
    expect(turns.every(({ words }) => words.every(({ confidence, final }) => confidence === 0.99 && final))).toBe(true)
    expect(turns.map(({ order }) => order)).toEqual([...turns.keys()])
    const [transcript] = server.transcripts
    expect(sessions).toMatchObject([
      {
        sessionId: transcript!.id,
        engine: 'server',
        model: 'assemblyai-stt-3-7',
        offset: 0,
        speakers: { A: 'A', B: 'B', C: 'C' },
      },
    ])
    expect(turns.every(({ sessionId, language }) => sessionId === transcript!.id && language === 'en-US')).toBe(true)
    expect(summary).toMatchObject({
      audioMs: 15_000,
      turns: turns.length,
      speakers: ['A', 'B', 'C'],
      gaps: [],
      reconnects: 0,
    })
    expect(summary.languages).toEqual(['en-US'])
    expect([...new Set(progress.map(({ phase }) => phase))]).toEqual(['reading', 'uploading', 'transcribing', 'done'])
    expect(progress.at(-1)).toMatchObject({ audioMs: 15_000, readMs: 15_000 })
    expect(await terminated).toMatchObject({ audioMs: 15_000 })
    expect(server.requests.map(({ operation }) => operation)).toEqual([
      'list',
      'upload',
      'create',
      'poll',
      'poll',
      'poll',
    ])
    expect(server.requests.every(({ headers }) => headers.authorization === 'secret-key')).toBe(true)
    // 44 bytes of header, and the audio.
    expect(server.requests[1]!.bytes).toBe(44 + 15 * 32_000)
    expect(await left(server, before)).toEqual({ ...nothing, transcripts: 1 })
  })

  it('works in pipeline(), below FFmpeg or a resampler, and into files', async () => {
    await using server = await prerecordedServer()
    const file = `${temporary.folder}/talk.jsonl`
    const pcm = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
    await pipeline(source(), resample({ input: pcm }), transcribe({ ...quick, url: server.url }), jsonlSink(file))
    const { readFileSync, rmSync } = await import('node:fs')
    const records = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string })
    rmSync(file)
    expect(records[0]).toMatchObject({ type: 'session', sessionId: server.transcripts[0]!.id })
    expect(records.length).toBeGreaterThan(3)
  })

  it('asks for what the options say', async () => {
    const options = { speakerLabels: false, parameters: { languageCode: 'de', keytermsPrompt: ['Hanse'] } }
    const { server, turns, error } = await attempt({}, options)
    expect(error).toBeUndefined()
    expect(server.transcripts[0]!.request).toMatchObject({
      speaker_labels: false,
      language_code: 'de',
      keyterms_prompt: ['Hanse'],
    })
    expect(turns.every(({ speaker, language }) => speaker === undefined && language === 'de')).toBe(true)
    expect(turns.flatMap(({ words }) => words)).toHaveLength(script.length)
  })

  it('goes through TLS with a certificate of its own', async () => {
    const { key, cert } = await certificate()
    const { error, turns } = await attempt({ tls: { key, cert } }, { ca: cert })
    expect([error, wordsOf(turns)]).toEqual([undefined, expected(script)])
    const refused = await attempt({ tls: { key, cert } })
    expect(refused.error).toMatchObject({
      code: 'CONNECT_FAILED',
      retryable: false,
      message: expect.stringContaining('certificate'),
    })
    expect(refused.remains).toEqual(nothing)
  })

  it('deletes the transcript afterwards where that is asked for, once the turns are read', async () => {
    const { remains, turns, server } = await attempt({}, { deleteTranscript: true })
    expect(wordsOf(turns)).toEqual(expected(script))
    expect(remains).toEqual(nothing)
    expect(server.requests.at(-1)).toMatchObject({ operation: 'delete' })
    const kept = await attempt(
      { faults: { delete: { fault: 'status', status: 400, message: 'not now' } } },
      { deleteTranscript: true },
    )
    expect(kept.error).toBeUndefined()
    expect(kept.warnings).toMatchObject([
      {
        code: 'TRANSCRIPT_KEPT',
        transcriptId: kept.server.transcripts[0]!.id,
        message: expect.stringContaining('not now'),
      },
    ])
  })

  it('reads no more than the reader of its turns takes', async () => {
    await using server = await prerecordedServer()
    const stage = transcribe({ ...quick, url: server.url })
    const long = conversation({ duration: 300_000 })
    const written = pipeline(long.source(), stage)
    await vi.waitFor(() => expect(stage.readableLength).toBeGreaterThan(0), 10_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(stage.readableLength).toBe(stage.readableHighWaterMark)
    const turns: Turn[] = []
    for await (const turn of stage) turns.push(turn)
    await written
    expect(wordsOf(turns)).toEqual(expected(long.script))
  })

  it('says what of the audio the service did not hear', async () => {
    const gaps: Gap[] = []
    await using server = await prerecordedServer({ faults: { create: { fault: 'cutShort', heardMs: 8000 } } })
    const stage = transcribe({ ...quick, url: server.url })
    stage.on('gap', (gap) => gaps.push(gap))
    const summary = await run(source(), stage, collector().sink)
    expect(gaps).toEqual([{ start: 8000, end: 15_000 }])
    expect(summary.gaps).toEqual(gaps)
  })

  it('hears what there was until the source was told to stop', async () => {
    await using server = await prerecordedServer()
    const { turns, sink } = collector()
    const stage = transcribe({ ...quick, url: server.url })
    const long = conversation({ duration: 3_600_000 })
    const stop = new AbortController()
    stage.on('progress', ({ readMs }) => {
      if (readMs > 0) stop.abort()
    })
    const { audioMs } = await run(long.source(), stage, sink, { stop: stop.signal })
    expect(audioMs).toBeLessThan(3_600_000)
    const heard = long.script.filter(({ start }) => start + 240 <= audioMs)
    expect(wordsOf(turns)).toEqual(expected(heard))
  })

  it('ends well where nobody speaks', async () => {
    const { error, turns, summary } = await attempt({ engine: scriptedEngine([]) })
    expect([error, turns, summary?.turns]).toEqual([undefined, [], 0])
  })

  it('takes samples, and audio that says what it is', async () => {
    await using server = await prerecordedServer()
    const { turns, sink } = collector()
    const { toneAudio } = await import('../../../src/testing/index.ts')
    const bytes = toneAudio(script, { to: 15_000 })
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    await run([samples.subarray(0, 70_001), samples.subarray(70_001)], transcribe({ ...quick, url: server.url }), sink)
    expect(wordsOf(turns)).toEqual(expected(script))
    const stereo = { sampleRate: 16_000, channels: 2, encoding: 's16le' } as const
    const wrong = run(
      Readable.from([Buffer.alloc(64_000)]),
      resample({ input: stereo, channels: 'keep' }),
      transcribe({ ...quick, url: server.url }),
      collector().sink,
    )
    await expect(wrong).rejects.toMatchObject({
      code: 'CHANNEL_MISMATCH',
      message: expect.stringMatching(/^transcribe\(\) was told/),
    })
  })
})

describe('a request that fails is made again', () => {
  const limited = { fault: 'status', status: 429, message: 'too many', retryAfter: 0 } as const
  const broken = { fault: 'status', status: 503, message: 'overloaded' } as const

  it.each<[string, PrerecordedServerOptions, TranscribeOptions?]>([
    ['an upload that is cut', { faults: { upload: [{ fault: 'drop', afterBytes: 200_000 }, { fault: 'drop' }] } }],
    ['an upload that is refused for now', { faults: { upload: [limited, broken] } }],
    [
      'an upload that is not taken',
      { faults: { upload: [{ fault: 'stall', afterBytes: 100_000 }] } },
      { timeouts: { stall: 200, answer: 200 } },
    ],
    ['a lost answer to an upload', { faults: { upload: [{ fault: 'loseAnswer' }] } }],
    ['a request for a transcript that is refused for now', { faults: { create: [limited, broken] } }],
    ['polls', { polls: 0, faults: { poll: [limited, { fault: 'drop' }, { fault: 'garbage' }, broken] } }],
    [
      'a poll without an answer',
      { faults: { poll: [{ fault: 'hang' }] } },
      { timeouts: { answer: 200, connect: 100 } },
    ],
    ['asking whether the key is taken', { faults: { list: [broken, { fault: 'drop' }] } }],
    ['a deletion', { faults: { delete: [broken, { fault: 'loseAnswer' }] } }, { deleteTranscript: true }],
    [
      'a failure of the service',
      { faults: { create: [{ fault: 'failed', message: 'Internal server error, please try again' }] } },
    ],
  ])('%s', { timeout: 20_000 }, async (_what, serving, options = {}) => {
    const { error, turns, server, reconnecting, remains, summary } = await attempt(serving, options)
    expect(error).toBeUndefined()
    expect(wordsOf(turns)).toEqual(expected(script))
    expect(reconnecting.length).toBeGreaterThan(0)
    expect(reconnecting.every((record) => record.error.retryable)).toBe(true)
    expect(summary?.reconnects).toBe(reconnecting.length)
    expect(server.transcripts.filter(({ deleted }) => !deleted)).toHaveLength(options.deleteTranscript ? 0 : 1)
    expect({ ...remains, transcripts: 0 }).toEqual(nothing)
  })

  it('but never is a second transcript begun for one whose answer was lost', async () => {
    const lost = { fault: 'loseAnswer' } as const
    const { error, turns, server } = await attempt({
      faults: { create: [lost, lost], list: [{ fault: 'none' }, lost] },
    })
    expect(error).toBeUndefined()
    expect(server.transcripts).toHaveLength(1)
    expect(wordsOf(turns)).toEqual(expected(script))
  })

  it('but not an upload that is taken slowly', async () => {
    const slow = { fault: 'slow', bytesPerSecond: 600_000 } as const
    const { error, reconnecting, turns } = await attempt({ faults: { upload: slow } }, { timeouts: { stall: 400 } })
    expect([error, reconnecting]).toEqual([undefined, []])
    expect(wordsOf(turns)).toEqual(expected(script))
  })

  it('when the server says, and not before', async () => {
    const waiting = { ...limited, retryAfter: 1 }
    const { reconnecting } = await attempt(
      { faults: { create: [waiting] } },
      { reconnect: { delay: 1, maxDelay: 700 } },
    )
    expect(reconnecting).toMatchObject([
      { attempt: 1, delay: 700, error: { retryAfter: 1000, code: 'TOO_MANY_REQUESTS' } },
    ])
  })
})

describe('errors are typed, and leave nothing behind', () => {
  const always = (status: number, message: string) => ({ fault: 'status', status, message }) as const
  const few = { reconnect: { attempts: 1, delay: 1, maxDelay: 2 } }

  it.each<[string, PrerecordedServerOptions, TranscribeOptions, object]>([
    ['a wrong key', { keys: ['other'] }, {}, { code: 'UNAUTHORIZED', httpStatus: 401, retryable: false }],
    [
      'a key of another project',
      { faults: { create: always(403, 'Cannot access uploaded file') } },
      {},
      { code: 'UNAUTHORIZED' },
    ],
    [
      'too many requests',
      { faults: { poll: always(429, 'too many') } },
      few,
      { code: 'TOO_MANY_REQUESTS', retryable: true },
    ],
    [
      'too many requests by another status',
      { faults: { upload: always(403, 'Rate limit exceeded') } },
      few,
      { code: 'TOO_MANY_REQUESTS' },
    ],
    [
      'a wrong parameter',
      { faults: { create: always(400, 'no such model: secret-key') } },
      {},
      { code: 'INVALID_REQUEST', serverMessage: 'no such model: ***' },
    ],
    [
      'an upload that is too large',
      { faults: { upload: always(413, '') } },
      {},
      { code: 'AUDIO_REJECTED', httpStatus: 413 },
    ],
    [
      'a server that fails',
      { faults: { upload: always(500, 'oh') } },
      few,
      { code: 'SERVER_ERROR', retryable: true, serverMessage: 'oh' },
    ],
    [
      'a server that fails when asked',
      { faults: { poll: always(502, '') } },
      few,
      { code: 'SERVER_ERROR', httpStatus: 502 },
    ],
    ['a redirect', { faults: { create: always(302, '') } }, {}, { code: 'INVALID_REQUEST', httpStatus: 302 }],
    [
      'a transcript that fails',
      { faults: { create: { fault: 'failed', message: 'no speech' } } },
      {},
      { code: 'TRANSCRIPT_FAILED', retryable: false, serverMessage: 'no speech' },
    ],
    [
      'a transcript that fails, by a text with the key',
      { faults: { create: { fault: 'failed', message: 'secret-key may not use this model' } } },
      {},
      { code: 'TRANSCRIPT_FAILED', serverMessage: '*** may not use this model' },
    ],
    [
      'a transcript that fails by the service, twice',
      { faults: { create: { fault: 'failed', message: 'server error' } } },
      {},
      { code: 'TRANSCRIPT_FAILED', retryable: true },
    ],
    [
      'a transcript that is never ready',
      { faults: { create: { fault: 'neverReady' } } },
      { timeouts: { processing: 150 } },
      { code: 'TRANSCRIPT_TIMEOUT', retryable: true },
    ],
    [
      'a server that gives no answer',
      { faults: { upload: { fault: 'hang' } } },
      { ...few, timeouts: { answer: 150 } },
      { code: 'CONNECTION_LOST', retryable: true },
    ],
    [
      'a server that takes nothing',
      { faults: { upload: { fault: 'stall' } } },
      { ...few, timeouts: { stall: 150, answer: 150 } },
      { code: 'CONNECTION_LOST' },
    ],
    [
      'connections that are always cut',
      { faults: { upload: { fault: 'drop', afterBytes: 50_000 } } },
      few,
      { code: 'CONNECTION_LOST', retryable: true },
    ],
    [
      'answers that never end',
      { faults: { poll: { fault: 'endless' } } },
      {},
      { code: 'SERVER_FLOOD', retryable: false },
    ],
    [
      'answers that cannot be read',
      { faults: { create: { fault: 'garbage' } } },
      few,
      { code: 'SERVER_ERROR', retryable: true },
    ],
  ])('%s', { timeout: 20_000 }, async (_what, serving, options, facts) => {
    const { error, turns, remains, url } = await attempt(serving, options)
    expect(error).toMatchObject({ name: 'SessionError', ...facts })
    expect(`${error!.message} ${JSON.stringify(error)}`).not.toContain('secret-key')
    expect(error!.message).toContain(url)
    expect(turns).toEqual([])
    expect(remains).toEqual(nothing)
  })

  it('a key that is not taken ends it before the audio is read', async () => {
    await using server = await prerecordedServer({ keys: [] })
    const endless = new Readable({
      highWaterMark: 3200,
      read: () => setImmediate(() => endless.push(Buffer.alloc(3200))),
    })
    const running = run(endless, transcribe({ ...quick, url: server.url }), collector().sink)
    await expect(running).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(server.requests.map(({ operation }) => operation)).toEqual(['list'])
  })

  it.each<[number, string, string | undefined, RegExp]>([
    [
      308,
      '',
      'https://new.test/v2/transcript?limit=1',
      /HTTP 308\. It redirects to https:\/\/new\.test: give that .* as url\.$/,
    ],
    [301, 'moved', '/eu/v2/transcript', /HTTP 301: moved\. It redirects to http:\/\/127\.0\.0\.1:\d+\/eu: give that/],
    [
      302,
      'sign in',
      'https://user:pass@login.test/form?key=1',
      /It redirects to https:\/\/login\.test\/form: give that/,
    ],
    [302, 'elsewhere', 'https://[', /HTTP 302: elsewhere$/],
    [404, '', undefined, /HTTP 404$/],
    [400, 'no such model', undefined, /HTTP 400: no such model\. Correct the option that the text names\.$/],
    [402, 'no funds', undefined, /HTTP 402: no funds\. Check the balance of the account that the key is of\.$/],
  ])('a refusal with advice that helps: %i %s %s', async (status, error, location, message) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, location === undefined ? {} : { location }).end(error && JSON.stringify({ error }))
    }).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const stage = transcribe({ ...quick, url: `http://127.0.0.1:${port}` })
      await expect(run(source(), stage, collector().sink)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        message: expect.stringMatching(message),
      })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('a server that is not there', async () => {
    const server = await prerecordedServer()
    await server.close()
    const before = openResources()
    const running = run(source(), transcribe({ ...quick, url: server.url }), collector().sink)
    await expect(running).rejects.toMatchObject({ code: 'CONNECT_FAILED', retryable: true })
    expect(await leftovers(before)).toEqual([])
  })

  it('no audio, too much of it, and no place to keep it', async () => {
    await using server = await prerecordedServer()
    const options = { ...quick, url: server.url }
    const empty = run(Readable.from([Buffer.alloc(0)]), transcribe(options), collector().sink)
    await expect(empty).rejects.toMatchObject({ name: 'InputError', code: 'NO_AUDIO' })
    expect(server.requests).toEqual([])
    const long = run(source(), transcribe({ ...options, maxDuration: 5000 }), collector().sink)
    await expect(long).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' })
    const nowhere = run(source(), transcribe({ ...options, temporaryFolder: '/nowhere/at/all' }), collector().sink)
    await expect(nowhere).rejects.toMatchObject({
      name: 'OutputError',
      code: 'OUTPUT_UNWRITABLE',
      target: '/nowhere/at/all',
    })
    expect(existsSync('/nowhere')).toBe(false)
    expect(server.transcripts).toEqual([])
  })

  it('an official client that is not the one it was written for', async () => {
    vi.doMock('assemblyai', () => ({ FileService: Map, TranscriptService: Map }))
    const stage = transcribe({ ...quick, url: 'http://localhost:9' })
    const failure = await new Promise((resolve) => stage.once('error', resolve))
    vi.doUnmock('assemblyai')
    expect(failure).toMatchObject({ name: 'EngineError', code: 'ENGINE_UNAVAILABLE', package: 'assemblyai' })
  })

  it.each<[string, () => Promise<string>, string]>([
    ['fails', () => Promise.reject(new Error('the vault is shut')), 'the vault is shut'],
    ['gives none', () => new Promise<string>(() => {}), 'no key came within 150 ms'],
  ])('a function for the key that %s', async (_what, apiKey, message) => {
    const options = { apiKey, reconnect: { attempts: 1, delay: 1 }, timeouts: { connect: 150 } }
    const { error, remains } = await attempt({}, options)
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', message: expect.stringContaining(message) })
    expect(remains).toEqual(nothing)
  })
})

describe('a transcript whose words lack', () => {
  const word = { text: 'Good', start: 100, end: 300, speaker: 'A' }

  /** Transcribes the conversation with a server whose transcript this is. */
  async function read(transcript: object) {
    const answers: Record<string, object> = {
      'POST /v2/upload': { upload_url: 'https://uploads.test/1' },
      'POST /v2/transcript': { id: 'one', status: 'queued' },
      'GET /v2/transcript/one': { id: 'one', status: 'completed', ...transcript },
    }
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        const answer = answers[`${request.method} ${request.url?.replace(/\?.*/, '')}`] ?? { transcripts: [] }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
    }).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const stage = transcribe({ ...quick, url: `http://127.0.0.1:${port}` })
      const warnings: Warning[] = []
      stage.on('warning', (warning) => warnings.push(warning))
      const { sink, turns } = collector()
      await run(source(), stage, sink)
      return { turns, warnings }
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  it('is told of', async () => {
    const { turns, warnings } = await read({ text: 'Good morning.', words: [word] })
    expect(turns).toMatchObject([{ transcript: 'Good', start: 100 }])
    expect(warnings).toMatchObject([
      { code: 'WORDS_MISSING', transcriptId: 'one', message: expect.stringContaining('about 64 %') },
    ])
  })

  it('is an error where none has a time', async () => {
    await expect(read({ words: [{ ...word, start: 'now' }] })).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      message: expect.stringContaining('has a text, but no words with times'),
    })
  })
})

describe('an abort leaves nothing behind', () => {
  /** Aborts as soon as the server has seen `operation`, whose answer never comes. */
  it.each<[string, PrerecordedServerOptions, (server: PrerecordedServer) => boolean]>([
    ['while audio is read', {}, (server) => server.requests.length === 0],
    [
      'in mid-upload',
      { faults: { upload: { fault: 'stall', afterBytes: 200_000 } } },
      (server) => (server.requests[1]?.bytes ?? 0) >= 200_000,
    ],
    [
      'while a transcript is asked for',
      { faults: { create: { fault: 'loseAnswer' } } },
      (server) => server.transcripts.length === 1,
    ],
    [
      'while it is waited for',
      { faults: { create: { fault: 'neverReady' } } },
      (server) => server.requests.some(({ operation }) => operation === 'poll'),
    ],
    [
      'between two attempts',
      { faults: { poll: { fault: 'drop' } } },
      (server) => server.requests.some(({ operation }) => operation === 'poll'),
    ],
  ])('%s', async (_when, serving, isTime) => {
    const before = openResources()
    const server = await prerecordedServer(serving)
    const controller = new AbortController()
    const options = {
      ...quick,
      url: server.url,
      temporaryFolder: temporary.folder,
      reconnect: { delay: 20, maxDelay: 20 },
    }
    const running = run(source(), transcribe({ ...options, signal: controller.signal }), collector().sink)
    running.catch(() => {})
    await vi.waitFor(() => expect(isTime(server)).toBe(true), { timeout: 10_000, interval: 1 })
    controller.abort()
    await expect(running).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(await left(server, before)).toEqual(nothing)
  })

  it('while turns are read, and where the sink fails', async () => {
    const before = openResources()
    await using server = await prerecordedServer()
    const failing = new Writable({
      objectMode: true,
      write: (_turn, _encoding, done) => done(new Error('the disk is full')),
    })
    const options = { ...quick, url: server.url, temporaryFolder: temporary.folder }
    await expect(run(source(), transcribe(options), failing)).rejects.toThrow('the disk is full')
    const stage = transcribe(options)
    const ended = pipeline(source(), stage).catch((error: Error) => error)
    for await (const turn of stage) if (turn.order === 1) break
    await ended
    await vi.waitFor(() => expect(stage.closed).toBe(true))
    expect(server.transcripts).toHaveLength(2)
    expect(await left(server, before)).toEqual(nothing)
  })

  it('on the diagnostics channels either: a session that was told of has an end, once', async () => {
    // More turns than are buffered.
    const { source: many } = conversation({ duration: 60_000, turnWords: [1, 2] })
    const told: unknown[] = []
    const start = (): void => void told.push('start')
    const end = (message: unknown): void => {
      told.push((message as DiagnosticsChannels['diarize-stream:session:end']).error?.message ?? 'end')
    }
    subscribe('diarize-stream:session:start', start)
    subscribe('diarize-stream:session:end', end)
    try {
      await using server = await prerecordedServer()
      const options = { ...quick, url: server.url }
      const failing = new Writable({
        objectMode: true,
        write: (_turn, _encoding, done) => done(new Error('the disk is full')),
      })
      await expect(run(many(), transcribe(options), failing)).rejects.toThrow('the disk is full')
      const stage = many().pipe(transcribe(options))
      await once(stage, 'readable')
      stage.destroy()
      await vi.waitFor(() => expect(stage.closed).toBe(true))
      await run(many(), transcribe(options), collector().sink)
      const closed = 'the session was closed by its owner'
      expect(told).toEqual(['start', 'the disk is full', 'start', closed, 'start', 'end'])
    } finally {
      unsubscribe('diarize-stream:session:start', start)
      unsubscribe('diarize-stream:session:end', end)
    }
  })

  it('before anything has begun', async () => {
    const before = openResources()
    await using server = await prerecordedServer()
    const stage = transcribe({ ...quick, url: server.url })
    stage.destroy()
    await new Promise((resolve) => stage.once('close', resolve))
    const aborted = transcribe({ ...quick, url: server.url, signal: AbortSignal.abort() })
    await expect(pipeline(source(), aborted, collector().sink)).rejects.toThrow(/abort|premature|destroyed/i)
    expect(server.requests).toEqual([])
    expect(await left(server, before)).toEqual(nothing)
  })

  it('and says what could not be deleted', async () => {
    const server = await prerecordedServer({
      faults: { create: { fault: 'neverReady' }, delete: { fault: 'status', status: 409, message: 'in use' } },
    })
    const stage = transcribe({ ...quick, url: server.url })
    const warnings: Warning[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    const running = pipeline(source(), stage, collector().sink).catch((error: Error) => error)
    await vi.waitFor(() => expect(server.transcripts).toHaveLength(1), { timeout: 10_000 })
    stage.destroy()
    await running
    await vi.waitFor(() => expect(stage.closed).toBe(true))
    expect(warnings).toMatchObject([{ code: 'TRANSCRIPT_KEPT', transcriptId: server.transcripts[0]!.id }])
    await server.close()
  })
})
