import path from 'node:path'
import type { Writable } from 'node:stream'
import { assSink } from '../sinks/ass.ts'
import { ctmSink } from '../sinks/ctm.ts'
import { jsonlSink } from '../sinks/jsonl.ts'
import { rttmSink } from '../sinks/rttm.ts'
import { srtSink } from '../sinks/srt.ts'
import { stmSink } from '../sinks/stm.ts'
import { textSink } from '../sinks/text.ts'
import { vttSink } from '../sinks/vtt.ts'
import { type Command, usage } from './arguments.ts'

type CaptionCommand = Pick<Command, 'names' | 'preset' | 'language'>

type MakeSink = (target: string, options: CaptionCommand) => Writable

/** The options of the sinks that make captions. */
export function captionOptions({ names, preset, language }: CaptionCommand) {
  return { speakers: names, layout: { preset, ...(language !== undefined && { language }) } }
}

const SINKS: Readonly<Record<string, MakeSink>> = {
  '.srt': (target, options) => srtSink(target, captionOptions(options)),
  '.vtt': (target, options) => vttSink(target, captionOptions(options)),
  '.ass': (target, options) => assSink(target, captionOptions(options)),
  '.jsonl': (target, { names }) => jsonlSink(target, { speakers: names }),
  '.txt': (target, { names }) => textSink(target, { speakers: names }),
  '.rttm': (target, { names }) => rttmSink(target, { speakers: names, file: recording(target) }),
  '.ctm': (target) => ctmSink(target, { file: recording(target) }),
  '.stm': (target, { names }) => stmSink(target, { speakers: names, file: recording(target) }),
}

/**
 * A sink for each of the files that a command names.
 *
 * @throws ConfigurationError `INVALID_OPTION` for an ending that says nothing.
 */
export function openOutputs(command: CaptionCommand & Pick<Command, 'outputs'>): Writable[] {
  return command.outputs.map((output) => {
    const make = SINKS[path.extname(output).toLowerCase()]
    if (make !== undefined) return make(output, command)
    throw usage(`-o must end in one of ${Object.keys(SINKS).join(' ')}; got '${output}'`)
  })
}

/** The name of the recording in files for scoring tools. */
function recording(target: string): string {
  const name = path.parse(target).name.replaceAll(/\s+/gu, '_').replaceAll(/;{2,}/g, ';')
  return name === '' ? 'audio' : name
}
