export { fileSource, type FileSource, type FileSourceEvents, type FileSourceOptions } from './sources/file.ts'
export { jsonlSource, type JsonlSource, type JsonlSourceEvents, type JsonlSourceOptions } from './sources/jsonl.ts'
export { cueSource, type CueSource, type CueSourceEvents, type CueSourceOptions } from './sources/cues.ts'
export { httpSource, type HttpSource } from './sources/http/source.ts'
export type { HttpSourceOptions } from './sources/http/options.ts'
export { publicOnly } from './sources/address.ts'
export type { AllowUrl } from './sources/address.ts'
export { rtspSource, type RtspSourceOptions } from './sources/rtsp/source.ts'
export { microphoneSource, type MicrophoneSourceOptions } from './sources/microphone.ts'
export { microphones, type MicrophonesOptions } from './sources/microphone.ts'
export type { Microphone } from './sources/microphone.ts'
export type { MicrophoneBackend } from './sources/microphone.ts'
export type { LiveSource, LiveSourceEvents, ReconnectOptions, SourceReconnecting } from './sources/live/options.ts'
export type { SourceGap } from './sources/live/timeline.ts'
export { decode, type DecodeOptions, type DecodeStage } from './transforms/decode.ts'
export { resample, type ResampleOptions, type ResampleStage } from './transforms/resample.ts'
export { frame, type FrameOptions, type FrameStage } from './transforms/frame.ts'
export { diarize } from './transforms/diarize.ts'
export type {
  DiarizeOptions,
  ReplayOptions,
  SessionParameters,
  SessionReconnectOptions,
  SessionTimeouts,
} from './transforms/diarize-options.ts'
export type { ChannelOptions } from './transforms/channels/options.ts'
export type {
  Diarize,
  DiarizeEvents,
  DiarizeProgress,
  OfChannel,
  PassedOnEvents,
  SessionRecord,
  TerminationRecord,
  UpdatableParameters,
} from './transforms/diarize-events.ts'
export {
  transcribe,
  type Transcribe,
  type TranscribeEvents,
  type TranscribeProgress,
} from './transforms/transcribe/transcribe.ts'
export type {
  PollingOptions,
  TranscribeOptions,
  TranscribeReconnectOptions,
  TranscribeTimeouts,
  TranscriptParameters,
} from './transforms/transcribe/options.ts'
export { segment, type SegmentOptions, type SegmentStage } from './transforms/segment.ts'
export { layout, type LayoutOptions, type LayoutStage } from './transforms/layout.ts'
export { wordRuns, type WordRunOptions } from './captions/segments.ts'
export type { SpeakerNames } from './captions/speakers.ts'
export type { CueLayoutOptions, LabelStyle, LayoutWeights, PresetName } from './captions/layout/options.ts'
export {
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
  type AssSinkOptions,
  type CaptionSinkOptions,
  type CsvSinkOptions,
  type CtmSinkOptions,
  type LrcSinkOptions,
  type RttmSinkOptions,
  type SbvSinkOptions,
  type SegmentSinkOptions,
  type SrtSinkOptions,
  type StmSinkOptions,
  type TextSinkOptions,
  type TtmlSinkOptions,
  type VttSinkOptions,
  type WhisperJsonSinkOptions,
} from './sinks/caption-sinks.ts'
export { docxSink, type DocxSinkOptions } from './sinks/docx.ts'
export { jsonlSink, type JsonlSinkOptions } from './sinks/jsonl.ts'
export type { Sink, SinkOptions } from './sinks/text-sink.ts'
export type { SinkTarget } from './sinks/destination.ts'
export { objectDestination, type ObjectDestinationOptions } from './destinations/object-destination.ts'
export { s3Destination, type S3ClientLike, type S3DestinationOptions } from './destinations/s3.ts'
export type {
  DestinationFacts,
  DestinationOpening,
  DestinationWriter,
  OutputDestination,
} from './destinations/destination.ts'
export type { ObjectStore, StoredBytes } from './destinations/object-store.ts'
export { fanOut, type FanOut } from './sinks/fan-out.ts'
export {
  rotatingSink,
  type RotatedPart,
  type RotatingSink,
  type RotatingSinkEvents,
  type RotatingSinkOptions,
} from './sinks/rotating.ts'
export {
  run,
  type Progress,
  type RunOptions,
  type RunSummary,
  type Truncation,
  type Source,
  type Stage,
  type StageFunction,
} from './run.ts'
export { enrolVoice, type EnrolledVoice, type EnrolVoiceOptions, type TimeSpan } from './transforms/voices/enrol.ts'
export { voiceBook, type VoiceBook, type VoiceBookOptions } from './voices/book.ts'
export type { KnownVoice, SpeakerModelIdentity } from './voices/book.ts'
export type { VoiceProfile } from './voices/profile.ts'
export type { Voice } from './voices/voice.ts'
export { captionAll, type CaptionAllOptions } from './batch/caption-all.ts'
export type {
  CaptionDone,
  CaptionFailed,
  CaptionResult,
  CaptionResultFacts,
  CaptionSkipped,
  CaptionStopped,
} from './batch/caption-one.ts'
export type { CaptionInput } from './batch/inputs.ts'
export type { CaptionJob, CaptionOutput } from './batch/plan.ts'
export { captionFormats, type CaptionFormat } from './captions/formats/options.ts'
export type * from './engine/engine.ts'
export { isCue, isSegment, isTurn, type Captionable, type Cue, type Segment, type Turn, type Word } from './model.ts'
export {
  CheckpointError,
  FleetError,
  ConfigurationError,
  DiarizeStreamError,
  EngineError,
  FfmpegError,
  InputError,
  OutputError,
  SessionError,
  VoiceBookError,
  type ErrorCode,
  type ErrorFields,
  type Warning,
} from './errors.ts'
export type {
  ItemIterator,
  Listen,
  ListenerArguments,
  ReadableEvents,
  TypedDuplex,
  TypedReadable,
  TypedWritable,
  WritableEvents,
} from './events.ts'
export type { DiagnosticsChannels, DiagnosticsError, DiagnosticsFile, DiagnosticsOfStream } from './diagnostics.ts'
export type { RttmOptions, ScoringOptions, TableOptions, TranscriptOptions } from './captions/formats/options.ts'
export type { FfmpegOptions } from './ffmpeg/arguments.ts'
export type { AudioFormat, SampleEncoding } from './audio/format.ts'
export type { AuthenticationOptions, Secret } from './protocol/endpoint.ts'
export type { ConnectionParameters } from './protocol/parameters.ts'
export type { CertaintyFigures } from './certainty.ts'
export type {
  Gap,
  HeardRange,
  ReconnectingRecord,
  SessionAdmission,
  SessionOpening,
  UnrecognizedSpeech,
} from './stream/options.ts'
export type { HeartbeatMessage, SilenceMessage, SpeechStartedMessage } from './protocol/messages.ts'
export type { Region } from './protocol/endpoint.ts'
