import { AssemblyAI } from 'assemblyai'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import {
  prerecordedServer,
  type PrerecordedServerOptions,
  scriptedEngine,
  TONE_WORD_MS,
  toneAudio,
  toneText,
} from '../../../src/testing/index.ts'
import { toneScript } from '../../helpers/tone-script.ts'
import { certificate } from '../../helpers/certificate.ts'

const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const

/** A WAV file of a tone script. */
function wav(pcm: Buffer, said = pcm.length): Buffer {
  return Buffer.concat([writeWavHeader(format, said), pcm])
}

async function served(options: PrerecordedServerOptions = {}) {
  const server = await prerecordedServer(options)
  const client = new AssemblyAI({ apiKey: 'a-key', baseUrl: server.url })
  return { server, client, [Symbol.asyncDispose]: () => server.close() }
}

const parameters = { speaker_labels: true, speech_models: ['a-model', 'another'] }

describe('with the official client, unchanged', () => {
  it('hears every word, its time and its speaker', async () => {
    await using the = await served()
    const script = toneScript({ seed: 1, duration: 60_000 })
    const audio = wav(toneAudio(script, { to: 61_000 }))
    const transcript = await the.client.transcripts.transcribe({ audio, ...parameters }, { pollingInterval: 1 })
    expect(transcript.status).toBe('completed')
    expect(transcript.words?.map(({ text, start, end }) => ({ text, start, end }))).toEqual(
      script.map(({ word, start }) => ({ text: toneText(word), start, end: start + TONE_WORD_MS })),
    )
    const letters = new Map(transcript.words?.map(({ speaker }, index) => [script[index]!.speaker, speaker]))
    expect(transcript.words?.map(({ speaker }) => speaker)).toEqual(script.map(({ speaker }) => letters.get(speaker)))
    expect(new Set(letters.values())).toEqual(new Set(['A', 'B', 'C']))
    expect(transcript.utterances?.flatMap(({ words }) => words)).toEqual(transcript.words)
    expect(transcript).toMatchObject({
      audio_duration: 61,
      speech_model_used: 'a-model',
      text: expect.stringMatching(/^w0 /),
    })
    const { server } = the
    expect(server.requests.map(({ operation }) => operation)).toEqual(['upload', 'create', 'poll', 'poll'])
    expect(server.requests[0]).toMatchObject({ bytes: audio.length, headers: { authorization: 'a-key' } })
    expect(server.transcripts).toMatchObject([{ status: 'completed', deleted: false, request: parameters }])
  })

  it('takes an upload as a stream, and without a length', async () => {
    await using the = await served()
    const audio = wav(toneAudio([{ word: 5, speaker: 0, start: 100 }]))
    const pieces = Array.from({ length: Math.ceil(audio.length / 1001) }, (_, at) =>
      audio.subarray(at * 1001, at * 1001 + 1001),
    )
    const url = await the.client.files.upload(Readable.toWeb(Readable.from(pieces)) as ReadableStream)
    const { id } = await the.client.transcripts.submit({ audio_url: url, speech_models: ['a-model'] })
    expect(await the.client.transcripts.waitUntilReady(id, { pollingInterval: 1 })).toMatchObject({
      text: 'w5',
      utterances: null,
      words: [{ text: 'w5', start: 100, end: 340, speaker: null }],
    })
  })

  it('says what a script says', async () => {
    const engine = scriptedEngine([{ words: 'guten Tag', start: 0, end: 900, speaker: 'B', language: 'de' }])
    await using the = await served({ engine, polls: 0 })
    const audio = wav(Buffer.alloc(64_000))
    const transcript = await the.client.transcripts.transcribe({ audio, ...parameters })
    expect(transcript).toMatchObject({ text: 'guten Tag', language_code: 'de', utterances: [{ speaker: 'B' }] })
  })

  it('lists and deletes', async () => {
    await using the = await served({ polls: 2 })
    const audio_url = await the.client.files.upload(wav(toneAudio([{ word: 1, speaker: 0, start: 0 }])))
    const first = await the.client.transcripts.submit({ audio_url })
    const second = await the.client.transcripts.submit({ audio_url: `${audio_url}-other` })
    const { transcripts } = await the.client.transcripts.list({ limit: 5 })
    expect(transcripts.map(({ id }) => id)).toEqual([second.id, first.id])
    expect(transcripts[1]).toMatchObject({ audio_url, status: 'queued' })
    expect(await the.client.transcripts.delete(first.id)).toMatchObject({
      audio_url: 'http://deleted_by_user',
      words: null,
    })
    expect((await the.client.transcripts.get(first.id)).text).toBe('Deleted by user.')
    expect(the.server.transcripts.map(({ deleted }) => deleted)).toEqual([true, false])
    await expect(the.client.transcripts.delete('unknown')).rejects.toThrow('transcript id not found')
    // Queued, then processing, then ready: of an upload that is not there.
    const seen = [0, 1, 2].map(async () => (await the.client.transcripts.get(second.id)).status)
    expect((await Promise.all(seen)).toSorted()).toEqual(['error', 'processing', 'queued'])
  })

  it.each([
    ['a file that is no WAV', Buffer.from('{"audio": "base64"}'.repeat(100)), /reads WAV only/],
    ['a file that broke off', wav(Buffer.alloc(32_000), 64_000), /not whole/],
    ['a file without audio', wav(Buffer.alloc(0)), /no audio/],
    [
      'a WAV of another kind',
      Buffer.concat([writeWavHeader({ ...format, channels: 2 }, 64), Buffer.alloc(64)]),
      /mono/,
    ],
  ])('makes no transcript of %s', async (_what, audio, why) => {
    await using the = await served()
    const transcript = await the.client.transcripts.transcribe({ audio, ...parameters }, { pollingInterval: 1 })
    expect(transcript.status).toBe('error')
    expect(transcript.error).toMatch(why)
  })

  it('refuses what the API refuses', async () => {
    await using the = await served({ keys: ['another-key'] })
    await expect(the.client.transcripts.list()).rejects.toThrow('API token missing/invalid')
    await expect(the.client.files.upload(Buffer.alloc(3_000_000))).rejects.toThrow('API token missing/invalid')
    const { transcripts } = new AssemblyAI({ apiKey: 'another-key', baseUrl: the.server.url })
    await expect(transcripts.submit({ audio_url: 'no address' })).rejects.toThrow("'audio_url' is not valid")
    await expect(transcripts.submit({} as never)).rejects.toThrow("'audio_url' is required")
    await expect(transcripts.list({ limit: 1000 })).rejects.toThrow('limit')
    expect((await fetch(`${the.server.url}/v2/other`)).status).toBe(404)
    expect(the.server.transcripts).toEqual([])
  })

  it('serves TLS', async () => {
    const { key, cert } = await certificate()
    await using server = await prerecordedServer({ tls: { key, cert } })
    expect(server.url).toMatch(/^https:/)
    await expect(fetch(`${server.url}/v2/transcript`)).rejects.toThrow('fetch failed')
  })
})

describe('faults', () => {
  it('are answers other than those that were asked for', async () => {
    const status = { fault: 'status', status: 429, message: 'slow down', retryAfter: 7 } as const
    await using the = await served({
      faults: { list: [status, { fault: 'garbage' }], create: { fault: 'failed' }, poll: status },
    })
    const answer = await fetch(`${the.server.url}/v2/transcript`)
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      429,
      '7',
      '{"error":"slow down"}',
    ])
    await expect(the.client.transcripts.list()).rejects.toThrow(SyntaxError)
    await expect(the.client.transcripts.list()).resolves.toMatchObject({ transcripts: [] })
    await the.client.transcripts.submit({ audio_url: 'http://localhost/x' })
    await expect(the.client.transcripts.get(the.server.transcripts[0]!.id)).rejects.toThrow('slow down')
    await expect(the.client.transcripts.get(the.server.transcripts[0]!.id)).rejects.toThrow('slow down')
  })

  it('cut connections before and after the work is done', async () => {
    await using the = await served({
      faults: {
        upload: [{ fault: 'drop', afterBytes: 100_000 }],
        create: [{ fault: 'loseAnswer' }],
        list: { fault: 'drop' },
      },
    })
    const audio = wav(Buffer.alloc(3_200_000))
    await expect(the.client.files.upload(audio)).rejects.toThrow('fetch failed')
    expect(the.server.uploads).toBe(0)
    expect(the.server.requests[0]!.bytes).toBeGreaterThanOrEqual(100_000)
    await expect(the.client.transcripts.submit({ audio_url: 'http://localhost/x' })).rejects.toThrow('fetch failed')
    expect(the.server.transcripts).toHaveLength(1)
    await expect(the.client.transcripts.list()).rejects.toThrow('fetch failed')
    expect(the.server.open).toBe(0)
  })

  it('hold an answer back until the connection is cut', async () => {
    await using the = await served({
      faults: (_index, operation) => ({ fault: operation === 'upload' ? 'stall' : 'hang' }),
    })
    const waiting = Promise.allSettled([
      the.client.transcripts.list(),
      the.client.files.upload(Buffer.alloc(9_000_000)),
    ])
    while (the.server.open < 2) await new Promise(setImmediate)
    the.server.cut()
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  it('must exist', async () => {
    await expect(prerecordedServer({ faults: { poll: { fault: 'other' as 'none' } } })).rejects.toThrow(
      'fault, when given, must be',
    )
    await expect(prerecordedServer({ faults: { get: [] } as object })).rejects.toThrow('faults has no option get')
    await expect(prerecordedServer({ engines: [] } as object)).rejects.toThrow('has no option engines')
  })
})
