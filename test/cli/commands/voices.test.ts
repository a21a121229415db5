import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { spansOf } from '../../../src/cli/commands/voices.ts'
import { formatJsonlItem } from '../../../src/captions/formats/jsonl.ts'
import { voiceBook } from '../../../src/voices/book.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../../voices/made-up-profiles.ts'
import { command } from '../command.ts'

const directory = temporaryDirectories()

describe('diarize-stream voices', () => {
  it('lists, renames and forgets, and says what it did', async () => {
    const file = path.join(directory(), 'voices.json')
    const book = voiceBook(file)
    await book.add('Voice 1', madeUpProfile(0, 12), madeUpModel)
    await book.add('Bob', madeUpProfile(1, 7, 'narrowband'), madeUpModel)
    await book.save()
    const list = await command('voices', 'list', '--book', file)
    expect(list).toMatchObject({ code: 0, err: '' })
    expect(list.out).toMatch(/^Voice 1 {2}12 s; added \d{4}-\d\d-\d\d\nBob {6}7 s by telephone; .*\n2 in .*made-up\n$/)
    expect(await command('voices', 'rename', 'Voice 1', 'Alice', '--book', file)).toMatchObject({ code: 0 })
    const gone = await command('voices', 'forget', 'Bob', '--book', file)
    expect(gone.code).toBe(0)
    expect(gone.err).toMatch(/Bob is forgotten.*copies of that file still have the voice/)
    expect(readFileSync(file, 'utf8')).not.toContain('Bob')
    expect((await voiceBook(file).list()).map(({ name }) => name)).toEqual(['Alice'])
  })

  it.each([
    [['voices'], 2, /needs to know what to do/],
    [['voices', 'sing'], 2, /cannot sing/],
    [['voices', 'add', 'Alice'], 2, /needs a name and a clip; got Alice/],
    [['voices', 'list', 'x'], 2, /takes nothing more; got x/],
    [['voices', 'list', '--loud'], 2, /--loud/],
    [['voices', 'name', 'talk.jsonl'], 2, /names like A=Alice/],
    [['voices', 'name', 'talk.jsonl', 'A=Alice'], 2, /--audio/],
    [['voices', 'name', 'talk.jsonl', 'Alice', '--audio', 'a.wav'], 2, /like A=Alice; got Alice/],
    [['voices', 'forget', 'Nobody', '--book', 'none.json'], 3, /no voice called Nobody; it is empty/],
    [['voices', 'name', 'none.jsonl', 'A=Alice', '--audio', 'a.wav'], 3, /cannot read the transcript none.jsonl/],
    [['voices', 'add', '\n', 'a.wav'], 2, /name of 1 to 100 characters/],
  ])('%s is refused', async (argv, code, message) => {
    const refused = await command(...argv)
    expect(refused.code).toBe(code)
    expect(refused.err).toMatch(message)
  })
})

describe('spansOf', () => {
  it('says where each label speaks, as it was last revised, in one breath each', async () => {
    const file = path.join(directory(), 'talk.jsonl')
    const records = [
      makeTurn(0, 'A:one A:two A:three A:four', { start: 0 }),
      makeTurn(1, 'B:one B:two B:three B:four', { start: 2000, speaker: 'B' }),
      makeTurn(2, 'A:not A:yet A:final A:words', { start: 4000, endOfTurn: false }),
      makeTurn(1, 'C:one C:two C:three C:four', { start: 2000, speaker: 'C', revision: 1 }),
      makeTurn(3, 'A:short', { start: 9000 }),
    ]
    writeFileSync(file, `{"type":"session","sessionId":"s"}\n${records.map((turn) => formatJsonlItem(turn)).join('')}`)
    expect(Object.fromEntries(await spansOf(file))).toEqual({
      A: [{ start: 0, end: 950 }],
      C: [{ start: 2000, end: 2950 }],
    })
  })

  it('refuses what is no transcript, and says in which line', async () => {
    const file = path.join(directory(), 'talk.srt')
    writeFileSync(file, '{"type":"gap"}\n00:00:01,000 --> 00:00:02,000\n')
    await expect(spansOf(file)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(/line 2 of .*talk\.srt is no JSON/) as string,
    })
  })
})
