import type { Readable } from 'node:stream'
import { LiveLimit } from '../audio/live-limit.ts'
import { DiarizeStreamError, InputError } from '../errors.ts'
import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/options.ts'
import { FfmpegStream } from '../ffmpeg/stream.ts'
import { checkKnown, checkOneOf, checkString, invalidOption } from '../options.ts'
import {
  backendsOf,
  deviceRule,
  type MicrophoneBackend,
  microphoneBackends,
  microphoneInput,
} from './microphone-input.ts'
import { microphones } from './microphones.ts'
import { reconnectNames, type ReconnectOptions, resolveReconnectOptions } from './reconnect-options.ts'
import { ReconnectingSource } from './reconnect.ts'

/** Options of {@link microphoneSource}. */
export interface MicrophoneSourceOptions extends Omit<FfmpegOptions, 'audioTrack' | 'language'>, ReconnectOptions {
  /**
   * Which one: the `id` of one of `microphones()`. The name of an ALSA device or a DirectShow device can reach more than
   * microphones; take it from whoever runs the program, not from whoever uses it.
   * @defaultValue the one that the system prefers
   */
  device?: string
  /** How to get at it. @defaultValue on Linux PulseAudio, else ALSA; what there is elsewhere */
  backend?: MicrophoneBackend
}

/**
 * Listens to a microphone, for as long as it is wanted, as a WAV byte stream: 16-bit PCM in the sample rate and channels
 * that `resample()` asks for when it comes next, else in those of the device. One that is unplugged is waited for;
 * meanwhile the stream is silence, so that its times stay true.
 *
 * Emits `reconnecting`, `gap` and `warning` as `rtspSource()` does. Fails with `NO_MICROPHONE` where there is none, or it
 * cannot be opened; with `FFMPEG_NOT_FOUND`; and, where `retries` is given, with the last error.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 * @event reconnecting SourceReconnecting - the input was lost; the next attempt follows
 * @event gap SourceGap - audio is missing; it is passed on to every stage below
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`; its times leap further than can be: `TIMESTAMP_JUMP`
 */
export function microphoneSource(options: MicrophoneSourceOptions = {}): Readable {
  checkKnown('microphoneSource()', options, ['device', 'backend', 'ffmpegPath', ...reconnectNames])
  const { device, backend, ffmpegPath } = options
  checkString('device', device, 1, 1000)
  checkOneOf('backend', backend, microphoneBackends)
  if (device !== undefined) {
    const [first = 'pulse'] = backend === undefined ? backendsOf(process.platform) : [backend]
    const rule = deviceRule(first, device)
    if (rule !== undefined) throw invalidOption('device', rule, device)
  }
  const ffmpeg = resolveFfmpegOptions('microphoneSource()', ffmpegPath === undefined ? {} : { ffmpegPath })
  const inputName = device === undefined ? 'the microphone' : `the microphone '${device}'`
  const given = { ...(backend && { backend }), ...(ffmpegPath !== undefined && { ffmpegPath }) }
  return new ReconnectingSource({
    ...resolveReconnectOptions(options),
    inputName,
    open: async () => {
      const chosen = await choose(device, given)
      const limit = new LiveLimit()
      return new FfmpegStream({ input: microphoneInput(chosen.backend, chosen.id), inputName, ...ffmpeg, limit })
    },
    explain: (error, heard) => explainMicrophone(inputName, error, heard),
  })
}

/** The device to open: found in the list, or, where it is not there, as it was named. */
async function choose(
  device: string | undefined,
  given: { backend?: MicrophoneBackend; ffmpegPath?: string },
): Promise<{ backend: MicrophoneBackend; id: string | undefined }> {
  const found = await microphones(given)
  const known =
    found.find(({ id, name }) => id === device || name === device) ??
    (device === undefined ? (found.find(({ preferred }) => preferred) ?? found[0]) : undefined)
  const [fallback = 'pulse'] = given.backend === undefined ? backendsOf(process.platform).slice(-1) : [given.backend]
  const backend = known?.backend ?? fallback
  const problem = device === undefined || known ? undefined : deviceRule(backend, device)
  if (problem !== undefined || (found.length === 0 && device === undefined && backend === 'dshow')) {
    throw new InputError('NO_MICROPHONE', 'this machine has no such microphone; microphones() lists those it has')
  }
  return { backend, id: known?.id ?? device }
}

/** What it means that a microphone gives no more: before the first sample there is none, later it was unplugged. */
export function explainMicrophone(
  inputName: string,
  error: Error | undefined,
  heard: boolean,
): { error: Error; final: boolean } {
  if (error instanceof DiarizeStreamError && error.code === 'FFMPEG_NOT_FOUND') return { error, final: true }
  const facts = error === undefined ? {} : { cause: error }
  if (heard) {
    const message = `${inputName} gives no more audio; check that it is still attached`
    return { error: new InputError('INPUT_LOST', message, { ...facts, retryable: true }), final: false }
  }
  const reason = 'attach one and allow this program to use it; microphones() lists what there is'
  return { error: new InputError('NO_MICROPHONE', `${inputName} cannot be opened: ${reason}`, facts), final: true }
}
