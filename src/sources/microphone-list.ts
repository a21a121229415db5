import type { MicrophoneBackend } from './microphone-input.ts'

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

/** Plug-ins of ALSA that change sound; they stand in its list of devices, but hear nothing. */
const plugIns = new Set(['null', 'lavrate', 'samplerate', 'speexrate', 'speex', 'upmix', 'vdownmix'])

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
    const [, star = ' ', id, name = ''] = /^([ *]) (\S+) \[(.*)\](?: \([\w, ]*\))?$/.exec(line) ?? []
    // The sound that a machine plays can be recorded, too, but is no microphone.
    if (id === undefined || id.endsWith('.monitor') || plugIns.has(id)) return []
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
