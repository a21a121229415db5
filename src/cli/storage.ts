import type { Writable } from 'node:stream'
import type { SpeakerNames } from '../captions/speakers.ts'
import type { DestinationFacts } from '../destinations/destination.ts'
import { isS3Address, s3Destination } from '../destinations/s3.ts'
import { OutputError } from '../errors.ts'
import { jsonlSink } from '../sinks/jsonl.ts'
import { isRotatingPattern } from '../sinks/rotating.ts'
import type { Command } from './arguments.ts'
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

/** The sink of an output in storage. */
export function storageSink(output: string, speakers: SpeakerNames): Writable {
  return jsonlSink(s3Destination(output), { speakers })
}
