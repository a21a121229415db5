import { captionFormats } from '../../captions/formats/options.ts'
import { PRESET_NAMES } from '../../captions/layout/options.ts'
import { regions } from '../../protocol/endpoint.ts'
import { OPTIONS } from '../arguments.ts'
import { EXIT } from '../exit-codes.ts'
import { usage } from '../options.ts'
import { FLEET_OPTIONS } from './fleet.ts'
import { DOCTOR_OPTIONS } from './machine.ts'
import { SERVE_OPTIONS } from './serve.ts'
import { VOICES_OPTIONS } from './voices.ts'

const COMPLETION_USAGE = `diarize-stream completion bash | zsh | fish

Prints what a shell needs to complete the options of this command:

  bash                    eval "$(diarize-stream completion bash)"              in ~/.bashrc
  zsh                     eval "$(diarize-stream completion zsh)"               in ~/.zshrc, behind compinit
  fish                    diarize-stream completion fish | source               in ~/.config/fish/config.fish
`

type OptionTable = Readonly<Record<string, { type: 'string' | 'boolean'; short?: string }>>

/** What may follow an option that takes one of a few words. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  engine: ['assemblyai', 'local'],
  region: regions,
  preset: PRESET_NAMES,
  format: captionFormats,
}

/** A command of the command, and what may follow it. */
interface Subcommand {
  words: readonly string[]
  options: OptionTable
}

const HELP: OptionTable = { help: { type: 'boolean' } }

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  models: { words: ['list', 'pull', 'path'], options: { all: { type: 'boolean' }, ...HELP } },
  voices: { words: ['add', 'name', 'list', 'rename', 'forget'], options: VOICES_OPTIONS },
  serve: { words: [], options: SERVE_OPTIONS },
  fleet: { words: ['add', 'work', 'status', 'drain', 'retry'], options: FLEET_OPTIONS },
  doctor: { words: [], options: DOCTOR_OPTIONS },
  completion: { words: ['bash', 'zsh', 'fish'], options: HELP },
}

/** Obeys `diarize-stream completion …`. @param args - what follows it. @returns the exit code */
export function runCompletion(args: readonly string[], stdout: { write(text: string): unknown }): number {
  const scripts: Readonly<Record<string, () => string>> = { bash: bashScript, zsh: zshScript, fish: fishScript }
  const [shell = ''] = args
  if (args.includes('--help')) {
    stdout.write(COMPLETION_USAGE)
    return EXIT.complete
  }
  if (args.length !== 1 || !Object.hasOwn(scripts, shell)) {
    throw usage(`completion is for bash, zsh or fish; got ${args.join(' ') || 'nothing'}`, 'diarize-stream completion')
  }
  stdout.write(scripts[shell]!())
  return EXIT.complete
}

/** The options of a table as they are typed. */
function flags(options: OptionTable): string {
  return Object.entries(options)
    .flatMap(([name, { short }]) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])])
    .join(' ')
}

/** Lines of a `case` of a shell over the option before, in which `put` names its words. */
function wordCases(put: (words: string) => string): string {
  return Object.entries(WORDS)
    .map(([name, words]) => `    --${name}) ${put(words.join(' '))} ;;`)
    .join('\n')
}

/** Lines of a `case` of a shell over the subcommand. */
function subcommandCases(put: (words: string, options: string) => string): string {
  return Object.entries(SUBCOMMANDS)
    .map(([name, { words, options }]) => `    ${name}) ${put(words.join(' '), flags(options))} ;;`)
    .join('\n')
}

function bashScript(): string {
  // Where nothing is offered, bash completes file names by itself ("default").
  return `# diarize-stream completion bash
_diarize_stream() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words='' options='${flags(OPTIONS)}'
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then words='${Object.keys(SUBCOMMANDS).join(' ')}'
  else case "\${COMP_WORDS[1]}" in
${subcommandCases((words, options) => `((COMP_CWORD == 2)) && words='${words}'; options='${options}'`)}
  esac; fi
  case "$before" in
${wordCases((words) => `words='${words}'`)}
    *) [[ "$current" == -* ]] && words="$options" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _diarize_stream diarize-stream
`
}

function zshScript(): string {
  return `#compdef diarize-stream
# diarize-stream completion zsh
_diarize_stream() {
  local before="$words[CURRENT-1]" offered='' options='${flags(OPTIONS)}'
  if ((CURRENT == 2)); then offered='${Object.keys(SUBCOMMANDS).join(' ')}'
  else case "$words[2]" in
${subcommandCases((words, options) => `((CURRENT == 3)) && offered='${words}'; options='${options}'`)}
  esac; fi
  case "$before" in
${wordCases((words) => `compadd -- ${words}; return`)}
  esac
  if [[ "$words[CURRENT]" == -* ]]; then compadd -- \${=options}; return; fi
  [[ -n "$offered" ]] && compadd -- \${=offered}
  _files
}
compdef _diarize_stream diarize-stream
`
}

function fishScript(): string {
  const names = Object.keys(SUBCOMMANDS)
  const line = (when: string, name: string, { type, short }: OptionTable[string]): string => {
    const words = WORDS[name]
    const value = words === undefined ? ' -r' : ` -x -a '${words.join(' ')}'`
    const letter = short === undefined ? '' : ` -s ${short}`
    return `complete -c diarize-stream -n '${when}' -l ${name}${letter}${type === 'string' ? value : ''}`
  }
  const own = `not __fish_seen_subcommand_from ${names.join(' ')}`
  return [
    '# diarize-stream completion fish',
    `complete -c diarize-stream -n __fish_use_subcommand -a '${names.join(' ')}'`,
    ...Object.entries(OPTIONS).map(([name, option]) => line(own, name, option)),
    ...Object.entries(SUBCOMMANDS).flatMap(([command, { words, options }]) => {
      const when = `__fish_seen_subcommand_from ${command}`
      const first = words.length === 0 ? [] : [`complete -c diarize-stream -n '${when}' -a '${words.join(' ')}'`]
      return [...first, ...Object.entries(options).map(([name, option]) => line(when, name, option))]
    }),
    '',
  ].join('\n')
}
