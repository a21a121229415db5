import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type Checkpoint,
  checkInput,
  checkStages,
  formatCheckpoint,
  maxCheckpointBytes,
  parseCheckpoint,
  readCheckpoint,
} from '../../src/checkpoint/checkpoint.ts'
import { replaceFile } from '../../src/sinks/private-file.ts'
import { CheckpointError } from '../../src/errors.ts'
import { voiceOf } from '../../src/voices/voice.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { spokenTurn } from './turns.ts'

const directory = temporaryDirectories()

const checkpoint = (more: Partial<Checkpoint> = {}): Checkpoint => ({
  input: { kind: 'file', size: 1000, modified: 5, sha256: 'ab' },
  stages: { 'diarize()': 'one', 'srtSink() /a/talk.srt': 'two' },
  outputs: { '/a/talk.srt': { order: 3, bytes: 120, blocks: 4, state: { shown: [] }, cuts: [4] } },
  live: false,
  savedAt: 1_700_000_000_000,
  reachedMs: 9000,
  nextOrder: 5,
  totals: { turns: 5, speakers: ['A', 'B'], languages: { en: 5 } },
  gaps: [{ start: 1, end: 2 }],
  turns: [JSON.stringify(spokenTurn(3, 4000, ['line\u2028end', '"quoted"']))],
  voices: new Map(),
  ...more,
})

const failure = (run: () => unknown): CheckpointError => {
  try {
    run()
  } catch (error) {
    if (error instanceof CheckpointError) return error
  }
  throw new Error('it did not fail with a CheckpointError')
}

describe('a checkpoint', () => {
  it('is read as it was written, with voices', () => {
    const voices = new Map([['B', { wideband: voiceOf([0.25, 0.5], 300, false) }]])
    const given = checkpoint({ voices, learned: voices })
    expect(parseCheckpoint(formatCheckpoint(given), 'x')).toEqual(given)
    expect(formatCheckpoint(checkpoint())).not.toContain('vector')
  })

  it('is refused where one character is another, or some are missing', () => {
    const text = formatCheckpoint(checkpoint())
    for (let at = 0; at < text.length - 1; at += 7) {
      const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1)
      expect(failure(() => parseCheckpoint(changed, 'x')).code).toBe('CHECKPOINT_UNREADABLE')
      expect(failure(() => parseCheckpoint(text.slice(0, at), 'x')).code).toBe('CHECKPOINT_UNREADABLE')
    }
  })

  it('is refused by a program of another version, which says what to do', () => {
    const text = formatCheckpoint(checkpoint()).replace('"version":1', '"version":2')
    const { message, file } = failure(() => parseCheckpoint(text, '/a/talk.checkpoint'))
    expect(message).toBe(
      'cannot go on from /a/talk.checkpoint: it is of version 2, and this program reads 1; delete it to begin anew',
    )
    expect(file).toBe('/a/talk.checkpoint')
  })

  it('is refused where it is larger than any, and is none where it is not there', async () => {
    const file = path.join(directory(), 'x.checkpoint')
    expect(await readCheckpoint(file)).toBeUndefined()
    await replaceFile(file, formatCheckpoint(checkpoint()))
    expect(statSync(file).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600)
    expect(await readCheckpoint(file)).toEqual(checkpoint())
    writeFileSync(file, Buffer.alloc(maxCheckpointBytes + 1))
    await expect(readCheckpoint(file)).rejects.toMatchObject({ code: 'CHECKPOINT_UNREADABLE' })
  })

  it('says what of an input is not as it was, and takes what is not known yet', () => {
    const one = checkpoint({ input: { kind: 'http', address: 'http://a/b', etag: '"1"' } })
    expect(() => checkInput(one, { kind: 'http', address: 'http://a/b' }, 'x')).not.toThrow()
    const { difference, message } = failure(() => checkInput(one, { ...one.input, etag: '"2"' }, 'x'))
    expect(difference).toBe('input')
    expect(message).toContain('its etag was "1", and is "2"')
  })

  it('says which stage has other options, and which output is missing or new', () => {
    const one = checkpoint()
    const outputs = { 'diarize()': 'one', 'srtSink() /a/talk.srt': 'two' }
    expect(() => checkStages(one, outputs, 'x')).not.toThrow()
    expect(failure(() => checkStages(one, { ...outputs, 'diarize()': '1' }, 'x'))).toMatchObject({
      difference: 'options',
      message: expect.stringContaining('the options of diarize() are others') as string,
    })
    for (const other of [{ 'diarize()': 'one' }, { ...outputs, 'vttSink() /a/talk.vtt': '' }]) {
      expect(failure(() => checkStages(one, other, 'x')).difference).toBe('outputs')
    }
  })
})
