import { statSync } from 'node:fs'
import path from 'node:path'
import type { CaptionAllOptions } from '../../batch/caption-all.ts'
import { isList } from '../../batch/inputs.ts'
import { checkOneOf, defined } from '../../options.ts'
import { redact } from '../../redact.ts'
import { type CaptionFormat, captionFormats } from '../../captions/formats/options.ts'
import { integer, type parseOptions, usage } from '../options.ts'

/** What is asked of many inputs, as `captionAll()` takes it. */
export interface BatchCommand extends Required<
  Pick<CaptionAllOptions, 'formats' | 'existing' | 'resume' | 'jobs' | 'continueOnError'>
> {
  inputs: readonly string[]
  outputDir?: string
}

/** Options that only many inputs have. */
export const BATCH_OPTIONS = {
  'output-dir': { type: 'string' },
  format: { type: 'string', multiple: true },
  'skip-existing': { type: 'boolean' },
  overwrite: { type: 'boolean' },
  jobs: { type: 'string' },
  'continue-on-error': { type: 'boolean' },
} as const

type Values = ReturnType<typeof parseOptions<typeof BATCH_OPTIONS>>['values'] & {
  'no-clobber'?: boolean | undefined
  resume?: boolean | undefined
  /** Options of a single input. */
  [name: string]: unknown
}

/** Options of a single input, and what there is instead. */
const SINGLE: Readonly<Record<string, string>> = {
  output: 'say where by --output-dir, and what by --format',
  mux: 'make one video at a time',
  burn: 'make one video at a time',
  'highlight-words': 'caption one input at a time',
  colours: 'caption one input at a time',
  box: 'make one video at a time',
  report: 'report on one input at a time',
  device: 'a microphone is one input',
  'pass-through': 'leave it out',
  checkpoint: '--resume keeps one for each input beside its output',
}

/** What can be no input, and so was meant as an output. */
const OUTPUTS = /\.(?:srt|vtt|ass|ttml|sbv|lrc|docx|csv|json|rttm|ctm|stm)$/i

/**
 * What is asked of many inputs; `undefined` where it is one input, without options for many.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function parseBatch(inputs: readonly string[], values: Values): BatchCommand | undefined {
  const given = Object.keys(BATCH_OPTIONS).find((name) => values[name] !== undefined)
  const [only = ''] = inputs
  const isOne = inputs.length === 1 && !isList(only) && !isFolder(only)
  if (isOne && given === undefined) return undefined
  const output = inputs.find((input) => OUTPUTS.test(input))
  if (output !== undefined) throw usage(`${output} is no recording; where it is an output, give it as -o ${output}`)
  const transcript = inputs.find((input) => /\.jsonl$/i.test(input))
  if (transcript !== undefined) throw usage(`${transcript} is a transcript, of which one at a time is laid out`)
  for (const [name, instead] of Object.entries(SINGLE)) {
    if (values[name] === undefined) continue
    const why = isOne ? `, and --${given} for several; leave one of them out` : `; with several, ${instead}`
    throw usage(`--${name} is for one input${why}`)
  }
  const { overwrite = false, 'skip-existing': skip = false, 'no-clobber': keep = false } = values
  if (overwrite && (skip || keep)) {
    throw usage(`--overwrite and --${skip ? 'skip-existing' : 'no-clobber'} exclude each other; give one of them`)
  }
  const { 'output-dir': outputDir, resume = false } = values
  if (outputDir !== undefined && /^[a-z][a-z0-9+.-]+:\/\//i.test(outputDir))
    throw usage(`--output-dir must be a folder; got ${redact(outputDir)}`)
  if (resume && /\bdocx\b/i.test(String(values.format ?? '')))
    throw usage('--resume cannot keep .docx, which is made at the end: make .jsonl, and documents of that')
  return {
    inputs,
    ...defined({ outputDir }),
    formats: formatsOf(values.format),
    existing: overwrite ? 'overwrite' : skip || resume ? 'skip' : 'refuse',
    resume,
    jobs: integer('--jobs', values.jobs, 1, 100) ?? 1,
    continueOnError: values['continue-on-error'] ?? false,
  }
}

function formatsOf(lists: readonly string[] = ['srt']): CaptionFormat[] {
  const formats = lists.flatMap((list) => list.split(',')).map((name) => name.trim().toLowerCase().replace(/^\./, ''))
  for (const format of formats) checkOneOf('--format', format, captionFormats)
  return [...new Set(formats)] as CaptionFormat[]
}

function isFolder(input: string): boolean {
  try {
    return input !== '-' && input !== 'mic' && statSync(path.resolve(input)).isDirectory()
  } catch {
    // What is wrong with it is said by the source.
    return false
  }
}
