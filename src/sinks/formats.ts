import { asField, type CaptionFormat } from '../captions/formats/options.ts'
import type { CueLayoutOptions, PresetName } from '../captions/layout/options.ts'
import type { SpeakerNames } from '../captions/speakers.ts'
import { defined } from '../options.ts'
import {
  assSink,
  csvSink,
  ctmSink,
  lrcSink,
  rttmSink,
  sbvSink,
  srtSink,
  stmSink,
  textSink,
  ttmlSink,
  vttSink,
  whisperJsonSink,
} from './caption-sinks.ts'
import type { SinkTarget } from './destination.ts'
import { docxSink } from './docx.ts'
import { jsonlSink } from './jsonl.ts'
import type { Sink } from './text-sink.ts'

/** What sinks of all formats take, each what concerns it. */
export interface FormatOptions {
  speakers?: SpeakerNames | undefined
  layout?: PresetName | Omit<CueLayoutOptions, 'speakers'> | undefined
  /** Whether words carry their times, in the formats that can. */
  highlightWords?: boolean | undefined
  /** Whether speakers have colours in WebVTT. */
  colours?: boolean | undefined
  /** What formats for scoring call the recording. */
  recording: string
}

const SINKS: Readonly<Record<CaptionFormat, (target: SinkTarget, options: FormatOptions) => Sink>> = {
  srt: (target, options) => srtSink(target, captions(options)),
  vtt: (target, options) =>
    vttSink(target, {
      ...captions(options),
      highlightWords: options.highlightWords ?? false,
      colours: options.colours ?? false,
    }),
  ass: (target, options) => assSink(target, { ...captions(options), highlightWords: options.highlightWords ?? false }),
  ttml: (target, options) => ttmlSink(target, captions(options)),
  sbv: (target, options) => sbvSink(target, captions(options)),
  lrc: (target, options) => lrcSink(target, captions(options)),
  jsonl: (target, { speakers = {} }) => jsonlSink(target, { speakers }),
  txt: (target, { speakers = {} }) => textSink(target, { speakers }),
  docx: (target, { speakers = {} }) => docxSink(target, { speakers }),
  csv: (target, { speakers = {} }) => csvSink(target, { speakers }),
  json: (target, { speakers = {} }) => whisperJsonSink(target, { speakers }),
  rttm: (target, { speakers = {}, recording }) => rttmSink(target, { speakers, file: token(recording) }),
  ctm: (target, { recording }) => ctmSink(target, { file: token(recording) }),
  stm: (target, { speakers = {}, recording }) => stmSink(target, { speakers, file: token(recording) }),
}

/** The sink of a format. @throws ConfigurationError `INVALID_OPTION` */
export function sinkOf(format: CaptionFormat, target: SinkTarget, options: FormatOptions): Sink {
  return SINKS[format](target, options)
}

function captions({ speakers = {}, layout }: FormatOptions) {
  return { speakers, ...defined({ layout }) }
}

/** A name as formats take it whose fields are parted by spaces. */
function token(recording: string): string {
  return asField(recording) || 'audio'
}
