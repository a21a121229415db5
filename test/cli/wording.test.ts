import { explanation, inWordsOfCommand } from '../../src/cli/wording.ts'
import { channelMismatch } from '../../src/audio/format.ts'
import { explainMicrophone } from '../../src/sources/microphone.ts'
import { loadFailure } from '../../src/engine/process/failure.ts'
import { ProcessEnded } from '../../src/engine/process/process.ts'
import { connectionError } from '../../src/protocol/close-codes.ts'
import { chooseTrack } from '../../src/ffmpeg/tracks.ts'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { fanOut } from '../../src/sinks/fan-out.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import { placeOfRange } from '../../src/transforms/hearing/stream-place.ts'
import path from 'node:path'
import { expect, it } from 'vitest'

it('says the options of the command where the library names its own', () => {
  const { error } = explainMicrophone('the microphone', undefined, false)
  expect(explanation(error)).toContain('diarize-stream --list-microphones lists what there is')
  const tracks = [
    { stream: 0, language: 'de', about: 'aac', isDefault: false },
    { stream: 1, language: 'en', about: 'aac', isDefault: false },
  ]
  const { message } = chooseTrack(tracks, { audioTrack: undefined, language: undefined }, 'a.mkv')
  expect(inWordsOfCommand(message ?? '')).toMatch(/Name one by --audio-track$/)
  expect(inWordsOfCommand('voices: false asks for that')).toBe('--no-voices asks for that')
  const { message: noNode } = loadFailure(new ProcessEnded('it ended', { hadStarted: false }), {
    name: 'm',
    folder: '/m',
  })
  expect(inWordsOfCommand(noNode)).toMatch(/: it ended; name one in DIARIZE_STREAM_NODE$/)
  let twice = ''
  try {
    fanOut(srtSink('talk.srt'), srtSink('./talk.srt'))
  } catch (error) {
    twice = inWordsOfCommand((error as Error).message)
  }
  expect(twice).toBe(`${path.resolve('talk.srt')} is named twice; give each a file of its own`)
  const { message: untrusted } = connectionError(
    { url: 'wss://example.org/v3/ws', secrets: [] },
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    false,
  )
  expect(inWordsOfCommand(untrusted)).toMatch(/Name the one to trust in NODE_EXTRA_CA_CERTS\.$/)
  expect(inWordsOfCommand('line 1 is no JSON; jsonlSource() reads what jsonlSink() wrote')).toBe(
    'line 1 is no JSON; give a transcript that was written by -o talk.jsonl',
  )
})

/** What the library says when a call of it fails, in the words of the command. */
function saidOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return explanation(error as Error)
  }
  return ''
}

it('says which option is wrong with a key, channels or a live source', () => {
  expect(saidOf(() => diarize({ apiKey: 'one two' }))).toMatch(/^the key holds characters that no key has/)
  expect(saidOf(() => diarize({ apiKey: 'Bearer one' }))).toMatch(/^the key must be given raw/)
  expect(saidOf(() => diarize({ channels: ['A', 'A'] }))).toMatch(/^--channels\[1\], when given, must be a name/)
  expect(saidOf(() => placeOfRange({ start: 1000 }, 50, true))).toBe(
    '--start and --duration are for recordings, and the source is live; leave them out',
  )
  expect(inWordsOfCommand('parallel is for finished recordings, and the source is live: leave parallel out')).toBe(
    '--parallel is for finished recordings, and the source is live: leave --parallel out',
  )
})

it.each([
  [2, 1, '--channels names 2 channels, but the audio has one; leave --channels out'],
  [2, 3, '--channels must name every channel of the audio, which has 3; got 2'],
])('explains %s names for %s channels', (expected, channels, message) => {
  expect(explanation(channelMismatch('diarize()', expected, channels, 'give diarize() channels'))).toBe(message)
})
