import type { Readable } from 'node:stream'
import { inputIdentity, trackIdentity } from '../../checkpoint/stages.ts'
import { certificateAdvice, DiarizeStreamError, FfmpegError, InputError } from '../../errors.ts'
import { type FfmpegInput, type FfmpegOptions, resolveFfmpegOptions } from '../../ffmpeg/arguments.ts'
import {
  checkBoolean,
  checkCertificates,
  checkFunction,
  type Checks,
  checkTrust,
  defined,
  invalidOption,
  oneOf,
} from '../../options.ts'
import { oneLine } from '../../redact.ts'
import { allowedAddresses, type AllowUrl, parseRtspUrl } from '../address.ts'
import { type LiveSource, reconnectChecks, type ReconnectOptions, reconnectSettings } from '../live/options.ts'
import { ReconnectingSource } from '../live/reconnecting.ts'
import type { RtspAuthentication } from './authentication.ts'
import type { RtspRelay } from './relay.ts'

/** Options of {@link rtspSource}. */
export interface RtspSourceOptions extends FfmpegOptions, ReconnectOptions {
  /**
   * How the audio travels: inside the connection; in packets of its own, which may be lost, and which `rtsps:` does not
   * allow; or inside the connection first and, where that gives nothing, the other way at the next attempt.
   * @defaultValue `'tcp'`
   */
  transport?: 'tcp' | 'udp' | 'auto'
  /**
   * Decides whether the camera may be connected to: for programs that take addresses from users. Called before each
   * connection with the address and the IP addresses of its host, of which one is then used; only `true`, or a promise of
   * it, allows it, anything else is `ADDRESS_REFUSED`. `publicOnly` lets through what is on the public internet. Whatever the
   * camera answers, nothing is sent to another address.
   * @defaultValue all are allowed
   */
  allowUrl?: AllowUrl
  /** Certificate authorities, in PEM, to trust beside no others, for `rtsps:`. @defaultValue those of Node.js */
  ca?: string | Buffer
  /** Whether an `rtsps:` camera must prove who it is; where it need not, there is no use for `ca`. @defaultValue `true` */
  verifyCertificate?: boolean
}

const checks: Checks = {
  transport: oneOf('tcp', 'udp', 'auto'),
  allowUrl: checkFunction,
  ca: checkCertificates,
  verifyCertificate: checkBoolean,
  ...reconnectChecks,
}

/**
 * Listens to an RTSP camera, for as long as it is wanted, as a WAV byte stream: 16-bit PCM in the sample rate and channels
 * that `resample()` asks for when it comes next, else in those the camera has at first. A camera that is lost, or silent
 * for `stallTimeout`, is connected to again; meanwhile the stream is silence, so that its times stay true.
 *
 * Emits `reconnecting` `{ attempt, delay, error }`; `gap` `{ start, end, missing }` when the camera is back; `warning`
 * (`FFMPEG_WARNING`). Fails with `INPUT_REFUSED`, `INPUT_UNREACHABLE` or `NO_AUDIO` where the camera has never been heard
 * and no further attempt can help, with `FFMPEG_NOT_FOUND`, and, where `retries` is given, with the last error.
 *
 * @param url - `rtsp:` or `rtsps:`, with user and password if need be; no message shows them.
 * @throws ConfigurationError `INVALID_OPTION`
 * @event reconnecting SourceReconnecting - the input was lost; the next attempt follows
 * @event gap SourceGap - audio is missing; it is passed on to every stage below
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`; its times leap further than can be: `TIMESTAMP_JUMP`
 */
export function rtspSource(url: string | URL, options: RtspSourceOptions = {}): LiveSource {
  const ffmpeg = resolveFfmpegOptions('rtspSource()', options, checks)
  const address = parseRtspUrl(url)
  const { transport = 'tcp', allowUrl, ca, verifyCertificate = true } = options
  if (transport === 'udp' && address.secure) throw invalidOption('transport', "'tcp' for an rtsps: address", transport)
  checkTrust(options)
  const settings = reconnectSettings(options)
  const tls = { ...defined({ ca }), rejectUnauthorized: verifyCertificate }
  const mayChange = transport === 'auto' && !address.secure
  /** How the next attempt asks for the audio, and whether any has given some within the connection. */
  let way: 'tcp' | 'udp' = transport === 'udp' ? 'udp' : 'tcp'
  let hasWorkedByTcp = false
  let relay: RtspRelay | undefined
  let authentication: RtspAuthentication | undefined
  const source: Readable = new ReconnectingSource({
    ...settings,
    inputName: address.shown,
    open: async () => {
      // A camera that has not come so far, or cannot serve it now, would do no better the other way, in which more is lost; nor would
      // one that has sent within the connection before, unless it says so.
      const { hasAskedForTransport = false, hasGivenAudio = false, status = 200 } = relay ?? {}
      const isProven = hasWorkedByTcp && way === 'tcp' && status !== 461
      const isInVain = hasAskedForTransport && !hasGivenAudio && !isProven && !(status in refusals) && status !== 503
      if (mayChange && isInVain) way = way === 'tcp' ? 'udp' : 'tcp'
      relay = undefined
      const addresses = allowUrl && (await allowedAddresses(new URL(url), address.host, address.shown, allowUrl))
      const [{ RtspRelay: Relay }, { RtspAuthentication: Authentication }, { FfmpegDecoder }, { SilenceLimit }] =
        await Promise.all([
          import('./relay.ts'),
          import('./authentication.ts'),
          import('../../ffmpeg/decoder.ts'),
          import('../../audio/silence.ts'),
        ])
      authentication ??= new Authentication(address.credentials)
      const opened = await Relay.open({ address, authentication, tls, addresses, transport: way })
      relay = opened
      const stream = new FfmpegDecoder({
        inputName: address.shown,
        ...ffmpeg,
        input: relayed(opened.url),
        limit: new SilenceLimit(),
        signal: undefined,
      })
      stream.once('close', () => opened.close())
      return stream
    },
    explain: (error, hadAudio) => {
      const { status, error: relayError, lacksAudio = false } = relay ?? {}
      return explainRtsp({
        shown: address.shown,
        transport: mayChange ? 'auto' : way,
        ffmpegError: error,
        status,
        relayError,
        lacksAudio,
        hadAudio,
      })
    },
    onAudio: () => {
      hasWorkedByTcp ||= way === 'tcp'
      relay?.countAudio()
    },
  })
  const identity = () => ({ kind: 'rtsp', address: address.shown, ...trackIdentity(options) })
  return Object.assign(source, { [inputIdentity]: identity }) as LiveSource
}

/** What FFmpeg opens: this process, which goes to the camera. */
function relayed(url: string): FfmpegInput {
  return {
    url,
    protocols: 'rtsp,tcp',
    containers: 'rtsp',
    // Without the video, of which nothing is wanted, there is far less to receive.
    inputOptions: ['-f', 'rtsp', '-rtsp_transport', 'tcp', '-allowed_media_types', 'audio'],
    // What is decoded leaves at once, not with the next 32 kB.
    outputOptions: ['-flush_packets', '1'],
  }
}

/** What is known of an attempt that is over. */
export interface RtspFailure {
  /** Address without credentials. */
  shown: string
  /** The way that the audio was asked for, or `auto` where the next attempt asks for the other one. */
  transport: 'tcp' | 'udp' | 'auto'
  /** The error of FFmpeg, or of what went before it; absent where it ended in order. */
  ffmpegError: Error | undefined
  /** Status of the camera's last answer. */
  status: number | undefined
  /** Why there was no connection. */
  relayError: Error | undefined
  /** Whether the camera has said that it has no audio. */
  lacksAudio: boolean
  /** Whether the camera has given audio, now or before. */
  hadAudio: boolean
}

/** Statuses that say that nothing is wrong but what was asked for, and what to do about each. */
const refusals: Readonly<Record<number, string>> = {
  401: 'it refused the user or the password; give them in the address, percent-encoded',
  403: 'it forbids access; check the user and its rights',
  404: 'it has no such stream; check the path of the address',
  453: 'it has not enough bandwidth for one more client',
}

/** What FFmpeg says of a codec that it cannot decode. */
const UNDECODABLE = /Decoder \(codec .*\) not found|no decoder found for/

/** Why a camera does not send as it was asked to; `undefined` where it will be asked otherwise. */
function transportRefusal(transport: RtspFailure['transport'], shown: string): string | undefined {
  if (transport === 'udp') return "it does not send over UDP; try transport: 'tcp' or 'auto'"
  if (transport !== 'tcp') return undefined
  return shown.startsWith('rtsps:')
    ? 'it does not send over TCP, which rtsps: needs; give its rtsp: address'
    : "it does not send over TCP; try transport: 'udp' or 'auto'"
}

/**
 * The error behind the end of an attempt, and whether a further one is in vain: only before the camera has ever given
 * audio, as it may say anything while it starts again.
 */
export function explainRtsp(failure: RtspFailure): { error: DiarizeStreamError; final: boolean } {
  const { shown, transport, ffmpegError, status, relayError, lacksAudio, hadAudio } = failure
  const facts = { ...defined({ status }), cause: ffmpegError }
  const known = ffmpegError instanceof DiarizeStreamError ? ffmpegError : undefined
  if (lacksAudio && !hadAudio) {
    const message = `${shown} has no audio; give a camera with a microphone`
    return { error: new InputError('NO_AUDIO', message, facts), final: true }
  }
  const isFinal = (code: string): boolean =>
    code === 'FFMPEG_NOT_FOUND' || code === 'ADDRESS_REFUSED' || (code === 'NO_AUDIO' && !hadAudio)
  if (known !== undefined && isFinal(known.code)) return { error: known, final: true }
  if (relayError instanceof DiarizeStreamError) return { error: relayError, final: !hadAudio }
  if (relayError !== undefined) {
    const reason = 'code' in relayError ? String(relayError.code) : oneLine(relayError.message)
    // A certificate is not better the next time.
    const final = !hadAudio && /CERT|SIGNED|ALTNAME|ISSUER|SSL|PROTO/.test(reason)
    const advice = certificateAdvice(reason)
    const message =
      advice === undefined
        ? `${shown} could not be reached (${reason}); check the address and the network`
        : `the certificate of ${shown} is not trusted (${reason}); ${advice}`
    return { error: new InputError('INPUT_UNREACHABLE', message, { retryable: !final, cause: relayError }), final }
  }
  if (status !== undefined && status >= 300) {
    const refusal = status === 461 ? transportRefusal(transport, shown) : refusals[status]
    const reason = status < 400 ? 'it sends clients to another address; give that' : refusal
    const final = reason !== undefined && status !== 453 && !hadAudio
    const message = `${shown} gives no stream (status ${status}): ${reason ?? 'it cannot serve it now'}`
    return { error: new InputError('INPUT_REFUSED', message, { ...facts, retryable: !final }), final }
  }
  if (!hadAudio && known instanceof FfmpegError && UNDECODABLE.test(known.stderr ?? '')) {
    const message = `${shown} sends its sound in a codec that FFmpeg cannot decode; choose another one in the camera, such as AAC or G.711`
    return { error: new InputError('NO_AUDIO', message, facts), final: true }
  }
  const message = `${shown} broke off; check the network and the camera`
  return { error: new InputError('INPUT_LOST', message, { ...facts, retryable: true }), final: false }
}
