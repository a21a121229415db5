import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { OutputError, VoiceBookError } from '../../src/errors.ts'
import { voiceBook, type VoiceBookInFile } from '../../src/voices/book.ts'
import { parseBook } from '../../src/voices/book-file.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from './made-up-profiles.ts'

const directory = temporaryDirectories()
const writer = path.join(import.meta.dirname, 'book-writer.mjs')

const namesIn = (file: string): string[] => parseBook(readFileSync(file, 'utf8'), file).voices.map(({ name }) => name)

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error instanceof VoiceBookError || error instanceof OutputError).toBe(true)
  return (error as VoiceBookError).code
}

describe('voiceBook()', () => {
  it('is in the file once it is saved, which only its owner can read, and which has no audio in it', async () => {
    const file = path.join(directory(), 'voices.json')
    const book = voiceBook(file)
    await book.add('Alice', madeUpProfile(0), madeUpModel)
    expect(readdirSync(path.dirname(file))).toEqual([])
    await book.save()
    expect(readdirSync(path.dirname(file))).toEqual(['voices.json'])
    // Windows has no such modes.
    expect(statSync(file).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600)
    const [again] = await voiceBook(file).list()
    expect(again).toMatchObject({ name: 'Alice', learned: false })
    expect(again?.profile.wideband?.frames).toBe(1000)
    expect(await voiceBook(file).model()).toEqual(madeUpModel)
  })

  it('tells of what was added and renamed before it is saved', async () => {
    const book = voiceBook(path.join(directory(), 'voices.json'))
    await book.add('A', madeUpProfile(0), madeUpModel)
    await book.rename('A', 'Alice')
    await book.add('Bob', madeUpProfile(1), madeUpModel)
    await book.forget('Bob')
    expect((await book.list()).map(({ name }) => name)).toEqual(['Alice'])
    expect(await codeOf(book.forget('Bob'))).toBe('VOICE_UNKNOWN')
  })

  it('sees what another has saved, and keeps it', async () => {
    const file = path.join(directory(), 'voices.json')
    const [one, other] = [voiceBook(file), voiceBook(file)]
    await one.add('Alice', madeUpProfile(0), madeUpModel)
    await other.add('Bob', madeUpProfile(1), madeUpModel)
    await Promise.all([one.save(), other.save()])
    expect(namesIn(file).toSorted()).toEqual(['Alice', 'Bob'])
    expect(await one.list()).toHaveLength(2)
    // Both give Alice another name, and the second finds that it is done.
    await one.rename('Alice', 'Alicia')
    await other.rename('Alice', 'Alicia')
    await one.save()
    await other.save()
    expect(namesIn(file).toSorted()).toEqual(['Alicia', 'Bob'])
  })

  it('loses nothing of several processes that write at the same time', async () => {
    const file = path.join(directory(), 'voices.json')
    const children = ['a', 'b', 'c'].map((prefix) =>
      spawn(process.execPath, [writer, file, prefix, '8'], { stdio: ['ignore', 'ignore', 'inherit'] }),
    )
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    expect(codes).toEqual([0, 0, 0])
    const wanted = ['a', 'b', 'c'].flatMap((prefix) => Array.from({ length: 8 }, (_, number) => `${prefix}${number}`))
    expect(namesIn(file).toSorted()).toEqual(wanted)
    expect(readdirSync(path.dirname(file))).toEqual(['voices.json'])
  })

  it('has all that was saved after its writer was killed, and can be written by the next', async () => {
    for (const kills of [1, 3, 5]) {
      const file = path.join(directory(), 'voices.json')
      const child = spawn(process.execPath, [writer, file, 'k', '1000'], { stdio: ['ignore', 'pipe', 'inherit'] })
      const saved: string[] = []
      const lines = createInterface({ input: child.stdout })
      lines.on('line', (line) => {
        saved.push(line)
        if (saved.length === kills) child.kill('SIGKILL')
      })
      await once(lines, 'close')
      expect(saved.length).toBeGreaterThanOrEqual(kills)
      expect(namesIn(file)).toEqual(expect.arrayContaining(saved))
      const book = voiceBook(file)
      await book.add('Alice', madeUpProfile(0, 10, 'wideband', 256), madeUpModel)
      await book.save()
      expect(namesIn(file)).toEqual(expect.arrayContaining([...saved, 'Alice']))
      expect(readdirSync(path.dirname(file))).toEqual(['voices.json'])
    }
  })

  it('learns a new voice once, however often it comes, and whoever else has learned it meanwhile', async () => {
    const file = path.join(directory(), 'voices.json')
    const [one, other] = [voiceBook(file) as VoiceBookInFile, voiceBook(file) as VoiceBookInFile]
    await one.learnNew(madeUpProfile(0), madeUpModel)
    await one.learnNew(madeUpProfile(0, 7), madeUpModel)
    await other.learnNew(madeUpProfile(0), madeUpModel)
    await other.learnNew(madeUpProfile(1), madeUpModel)
    expect((await other.list()).map(({ name }) => name)).toEqual(['Voice 1', 'Voice 2'])
    await one.save()
    await other.save()
    expect(namesIn(file)).toEqual(['Voice 1', 'Voice 2'])
    const voices = await one.list()
    expect(voices.map(({ learned, profile }) => [learned, profile.wideband!.sum[1] === 0])).toEqual([
      [true, true],
      [true, false],
    ])
    expect(await codeOf(one.learnNew(madeUpProfile(0), { name: 'other', sha256: 'b'.repeat(64) }))).toBe(
      'VOICES_MODEL_MISMATCH',
    )
  })

  it('refuses voices of another model, and what was refused is not in the way of the next', async () => {
    const file = path.join(directory(), 'voices.json')
    const foreign = { name: 'other', sha256: 'b'.repeat(64) }
    const [one, other] = [voiceBook(file), voiceBook(file)]
    await one.add('Alice', madeUpProfile(0), madeUpModel)
    await other.add('Bob', madeUpProfile(1), foreign)
    await one.save()
    expect(await codeOf(other.save())).toBe('VOICES_MODEL_MISMATCH')
    expect(await codeOf(other.add('Bob', madeUpProfile(1), foreign))).toBe('VOICES_MODEL_MISMATCH')
    await other.add('Carol', madeUpProfile(1), madeUpModel)
    await other.save()
    expect(namesIn(file)).toEqual(['Alice', 'Carol'])
  })

  it.each([
    ['something else', 'hello'],
    ['JSON of another program', '{"voices":[]}'],
    ['nothing', ''],
  ])('leaves a file alone that holds %s', async (_what, text) => {
    const file = path.join(directory(), 'voices.json')
    writeFileSync(file, text)
    const book = voiceBook(file)
    expect(await codeOf(book.list())).toBe('VOICES_UNREADABLE')
    expect(await codeOf(book.add('Alice', madeUpProfile(0), madeUpModel))).toBe('VOICES_UNREADABLE')
    await book.save()
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('says what is wrong with the place it is to be in', async () => {
    const folder = directory()
    expect(await codeOf(voiceBook(folder).list())).toBe('VOICES_UNREADABLE')
    const book = voiceBook(path.join(folder, 'none', 'voices.json'))
    await book.add('Alice', madeUpProfile(0), madeUpModel)
    expect(await codeOf(book.save())).toBe('OUTPUT_UNWRITABLE')
    // It can be tried again.
    mkdirSync(path.join(folder, 'none'))
    await book.save()
    expect(namesIn(book.path)).toEqual(['Alice'])
  })

  it.skipIf(process.platform === 'win32')('goes to where a link leads, and makes the file private again', async () => {
    const folder = directory()
    const [file, link] = [path.join(folder, 'real.json'), path.join(folder, 'voices.json')]
    symlinkSync(file, link)
    const made = voiceBook(file)
    await made.add('Alice', madeUpProfile(0), madeUpModel)
    await made.save()
    chmodSync(file, 0o644)
    const book = voiceBook(link)
    await book.rename('Alice', 'Bob')
    await book.save()
    expect(namesIn(file)).toEqual(['Bob'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).toSorted()).toEqual(['real.json', 'voices.json'])
  })

  it('refuses options that make no sense', () => {
    expect(() => voiceBook('')).toThrow(/the path of a file/)
    expect(() => voiceBook('v.json', { learn: 1 as never })).toThrow(/learn.*true or false/)
    expect(() => voiceBook('v.json', { maxVoices: 0 })).toThrow(/maxVoices.*1 to 1000/)
    expect(() => voiceBook('v.json', { most: 1 } as never)).toThrow(/no option most/)
  })
})
