import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanName } from '../../src/captions/text.ts'
import { VoiceBookError } from '../../src/errors.ts'
import type { BookContents, KnownVoice } from '../../src/voices/book.ts'
import {
  checkVoiceName,
  formatBook,
  maxNameLength,
  parseBook,
  withName,
  withoutName,
  withVoice,
} from '../../src/voices/book-file.ts'
import { type Voice, voiceOf } from '../../src/voices/voice.ts'
import { madeUpModel, madeUpProfile } from './made-up-profiles.ts'

const at = '2026-01-02T03:04:05.678Z'
const limits = { file: 'voices.json', most: 3 }

const names = fc
  .string({ minLength: 1, maxLength: maxNameLength, unit: 'binary' })
  .map(cleanName)
  .filter((name) => name !== '' && name.length <= maxNameLength && cleanName(name) === name)

const voices = (narrowband: boolean) =>
  fc
    .tuple(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 }),
      fc.integer({ min: 1, max: 100_000 }),
    )
    .filter(([vector]) => Math.hypot(...vector) > 0.01)
    .map(([vector, frames]) => {
      const length = Math.hypot(...vector)
      return voiceOf(
        vector.map((value) => value / length),
        frames,
        narrowband,
      )
    })

const knownVoices: fc.Arbitrary<KnownVoice> = fc
  .record({
    name: names,
    learned: fc.boolean(),
    heardIn: fc.option(fc.constant(['0123456789abcdef', 'ffffffffffffffff']), { nil: undefined }),
    wideband: fc.option(voices(false), { nil: undefined }),
    narrowband: fc.option(voices(true), { nil: undefined }),
  })
  .filter(({ wideband, narrowband }) => wideband !== undefined || narrowband !== undefined)
  .map(({ name, learned, heardIn, wideband, narrowband }) => ({
    name,
    learned,
    ...(heardIn !== undefined && { heardIn }),
    profile: { ...(wideband && { wideband }), ...(narrowband && { narrowband }) },
    addedAt: at,
    updatedAt: at,
  }))

const books: fc.Arbitrary<BookContents> = fc
  .uniqueArray(knownVoices, { selector: ({ name }) => name, maxLength: 5 })
  .map((list) => ({ ...(list.length > 0 && { model: madeUpModel }), voices: list }))

const near = (one: Voice | undefined, other: Voice | undefined): void => {
  expect(one?.frames).toBe(other?.frames)
  expect(one?.narrowband).toBe(other?.narrowband)
  if (one === undefined || other === undefined) return
  for (const [index, value] of one.sum.entries()) {
    expect(Math.abs(value - other.sum[index]!)).toBeLessThan(1e-5 * other.frames)
  }
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return error instanceof VoiceBookError ? error.code : String(error)
  }
  return 'none'
}

describe('the file of a voice book', () => {
  it('gives back what was put into it, whatever the names and voices', () => {
    fc.assert(
      fc.property(books, (book) => {
        const again = parseBook(formatBook(book), 'voices.json')
        expect(again.model).toEqual(book.model)
        expect(again.voices.map(({ profile: _profile, ...rest }) => rest)).toEqual(
          book.voices.map(({ profile: _profile, ...rest }) => rest),
        )
        again.voices.forEach(({ profile }, index) => {
          near(profile.wideband, book.voices[index]!.profile.wideband)
          near(profile.narrowband, book.voices[index]!.profile.narrowband)
        })
      }),
    )
  })

  it('that was cut off is refused, wherever that was', () => {
    fc.assert(
      fc.property(books, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (book, part) => {
        const text = formatBook(book).trimEnd()
        expect(codeOf(() => parseBook(text.slice(0, Math.floor(text.length * part)), 'voices.json'))).toBe(
          'VOICES_UNREADABLE',
        )
      }),
    )
  })

  it('is refused or read, and never anything else, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(codeOf(() => parseBook(text, 'voices.json'))).toBe('VOICES_UNREADABLE')
      }),
    )
  })

  it.each([
    ['another version', (book: Record<string, unknown>) => ({ ...book, version: 2 }), /version 2.*update/],
    ['no model', (book: Record<string, unknown>) => ({ ...book, model: undefined }), /which speaker model/],
    ['voices that are no list', (book: Record<string, unknown>) => ({ ...book, voices: {} }), /no list/],
    [
      'two voices of one name',
      (book: Record<string, unknown>) => ({ ...book, voices: [book['voices'], book['voices']].flat() }),
      /one name/,
    ],
    [
      'a damaged vector',
      (book: { voices?: { wideband: object }[] }) => ({
        ...book,
        voices: book.voices!.map((voice) => ({ ...voice, wideband: { ...voice.wideband, vector: 'AAAA' } })),
      }),
      /vector of voice 1 is damaged/,
    ],
  ])('is refused with %s', (_what, change, message) => {
    const contents = withVoice(
      { voices: [] },
      { name: 'Alice', profile: madeUpProfile(0), model: madeUpModel, at },
      limits,
    )
    const book = JSON.parse(formatBook(contents)) as Record<string, unknown>
    expect(() => parseBook(JSON.stringify(change(book)), 'voices.json')).toThrow(message)
  })
})

describe('a voice book', () => {
  const add = (contents: BookContents, name: string, which: number, seconds = 10): BookContents =>
    withVoice(contents, { name, profile: madeUpProfile(which, seconds), model: madeUpModel, at }, limits)

  it('joins speech that is added to a voice to what is there', () => {
    const book = add(add({ voices: [] }, 'Alice', 0, 10), 'Alice', 0, 20)
    expect(book.voices.map(({ name, profile }) => [name, profile.wideband?.frames])).toEqual([['Alice', 3000]])
    const both = withVoice(
      book,
      { name: 'Alice', profile: madeUpProfile(1, 5, 'narrowband'), model: madeUpModel, at },
      limits,
    )
    expect(both.voices[0]?.profile.wideband?.frames).toBe(3000)
    expect(both.voices[0]?.profile.narrowband?.frames).toBe(500)
  })

  it('refuses a voice of another model, and says which two they are', () => {
    const book = add({ voices: [] }, 'Alice', 0)
    const other = { name: 'other', sha256: 'b'.repeat(64) }
    const adding = (): unknown => withVoice(book, { name: 'Bob', profile: madeUpProfile(1), model: other, at }, limits)
    expect(codeOf(adding)).toBe('VOICES_MODEL_MISMATCH')
    expect(adding).toThrow(/made-up.*aaaaaaaaaaaa.*other.*bbbbbbbbbbbb/s)
    // An empty book belongs to no model.
    expect(
      codeOf(() =>
        withVoice(withoutName(book, 'Alice', 'f'), { name: 'B', profile: madeUpProfile(1), model: other, at }, limits),
      ),
    ).toBe('none')
  })

  it('holds no more voices than it may', () => {
    const full = ['A', 'B', 'C'].reduce((book, name, index) => add(book, name, index), { voices: [] } as BookContents)
    expect(codeOf(() => add(full, 'D', 3))).toBe('VOICES_FULL')
    expect(add(full, 'A', 0).voices).toHaveLength(3)
  })

  it('refuses what is no voice of its model', () => {
    const book = add({ voices: [] }, 'Alice', 0)
    for (const profile of [{}, madeUpProfile(0, 10, 'wideband', 9)]) {
      expect(() => withVoice(book, { name: 'Bob', profile, model: madeUpModel, at }, limits)).toThrow(/of 8 dimensions/)
    }
  })

  it('gives a voice another name, and makes one of two that are to have the same', () => {
    const book = add(add({ voices: [] }, 'Voice 1', 0), 'Alice', 0)
    expect(withName(book, 'Voice 1', 'Bob', 'f').voices.map(({ name }) => name)).toEqual(['Bob', 'Alice'])
    const one = withName(book, 'Voice 1', 'Alice', 'f')
    expect(one.voices.map(({ name, profile }) => [name, profile.wideband?.frames])).toEqual([['Alice', 2000]])
    expect(codeOf(() => withName(book, 'Carol', 'Alice', 'f'))).toBe('VOICE_UNKNOWN')
  })

  it('forgets a voice, and says which there are where it has none of that name', () => {
    const book = add(add({ voices: [] }, 'Alice', 0), 'Bob', 1)
    expect(withoutName(book, 'Alice', 'f').voices.map(({ name }) => name)).toEqual(['Bob'])
    expect(() => withoutName(book, 'Carol', 'f')).toThrow(/Carol; it has Alice, Bob/)
  })

  it('finds a voice by the name that it was given, however that is spelled', () => {
    const book = add(add({ voices: [] }, 'Jos\u00E9', 0), 'Bob Smith', 1)
    expect(withoutName(book, 'Jose\u0301', 'f').voices.map(({ name }) => name)).toEqual(['Bob Smith'])
    expect(withName(book, '  Bob   Smith ', 'Bob', 'f').voices.map(({ name }) => name)).toEqual(['Jos\u00E9', 'Bob'])
    expect(withName(book, 'Jose\u0301', 'Jos\u00E9', 'f').voices).toHaveLength(2)
  })

  it('takes names that can be shown, and no others', () => {
    expect(checkVoiceName('name', ' Zoe\u0308 ')).toBe('Zoë')
    for (const name of ['', ' \n ', '\u200B', 'x'.repeat(maxNameLength + 1), 7, undefined]) {
      expect(() => checkVoiceName('name', name)).toThrow(/name of 1 to 100 characters/)
    }
  })
})
