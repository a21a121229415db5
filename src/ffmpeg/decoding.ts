/*
 * What a decoder works with: loaded by the decoder, as nobody has audio before FFmpeg has been started.
 */

export { DownmixCheck } from '../audio/downmix-check.ts'
export { channelsCancel, MonoMixer } from '../audio/mono-mixer.ts'
export { readOpusHead } from '../audio/opus.ts'
export { AudioQueue } from '../audio/silence.ts'
export { writeWavHeader } from '../audio/wav.ts'
export { DeclaredLength } from './bytes/declared-length.ts'
export { readingMode } from './bytes/reading-mode.ts'
export { findFfmpeg } from './find.ts'
export { explainEnd, surroundOf } from './log.ts'
export { NutReader } from './nut.ts'
export { OpusOutput, passThroughRefusal } from './opus-output.ts'
export { Placer, seeksExactly } from './placement.ts'
export { FfmpegProcess } from './process.ts'
export { clockCorrector } from './program/corrector.ts'
export { isClockUnknown } from './program/packets.ts'
export { runCheck } from './runs.ts'
export { chooseTrack } from './tracks.ts'
