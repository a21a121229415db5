/** The part of sherpa-onnx's `modelConfig` that a recogniser is. */
export type RecogniserKind = 'whisper' | 'transducer' | 'nemoTransducer' | 'senseVoice'

export interface ExpectedFile {
  file: string
  size: number
  /** In hex, small letters. */
  sha256: string
}

interface LocalModel {
  /** Name in the catalogue or of the package, or the folder as it was given. */
  name: string
  folder: string
  /** What its files must be; empty where nobody has said. */
  expected: readonly ExpectedFile[]
}

/** What must be known of a recogniser, whoever says it. */
export interface RecogniserTraits {
  /** How it hears: a whole utterance at a time, or as the audio comes. */
  mode: 'offline' | 'streaming'
  kind: RecogniserKind
  /** Codes of the languages it knows (ISO 639-1, else of three letters); empty where its files do not say. */
  languages: readonly string[]
  /** Whether it can tell which of them is spoken. */
  detectsLanguage: boolean
  /** By how many ms its token times come late, on the whole; below 0 early, 0 also where nobody has measured it. */
  lateMs: number
  /** Whether it says when each token was; a Whisper without the outputs of its cross-attention does not. */
  hasWordTimes: boolean
}

/** A recogniser on this machine, ready to be loaded. */
export interface RecogniserModel extends LocalModel, RecogniserTraits {
  /** Full paths, by sherpa-onnx's names: `encoder`, `decoder`, `joiner` or `model`, and `tokens`. */
  files: Readonly<Record<string, string>>
  /** Whether its vocabulary has no small letters, so that its capitals mean nothing. */
  onlyCapitals: boolean
  /** Whether it can be told words to expect, for each utterance. */
  takesHotwords: boolean
}

/** A speaker model on this machine: an ONNX file with the metadata of WeSpeaker, 3D-Speaker or NeMo. */
export interface SpeakerModelFile extends LocalModel {
  file: string
}

/** Silero's model of voice activity on this machine. */
export interface ActivityModelFile extends LocalModel {
  file: string
}
