/*
 * What a decoder works with: loaded by the decoder, as nobody has audio before FFmpeg has been started.
 */

export { channelsCancel } from '../audio/mono-mixer.ts'
export { readOpusHead } from '../audio/opus.ts'
export { findFfmpeg } from './find.ts'
export { explainEnd } from './log.ts'
export { OpusOutput } from './opus-output.ts'
export { seeksExactly } from './placement.ts'
export { FfmpegProcess } from './process.ts'
export { RunReader } from './runs.ts'
export { SampleOutput } from './sample-output.ts'
export { wayOf } from './tracks.ts'
