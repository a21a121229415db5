import path from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { enrolVoice } from '../../../src/transforms/voices/enrol.ts'
import { voiceBook, type VoiceBookInFile } from '../../../src/voices/book.ts'
import { haveFlite, join16, silence, speak } from '../../helpers/flite.ts'
import { noChildLeft } from '../../helpers/processes.ts'
import { engineProcess, whyNoBox } from '../../helpers/sherpa.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../../voices/made-up-profiles.ts'

const directory = temporaryDirectories()
const sentence = 'the morning train to the coast was late again and nobody knew the reason for it'

function wav(samples: Int16Array): Readable {
  const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, samples.byteLength)
  // Odd pieces: nothing may depend on where they are cut.
  const bytes = Buffer.concat([header, Buffer.from(samples.buffer)])
  const pieces = Array.from({ length: Math.ceil(bytes.length / 9999) }, (_, index) => {
    return bytes.subarray(index * 9999, (index + 1) * 9999)
  })
  return Readable.from(pieces)
}

const newBook = () => voiceBook(path.join(directory(), 'voices.json'))

describe('enrolVoice()', () => {
  it('refuses what makes no sense, before it reads anything', async () => {
    const book = newBook()
    const source = wav(silence(10))
    await expect(enrolVoice({} as never, 'Alice', source)).rejects.toThrow(/voiceBook\('voices.json'\)/)
    await expect(enrolVoice(book, 'Alice', 'alice.wav' as never)).rejects.toThrow(
      /source, when given, must be a Readable/,
    )
    await expect(enrolVoice(book, ' ', source)).rejects.toThrow(/name of 1 to 100/)
    await expect(enrolVoice(book, 'Alice', source, { span: [] } as never)).rejects.toThrow(/no option span/)
    await expect(enrolVoice(book, 'Alice', source, { spans: [{ start: 2, end: 1 }] })).rejects.toThrow(/end after/)
    expect(source.readableFlowing).toBeNull()
  })
})

describe.skipIf(whyNoBox !== undefined)('enrolVoice()', () => {
  afterEach(() => noChildLeft(engineProcess))

  it('says that it looks at three minutes, where there are more', async () => {
    await expect(enrolVoice(newBook(), 'Alice', wav(new Int16Array(16 * 181_000)))).rejects.toThrow(
      /0\.0 s of speech in its first 3 minutes.*sooner/,
    )
  })

  it('takes no other sound for speech', async () => {
    const tone = Int16Array.from({ length: 16 * 6000 }, (_, i) => 8000 * Math.sin(i / 5) * Math.sin(i / 3000))
    await expect(enrolVoice(newBook(), 'Alice', wav(tone))).rejects.toMatchObject({
      code: 'VOICE_UNCLEAR',
      voice: 'Alice',
    })
  })

  it.skipIf(!haveFlite)('gives a voice that the book has learned by itself the name, and no other', async () => {
    const other = 'we will meet at the station tomorrow and walk along the river to the old town'
    const taught = newBook()
    await enrolVoice(taught, 'slt', wav(join16([speak('slt', sentence), speak('slt', other)])))
    const [model, [slt]] = [await taught.model(), await taught.list()]
    const book = newBook() as VoiceBookInFile
    await book.learnNew(slt!.profile, model!)
    await book.save()
    const bob = await enrolVoice(book, 'Bob', wav(join16([speak('rms', sentence), speak('rms', other)])))
    expect(bob.learnedAs).toBeUndefined()
    const again = 'they said that the weather would turn before the evening and so it did in the end'
    const alice = await enrolVoice(book, 'Alice', wav(join16([speak('slt', again), speak('slt', other)])))
    expect(alice).toMatchObject({ name: 'Alice', learnedAs: 'Voice 1' })
    expect((await book.list()).map(({ name, learned }) => [name, learned])).toEqual([
      ['Alice', false],
      ['Bob', false],
    ])
  })

  it.skipIf(!haveFlite)('takes what lies in its spans, and nothing else', async () => {
    const [slt, rms] = [speak('slt', sentence), speak('rms', sentence)]
    const samples = join16([rms, silence(500), slt, silence(500)])
    const start = (rms.length + 8000) / 16
    const book = newBook()
    await expect(enrolVoice(book, 'Alice', wav(samples))).rejects.toThrow(/more than one voice/)
    const spans = [{ start, end: start + slt.length / 16 }]
    const added = await enrolVoice(book, 'Alice', wav(samples), { spans })
    expect(added).toMatchObject({ name: 'Alice', narrowband: false })
    expect(added.speechMs).toBeLessThanOrEqual(slt.length / 16 + 100)
    await expect(enrolVoice(book, 'Bob', wav(samples), { spans: [{ start: 1e6, end: 2e6 }] })).rejects.toThrow(
      /0\.0 s of speech/,
    )
  })

  it.skipIf(!haveFlite)('refuses a book of another model, and adds nothing', async () => {
    const book = newBook()
    await book.add('Bob', madeUpProfile(0, 10, 'wideband', 256), madeUpModel)
    await book.save()
    await expect(enrolVoice(book, 'Alice', wav(speak('slt', sentence)))).rejects.toMatchObject({
      code: 'VOICES_MODEL_MISMATCH',
      bookModel: madeUpModel,
    })
    expect(await book.list()).toHaveLength(1)
  })

  it('fails with what its source fails with, and when it is aborted', async () => {
    const failing = new Readable({
      read() {
        this.destroy(new Error('the disk is gone'))
      },
    })
    await expect(enrolVoice(newBook(), 'Alice', failing)).rejects.toThrow('the disk is gone')
    const controller = new AbortController()
    const endless = new Readable({ read() {} })
    const work = enrolVoice(newBook(), 'Alice', endless, { signal: controller.signal })
    controller.abort()
    await expect(work).rejects.toMatchObject({ name: 'AbortError' })
    expect(endless.destroyed).toBe(true)
    // It asks for the model when it has heard all.
    const late = new AbortController()
    const book = Object.defineProperty(newBook(), 'speakerModel', { get: () => late.abort('why') })
    const aborted = { name: 'AbortError', code: 'ABORT_ERR', cause: 'why' }
    await expect(enrolVoice(book, 'Alice', wav(silence(100)), { signal: late.signal })).rejects.toMatchObject(aborted)
  })
})
