import path from 'node:path'
import { laidOutFormats } from '../captions/formats/options.ts'
import type { Warning } from '../errors.ts'
import { DEFAULT_MODEL, modelFamily } from '../protocol/models.ts'
import { languageCodes } from '../protocol/parameters.ts'
import { type Command, LAYOUT_FLAGS, STDOUT } from './arguments.ts'
import { isLocal } from './hearing.ts'
import { isCaptions, isTranscript } from './input.ts'

/** Endings of files that are laid out by a preset. */
const LAID_OUT: readonly string[] = laidOutFormats.map((format) => `.${format}`)

type Case = [option: string, applies: boolean, why: string]

const ONE_SPEAKER = 'with --channels each channel is one speaker'

/** A warning for each option that has no effect with what else was chosen. */
export function ignoredOptions(command: Command): Warning[] {
  const { outputs, mux, burn, report, names, given, url, channels, maxSpeakers } = command
  const endings = outputs.map((output) =>
    output === STDOUT ? `.${command.stdoutFormat}` : path.extname(output).toLowerCase(),
  )
  const hasVideo = mux !== undefined || burn !== undefined
  const isLaidOut = report || hasVideo || endings.some((ending) => LAID_OUT.includes(ending))
  const isNamed = hasVideo || endings.length === 0 || endings.some((ending) => ending !== '.ctm')
  // Whose voice it is on a channel is asked only of a book.
  const isApart = channels !== undefined && typeof command.voices !== 'string'
  const ignored: Case[] = [
    ...LAYOUT_FLAGS.map((flag): Case => [
      `--${flag}`,
      given.includes(flag) && !isLaidOut,
      `only ${LAID_OUT.join(' ')}, --mux and --burn are laid out by it`,
    ]),
    ...LAYOUT_FLAGS.filter((flag) => flag !== 'preset').map((flag): Case => [
      `--${flag}`,
      given.includes(flag) && isLaidOut && isCaptions(command.input),
      'captions that are read keep their times and lines',
    ]),
    [
      '--highlight-words',
      command.highlightWords && burn === undefined && !endings.some((ending) => ['.vtt', '.ass'].includes(ending)),
      'only .vtt, .ass and --burn highlight words',
    ],
    [
      '--highlight-words',
      command.highlightWords && isCaptions(command.input),
      'captions do not say when a word is said',
    ],
    ['--colours', command.colours && !endings.includes('.vtt'), 'it is for .vtt; .ass and --burn have colours anyway'],
    ['--box', command.box && burn === undefined, 'it is for --burn'],
    ['--names', Object.keys(names).length > 0 && !isNamed, '.ctm has no names'],
    ['--server-names', command.serverNames && url === undefined, 'it is for the server of --url'],
    ['--server-names', command.serverNames && url !== undefined && isApart, ONE_SPEAKER],
    ['--speakers', maxSpeakers !== undefined && isApart, ONE_SPEAKER],
    ['--no-voices', command.voices === false && isApart, ONE_SPEAKER],
    [
      '--pass-through',
      command.passThrough && channels !== undefined,
      'channels are heard apart, for which it is decoded',
    ],
    [
      '--no-clobber',
      command.keepsFiles && !hasVideo && outputs.every((output) => output === STDOUT),
      'no file is written',
    ],
    ['--language', ...languageIgnored(command)],
    [
      '--language',
      command.language !== undefined && isTranscript(command.input) && !isLaidOut,
      'what was heard is in the transcript, and the language is for how lines are broken',
    ],
    [
      '--language',
      command.language !== undefined && isCaptions(command.input) && isLaidOut,
      'captions that are read keep their times and lines',
    ],
  ]
  return ignored
    .filter(([, applies]) => applies)
    .map(([option, , why]) => ({ code: 'OPTION_IGNORED', message: `${option} has no effect: ${why}`, option }))
}

/** AssemblyAI's streaming models are told some languages, older ones none. */
function languageIgnored(command: Command): [applies: boolean, why: string] {
  const { language, finished, model = DEFAULT_MODEL } = command
  if (language === undefined || language === 'auto' || finished || isTranscript(command.input) || isLocal(command))
    return [false, '']
  const code = language.toLowerCase().split('-')[0] ?? ''
  if (modelFamily(model) !== 'u3.5') return [true, `the model ${model} is told no language; lines are broken by it`]
  const why = `the service can be told ${languageCodes.join(' ')}, and not ${code}; lines are broken by it all the same`
  return [!languageCodes.includes(code), why]
}
