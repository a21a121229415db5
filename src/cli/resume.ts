import { existsSync } from 'node:fs'
import { isS3Address } from '../destinations/s3.ts'
import { withEnding } from '../sinks/file-lock.ts'
import { type Command, filesOf, STDOUT } from './arguments.ts'
import { inputKind, isTranscript } from './input.ts'
import { usage } from './options.ts'
import type { StoredOutputs } from './outputs.ts'

/** The checkpoint that a command keeps. */
export interface CommandCheckpoint {
  file: string
  /** Whether it is there, to go on from. */
  isThere: boolean
}

/** What a checkpoint cannot be kept with, and why. */
const OBSTACLES = {
  report: 'it would measure only what is heard after the crash',
  finished: 'the service hears all of a file at once, and begins anew',
  parallel: 'all turns come at the end, so there is nothing to go on from',
} as const

/** @throws ConfigurationError `INVALID_OPTION` where what is asked for cannot go on where it was cut off */
export function checkResumable(command: Command, flag = '--resume'): void {
  for (const [option, why] of Object.entries(OBSTACLES)) {
    const value = command[option as keyof typeof OBSTACLES]
    if (value !== undefined && value !== false) throw usage(`${flag} and --${option} exclude each other: ${why}`)
  }
}

/**
 * The checkpoint that a command asks for; `undefined` for none.
 *
 * @throws ConfigurationError `INVALID_OPTION` where none can be kept, or another run needs the one that is there, or none is
 * needed any more
 */
export function checkpointOf(command: Command, stored: StoredOutputs = new Map()): CommandCheckpoint | undefined {
  const { input, outputs, checkpoint, resume } = command
  const files = filesOf(command)
  if (!resume && checkpoint === undefined) return undefined
  const flag = resume ? '--resume' : '--checkpoint'
  checkResumable(command, flag)
  if (isTranscript(input)) throw usage(`${flag} is of no use with a transcript, which is written in a moment`)
  if (inputKind(input) === 'standard input')
    throw usage(`${flag} needs an input that can be opened again; got ${input}`)
  const [first] = files
  if (first === undefined || outputs.includes(STDOUT) || checkpoint === '') {
    throw usage(`${flag} needs files, and nothing on standard output: -o talk.srt`)
  }
  const document = outputs.find((output) => output.toLowerCase().endsWith('.docx'))
  if (document !== undefined) {
    throw usage(
      `${flag} cannot keep ${document}, which is made at the end: keep a .jsonl, and make the document of that`,
    )
  }
  const beside = files.find((output) => !isS3Address(output))
  const file = checkpoint ?? (beside === undefined ? undefined : withEnding(beside, '.checkpoint'))
  if (file === undefined) {
    throw usage(
      `${flag} keeps its file beside an output, and ${first} is not on this machine: give --checkpoint <file>`,
    )
  }
  const isThere = existsSync(file)
  if (isThere && !resume) {
    throw usage(
      `${file} is there, of a run that was cut off; add --resume to go on from it, or delete it to begin anew`,
    )
  }
  const isDone = (output: string): boolean =>
    isS3Address(output) ? stored.get(output)?.isComplete === true : existsSync(output)
  if (!isThere && resume && files.every(isDone)) {
    const are = files.length === 1 ? 'is' : 'are'
    throw usage(
      `there is nothing to resume: ${files.join(', ')} ${are} there, and no ${file}, so the run has finished, or kept no ` +
        'checkpoint; to begin anew, give --checkpoint <file> instead of --resume',
    )
  }
  return { file, isThere }
}
