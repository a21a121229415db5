import path from 'node:path'
import type { Writable } from 'node:stream'
import { ConfigurationError } from '../errors.ts'
import { assSink } from '../sinks/ass.ts'
import { ctmSink } from '../sinks/ctm.ts'
import { fanOut } from '../sinks/fan-out.ts'
import { jsonlSink } from '../sinks/jsonl.ts'
import { rttmSink } from '../sinks/rttm.ts'
import { srtSink } from '../sinks/srt.ts'
import { stmSink } from '../sinks/stm.ts'
import { textSink } from '../sinks/text.ts'
import { vttSink } from '../sinks/vtt.ts'
import type { Command } from './arguments.ts'

type MakeSink = (target: string, options: Pick<Command, 'names' | 'preset' | 'language'>) => Writable

const captions = ({ names, preset, language }: Pick<Command, 'names' | 'preset' | 'language'>) => ({
  speakers: names,
  layout: { preset, ...(language !== undefined && { language }) },
})

const SINKS: Readonly<Record<string, MakeSink>> = {
  '.srt': (target, options) => srtSink(target, captions(options)),
  '.vtt': (target, options) => vttSink(target, captions(options)),
  '.ass': (target, options) => assSink(target, captions(options)),
  '.jsonl': (target, { names }) => jsonlSink(target, { speakers: names }),
  '.txt': (target, { names }) => textSink(target, { speakers: names }),
  '.rttm': (target, { names }) => rttmSink(target, { speakers: names, file: recording(target) }),
  '.ctm': (target) => ctmSink(target, { file: recording(target) }),
  '.stm': (target, { names }) => stmSink(target, { speakers: names, file: recording(target) }),
}

/** One sink for all outputs of a command, and whatever else is to be given its turns. */
export function openOutputs(command: Command, others: readonly Writable[]): Writable {
  const sinks = command.outputs.map((output) => {
    const make = SINKS[path.extname(output).toLowerCase()]
    if (make !== undefined) return make(output, command)
    const endings = Object.keys(SINKS).join(' ')
    throw new ConfigurationError('INVALID_OPTION', `-o must end in one of ${endings}; got '${output}'`)
  })
  if (sinks.length === 0) sinks.push(textSink(undefined, { speakers: command.names }))
  return fanOut(...sinks, ...others)
}

/** The name of the recording in files for scoring tools. */
function recording(target: string): string {
  const name = path.parse(target).name.replaceAll(/\s+/gu, '_').replaceAll(/;{2,}/g, ';')
  return name === '' ? 'audio' : name
}
