import { statSync } from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { captionFormats } from '../captions/formats/options.ts'
import type { DestinationFacts } from '../destinations/destination.ts'
import { isS3Address, s3Destination } from '../destinations/s3.ts'
import { OutputError } from '../errors.ts'
import { sinkOf } from '../sinks/formats.ts'
import { jsonlSink } from '../sinks/jsonl.ts'
import { isRotatingPattern, type RotatingSink, rotatingSink } from '../sinks/rotating.ts'
import { captionOptions, type Command, filesOf, STDOUT } from './arguments.ts'
import { inputKind } from './input.ts'
import { usage } from './options.ts'

/** What is there of the outputs that are in storage, by their addresses. */
export type StoredOutputs = ReadonlyMap<string, DestinationFacts>

/**
 * Looks at the outputs in storage before anything is heard, so that wrong credentials do not cost an hour.
 *
 * @throws ConfigurationError `INVALID_OPTION`; OutputError `OUTPUT_UNWRITABLE` where they cannot be reached
 */
export async function storedOutputs({ outputs, rotate }: Command, signal: AbortSignal): Promise<StoredOutputs> {
  const stored = new Map<string, DestinationFacts>()
  for (const output of outputs.filter(isS3Address)) {
    if (!/\.jsonl$/i.test(output)) {
      throw usage(
        `what is written to s3: must end in .jsonl, and captions are made of that: diarize-stream s3://… -o talk.srt; got ${output}`,
      )
    }
    if (rotate !== undefined && isRotatingPattern(output)) throw usage(`--rotate is for files; got ${output}`)
    try {
      const facts = await s3Destination(output).facts(signal)
      if (facts !== undefined) stored.set(output, facts)
    } catch (cause) {
      if (signal.aborted || !(cause instanceof Error) || (cause as { option?: unknown }).option !== undefined)
        throw cause
      throw new OutputError('OUTPUT_UNWRITABLE', cause.message, { cause, target: output })
    }
  }
  return stored
}

/** Which of the files that a command writes are there already. @throws ConfigurationError where it must not replace them */
export function replacedFiles(command: Command, stored: StoredOutputs): string[] {
  const { input, keepsFiles } = command
  const files = filesOf(command)
  const itself = files.find((file) => (isS3Address(file) ? file === input : isSameFile(file, input)))
  if (itself !== undefined) throw usage(`${itself} is the input itself`)
  const existing = files.filter((file) => stored.has(file) || (!isS3Address(file) && isFile(file)))
  if (keepsFiles && existing.length > 0) {
    throw usage(
      `${existing.join(', ')} ${existing.length === 1 ? 'is' : 'are'} there already, and --no-clobber was given`,
    )
  }
  return existing
}

/** Whether two paths lead to one file, also by links. */
function isSameFile(one: string, other: string): boolean {
  if (path.resolve(one) === path.resolve(other)) return true
  try {
    const [{ dev, ino }, second] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })]
    return dev === second.dev && ino === second.ino
  } catch {
    return false
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // What is wrong with it is said by the sink.
    return false
  }
}

/** A sink for each of the files, as it is asked for. @throws ConfigurationError `INVALID_OPTION` for an ending that says nothing. */
export function* openOutputs(command: Command): Generator<Writable> {
  const { input, outputs, stdoutFormat, highlightWords, colours, rotate } = command
  const looks = { ...captionOptions(command), highlightWords, colours }
  if (outputs.indexOf(STDOUT) !== outputs.lastIndexOf(STDOUT)) throw usage('-o - is given twice; give it once')
  for (const output of outputs) {
    if (output === STDOUT) {
      if (stdoutFormat === 'docx' && process.stdout.isTTY) {
        throw usage('a document is nothing to see on a terminal: give -o talk.docx')
      }
      const recording = inputKind(input) === 'file' ? path.parse(input).name : ''
      yield sinkOf(stdoutFormat, process.stdout, { ...looks, recording })
      continue
    }
    if (isS3Address(output)) {
      yield jsonlSink(s3Destination(output), { speakers: looks.speakers })
      continue
    }
    const { ext } = path.parse(output)
    const format = captionFormats.find((one) => ext.toLowerCase() === `.${one}`)
    if (format === undefined) {
      throw usage(`-o must end in one of ${captionFormats.map((one) => `.${one}`).join(' ')}; got '${output}'`)
    }
    const sinkFor = (file: string): Writable => sinkOf(format, file, { ...looks, recording: path.parse(file).name })
    yield rotate !== undefined && isRotatingPattern(output) ? rotatingSink(output, sinkFor, rotate) : sinkFor(output)
  }
}

/** The files that are there now; of outputs that rotate, their parts. */
export function writtenFiles(command: Command, sinks: readonly Writable[]): string[] {
  const outputs = command.outputs.flatMap((output, i) => {
    const { parts } = sinks[i] as Partial<RotatingSink>
    if (parts === undefined) return output
    return parts.map((part) => (path.isAbsolute(output) ? part.path : path.relative('.', part.path)))
  })
  return filesOf({ ...command, outputs })
}
