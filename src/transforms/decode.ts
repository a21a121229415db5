import type { Duplex } from 'node:stream'
import type { TypedDuplex } from '../events.ts'
import { FfmpegByteDecoder } from '../ffmpeg/byte-decoder.ts'
import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import type { FileSourceEvents } from '../sources/file.ts'

/** Options of {@link decode}. */
export interface DecodeOptions extends FfmpegOptions {}

/** A Duplex of the bytes of a container to a WAV byte stream; see {@link decode}. */
export type DecodeStage = TypedDuplex<FileSourceEvents>

/**
 * Turns the bytes of any audio or video container into a WAV byte stream: 16-bit PCM in the input's own sample rate and
 * channels, or in those that `resample()` asks for when it comes next. Write a file's bytes, an HTTP body, an upload.
 *
 * An MP4 whose index follows its audio, a CAF of Opus or ALAC whose table of packets does, an AIFF that says there what its samples
 * are, and a WTV are spooled into a temporary file first, as large as the input. To decode a file on disk, `fileSource()` does without.
 *
 * Emits `warning` (`FFMPEG_WARNING`, `INPUT_TRUNCATED`) where part of the audio is damaged or missing, `WAV_SIZE_WRONG` where a
 * WAV is longer than its header says (all of it is decoded), `SEVERAL_AUDIO_TRACKS` where no track was named, and `gap`
 * (`{ start, end, missing }`, ms) where for a second or more there is no sound, or in FLAC, TTA and WavPack for any time. Fails with
 * `NO_AUDIO`, `INPUT_NOT_MEDIA`, `FFMPEG_NOT_FOUND` or `FFMPEG_FAILED`.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`, it is shorter than its header says: `INPUT_TRUNCATED`; or longer: `WAV_SIZE_WRONG`; or it is several files, joined: `INPUT_JOINED`, of WAV `WAV_JOINED`; or it has several audio tracks: `SEVERAL_AUDIO_TRACKS`; or its times leap further than can be: `TIMESTAMP_JUMP`; or channels that cancel each other out: `CHANNELS_CANCEL`
 * @event gap SourceGap - sound is missing in the middle; silence stands for it
 */
export function decode(options: DecodeOptions = {}): DecodeStage {
  const settings = resolveFfmpegOptions('decode', options)
  const stage: Duplex = new FfmpegByteDecoder({ inputName: 'the piped input', ...settings })
  return stage as DecodeStage
}
