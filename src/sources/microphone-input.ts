import type { FfmpegInput } from '../ffmpeg/arguments.ts'

/** The ways FFmpeg gets at microphones: two of Linux, one of macOS, one of Windows. */
export const microphoneBackends = ['pulse', 'alsa', 'avfoundation', 'dshow'] as const

/** One of {@link microphoneBackends}. */
export type MicrophoneBackend = (typeof microphoneBackends)[number]

/** Audio per packet in ms: little delay, few packets. */
const PACKET_MS = 50
/** Bytes of 50 ms of the usual 48 kHz stereo. */
const PULSE_FRAGMENT = 9600

/** The way of a platform; on Linux the second where the first has no devices. */
export function backendsOf(platform: NodeJS.Platform): readonly MicrophoneBackend[] {
  if (platform === 'darwin') return ['avfoundation']
  if (platform === 'win32') return ['dshow']
  return ['pulse', 'alsa']
}

/**
 * Why a name can be that of no device, in words that follow "must be"; `undefined` where it can. Names of ALSA are little
 * programs that could write files, and a colon in a name of DirectShow begins a second device.
 */
export function deviceRule(backend: MicrophoneBackend, device: string): string | undefined {
  if (device === '' || /[\0\r\n]/.test(device)) return 'the name of a device, on one line'
  if (backend === 'alsa' && !/^[\w.:,=-]+$/.test(device)) return "an ALSA device such as 'default' or 'plughw:1,0'"
  if (backend === 'dshow' && device.includes(':')) return 'a DirectShow name without a colon, or the id of the device'
  return undefined
}

/**
 * What FFmpeg opens for a microphone.
 *
 * @param device - its id as `microphones()` gives it; `undefined` for the one the system prefers.
 */
export function microphoneInput(backend: MicrophoneBackend, device: string | undefined): FfmpegInput {
  return {
    url: urlOf(backend, device),
    // A device is no protocol, and nothing else is to be opened.
    protocols: 'pipe',
    containers: backend,
    inputOptions: ['-f', backend, ...bufferOf(backend)],
    outputOptions: ['-flush_packets', '1'],
  }
}

function urlOf(backend: MicrophoneBackend, device: string | undefined): string {
  if (backend === 'avfoundation') return `:${device ?? 'default'}`
  if (backend === 'dshow') return `audio=${device ?? ''}`
  return device ?? 'default'
}

function bufferOf(backend: MicrophoneBackend): readonly string[] {
  if (backend === 'pulse') return ['-fragment_size', String(PULSE_FRAGMENT)]
  return backend === 'dshow' ? ['-audio_buffer_size', String(PACKET_MS)] : []
}
