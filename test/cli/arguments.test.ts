import { captionOptions, type Command, parseCommand } from '../../src/cli/arguments.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const directory = temporaryDirectories()

describe('parseCommand', () => {
  it('takes an input, and has a default for all else', () => {
    expect(parseCommand(['talk.mp4'])).toEqual({
      input: 'talk.mp4',
      outputs: [],
      stdoutFormat: 'srt',
      mux: undefined,
      burn: undefined,
      engine: undefined,
      finished: false,
      apiKey: undefined,
      url: undefined,
      region: undefined,
      model: undefined,
      keyterms: [],
      range: undefined,
      parallel: undefined,
      passThrough: false,
      maxSpeakers: undefined,
      channels: undefined,
      names: {},
      serverNames: false,
      voices: undefined,
      learnVoices: false,
      preset: 'netflix',
      limits: {},
      language: undefined,
      highlightWords: false,
      colours: false,
      box: false,
      tracks: {},
      device: undefined,
      report: false,
      json: false,
      quiet: false,
      keepsFiles: false,
      checkpoint: undefined,
      resume: false,
      given: [],
    })
  })

  it('takes every option', () => {
    const key = path.join(directory(), 'key')
    writeFileSync(key, 'secret\n')
    const engine = '--engine assemblyai --region eu --model m --keyterms a --url ws://localhost:1 --speakers 2'
    const look =
      '--preset bbc --language de --audio-track 2 --report --json --quiet --no-clobber --server-names --mux a.mp4 --burn b.MKV'
    const options = `${engine} ${look}`.split(' ')
    const names = ['--names', 'A=Alice Lee, B=Bob', '--channels', 'Agent, Customer', '--keyterms', 'two words,c']
    expect(parseCommand(['-', '-o', 'a.srt', '--output=b.vtt', ...options, ...names, '--api-key-file', key])).toEqual({
      input: '-',
      outputs: ['a.srt', 'b.vtt'],
      stdoutFormat: 'srt',
      mux: 'a.mp4',
      burn: 'b.MKV',
      engine: 'assemblyai',
      finished: false,
      apiKey: 'secret',
      url: 'ws://localhost:1',
      region: 'eu',
      model: 'm',
      keyterms: ['a', 'two words', 'c'],
      maxSpeakers: 2,
      channels: ['Agent', 'Customer'],
      names: { A: 'Alice Lee', B: 'Bob' },
      serverNames: true,
      voices: undefined,
      learnVoices: false,
      passThrough: false,
      preset: 'bbc',
      limits: {},
      language: 'de',
      highlightWords: false,
      colours: false,
      box: false,
      tracks: { language: 'de', audioTrack: 2 },
      report: true,
      json: true,
      quiet: true,
      keepsFiles: true,
      checkpoint: undefined,
      resume: false,
      given: expect.arrayContaining(['preset', 'names']) as string[],
    })
    expect(parseCommand(['--list-microphones'])).toBe('microphones')
    expect(parseCommand(['mic', '--device', 'hw:1'])).toMatchObject({ device: 'hw:1' })
    expect(parseCommand(['--help'])).toBe('help')
    expect(parseCommand(['--version'])).toBe('version')
  })

  it('calls the engine on this machine local, or embedded', () => {
    for (const engine of ['local', 'embedded']) {
      expect(parseCommand(['a', '--engine', engine])).toMatchObject({ engine: 'embedded' })
    }
  })

  it.each([
    [['--start', '90'], { start: 90_000 }],
    [['--start', '1:02:03.5', '--duration', '0.25'], { start: 3_723_500, duration: 250 }],
    [['--duration', '90:00'], { duration: 5_400_000 }],
    [['--start', '0'], { start: 0 }],
  ])('takes times as %j', (options, range) => {
    expect(parseCommand(['a', ...options])).toMatchObject({ range })
  })

  it('takes limits of captions in place of those of the preset', () => {
    const limits = '--max-line-width 30 --max-lines 1 --cps 12.5 --min-duration 900 --max-duration 6000 --min-gap 120'
    const command = parseCommand(['a', ...limits.split(' '), '-o', '-', '--format', 'VTT']) as Command
    expect(command).toMatchObject({ batch: undefined, outputs: ['-'], stdoutFormat: 'vtt' })
    expect(captionOptions(command).layout).toEqual({
      preset: 'netflix',
      maxLineWidth: 30,
      maxLines: 1,
      maxReadingSpeed: 12.5,
      minDuration: 900,
      maxDuration: 6000,
      minGap: 120,
    })
  })

  it.each([
    [[], 'an input is needed'],
    [['a', 'b.srt'], 'b.srt is no recording; where it is an output, give it as -o b.srt'],
    [['a', '--wrong'], 'there is no option --wrong; see diarize-stream --help'],
    [['a', '--speaker', '2'], 'there is no option --speaker; did you mean --speakers?'],
    [['a', '--langauge=de'], 'there is no option --langauge; did you mean --language?'],
    [['a', '--lang', 'de'], 'there is no option --lang; did you mean --language?'],
    [['a', '-x'], 'there is no option -x; see'],
    [['a', '--device', 'hw:1'], '--device is for mic; got a'],
    [['mic', '--audio-track', '1'], '--audio-track is of no use with mic'],
    [['a', '--speakers', '2.5'], '--speakers, when given, must be an integer from 1 to 10; got 2.5'],
    [['a', '--speakers', 'two'], "--speakers, when given, must be an integer from 1 to 10; got 'two'"],
    [
      ['a', '--audio-track', 'two!'],
      '--audio-track: audioTrack, when given, must be an integer from 0 to 1000 or a language code',
    ],
    [['a', '--start', '1:75'], "--start must be a time such as 90, 1:30 or 1:02:03.5; got '1:75'"],
    [['a', '--duration', '0'], "--duration must be a time such as 90, 1:30 or 1:02:03.5; got '0'"],
    [['a', '--start', '5', '--finished'], '--start is of no use with --finished'],
    [['a', '--duration', '5', '--channels', 'A,B'], '--duration and --channels exclude each other'],
    [['rtsp://u:p@host/a', '--duration', '5'], '--duration is for recordings; got rtsp://'],
    [['a', '--parallel', '0'], '--parallel, when given, must be an integer from 1 to 100; got 0'],
    [['a', '--parallel', '8', '--finished'], '--parallel is of no use with --finished'],
    [['a', '--parallel', '8', '--channels', 'A,B'], '--parallel and --channels exclude each other'],
    [['a', '--voices', 'book.json', '--no-voices'], '--voices and --no-voices exclude each other'],
    [['a.jsonl', '--voices', 'book.json'], '--voices is of no use with a transcript'],
    [['mic', '--parallel', '8'], '--parallel is for what has an end; got mic'],
    [['a', '--pass-through', '--finished'], '--pass-through is of no use with --finished'],
    [['https://a/b.webm', '--pass-through'], '--pass-through is for files; got https://a/b.webm'],
    [['a', '--preset', 'tv'], "--preset, when given, must be 'netflix'"],
    [['a', '--max-lines', '3'], '--max-lines, when given, must be an integer from 1 to 2; got 3'],
    [['a', '--cps', 'fast'], "--cps, when given, must be a number from 1 to 1000 characters a second; got 'fast'"],
    [['a', '--min-duration', '9000'], '--min-duration must be at most --max-duration; got 9000 and 7000 ms'],
    [['a', '-o', '-', '--json'], '-o - and --json both write to standard output'],
    [['a', '-o', '-', '--format', 'srt,vtt'], 'standard output takes one --format'],
    [['a', 'b', '-o', '-'], '--output is for one input'],
    [['a', '--names', 'Alice'], "--names, when given, must be like A=Alice,B=Bob; got 'Alice'"],
    [['a', '--channels', 'Agent,'], "--channels, when given, must be like One,Two; got 'Agent,'"],
    [
      ['a', '--engine', 'other'],
      "--engine, when given, must be 'assemblyai', 'assemblyai-batch', 'local' or 'embedded'",
    ],
    [['a', '--region', 'mars'], "--region, when given, must be 'global'"],
    [['a', '--url', 'http://x'], '--url: url, when given, must begin with ws:// or wss://'],
    [['a', '--mux', 'a.avi'], "--mux must end in one of .mp4 .m4v .mov .mkv .webm; got 'a.avi'"],
    [['a', '--burn', 'a'], '--burn must end in one of'],
    [['a', '--keyterms', 'x'.repeat(60)], '--keyterms: '],
    [['a', '--api-key-file', '/does/not/exist'], '--api-key-file cannot be read'],
    [['a', '--api-key-file', '/dev/null'], '--api-key-file /dev/null is empty'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(message)
  })

  it.each([
    ['--api-key', 'hush'],
    ['--api-key=hush'],
    ['--apikey', 'hush'],
    ['--api_key=hush'],
    ['--API-KEY', 'hush', '--help'],
  ])('refuses a key as an argument, says why, and does not repeat it: %s', (...argv) => {
    const attempt = () => parseCommand(['talk.mp4', ...argv])
    expect(attempt).toThrow('every user of this machine can read it')
    expect(attempt).not.toThrow('hush')
  })
})

it.each([
  ['A=Smith, John,B=Bob', { A: 'Smith, John', B: 'Bob' }],
  ['A=Smith\\, John,B=Bob', { A: 'Smith, John', B: 'Bob' }],
  ['A="Smith, John",B="x, y=z"', { A: 'Smith, John', B: 'x, y=z' }],
  ['A=Smith\\, x=y', { A: 'Smith, x=y' }],
  ['speaker_0=Alice, Agent/A = "Bob" ', { speaker_0: 'Alice', 'Agent/A': 'Bob' }],
  ['A=a=b', { A: 'a=b' }],
])('takes the names in %s', (text, names) => {
  expect(parseCommand(['a', '--names', text])).toMatchObject({ names })
})

it.each(['', ',', 'A', 'A,B=Bob', 'A=Alice,', '=Alice', 'A=', 'A=""', 'A=Alice,=Bob'])(
  'refuses the names in %j',
  (text) => {
    expect(() => parseCommand(['a', '--names', text])).toThrow('--names')
  },
)
