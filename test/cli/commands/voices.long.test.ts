import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatJsonlItem } from '../../../src/captions/formats/jsonl.ts'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { voiceBook } from '../../../src/voices/book.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { haveFlite, join16, silence, speak, speakDialogue } from '../../helpers/flite.ts'
import { whyNoBox } from '../../helpers/sherpa.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { command } from '../command.ts'

const directory = temporaryDirectories()

const sentences = [
  'the morning train to the coast was late again and nobody knew the reason for it',
  'we will meet at the station tomorrow and walk along the river to the old town',
]

function clip(file: string, samples: Int16Array): string {
  const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, samples.byteLength)
  writeFileSync(file, Buffer.concat([header, Buffer.from(samples.buffer)]))
  return file
}

describe.skipIf(whyNoBox !== undefined || !haveFlite)('diarize-stream voices, with clips', () => {
  it('adds a voice from a clip, and refuses clips that do not show one', async () => {
    const folder = directory()
    const book = path.join(folder, 'voices.json')
    const alice = clip(path.join(folder, 'alice.wav'), join16(sentences.map((text) => speak('slt', text))))
    const added = await command('voices', 'add', 'Alice', alice, '--book', book)
    expect(added.code).toBe(0)
    expect(added.err).toMatch(/^Alice: \d+\.\d s of speech, added to .*voices\.json\n/)
    expect(statSync(book).size).toBeLessThan(3000)
    const before = readFileSync(book, 'utf8')

    const short = clip(
      path.join(folder, 'short.wav'),
      join16([silence(900), speak('awb', 'hello there'), silence(900)]),
    )
    const two = clip(
      path.join(folder, 'two.wav'),
      speakDialogue([
        ['slt', sentences[0]!],
        ['rms', sentences[1]!],
      ]).samples,
    )
    for (const [file, code, message] of [
      [short, 3, /for Bob has [01]\.\d s of speech, and a voice takes 2 s at least/],
      [two, 3, /for Bob has \d+\.\d s of speech of more than one voice/],
      [path.join(folder, 'none.wav'), 3, /none\.wav/],
    ] as const) {
      const refused = await command('voices', 'add', 'Bob', file, '--book', book)
      expect(refused.code).toBe(code)
      expect(refused.err).toMatch(message)
    }
    expect(readFileSync(book, 'utf8')).toBe(before)
  })

  it('names the labels of a transcript by what they say in its audio', async () => {
    const folder = directory()
    const [book, transcript] = [path.join(folder, 'voices.json'), path.join(folder, 'talk.jsonl')]
    const { samples, spans } = speakDialogue([
      ['slt', sentences[0]!],
      ['rms', sentences[1]!],
      ['slt', sentences[1]!],
    ])
    const audio = clip(path.join(folder, 'talk.wav'), samples)
    const turns = spans.map(({ text, start, end, speaker }, order) => {
      const label = speaker === 'slt' ? 'A' : 'B'
      const words = [{ text, start: Math.round(start), end: Math.round(end), speaker: label, final: true }]
      return { ...makeTurn(order, 'x', { speaker: label }), words, start: words[0]!.start, end: words[0]!.end }
    })
    writeFileSync(transcript, turns.map((turn) => formatJsonlItem(turn)).join(''))
    const wrong = await command('voices', 'name', transcript, 'C=Carol', '--audio', audio, '--book', book)
    expect(wrong).toMatchObject({ code: 3, err: expect.stringMatching(/C says nothing.*it has A, B/) as string })
    expect(existsSync(book)).toBe(false)
    const named = await command('voices', 'name', transcript, 'A=Alice', 'B=Bob', '--audio', audio, '--book', book)
    expect(named.code).toBe(0)
    const voices = await voiceBook(book).list()
    expect(voices.map(({ name }) => name)).toEqual(['Alice', 'Bob'])
    expect(voices[0]!.profile.wideband!.frames).toBeGreaterThan(1.5 * voices[1]!.profile.wideband!.frames)
    const other = path.join(folder, 'other.json')
    const beside = await command('voices', 'name', transcript, 'A=Alice', '--book', other)
    expect(beside.code).toBe(0)
    expect(beside.err).toContain(`taken to be of ${audio}, which lies beside it; --audio <file> names another\nAlice: `)
    expect((await voiceBook(other).list())[0]!.profile).toEqual(voices[0]!.profile)
  })
})
