/*
 * What a decoder works with: loaded by the decoder, as nobody has audio before FFmpeg has been started.
 */

export { channelsCancel } from '../audio/mono-mixer.ts'
export { readOpusHead } from '../audio/opus.ts'
export { DeclaredLength } from './bytes/declared-length.ts'
export { readingMode } from './bytes/reading-mode.ts'
export { findFfmpeg } from './find.ts'
export { explainEnd, surroundOf } from './log.ts'
export { NutReader } from './nut.ts'
export { OpusOutput, passThroughRefusal } from './opus-output.ts'
export { seeksExactly } from './placement.ts'
export { FfmpegProcess } from './process.ts'
export { clockCorrector } from './program/corrector.ts'
export { isClockUnknown } from './program/packets.ts'
export { MixCheck, runCheck } from './runs.ts'
export { SampleOutput } from './sample-output.ts'
export { chooseTrack } from './tracks.ts'
