import { existsSync } from 'node:fs'
import { type Command, STDOUT } from './arguments.ts'
import { inputKind, isTranscript } from './input.ts'
import { usage } from './options.ts'

/** The checkpoint that a command keeps. */
export interface CommandCheckpoint {
  file: string
  /** Whether it is there, to go on from. */
  isThere: boolean
}

/** What a checkpoint cannot be kept with, and why. */
const OBSTACLES = {
  mux: 'make the captions first, and the video of them later',
  burn: 'make the captions first, and the video of them later',
  report: 'it would measure only what is heard after the crash',
  finished: 'the service hears all of a file at once, and begins anew',
  parallel: 'all turns come at the end, so there is nothing to go on from',
  channels: 'channels are not kept in it',
} as const

/**
 * The checkpoint that a command asks for; `undefined` for none.
 *
 * @throws ConfigurationError `INVALID_OPTION` where none can be kept, or another run needs the one that is there, or none is
 * needed any more
 */
export function checkpointOf(command: Command): CommandCheckpoint | undefined {
  const { input, outputs, checkpoint, resume } = command
  if (!resume && checkpoint === undefined) return undefined
  const flag = resume ? '--resume' : '--checkpoint'
  for (const [option, why] of Object.entries(OBSTACLES)) {
    const value = command[option as keyof typeof OBSTACLES]
    if (value !== undefined && value !== false) throw usage(`${flag} and --${option} exclude each other: ${why}`)
  }
  if (isTranscript(input)) throw usage(`${flag} is of no use with a transcript, which is written in a moment`)
  if (inputKind(input) === 'standard input')
    throw usage(`${flag} needs an input that can be opened again; got ${input}`)
  const [first] = outputs
  if (first === undefined || outputs.includes(STDOUT) || checkpoint === '') {
    throw usage(`${flag} needs files, and nothing on standard output: -o talk.srt`)
  }
  const document = outputs.find((output) => output.toLowerCase().endsWith('.docx'))
  if (document !== undefined) {
    throw usage(
      `${flag} cannot keep ${document}, which is made at the end: keep a .jsonl, and make the document of that`,
    )
  }
  const file = checkpoint ?? `${first}.checkpoint`
  const isThere = existsSync(file)
  if (isThere && !resume) {
    throw usage(
      `${file} is there, of a run that was cut off; add --resume to go on from it, or delete it to begin anew`,
    )
  }
  if (!isThere && resume && outputs.every((output) => existsSync(output))) {
    const are = outputs.length === 1 ? 'is' : 'are'
    throw usage(
      `there is nothing to resume: ${outputs.join(', ')} ${are} there, and no ${file}, so the run has finished, or kept no ` +
        'checkpoint; to begin anew, give --checkpoint <file> instead of --resume',
    )
  }
  return { file, isThere }
}
