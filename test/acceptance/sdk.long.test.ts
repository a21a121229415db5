import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { serve, type SessionEnd, type StreamingServer } from '../../src/server/index.ts'
import { certificate } from '../helpers/certificate.ts'
import { haveFlite, join16, silence, speak } from '../helpers/flite.ts'
import { wordErrorRate } from '../helpers/scoring.ts'
import { whyNoBox } from '../helpers/sherpa.ts'

const sentences = [
  'good morning i hope you had a pleasant journey',
  'the train was only a little late this time',
  'i think we should look at the numbers first',
  'the sales in the north were better than last year',
  'that is very good news for the whole company',
  'we will send you the report on monday',
]

const folder = mkdtempSync(join(tmpdir(), 'sdk-'))
let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

const talker = fileURLToPath(new URL('sdk-talker.mjs', import.meta.url))

describe.skipIf(whyNoBox !== undefined || !haveFlite)('the official SDK, with the engine on this machine', () => {
  it.each([
    ['one client', 1],
    ['three at a time', 3],
  ])('has every word of a long turn before its close() gives up: %s', async (_name, clients) => {
    const { key, cert, caFile } = await certificate()
    server = await serve({ tls: { key, cert }, host: 'localhost' })
    const ends: SessionEnd[] = []
    server.on('sessionEnd', (_session, end) => ends.push(end))
    // One turn: the pauses are too short to end it, and it ends with the last word.
    const speech = sentences.flatMap((text) => [speak('rms', text), silence(60)])
    const file = join(folder, 'speech.pcm')
    writeFileSync(file, new Uint8Array(join16(speech).buffer))

    const { url } = server
    const runs = Array.from({ length: clients }, () =>
      promisify(execFile)(process.execPath, [talker, url, file], {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile },
      }),
    )
    for (const { stdout } of await Promise.all(runs)) {
      const words = (JSON.parse(stdout) as string[]).join(' ').split(' ')
      expect(wordErrorRate(sentences.join(' ').split(' '), words)).toBeLessThan(0.15)
      expect(words.at(-1)).toMatch(/^monday\W*$/i)
    }
    await server.close()
    // As many sessions as clients: none opened a second one since the first was too slow.
    expect(ends.map(({ terminated }) => terminated)).toEqual(runs.map(() => true))
  })
})
