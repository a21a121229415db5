import { inputIdentity } from '../checkpoint/stages.ts'
import { DiarizeStreamError, InputError, isAbortError } from '../errors.ts'
import { type FfmpegInput, type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/arguments.ts'
import { checkOptions, checkSignal, defined, invalidOption, oneOf, string } from '../options.ts'
import { type LiveSource, reconnectChecks, type ReconnectOptions, reconnectSettings } from './live/options.ts'
import { ReconnectingSource } from './live/reconnecting.ts'
import type { Readable } from 'node:stream'

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
 * that `resample()` asks for when it comes next, else in those of the device, on Linux always two at 48 kHz. One that is
 * unplugged is waited for; meanwhile the stream is silence, so that its times stay true.
 *
 * Emits `reconnecting`, `gap` and `warning` as `rtspSource()` does. Fails with `NO_MICROPHONE` where there is none, or it
 * cannot be opened; with `FFMPEG_NOT_FOUND`; and, where `retries` is given, with the last error.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 * @event reconnecting SourceReconnecting - the input was lost; the next attempt follows
 * @event gap SourceGap - audio is missing; it is passed on to every stage below
 * @event warning Warning - FFmpeg had trouble with the input: `FFMPEG_WARNING`; its times leap further than can be: `TIMESTAMP_JUMP`
 */
export function microphoneSource(options: MicrophoneSourceOptions = {}): LiveSource {
  checkOptions('microphoneSource()', options, { device: string(1, 1000), ...searchChecks, ...reconnectChecks })
  const { device, backend, ffmpegPath } = options
  if (device !== undefined) {
    const [first = 'pulse'] = backend === undefined ? backendsOf(process.platform) : [backend]
    const rule = deviceRule(first, device)
    if (rule !== undefined) throw invalidOption('device', rule, device)
  }
  const ffmpeg = resolveFfmpegOptions('microphoneSource()', defined({ ffmpegPath }))
  const inputName = device === undefined ? 'the microphone' : `the microphone '${device}'`
  const given = defined({ backend, ffmpegPath })
  let problem: string | undefined
  const source: Readable = new ReconnectingSource({
    ...reconnectSettings(options),
    inputName,
    open: async () => {
      const chosen = await choose(device, given)
      // One that is lost comes back where it was; what is found elsewhere meanwhile is another.
      given.backend ??= chosen.backend
      problem = chosen.problem
      const [{ FfmpegDecoder }, { SilenceLimit }] = await Promise.all([
        import('../ffmpeg/decoder.ts'),
        import('../audio/silence.ts'),
      ])
      const limit = new SilenceLimit()
      return new FfmpegDecoder({ input: microphoneInput(chosen.backend, chosen.id), inputName, ...ffmpeg, limit })
    },
    explain: (error, hadAudio) => explainMicrophone(inputName, error, hadAudio, problem),
  })
  const identity = () => ({ kind: 'microphone', device: device ?? '' })
  return Object.assign(source, { [inputIdentity]: identity }) as LiveSource
}

/** The device to open: found in the list, or, where it is not there, as it was named; and what may be in its way. */
async function choose(
  device: string | undefined,
  given: { backend?: MicrophoneBackend; ffmpegPath?: string },
): Promise<{ backend: MicrophoneBackend; id: string | undefined; problem: string | undefined }> {
  const { found, ffmpeg, lacking } = await search(given)
  const known =
    found.find(({ id, name }) => id === device || name === device) ??
    (device === undefined ? (found.find(({ preferred }) => preferred) ?? found[0]) : undefined)
  const backend = known?.backend ?? given.backend ?? unlistedBackend(device, process.platform)
  const rule = device === undefined || known ? undefined : deviceRule(backend, device)
  if (rule !== undefined || (found.length === 0 && device === undefined && backend === 'dshow')) {
    throw new InputError('NO_MICROPHONE', 'this machine has no such microphone; microphones() lists those it has')
  }
  const problem =
    lacking.length === 0
      ? undefined
      : `${ffmpeg} was built without ${lacking.join(' and ')}, as static builds are; set FFMPEG_PATH or ffmpegPath to one that can listen, such as that of your distribution`
  return { backend, id: known?.id ?? device, problem }
}

/**
 * What it means that a microphone gives no more: before the first sample there is none, later it was unplugged.
 *
 * @param problem - why there may be none that can be opened, with what helps.
 */
export function explainMicrophone(
  inputName: string,
  error: Error | undefined,
  hadAudio: boolean,
  problem = 'attach one and allow this program to use it; microphones() lists what there is',
): { error: DiarizeStreamError; final: boolean } {
  if (error instanceof DiarizeStreamError && error.code === 'FFMPEG_NOT_FOUND') return { error, final: true }
  const facts = error === undefined ? {} : { cause: error }
  if (hadAudio) {
    const message = `${inputName} gives no more audio; check that it is still attached`
    return { error: new InputError('INPUT_LOST', message, { ...facts, retryable: true }), final: false }
  }
  return { error: new InputError('NO_MICROPHONE', `${inputName} cannot be opened: ${problem}`, facts), final: true }
}

/** What a microphone is read through: PulseAudio or ALSA of Linux, AVFoundation of macOS, DirectShow of Windows. */
export type MicrophoneBackend = 'pulse' | 'alsa' | 'avfoundation' | 'dshow'

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

/** The way to a device that is not in the list: of PulseAudio only those are not that hear what a machine plays. */
export function unlistedBackend(device: string | undefined, platform: NodeJS.Platform): MicrophoneBackend {
  const [first = 'pulse', last = first] = backendsOf(platform)
  return isMonitor(device) ? first : last
}

/** Whether it hears what a machine plays, which can be recorded, but is no microphone. */
function isMonitor(device: string | undefined): boolean {
  return device?.endsWith('.monitor') === true
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
    keepsChannels: true,
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

/** A microphone of this machine. */
export interface Microphone {
  /** What `microphoneSource({ device })` takes. */
  id: string
  /** Its name for people. */
  name: string
  backend: MicrophoneBackend
  /** Whether the system prefers it. */
  preferred: boolean
}

/** Plug-ins of ALSA that change sound, or hand it on to what few have; they stand in its list of devices, but hear nothing. */
const plugIns = new Set(['null', 'lavrate', 'samplerate', 'speexrate', 'speex', 'upmix', 'vdownmix', 'jack', 'oss'])

/** Arguments with which FFmpeg lists the devices of a backend. */
export function listArguments(backend: MicrophoneBackend): string[] {
  const general = ['-hide_banner', '-nostdin']
  if (backend === 'pulse' || backend === 'alsa') return [...general, '-sources', backend]
  // Both end with an error, since nothing is opened: the list is all that is wanted.
  if (backend === 'dshow') return [...general, '-list_devices', 'true', '-f', 'dshow', '-i', 'dummy']
  return [...general, '-f', 'avfoundation', '-list_devices', 'true', '-i', '']
}

/** The microphones in what FFmpeg said to {@link listArguments}, on stdout and stderr together. */
export function parseMicrophones(backend: MicrophoneBackend, said: string): Microphone[] {
  const lines = said.split(/\r?\n/)
  if (backend === 'dshow') return fromDirectShow(lines)
  if (backend === 'avfoundation') return fromAvFoundation(lines)
  return lines.flatMap((line) => {
    // PipeWire has names with spaces.
    const [, star = ' ', id, name = ''] = /^([ *]) (\S.*?) \[(.*)\](?: \([\w, ]*\))?$/.exec(line) ?? []
    if (id === undefined || isMonitor(id) || plugIns.has(id)) return []
    return [{ id, name, backend, preferred: star === '*' || id === 'default' }]
  })
}

function fromAvFoundation(lines: readonly string[]): Microphone[] {
  const from = lines.findIndex((line) => line.includes('AVFoundation audio devices'))
  if (from < 0) return []
  return lines.slice(from + 1).flatMap((line) => {
    const [, id, name] = /\] \[(\d+)\] (.+)$/.exec(line) ?? []
    if (id === undefined || name === undefined) return []
    return [{ id, name, backend: 'avfoundation' as const, preferred: id === '0' }]
  })
}

function fromDirectShow(lines: readonly string[]): Microphone[] {
  const found: Microphone[] = []
  let audio = false
  for (const line of lines) {
    // FFmpeg 4 has headings, later ones say behind each name what it is.
    const heading = /DirectShow (audio|video) devices/.exec(line)?.[1]
    if (heading !== undefined) audio = heading === 'audio'
    const alternative = /Alternative name "(.+)"/.exec(line)?.[1]
    const last = found.at(-1)
    // Two devices may have one name; the other name is one device's own.
    if (alternative !== undefined && audio && last !== undefined) last.id = alternative
    const [, name, kind] = /\]\s+"([^"]+)"(?:\s+\((.+)\))?$/.exec(line) ?? []
    if (name === undefined || alternative !== undefined) continue
    if (kind !== undefined) audio = kind.includes('audio')
    if (audio) found.push({ id: name, name, backend: 'dshow', preferred: found.length === 0 })
  }
  return found
}

/** Options of {@link microphones}. */
export interface MicrophonesOptions {
  /** How to get at them. @defaultValue on Linux PulseAudio, else ALSA; what there is elsewhere */
  backend?: MicrophoneBackend
  /** FFmpeg to run. @defaultValue `FFMPEG_PATH`, `FFMPEG_BIN`, the package ffmpeg-static, then `PATH` */
  ffmpegPath?: string
  /** Gives up the search. @defaultValue none */
  signal?: AbortSignal
}

const searchChecks = {
  backend: oneOf(...(['pulse', 'alsa', 'avfoundation', 'dshow'] satisfies MicrophoneBackend[])),
  ffmpegPath: string(),
  signal: checkSignal,
}

/**
 * The microphones of this machine, as FFmpeg sees them; empty where there are none, or FFmpeg cannot get at any.
 *
 * @throws ConfigurationError `INVALID_OPTION`; (rejects with) FfmpegError `FFMPEG_NOT_FOUND`
 */
export async function microphones(options: MicrophonesOptions = {}): Promise<Microphone[]> {
  checkOptions('microphones()', options, searchChecks)
  return (await search(options)).found
}

/** The microphones, the FFmpeg that sees them, and of what it was built without. */
async function search({
  backend: wanted,
  ffmpegPath,
  signal,
}: MicrophonesOptions): Promise<{ found: Microphone[]; ffmpeg: string; lacking: string[] }> {
  const { askFfmpeg, findFfmpeg } = await import('../ffmpeg/find.ts')
  const ffmpeg = findFfmpeg(ffmpegPath)
  const lacking: string[] = []
  for (const backend of wanted === undefined ? backendsOf(process.platform) : [wanted]) {
    const answer = await askFfmpeg(ffmpeg, listArguments(backend), { signal }).catch((error: Error) => {
      if (isAbortError(error)) throw error
      return undefined
    })
    // One that hangs or crashes may have told its list before.
    const { stdout = '', stderr = '', code = null } = answer ?? {}
    const said = `${stdout}\n${stderr}`
    const name = listed[backend]
    if (name !== undefined && code !== null && !said.includes(` sources for ${backend}`)) lacking.push(name)
    const found = parseMicrophones(backend, said)
    if (found.length > 0) return { found, ffmpeg, lacking }
  }
  return { found: [], ffmpeg, lacking }
}

/** Of these FFmpeg writes a list with a heading, be it empty; where it was built without one, nothing at all. */
const listed: Partial<Record<MicrophoneBackend, string>> = { pulse: 'PulseAudio', alsa: 'ALSA' }
