import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runFleet, statusText } from '../../../src/cli/commands/fleet.ts'
import { writeRecording } from '../../batch/recordings.ts'
import { stores, type TestStore } from '../../helpers/stores.ts'

/** Runs the command in this process. */
async function fleet(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const stdout = { write: (text: string) => Boolean((out += text)) }
  const stderr = { write: (text: string) => Boolean((err += text)) }
  const code = await runFleet(args, { stdout, stderr })
  return { code, out, err }
}

const STORE = ['--store', 'redis://127.0.0.1:1']

describe('diarize-stream fleet', () => {
  it.each([
    [[], 'fleet needs to know what to do: add, work, status, drain or retry'],
    [['go'], 'fleet cannot go'],
    [['add', ...STORE], 'fleet add needs inputs'],
    [['status', '--priority', '3', ...STORE], '--priority is of no use with fleet status'],
    [['drain', 'now', ...STORE], 'fleet drain takes no now'],
    [['add', 'a.wav', '--priority', '0', ...STORE], '--priority, when given, must be an integer from 1'],
    [['add', 'a.wav', '--label', 'acme', ...STORE], "--label must be like customer=acme; got 'acme'"],
    [['status', '--store', 'redis://:secret@host'], 'a password is not taken as an argument'],
    [['status', '--store', 'postgres://me@host/db?password=secret'], 'a password is not taken as an argument'],
    [['status', '--store', 'mysql://host/secret'], "begins with redis: or postgres:; got 'mysql:'"],
    [['status', '--stroe', 'x'], 'there is no option --stroe; did you mean --store?'],
  ])('refuses %j', async (args, message) => {
    await expect(fleet(...args)).rejects.toThrow(message)
    await expect(fleet(...args)).rejects.not.toThrow('secret')
  })

  it('says that the store cannot be reached, and where', async () => {
    await expect(fleet('status', ...STORE)).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      retryable: true,
      store: 'redis://127.0.0.1:1',
    })
  })

  it('shows how a fleet is doing', () => {
    const text = statusText({
      store: 'redis',
      queue: 'captions',
      counts: { waiting: 5, active: 1, delayed: 2, completed: 3, failed: 1 },
      active: [
        {
          id: '1',
          input: 'rtsp://camera.test/hall',
          labels: {},
          slice: 4,
          worker: 'one',
          crashes: 2,
          progress: { doneMs: 61_000, words: 3, gaps: 0 },
        },
      ],
      failed: [{ id: '2', input: 'talk.wav', labels: {}, reason: 'NO_AUDIO: none\nmore', attempts: 1 }],
    })
    expect(text).toBe(
      'captions on redis: 5 waiting, 2 to be tried again, 1 under way, 3 done, 1 failed\n' +
        '  rtsp://camera.test/hall, slice 4: 61 s, one, lost 2 times\n' +
        '  failed: talk.wav (2): NO_AUDIO: none\n',
    )
  })
})

describe.skipIf(stores.redis.missing !== undefined)('diarize-stream fleet with a queue', () => {
  let store: TestStore
  let folder = ''
  beforeAll(async () => {
    store = await stores.redis.start()
    folder = mkdtempSync(path.join(tmpdir(), 'diarize-stream-fleet-'))
  })
  afterAll(async () => {
    await store?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('adds inputs once, and says what waits', async () => {
    const at = ['--store', store.url]
    for (const number of [1, 2]) writeRecording(path.join(folder, `talk${number}.wav`), number)
    const output = ['-o', path.join(folder, 'out/{name}.{format}'), '--format', 'srt,vtt', '--label', 'customer=acme']
    expect(await fleet('add', folder, ...output, ...at)).toMatchObject({
      code: 0,
      err: '2 added, 0 were there already\n',
    })
    const { out } = await fleet('add', folder, ...output, '--json', ...at)
    expect(JSON.parse(out)).toMatchObject({ type: 'added', added: 0, ids: { length: 2 } })
    expect(JSON.parse((await fleet('status', '--json', ...at)).out)).toMatchObject({ counts: { waiting: 2 } })
    expect((await fleet('status', '--queue', 'other', ...at)).out).toMatch(/^other on redis: 0 waiting, /)
    expect(await fleet('drain', ...at)).toMatchObject({ code: 0, err: '' })
    expect(await fleet('drain', '--worker', 'nobody', ...at)).toMatchObject({
      code: 0,
      err: 'nobody has no job; if there is a worker of that name, it ends\n',
    })
    expect(await fleet('retry', ...at)).toMatchObject({ code: 0, err: '0 put back\n' })
    expect(await fleet('retry', 'nosuch', ...at)).toMatchObject({
      code: 3,
      err: '0 put back\nnothing that has failed has the id nosuch; fleet status says which have\n',
    })
  })
})
