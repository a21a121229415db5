import { execFile } from 'node:child_process'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { OggReader } from '../../src/audio/ogg.ts'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { CompressedInput } from '../../src/server/compressed-input.ts'
import { serve, type ServerOptions, type SessionEnd, type StreamingServer } from '../../src/server/index.ts'
import { toneAudio, toneEngine, toneText, type ToneWord } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { noise } from '../helpers/media.ts'
import { childStarted, noChildLeft } from '../helpers/processes.ts'
import { RawClient } from './raw-client.ts'

const words = toneScript({ seed: 5, duration: 8000, turnWords: [3, 8] })

/** The tones as FFmpeg encodes them. */
function encoded(...args: string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const input = ['-v', 'error', '-f', 's16le', '-ar', '16000', '-ac', '1', '-i', 'pipe:0']
    const child = execFile(
      findFfmpeg(),
      [...input, ...args, 'pipe:1'],
      { encoding: 'buffer', maxBuffer: 2 ** 26 },
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    )
    child.stdin?.end(toneAudio(words))
  })
}
const opus = ['-c:a', 'libopus', '-b:a', '96k', '-application', 'audio', '-f', 'ogg']
const aac = ['-c:a', 'aac', '-b:a', '96k', '-aac_pns', '0', '-aac_tns', '0', '-cutoff', '8000', '-f', 'adts']

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
  await noChildLeft('pcm_s16le')
})

async function connect(query: Record<string, unknown>, options: ServerOptions = {}): Promise<RawClient> {
  server = await serve({ engine: toneEngine(), ...options })
  return new RawClient(server.url, { speaker_labels: true, ...query }).open()
}

function heard(client: RawClient): { text: string; start: number }[] {
  const finals = client.all('Turn').filter((turn) => turn.end_of_turn)
  return finals.flatMap((turn) => turn.words.map(({ text, start }) => ({ text, start })))
}

const told = (all: readonly ToneWord[]): { text: string; start: number }[] =>
  all.map(({ word, start }) => ({ text: toneText(word), start }))

/** The packets in Ogg, without the two that are headers. */
const packetsOf = (bytes: Buffer): Buffer[] =>
  new OggReader(2 ** 20)
    .push(bytes)
    .flatMap(({ packets }) => packets)
    .slice(2)

/** Sends bytes in pieces, of which none ends where something of the encoding does. */
function send(client: RawClient, bytes: Buffer, size = 701): void {
  for (let at = 0; at === 0 || at < bytes.length; at += size) client.socket.send(bytes.subarray(at, at + size))
}

describe('ogg_opus', () => {
  it.each([7, 701, 100_000])('is heard as its sound, sample by sample, in pieces of %i bytes', async (size) => {
    const client = await connect({ encoding: 'ogg_opus' })
    send(client, await encoded(...opus), size)
    expect(await client.terminate()).toEqual({ code: 1000, reason: 'Session Ended' })
    expect(heard(client)).toEqual(told(words))
    expect(client.all('Termination')[0]?.audio_duration_seconds).toBe(9)
  })

  it('does what is asked for where it is asked for: behind the audio before it', async () => {
    const client = await connect({ encoding: 'ogg_opus', max_turn_silence: 5000, min_turn_silence: 5000 })
    send(client, await encoded(...opus))
    client.send({ type: 'ForceEndpoint' })
    const final = await client.next('Turn', client.all('Turn').length + 1)
    await client.terminate()
    const finals = client.all('Turn').filter((turn) => turn.end_of_turn)
    expect(finals.at(-1)?.words.at(-1)?.text).toBe(toneText(words.at(-1)!.word))
    expect(final.turn_order).toBe(0)
  })

  it('is heard as it comes', async () => {
    const client = await connect({ encoding: 'ogg_opus' })
    const bytes = await encoded(...opus)
    send(client, bytes.subarray(0, bytes.length / 2))
    expect((await client.next('Turn')).words[0]?.text).toBe(toneText(words[0]!.word))
  })

  it('is refused where it comes too fast, by what its packets last', async () => {
    const client = await connect({ encoding: 'ogg_opus' }, { pacing: 'enforce', maxAhead: 5000 })
    send(client, await encoded(...opus))
    const { code, error } = await client.refusal()
    expect(code).toBe(3007)
    expect(error?.error).toMatch(/^Audio Transmission Rate Exceeded: Received \d\.\d sec\. audio in 0\.\d+ sec$/)
  })

  it('leaves no process behind where the client is gone, or the server closes', async () => {
    const client = await connect({ encoding: 'ogg_opus' })
    send(client, (await encoded(...opus)).subarray(0, 40_000))
    await childStarted('pcm_s16le')
    const ended = new Promise<SessionEnd>((resolve) => server!.once('sessionEnd', (_session, end) => resolve(end)))
    client.socket.terminate()
    expect((await ended).code).toBe(1006)
    await noChildLeft('pcm_s16le')
    const other = await new RawClient(server!.url, { encoding: 'ogg_opus' }).open()
    send(other, (await encoded(...opus)).subarray(0, 40_000))
    await childStarted('pcm_s16le')
    await server!.close()
  })
})

describe('opus', () => {
  it('is heard as its sound, one packet in each message', async () => {
    const client = await connect({ encoding: 'opus' })
    for (const packet of packetsOf(await encoded(...opus))) client.socket.send(packet)
    expect((await client.terminate()).code).toBe(1000)
    // The 6.5 ms before the sound, which a container would say are not to be heard, are nobody's to leave out.
    expect(heard(client)).toEqual(told(words).map(({ text, start }) => ({ text, start: Math.round(start + 6.5) })))
  })
})

describe('aac', () => {
  it('is heard as its sound, in any pieces', async () => {
    const client = await connect({ encoding: 'aac' })
    send(client, await encoded(...aac))
    expect((await client.terminate()).code).toBe(1000)
    // FFmpeg's encoder spoils the first word; and it begins 1024 samples before the sound.
    expect(heard(client)).toEqual(told(words.slice(1)).map(({ text, start }) => ({ text, start: start + 64 })))
  })

  it('is heard up to its last whole frame where it is cut off within one', async () => {
    const client = await connect({ encoding: 'aac' })
    send(client, (await encoded(...aac)).subarray(0, -3))
    expect((await client.terminate()).code).toBe(1000)
    expect(heard(client).map(({ text }) => text)).toEqual(words.slice(1).map(({ word }) => toneText(word)))
  })
})

describe('a command between two pieces of audio', () => {
  afterEach(() => vi.useRealTimers())

  it.each([
    ['aac', aac],
    ['ogg_opus', opus],
  ] as const)('waits for what comes out of the one before alone: %s', async (encoding, how) => {
    const bytes = await encoded(...how)
    // What waits for longer than it must would wait for ever.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const input = new CompressedInput(encoding, 16_000, Infinity, () => {})
    let samples = 0
    const taker = { write: (more: Int16Array) => void (samples += more.length) }
    for (let at = 0; at < bytes.length; at += 4000) {
      await input.accept(bytes.subarray(at, at + 4000), 0)(taker)
      await input.catchUp(taker)
      expect(samples / 16).toBeGreaterThanOrEqual(input.receivedMs - 150)
    }
    await input.finish(taker)
    await input.destroy()
  })

  it.each([
    ['aac', aac],
    ['ogg_opus', opus],
  ] as const)('does not wait for what has come behind it: %s', async (encoding, how) => {
    const bytes = await encoded(...how)
    // As above.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const input = new CompressedInput(encoding, 16_000, Infinity, () => {})
    let samples = 0
    const taker = { write: (more: Int16Array) => void (samples += more.length) }
    const writeFirst = input.accept(bytes.subarray(0, 20_000), 0)
    const until = input.receivedMs
    const writeSecond = input.accept(bytes.subarray(20_000), 0)
    expect(input.receivedMs).toBeGreaterThan(until + 150)
    await writeFirst(taker)
    await input.catchUp(taker)
    expect(samples / 16).toBeGreaterThanOrEqual(until - 150)
    await writeSecond(taker)
    await input.finish(taker)
    await input.destroy()
  })

  it('keeps a session waiting for nothing where all of the audio has come together', async () => {
    const client = await connect({ encoding: 'opus' })
    const packets = packetsOf(await encoded(...opus))
    // As above.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    for (const packet of packets.slice(0, 100)) client.socket.send(packet)
    client.send({ type: 'ForceEndpoint' })
    for (const packet of packets.slice(100)) client.socket.send(packet)
    expect((await client.terminate()).code).toBe(1000)
    expect(heard(client).at(-1)?.text).toBe(toneText(words.at(-1)!.word))
  })
})

describe('what cannot be decoded', () => {
  const twice = async () => {
    const bytes = await encoded(...opus)
    return Buffer.concat([bytes, bytes])
  }
  const damaged = async () => {
    const bytes = await encoded(...opus)
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  }
  it.each([
    ['PCM', 'opus', () => noise(1600), 'Opus packet: a packet that breaks the rules of the format'],
    ['an empty message', 'opus', () => Buffer.alloc(0), 'Opus packet: a packet that breaks the rules of the format'],
    ['PCM', 'ogg_opus', () => noise(1600), 'Opus packet: this is no Ogg page'],
    ['a damaged page', 'ogg_opus', damaged, 'Opus packet: an Ogg page is damaged: its checksum is wrong'],
    [
      'Vorbis',
      'ogg_opus',
      () => encoded('-c:a', 'libvorbis', '-f', 'ogg'),
      'Opus packet: the stream in the Ogg is no Opus',
    ],
    ['a second stream', 'ogg_opus', twice, 'Opus packet: a second stream in the Ogg'],
    ['PCM', 'aac', () => noise(1600), 'AAC frame: no ADTS header where one must be'],
  ])('%s for %s ends the session with 3006', async (_what, encoding, bytes, text) => {
    const client = await connect({ encoding })
    send(client, await bytes())
    const { code, error } = await client.refusal()
    expect({ code, text: error?.error }).toEqual({
      code: 3006,
      text: expect.stringContaining(`Failed to decode ${text}`),
    })
  })

  it('is told by FFmpeg where it looks right from outside', async () => {
    const client = await connect({ encoding: 'aac' })
    const bytes = await encoded(...aac)
    const headers = [...bytes.keys()].filter((at) => bytes[at] === 0xff && (bytes[at + 1]! & 0xf6) === 0xf0)
    const large = headers.find((at, index) => (headers[index + 1] ?? 0) - at > 300)!
    noise(200).copy(bytes, large + 7)
    send(client, bytes)
    const { code, error } = await client.refusal()
    expect(code).toBe(3006)
    expect(error?.error).toMatch(/^Failed to decode AAC frame: .*error/)
  })

  it('never breaks the server, whatever it is', async () => {
    await connect({ encoding: 'ogg_opus' })
    const bytes = (await encoded(...opus)).subarray(0, 30_000)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('opus', 'ogg_opus', 'aac'),
        fc.nat(bytes.length - 1),
        fc.uint8Array({ maxLength: 300 }),
        async (encoding, at, junk) => {
          const client = await new RawClient(server!.url, { encoding }).open()
          client.socket.send(Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]))
          expect([1000, 3006]).toContain((await client.terminate()).code)
        },
      ),
      { numRuns: 30 },
    )
  })
})
