import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Command, OPTIONS, parseCommand } from '../../src/cli/arguments.ts'
import { engineOptions, finishedOptions, withKey } from '../../src/cli/hearing.ts'
import { ignoredOptions } from '../../src/cli/ignored.ts'
import { isTranscript } from '../../src/cli/input.ts'
import { checkpointOf } from '../../src/cli/resume.ts'
import { resolveDiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { resolveTranscribeOptions } from '../../src/transforms/transcribe/options.ts'

function ignored(line: string, key: string | undefined): string[] {
  const command = parseCommand(['a.mp4', ...line.split(' ')])
  if (typeof command === 'string') throw new Error(command)
  return ignoredOptions(withKey(command, key)).map(({ option, message }) => {
    expect(message).toMatch(new RegExp(`^${String(option)} has no effect: `))
    return String(option)
  })
}

it.each([
  ['--preset bbc', ['--preset']],
  ['--preset bbc -o a.jsonl', ['--preset']],
  ['--cps 15 --max-lines 1 -o - --format txt', ['--max-lines', '--cps']],
  ['--names A=Alice -o a.ctm', ['--names']],
  ['--server-names', ['--server-names']],
  ['--channels A,B --speakers 2', ['--speakers']],
  ['--highlight-words -o a.srt --box', ['--highlight-words', '--box']],
  ['--colours -o a.ass', ['--colours']],
  ['--language cy', ['--language']],
  ['--language de --model universal-streaming-english', ['--language']],
])('says that in %s something has no effect', (line, options) => {
  expect(ignored(line, 'key')).toEqual(options)
})

it.each([
  '--preset bbc -o a.srt',
  '--max-lines 1 -o -',
  '--preset bbc --burn a.mp4',
  '--preset bbc --report',
  '--highlight-words --colours -o a.vtt',
  '--highlight-words --box --burn b.mp4',
  '--names A=Alice',
  '--names A=Alice -o a.ctm -o a.srt',
  '--server-names --url ws://localhost:1',
  '--language de --speakers 2',
  '--language cy --finished',
  '--language auto',
])('has nothing to say of %s', (line) => {
  expect(ignored(line, 'key')).toEqual([])
})

it('leaves the languages of its models to the engine on this machine', () => {
  expect(ignored('--language cy', undefined)).toEqual([])
})

const folder = mkdtempSync(path.join(tmpdir(), 'options-'))
const keyFile = path.join(folder, 'key')
writeFileSync(keyFile, 'a-key')
const book = path.join(folder, 'voices.json')
writeFileSync(book, '{}')
afterAll(() => rmSync(folder, { recursive: true }))

/** What an option is given with; each differs from the first in one respect. */
const SETTINGS = {
  file: 'a.mp4 -o a.srt --engine assemblyai',
  local: 'a.mp4 -o a.srt --engine local',
  url: 'a.mp4 -o a.srt --url ws://localhost:1',
  finished: 'a.mp4 -o a.srt --finished',
  channels: 'a.mp4 -o a.srt --engine assemblyai --channels A,B',
  microphone: 'mic -o a.srt --engine assemblyai',
  pipe: '- -o a.srt --engine assemblyai',
  http: 'https://localhost/a.mp4 -o a.srt --engine assemblyai',
  rtsp: 'rtsp://localhost/a -o a.srt --engine assemblyai',
  transcript: 'a.jsonl -o b.srt',
  captions: 'a.srt -o b.vtt',
  jsonl: 'a.mp4 -o a.jsonl --engine assemblyai',
  ctm: 'a.mp4 -o a.ctm --engine assemblyai',
  shown: 'a.mp4 --engine assemblyai',
  several: 'a.mp4 b.mp4 --engine assemblyai',
} as const

type Setting = keyof typeof SETTINGS
type Outcome = Partial<Record<'refused' | 'warned', readonly Setting[]>>

const HEARD_AGAIN: readonly Setting[] = ['transcript', 'captions']
const limit: Outcome = { warned: ['captions', 'jsonl', 'ctm', 'shown'] }

/** Each option, with a value, and where it is refused or ignored with a warning; elsewhere it has an effect. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  '--keyterms Buxtehude': { refused: HEARD_AGAIN },
  '--speakers 2': { refused: HEARD_AGAIN, warned: ['channels'] },
  '--channels A,B': { refused: [...HEARD_AGAIN, 'finished'] },
  // The engine on this machine warns itself, with `PARALLEL_UNUSED`.
  '--parallel 4': { refused: [...HEARD_AGAIN, 'finished', 'channels', 'microphone', 'rtsp'] },
  '--start 1:30': { refused: [...HEARD_AGAIN, 'finished', 'channels', 'microphone', 'rtsp'] },
  '--duration 90': { refused: [...HEARD_AGAIN, 'finished', 'channels', 'microphone', 'rtsp'] },
  // Where the input or the engine cannot, the source warns with `PASS_THROUGH_UNUSED`.
  '--pass-through': {
    refused: [...HEARD_AGAIN, 'finished', 'microphone', 'http', 'rtsp', 'several'],
    warned: ['channels'],
  },
  '--language de': { warned: ['captions'] },
  '--model universal-3-6-pro': { refused: HEARD_AGAIN },
  '--region eu': { refused: [...HEARD_AGAIN, 'local', 'url'] },
  [`--api-key-file ${keyFile}`]: { refused: [...HEARD_AGAIN, 'local'] },
  '--audio-track 1': { refused: [...HEARD_AGAIN, 'microphone'] },
  '--device one': {
    refused: (Object.keys(SETTINGS) as Setting[]).filter((setting) => setting !== 'microphone'),
  },
  '--server-names': {
    refused: [...HEARD_AGAIN, 'finished'],
    warned: (Object.keys(SETTINGS) as Setting[]).filter(
      (setting) => !['url', 'finished', ...HEARD_AGAIN].includes(setting),
    ),
  },
  [`--voices ${book}`]: { refused: HEARD_AGAIN },
  [`--voices ${book} --learn-voices`]: { refused: HEARD_AGAIN },
  '--learn-voices': { refused: Object.keys(SETTINGS) as Setting[] },
  '--no-voices': { refused: [...HEARD_AGAIN, 'finished'], warned: ['channels'] },
  '--names A=Alice': { warned: ['ctm'] },
  '--preset bbc': { warned: ['jsonl', 'ctm', 'shown'] },
  '--max-line-width 30': limit,
  '--max-lines 1': limit,
  '--cps 15': limit,
  '--min-duration 900': limit,
  '--max-duration 6000': limit,
  '--min-gap 100': limit,
  '--highlight-words -o a.vtt': { warned: ['captions'], refused: ['several'] },
  '--highlight-words': {
    refused: ['several'],
    warned: (Object.keys(SETTINGS) as Setting[]).filter((setting) => setting !== 'several'),
  },
  '--colours': {
    refused: ['several'],
    warned: (Object.keys(SETTINGS) as Setting[]).filter((setting) => !['several', 'captions'].includes(setting)),
  },
  '--box': {
    refused: ['several'],
    warned: (Object.keys(SETTINGS) as Setting[]).filter((setting) => setting !== 'several'),
  },
  '--no-clobber': { warned: ['shown'] },
  '--resume': { refused: [...HEARD_AGAIN, 'finished', 'pipe', 'shown'] },
  '--checkpoint a.checkpoint': { refused: [...HEARD_AGAIN, 'finished', 'pipe', 'shown', 'several'] },
  '--rotate hour': { refused: Object.keys(SETTINGS) as Setting[] },
  '--rotate-times restart': { refused: Object.keys(SETTINGS) as Setting[] },
  '--report': { refused: ['several'] },
  '--mux m.mp4': { refused: [...HEARD_AGAIN, 'several'] },
  '--burn m.mp4': { refused: [...HEARD_AGAIN, 'several'] },
}

/** Options that say where or how much is told, ask for another program, or decide what the settings are. */
const ELSEWHERE =
  'output engine finished url api-key json quiet help version list-microphones ' +
  'output-dir format skip-existing overwrite jobs continue-on-error'

/** Refuses what is refused before anything is heard. */
async function refusals(command: Command): Promise<void> {
  if (command.batch === undefined) checkpointOf(command)
  if (isTranscript(command.input)) return
  if (command.finished) resolveTranscribeOptions(await finishedOptions(withKey(command, 'key')))
  else resolveDiarizeOptions(await engineOptions(withKey(command, 'key')))
}

async function outcomeOf(setting: string, option: string): Promise<'refused' | 'warned' | 'effect'> {
  let command: ReturnType<typeof parseCommand>
  try {
    command = parseCommand([...setting.split(' '), ...option.split(' ')])
    if (typeof command === 'string') throw new Error(command)
    await refusals(command)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'INVALID_OPTION') throw error
    return 'refused'
  }
  const [flag] = option.split(' ')
  const outputs = command.batch === undefined ? command.outputs : ['captions.srt']
  const warnings = ignoredOptions(withKey({ ...command, outputs }, 'key')).filter(({ option }) => option === flag)
  expect(warnings.length).toBeLessThan(2)
  return warnings.length > 0 ? 'warned' : 'effect'
}

describe.each(Object.entries(OUTCOMES))('%s', (option, { refused = [], warned = [] }) => {
  it('is refused, ignored with one warning, or has an effect', async () => {
    const found: Record<string, string> = {}
    const expected: Record<string, string> = {}
    for (const [setting, line] of Object.entries(SETTINGS) as [Setting, string][]) {
      found[setting] = await outcomeOf(line, option)
      expected[setting] = refused.includes(setting) ? 'refused' : warned.includes(setting) ? 'warned' : 'effect'
    }
    expect(found).toEqual(expected)
  })
})

it('leaves out no option', () => {
  const considered = Object.keys(OUTCOMES).flatMap((line) => line.match(/(?<=--)[a-z-]+/g) ?? [])
  expect(
    Object.keys(OPTIONS).filter((name) => !considered.includes(name) && !ELSEWHERE.split(' ').includes(name)),
  ).toEqual([])
})

it.each([
  ['a.jsonl -o b.txt', '--language de', 'warned'],
  ['a.srt -o b.txt', '--language de', 'warned'],
  ['a.mp4 -o - --engine assemblyai', '--no-clobber', 'warned'],
  ['a.mp4 --mux m.mp4 --engine assemblyai', '--no-clobber', 'effect'],
  ['a.mp4 -o a.srt --url ws://localhost:1 --channels A,B', '--server-names', 'warned'],
  [`a.mp4 -o a.srt --url ws://localhost:1 --channels A,B --voices ${book}`, '--server-names', 'effect'],
  ['a.mp4 -o a.srt --finished', '--region global', 'refused'],
  [`a.mp4 -o a.srt --engine assemblyai --channels A,B --voices ${book}`, '--speakers 2', 'effect'],
])('of %s, %s is %s', async (setting, option, outcome) => {
  expect(await outcomeOf(setting, option)).toBe(outcome)
})
