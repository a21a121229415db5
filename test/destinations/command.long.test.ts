import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve } from '../../src/server/index.ts'
import { seededRandom } from '../helpers/random.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn } from '../batch/recordings.ts'
import { steadyEngine } from '../checkpoint/killing.ts'
import { linesOf, wordsOf, writeTalk } from '../checkpoint/talk.ts'
import { asking, startCommand } from '../cli/command.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { type S3Server, startS3, whyNoS3 } from './s3-server.ts'

const directory = temporaryDirectories()

describe.skipIf(whyNoS3 !== undefined)('the command', () => {
  let s3: S3Server
  let env: Record<string, string>
  beforeAll(async () => {
    s3 = await startS3()
    env = { AWS_ENDPOINT_URL: s3.url, AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any', AWS_REGION: 'us-east-1' }
  })
  afterAll(async () => {
    await s3?.[Symbol.asyncDispose]()
  })

  async function run(...argv: string[]): Promise<{ code: number | null; err: string }> {
    const started = startCommand(argv, env)
    return { code: await started.ended, err: started.err }
  }

  it('writes to S3 as to a file, however often it is killed, also between a segment and its manifest', async () => {
    const folder = directory()
    const at = (name: string): string => path.join(folder, name)
    const words = toneScript({ seed: 5, duration: 120_000, speakers: 2, turnWords: [1, 12] })
    writeTalk(at('talk.wav'), words)
    await using server = await serve({ engine: steadyEngine(10), apiKeys: ['any-key'] })
    const key = asking(server.url, folder)
    expect(await run(at('talk.wav'), '-o', at('plain.jsonl'), '--no-voices', ...key)).toMatchObject({ code: 0 })

    const stored = 's3://bucket/killed/talk.jsonl'
    const checkpoint = at('talk.checkpoint')
    const argv = [at('talk.wav'), '-o', stored, '--resume', '--checkpoint', checkpoint, '--no-voices', ...key]
    const random = seededRandom(7)
    let resumed = 0
    for (let kill = 0; kill < 8; kill++) {
      const started = startCommand(argv, env, { detached: true })
      const die = (): void => void process.kill(-(started.child.pid ?? 0), 'SIGKILL')
      // Each second time when it has put a segment, before or after its manifest is swapped.
      let manifests = 0
      s3.fault = (request) => {
        if (kill % 2 === 0 || !request.endsWith('/manifest.json') || !request.startsWith('PUT') || ++manifests < 2)
          return undefined
        die()
        return kill % 4 === 1 ? 'refused' : 'silent'
      }
      const timer = new AbortController()
      if (kill % 2 === 0) delay(2500 + random() * 4000, undefined, { signal: timer.signal }).then(die, () => {})
      const code = await started.ended
      timer.abort()
      s3.fault = () => undefined
      expect({ code, err: started.err }).toMatchObject({ code: null })
      if (started.err.includes('going on from')) resumed += 1
    }
    expect(resumed).toBeGreaterThan(2)
    expect(await run(...argv)).toMatchObject({ code: 0 })
    const again = await run(...argv)
    expect(again).toMatchObject({ code: 2 })
    expect(again.err).toContain('there is nothing to resume')

    expect(await run(stored, '-o', at('stored.jsonl'), '-o', at('stored.srt'))).toMatchObject({ code: 0 })
    expect(wordsOf(at('stored.jsonl'))).toEqual(wordsOf(at('plain.jsonl')))
    const orders = linesOf(at('stored.jsonl')).flatMap(({ type, order, revision }) =>
      type === 'turn' && revision === 0 ? [order] : [],
    )
    expect(orders).toEqual(orders.map((_, index) => index))
    expect(wordsIn(at('stored.srt'))).toEqual(words.map(({ word }) => word))
  }, 300_000)

  it('ends when another has taken the output over, and says so', async () => {
    const folder = directory()
    const words = toneScript({ seed: 6, duration: 60_000, speakers: 2, turnWords: [1, 12] })
    writeTalk(path.join(folder, 'talk.wav'), words)
    await using slow = await serve({ engine: steadyEngine(4), apiKeys: ['any-key'] })
    const argv = [path.join(folder, 'talk.wav'), '-o', 's3://bucket/fenced/talk.jsonl', '--no-voices']
    const first = startCommand([...argv, ...asking(slow.url, folder)], env)
    const begun = new Promise<void>((resolve) => {
      s3.fault = (request) => {
        if (request.startsWith('PUT')) resolve()
        return undefined
      }
    })
    await begun
    await using fast = await serve({ engine: steadyEngine(100), apiKeys: ['any-key'] })
    expect(await run(...argv, ...asking(fast.url, folder))).toMatchObject({ code: 0 })
    expect(await first.ended).toBe(1)
    expect(first.err).toContain('another writer has taken it over')
    const text = path.join(folder, 'text.jsonl')
    expect(await run('s3://bucket/fenced/talk.jsonl', '-o', text)).toMatchObject({ code: 0 })
    expect(wordsOf(text).map(({ word }) => word)).toEqual(words.map(({ word }) => word))
  }, 120_000)

  it('says what is wrong with an output in S3 before anything is heard', async () => {
    const file = path.join(directory(), 'none.wav')
    const { code, err } = await run(file, '-o', 's3://no-such-bucket/talk.jsonl', '--engine', 'local')
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('make the bucket first') as string })
  }, 60_000)
})
