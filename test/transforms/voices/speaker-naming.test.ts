import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type InputIdentity, sha256 } from '../../../src/checkpoint/checkpoint.ts'
import type { Warning } from '../../../src/errors.ts'
import type { Turn } from '../../../src/model.ts'
import { named, recordingHash, SpeakerNaming } from '../../../src/transforms/voices/speaker-naming.ts'
import type { HeardRange } from '../../../src/stream/options.ts'
import { voiceBook, type VoiceBookInFile, type VoiceBookOptions } from '../../../src/voices/book.ts'
import { seededRandom } from '../../helpers/random.ts'
import type { VoiceProfile } from '../../../src/voices/profile.ts'
import { cosine, voiceOf } from '../../../src/voices/voice.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../../voices/made-up-profiles.ts'

const directory = temporaryDirectories()

async function naming(options: VoiceBookOptions = {}) {
  const book = voiceBook(path.join(directory(), 'voices.json'), options) as VoiceBookInFile
  await book.add('Alice', madeUpProfile(0, 20), madeUpModel)
  await book.add('Bob', madeUpProfile(1, 20), madeUpModel)
  await book.save()
  const [revised, warnings, errors] = [[] as Turn[], [] as Warning[], [] as Error[]]
  const names = new SpeakerNaming(book, {
    revised: (turn) => revised.push(turn),
    warning: (warning) => warnings.push(warning),
    failed: (error) => errors.push(error),
  })
  return { book, names, revised, warnings, errors }
}

const whoIn = ({ words }: Turn): (string | undefined)[] => words.map(({ speakerName }) => speakerName)

describe('SpeakerNaming', () => {
  it('names a voice in every turn from then on, and in those before it by a revision', async () => {
    const { names, revised } = await naming()
    const first = names.pass(makeTurn(0, 'A:one B:two', { speaker: 'A' }))
    expect(whoIn(first)).toEqual([undefined, undefined])
    names.heard('', new Map([['A', madeUpProfile(0)]]))
    await names.settle()
    expect(revised.map((turn) => [turn.order, turn.revision, turn.speakerName, whoIn(turn)])).toEqual([
      [0, 1, 'Alice', ['Alice', undefined]],
    ])
    const next = names.pass(makeTurn(1, 'A:three', { speaker: 'A' }))
    expect(next).toMatchObject({ revision: 0, speaker: 'A', speakerName: 'Alice' })
    expect(next.speakerConfidence).toBeGreaterThanOrEqual(0.9)
    expect(names.pass(makeTurn(2, 'A:open', { endOfTurn: false, speaker: 'A' }))).toMatchObject({
      speakerName: 'Alice',
    })
    expect(revised).toHaveLength(1)
  })

  it('keeps revisions rising where the server revises, too', async () => {
    const { names, revised } = await naming()
    const out = [names.pass(makeTurn(0, 'A:one', { speaker: 'A' }))]
    names.heard('', new Map([['A', madeUpProfile(0)]]))
    await names.settle()
    out.push(...revised, names.pass(makeTurn(0, 'B:one', { speaker: 'B', revision: 1 })))
    out.push(names.pass(makeTurn(0, 'A:one', { speaker: 'A', revision: 2 })))
    expect(out.map(({ revision, speakerName }) => [revision, speakerName])).toEqual([
      [0, undefined],
      [1, 'Alice'],
      [2, undefined],
      [3, 'Alice'],
    ])
  })

  it('gives one person one name on several channels, and each name once on each', async () => {
    const { names } = await naming()
    names.heard(
      'Left',
      new Map([
        ['Left/A', madeUpProfile(0)],
        ['Left/B', madeUpProfile(1)],
      ]),
    )
    names.heard('Right', new Map([['Right/A', madeUpProfile(0)]]))
    await names.settle()
    const nameOf = (speaker: string): string | undefined => {
      return names.pass({ ...makeTurn(0, 'x', { endOfTurn: false }), speaker }).speakerName
    }
    expect(['Left/A', 'Left/B', 'Right/A'].map(nameOf)).toEqual(['Alice', 'Bob', 'Alice'])
  })

  it('sees what is added to the book while it runs', async () => {
    const { book, names, revised } = await naming()
    const voices = new Map([['A', madeUpProfile(2)]])
    names.pass(makeTurn(0, 'A:one', { speaker: 'A' }))
    names.heard('', voices)
    await names.settle()
    expect(revised).toEqual([])
    const other = voiceBook(book.path)
    await other.add('Carol', madeUpProfile(2, 20), madeUpModel)
    await other.save()
    names.heard('', voices)
    await names.settle()
    expect(revised.map(({ speakerName }) => speakerName)).toEqual(['Carol'])
  })

  it('learns nothing unless it may; then new voices, and more of those it is sure of', async () => {
    const heard = new Map([
      ['A', madeUpProfile(0)],
      ['B', madeUpProfile(3)],
      ['C', madeUpProfile(4, 4)],
    ])
    for (const learn of [false, true]) {
      const { book, names, warnings } = await naming({ learn })
      names.heard('', heard)
      await names.madeBy(madeUpModel)
      await names.settle()
      const voices = await voiceBook(book.path).list()
      expect(voices.map(({ name, learned, profile }) => [name, learned, profile.wideband?.frames])).toEqual([
        ['Alice', false, learn ? 3000 : 2000],
        ['Bob', false, 2000],
        ...(learn ? [['Voice 1', true, 1000]] : []),
      ])
      expect(warnings).toEqual([])
    }
  })

  it('learns from a recording once, however often it is heard, and from all labels of a voice', async () => {
    const { book } = await naming()
    const frames = async () => (await voiceBook(book.path).list()).map(({ profile }) => profile.wideband?.frames)
    const hear = async (input: string | undefined, labels: readonly string[] = ['A']) => {
      const again = voiceBook(book.path, { learn: true }) as VoiceBookInFile
      const fail = (): never => expect.fail('something is wrong')
      const names = new SpeakerNaming(again, { revised: () => {}, warning: fail, failed: fail })
      names.heard('', new Map(labels.map((label) => [label, madeUpProfile(0)] as const)))
      names.heard('other channel', new Map([['Z', madeUpProfile(3)]]))
      await names.madeBy(madeUpModel)
      await names.settle(true, input)
    }
    await hear('0123456789abcdef')
    expect(await frames()).toEqual([3000, 2000, 1000])
    await hear('0123456789abcdef')
    await hear('0123456789abcdef')
    expect(await frames()).toEqual([3000, 2000, 1000])
    await hear('fedcba9876543210')
    expect(await frames()).toEqual([4000, 2000, 2000])
    // Of what may be another each time, nothing is remembered.
    await hear(undefined)
    await hear(undefined)
    expect(await frames()).toEqual([6000, 2000, 4000])
  })

  it('learns only what was not learned when the stream was left', async () => {
    const { book, names } = await naming({ learn: true })
    names.heard('', new Map([['A', madeUpProfile(0, 10)]]))
    await names.madeBy(madeUpModel)
    await names.settle()
    const after = voiceBook(book.path, { learn: true }) as VoiceBookInFile
    const fail = (): never => expect.fail('something is wrong')
    const rest = new SpeakerNaming(after, { revised: () => {}, warning: fail, failed: fail })
    rest.resumeFrom([], new Map([['', new Map([['A', madeUpProfile(0, 10)]])]]), names.learned)
    rest.heard('', new Map([['A', madeUpProfile(0, 17)]]))
    await rest.madeBy(madeUpModel)
    await rest.settle()
    expect((await voiceBook(book.path).list())[0]?.profile.wideband?.frames).toBe(2000 + 1700)
  })

  it('knows a recording wherever it lies, and a part of it as another', () => {
    const hash = (identity: InputIdentity, range?: HeardRange) => recordingHash(identity, range, sha256)
    const file = { kind: 'file', size: 1000, modified: 5, beginning: 'ab', track: '' }
    expect(hash(file)).toMatch(/^[0-9a-f]{16}$/)
    expect(hash({ ...file, modified: 6 })).toBe(hash(file))
    expect(hash({ ...file, beginning: 'cd' })).not.toBe(hash(file))
    expect(hash(file, { start: 1000 })).not.toBe(hash(file))
    const remote = { kind: 'http', address: 'http://a/1', size: 9, etag: '"x"', track: '' }
    expect(hash({ ...remote, address: 'http://a/2' })).toBe(hash(remote))
    expect(hash({ ...remote, etag: '"y"' })).not.toBe(hash(remote))
    expect(hash({ kind: 'http', address: 'http://a/radio', track: '' })).toBeUndefined()
    expect(hash({ kind: 'rtsp', address: 'rtsp://a/1' })).toBeUndefined()
  })

  it.each([
    ['as recorded', ['wideband']],
    ['by telephone', ['narrowband']],
    ['one way and the other', ['wideband', 'narrowband']],
  ] as const)('has three voices after a week of files in which three people come and go, %s', async (_how, bands) => {
    const random = seededRandom(7)
    const people = Array.from({ length: 3 }, () => Array.from({ length: 64 }, () => random() - 0.5))
    const file = path.join(directory(), 'voices.json')
    const fail = (error: Error): never => {
      throw error
    }
    for (let session = 0; session < 56; session++) {
      const band = bands[session % bands.length]!
      const present = people.filter(() => random() < 0.6)
      // Now and then a service takes one person for two.
      const labels = random() < 0.2 ? [...present, ...present] : present
      const heard = labels.map((person, index): [string, VoiceProfile] => {
        // Words move a voice a little, a telephone all of them in one direction.
        const vector = person.map((value, at) => {
          return value + 0.25 * (random() - 0.5) + (band === 'narrowband' ? 0.35 * Math.sin(5 * at) : 0)
        })
        const length = Math.hypot(...vector)
        const unit = vector.map((value) => value / length)
        return [String.fromCodePoint(65 + index), { [band]: voiceOf(unit, 800, band === 'narrowband') }]
      })
      const book = voiceBook(file, { learn: true }) as VoiceBookInFile
      const warning = ({ message }: Warning): never => fail(new Error(message))
      const names = new SpeakerNaming(book, { revised: () => {}, warning, failed: fail })
      names.heard('', new Map(heard))
      await names.madeBy(madeUpModel)
      await names.settle()
    }
    const voices = (await voiceBook(file).list()).map(({ profile }) => profile.wideband ?? profile.narrowband)
    const owners = voices.map((voice) => {
      const likeness = people.map((person) => cosine(voice!, voiceOf(person, 1, false))!)
      return likeness.indexOf(Math.max(...likeness))
    })
    expect(owners.toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })

  it('says what could not be learned', async () => {
    const { names, warnings } = await naming({ learn: true, maxVoices: 2 })
    names.heard('', new Map([['A', madeUpProfile(3)]]))
    await names.madeBy(madeUpModel)
    await names.settle()
    expect(warnings).toMatchObject([
      { code: 'VOICES_NOT_SAVED', message: expect.stringMatching(/2 voices already/) as string },
    ])
  })

  it('goes on with what the book held, and says so once, where it cannot be read any more', async () => {
    const { names, revised, warnings, errors, book } = await naming()
    await names.contents()
    names.pass(makeTurn(0, 'A:one', { speaker: 'A' }))
    const whole = readFileSync(book.path)
    // As an editor does for a moment, or a comma that is missing for longer.
    writeFileSync(book.path, whole.subarray(0, whole.length - 20))
    for (const band of [0, 1]) {
      names.heard('', new Map([['A', madeUpProfile(band)]]))
      await names.settle()
    }
    expect([errors, revised.map(whoIn)]).toEqual([[], [['Alice'], ['Bob']]])
    expect(warnings).toMatchObject([{ code: 'VOICES_UNREADABLE', error: { code: 'VOICES_UNREADABLE' } }])
    writeFileSync(book.path, String(whole).replace('Bob', 'Robert'))
    names.heard('', new Map([['A', madeUpProfile(1)]]))
    await names.settle()
    expect(revised.map(whoIn).at(-1)).toEqual(['Robert'])
  })

  it('says what is wrong with a book that could never be read', async () => {
    const { names, errors, book } = await naming()
    writeFileSync(book.path, 'nothing')
    names.heard('', new Map([['A', madeUpProfile(3)]]))
    await names.settle()
    expect(errors).toMatchObject([{ code: 'VOICES_UNREADABLE' }])
  })

  it('changes nothing but names', () => {
    const labels = fc.constantFrom('A', 'B', undefined)
    fc.assert(
      fc.property(labels, fc.array(labels, { maxLength: 5 }), (speaker, words) => {
        const all = words.map((label, index) => {
          return { text: `w${index}`, start: index, end: index + 1, final: true, ...(label && { speaker: label }) }
        })
        const turn = { ...makeTurn(0, ''), words: all, ...(speaker && { speaker }) }
        const result = named(turn, new Map([['A', { name: 'Alice', confidence: 0.95 }]]))
        const without = JSON.stringify(result, (key, value: unknown) =>
          key.startsWith('speaker') && key !== 'speaker' ? undefined : value,
        )
        expect(JSON.parse(without)).toEqual(JSON.parse(JSON.stringify(turn)))
        expect(whoIn(result)).toEqual(words.map((label) => ((label ?? speaker) === 'A' ? 'Alice' : undefined)))
      }),
    )
  })
})
