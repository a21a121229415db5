import { InputError } from '../errors.ts'
import type { TypedReadable } from '../events.ts'
import type { Cue } from '../model.ts'
import { checkBoolean, checkOptions, checkSignal } from '../options.ts'
import { calledBy, type Reader, readText, transcriptPath, transcriptStream } from './transcript-file.ts'

/** Options of {@link cueSource}. */
export interface CueSourceOptions {
  /**
   * Whether `Alice: ` before a text says who speaks, in files that have no voices; where it does not, it stays part of the
   * text.
   * @defaultValue `true`
   */
  prefixes?: boolean
  /** Destroys the stage when it fires. */
  signal?: AbortSignal
}

/** Events of captions that are read, beside those of every readable stage. */
export interface CueSourceEvents {
  /** How far it has come; what counts as a turn is a run of cues of one speaker. */
  progress: [progress: { audioMs: number; turns: number; speakers: string[] }]
}

/** Cues out of a caption file. */
export type CueSource = TypedReadable<CueSourceEvents, Cue>

/** Longest file, in characters: captions of several hundred hours. */
const LONGEST = 67_108_864

/**
 * Reads the cues of a SubRip or WebVTT file, whoever wrote it, for any sink: so names and formats change, while times and
 * line breaks stay as they are.
 *
 * ```ts
 * await run(cueSource('talk.srt'), vttSink('talk.vtt', { speakers: { A: 'Alice' } }))
 * ```
 *
 * Who speaks is known by voices, `<v Alice>`, else by names before the texts, `Alice: `, which hold until there is another, or
 * ten seconds of silence. `Speaker A` is the label `A`; any other name is a label itself. Markup is left out. Cues have no
 * `words`, since a caption file does not say when each was spoken. Which of the formats it is, the file says itself; it is
 * UTF-8, or UTF-16 with a byte-order mark.
 *
 * Fails with `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, or, for what are no captions, `INPUT_NOT_MEDIA`.
 *
 * @param file - a path, a `file:` URL, or `-` for the standard input.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event progress object - how far it has come
 */
export function cueSource(file: string | URL, options: CueSourceOptions = {}): CueSource {
  checkOptions('cueSource()', options, { prefixes: checkBoolean, signal: checkSignal })
  const path = transcriptPath(file)
  const { prefixes = true, signal } = options
  const tell = (progress: CueSourceEvents['progress'][0]): void => void source.emit('progress', progress)
  const source = transcriptStream((reader) => readFile(path, prefixes, reader, tell), signal)
  return source as CueSource
}

async function* readFile(
  path: string,
  prefixes: boolean,
  reader: Reader,
  tell: (progress: CueSourceEvents['progress'][0]) => void,
): AsyncGenerator<Cue> {
  let text = ''
  for await (const part of readText(path, reader)) {
    text += part
    if (text.length > LONGEST) {
      throw new InputError('INPUT_NOT_MEDIA', `${calledBy(path)} is longer than ${LONGEST} characters; cut it in parts`)
    }
  }
  const { readCues } = await import('../captions/formats/read-cues.ts')
  const cues = readCues(text, prefixes)
  if (cues === undefined) {
    throw new InputError('INPUT_NOT_MEDIA', `${calledBy(path)} has no cue as SubRip or WebVTT has them`)
  }
  const { TurnTotals } = await import('../stream/turn-totals.ts')
  const totals = new TurnTotals()
  let audioMs = 0
  for (const cue of cues) {
    for (const speaker of cue.lineSpeakers ?? [cue.speaker]) totals.addRun(speaker, [])
    audioMs = Math.max(audioMs, cue.end)
    tell({ audioMs, turns: totals.turns, speakers: totals.speakers })
    yield cue
  }
}
