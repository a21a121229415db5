import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { spansOf, wordsOf } from '../../../src/cli/commands/voices.ts'
import { formatJsonlItem } from '../../../src/captions/formats/jsonl.ts'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { voiceBook, type VoiceBookInFile } from '../../../src/voices/book.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../../voices/made-up-profiles.ts'
import { command, startCommand } from '../command.ts'

const directory = temporaryDirectories()
const { signal } = new AbortController()
const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const

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
    [
      ['voices', 'add', 'Alice', 'a.wav', '--book', '/does/not/exist/v.json'],
      2,
      /there is no folder \/does\/not\/exist for/,
    ],
    [['voices', 'list', 'x'], 2, /takes nothing more; got x/],
    [['voices', 'list', '--loud'], 2, /--loud/],
    [
      ['voices', 'list', '--bok', 'a.json'],
      2,
      /no option --bok; did you mean --book\?; see diarize-stream voices --help/,
    ],
    [['voices', 'name', 'talk.jsonl'], 2, /names like A=Alice/],
    [['voices', 'name', 'talk.jsonl', 'A=Alice'], 3, /cannot read the transcript talk.jsonl/],
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

describe('diarize-stream voices name', () => {
  const turn = (speakerName: string): string =>
    formatJsonlItem({ ...makeTurn(0, 'A:one A:two A:three A:four', { start: 0, speaker: 'A' }), speakerName })

  it('gives a voice that the book has learned another name, without its audio', async () => {
    const folder = directory()
    const [file, transcript] = [path.join(folder, 'voices.json'), path.join(folder, 'talk.jsonl')]
    const book = voiceBook(file) as VoiceBookInFile
    await book.learnNew(madeUpProfile(0), madeUpModel)
    await book.add('Bob', madeUpProfile(1), madeUpModel)
    await book.save()
    writeFileSync(transcript, turn('Voice 1').replaceAll(',"final"', ',"speakerName":"Voice 1","final"'))
    const named = await command('voices', 'name', transcript, 'A=Alice', '--book', file)
    expect(named).toMatchObject({ code: 0, err: 'Voice 1, as whom the book knew A, is Alice now\n' })
    const voices = await voiceBook(file).list()
    expect(voices.map(({ name, learned }) => [name, learned])).toEqual([
      ['Alice', false],
      ['Bob', false],
    ])
    // Who was given a name by somebody is another person than the one who is named now.
    writeFileSync(transcript, turn('Bob').replaceAll(',"final"', ',"speakerName":"Bob","final"'))
    expect(await command('voices', 'name', transcript, 'A=Carol', '--book', file)).toMatchObject({ code: 2 })
  })

  it('says the line that works where it is not known of what recording a transcript is', async () => {
    const folder = directory()
    const transcript = path.join(folder, 'my talk.jsonl')
    writeFileSync(transcript, formatJsonlItem(makeTurn(0, 'A:one A:two A:three A:four', { start: 8000 })))
    const book = path.join(folder, 'voices.json')
    const run = () => command('voices', 'name', transcript, 'A=Alice', '--book', book)
    const lineWith = (file: string): string =>
      `diarize-stream voices name '${transcript}' A=Alice --audio '${file}' --book ${book}; see`
    const none = await run()
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining('no recording beside') as string })
    expect(none.err).toContain(lineWith('my talk.mp4'))
    const [wav, mp3] = [path.join(folder, 'my talk.wav'), path.join(folder, 'my talk.mp3')]
    writeFileSync(wav, Buffer.concat([writeWavHeader(format, 32_000), Buffer.alloc(32_000)]))
    const short = await run()
    expect(short.err).toMatch(/my talk\.wav has 1\.0 s, and .* [89]\.\d s, so it is of another recording/)
    writeFileSync(mp3, '')
    const two = await run()
    expect(two).toMatchObject({ code: 2, err: expect.stringContaining('my talk.mp3 and my talk.wav') as string })
    expect(two.err).toContain(lineWith(mp3))
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
    expect(Object.fromEntries(spansOf(await wordsOf(file, signal)))).toEqual({
      A: [{ start: 0, end: 950 }],
      C: [{ start: 2000, end: 2950 }],
    })
  })

  it('ends at the first signal where its transcript is still to come', async () => {
    const running = startCommand(['voices', 'name', '-', 'A=Alice', '--book', path.join(directory(), 'voices.json')])
    // More than a pipe holds: what writes it has waited for whoever reads.
    const { stdin } = running.child
    await new Promise((resolve) => stdin?.write('{"type":"gap"}\n'.repeat(200_000), resolve))
    running.child.kill('SIGINT')
    expect([await running.ended, running.err]).toEqual([1, 'diarize-stream: stopped; the book is as it was\n'])
  })

  it('refuses what is no transcript, and says in which line', async () => {
    const file = path.join(directory(), 'talk.srt')
    writeFileSync(file, '{"type":"gap"}\n00:00:01,000 --> 00:00:02,000\n')
    await expect(wordsOf(file, signal)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(/line 2 of .*talk\.srt is no JSON/) as string,
    })
  })
})
