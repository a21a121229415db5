import { InputError } from '../errors.ts'

/** What the library calls its options in messages, and what the command does. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bmicrophones\(\)/g, 'diarize-stream --list-microphones'],
  [/\baudioTrack \(--audio-track\)|\baudioTrack\b/g, '--audio-track'],
  [/\bserverLabels: 'asGiven', or --server-names,|\bserverLabels\b/g, '--server-names'],
  [/\bvoices: false\b/g, '--no-voices'],
  [/\bjsonlSource\(\) reads what jsonlSink\(\) wrote\b/g, 'give a transcript that was written by -o talk.jsonl'],
  [/ or ffmpegPath\b|, or give it as ca\b/g, ''],
  [/\bby the option nodePath of embeddedEngine, or in DIARIZE_STREAM_NODE/g, 'in DIARIZE_STREAM_NODE'],
  [/\btarget \d+ of fanOut\(\) writes to (.+) like another one; give each\b/gs, '$1 is named twice; give each'],
  [/\bparallel (is for finished recordings.*leave) parallel out/g, '--parallel $1 --parallel out'],
  [
    /\bdiarize\(\) is given a range, and (.*); leave it out/g,
    '--start and --duration are for recordings, and $1; leave them out',
  ],
  [/^channels(?=[ [])/g, '--channels'],
  [/^apiKey (?=holds|must)/g, 'the key '],
  [/\buse (?:query, )?apiKey(?: or token)? for those\b/g, 'use --api-key-file for a key'],
]

/** A message of the library as the command says it: with options that can be typed. */
export function inWordsOfCommand(message: string): string {
  return WORDS.reduce((text, [from, to]) => text.replaceAll(from, to), message)
}

/** What is said of an error. */
export function explanation(error: Error): string {
  if (error instanceof InputError && error.code === 'CHANNEL_MISMATCH') {
    const { expected = 1, channels = 1 } = error
    if (channels === 1) return `--channels names ${expected} channels, but the audio has one; leave --channels out`
    return `--channels must name every channel of the audio, which has ${channels}; got ${expected}`
  }
  return inWordsOfCommand(error.message)
}
