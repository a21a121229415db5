import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FfmpegError } from '../../src/errors.ts'
import { argumentsOf, firstWay } from '../../src/ffmpeg/arguments.ts'
import {
  backendsOf,
  deviceRule,
  explainMicrophone,
  listArguments,
  type MicrophoneBackend,
  microphoneInput,
  microphones,
  microphoneSource,
  type MicrophoneSourceOptions,
  parseMicrophones,
  unlistedBackend,
} from '../../src/sources/microphone.ts'
import { closed, noChildLeft } from '../helpers/processes.ts'

describe('microphoneInput', () => {
  it.each([
    ['linux', undefined, '-f pulse -fragment_size 9600 -i default'],
    ['linux', 'alsa_input.usb', '-f pulse -fragment_size 9600 -i alsa_input.usb'],
    ['darwin', undefined, '-f avfoundation -i :default'],
    ['darwin', '2', '-f avfoundation -i :2'],
    ['win32', 'Microphone (USB)', '-f dshow -audio_buffer_size 50 -i audio=Microphone (USB)'],
  ] as const)('opens the device of %s by its own way (%s)', (platform, device, expected) => {
    const [backend = 'alsa'] = backendsOf(platform)
    const { args } = argumentsOf(firstWay, { input: microphoneInput(backend, device), target: undefined })
    expect(args.join(' ')).toContain(expected)
    expect(args.join(' ')).toContain(`-protocol_whitelist pipe -format_whitelist ${backend}`)
  })

  it('takes ALSA where there is no PulseAudio', () => {
    expect(backendsOf('linux')).toEqual(['pulse', 'alsa'])
    expect(microphoneInput('alsa', 'plughw:1,0').url).toBe('plughw:1,0')
  })
})

describe('unlistedBackend', () => {
  it.each([
    ['linux', 'alsa_output.pci-0000_00_1f.3.analog-stereo.monitor', 'pulse'],
    ['linux', 'plughw:1,0', 'alsa'],
    ['linux', undefined, 'alsa'],
    ['darwin', 'a.monitor', 'avfoundation'],
    ['win32', 'a.monitor', 'dshow'],
  ] as const)('opens what %s does not list, %s, by %s', (platform, device, backend) => {
    expect(unlistedBackend(device, platform)).toBe(backend)
  })
})

describe('deviceRule', () => {
  it.each([
    ['alsa', "file:'/etc/passwd',raw"],
    ['alsa', '{ type file }'],
    ['dshow', 'a:video=b'],
    ['pulse', ''],
    ['avfoundation', 'a\nb'],
  ] as const)('lets no device of %s be named %j', (backend, device) => {
    expect(deviceRule(backend, device)).toBeDefined()
  })

  it.each([
    ['alsa', 'plughw:CARD=USB,DEV=0'],
    ['pulse', 'alsa_input.pci-0000_00_1f.3.analog-stereo'],
    ['avfoundation', '0'],
    ['dshow', 'Mikrofon (Gerät "2")'],
  ] as const)('lets a device of %s be named %j', (backend, device) => {
    expect(deviceRule(backend, device)).toBeUndefined()
  })
})

const lists: Record<MicrophoneBackend, string> = {
  pulse: `Auto-detected sources for pulse:
  alsa_output.pci-0000_00_1f.3.analog-stereo.monitor [Monitor of Built-in Audio Analog Stereo] (none)
* alsa_input.pci-0000_00_1f.3.analog-stereo [Built-in Audio Analog Stereo] (none)
  alsa_input.usb-Blue_Yeti [Yeti [USB]]
  Virtual Mic [Microphone without noise]
`,
  alsa: `Auto-detected sources for alsa:
  null [Discard all samples (playback) or generate zero samples (capture)] (none)
  lavrate [Rate Converter Plugin Using Libav/FFmpeg Library] (none)
  samplerate [Rate Converter Plugin Using Samplerate Library] (none)
  speexrate [Rate Converter Plugin Using Speex Resampler] (none)
  speex [Plugin using Speex DSP (resample, agc, denoise, echo, dereverb)] (none)
  upmix [Plugin for channel upmix (4,6,8)] (none)
  vdownmix [Plugin for channel downmix (stereo) with a simple spacialization] (none)
  jack [JACK Audio Connection Kit] (none)
  oss [Open Sound System] (none)
  default [Default Audio Device]
  sysdefault:CARD=PCH [HDA Intel PCH, ALC295 Analog] (none)
`,
  avfoundation: `[AVFoundation indev @ 0x7f8] AVFoundation video devices:
[AVFoundation indev @ 0x7f8] [0] FaceTime HD Camera
[AVFoundation indev @ 0x7f8] AVFoundation audio devices:
[AVFoundation indev @ 0x7f8] [0] MacBook Pro Microphone
[AVFoundation indev @ 0x7f8] [1] Yeti [USB]
: Input/output error
`,
  dshow: `[dshow @ 000001] "Integrated Camera" (video)\r
[dshow @ 000001]   Alternative name "@device_pnp_1"\r
[dshow @ 000001] "Microphone (Realtek(R) Audio)" (audio)\r
[dshow @ 000001]   Alternative name "@device_cm_{33D9}\\wave_{A1}"\r
dummy: Immediate exit requested\r
`,
}

describe('parseMicrophones', () => {
  it('reads the list of PulseAudio, without what the machine plays', () => {
    expect(parseMicrophones('pulse', lists.pulse)).toEqual([
      {
        id: 'alsa_input.pci-0000_00_1f.3.analog-stereo',
        name: 'Built-in Audio Analog Stereo',
        backend: 'pulse',
        preferred: true,
      },
      { id: 'alsa_input.usb-Blue_Yeti', name: 'Yeti [USB]', backend: 'pulse', preferred: false },
      { id: 'Virtual Mic', name: 'Microphone without noise', backend: 'pulse', preferred: false },
    ])
  })

  it('reads the list of ALSA, without the device that is none', () => {
    expect(parseMicrophones('alsa', lists.alsa).map(({ id, preferred }) => [id, preferred])).toEqual([
      ['default', true],
      ['sysdefault:CARD=PCH', false],
    ])
  })

  it('reads the list of AVFoundation, without the cameras', () => {
    expect(parseMicrophones('avfoundation', lists.avfoundation).map(({ id, name }) => [id, name])).toEqual([
      ['0', 'MacBook Pro Microphone'],
      ['1', 'Yeti [USB]'],
    ])
  })

  it('reads the list of DirectShow, new and old', () => {
    const expected = [
      {
        id: '@device_cm_{33D9}\\wave_{A1}',
        name: 'Microphone (Realtek(R) Audio)',
        backend: 'dshow',
        preferred: true,
      },
    ]
    expect(parseMicrophones('dshow', lists.dshow)).toEqual(expected)
    const old = lists.dshow
      .replace('[dshow @ 000001] "Int', '[dshow @ 000001] DirectShow video devices\r\n[dshow @ 000001]  "Int')
      .replace('[dshow @ 000001] "Mic', '[dshow @ 000001] DirectShow audio devices\r\n[dshow @ 000001]  "Mic')
      .replaceAll(/" \((?:audio|video)\)/g, '"')
    expect(parseMicrophones('dshow', old)).toEqual(expected)
  })

  it.each(['pulse', 'alsa', 'avfoundation', 'dshow'] as const)('finds nothing in a failure of %s', (backend) => {
    expect(parseMicrophones(backend, 'Cannot list sources: Connection refused')).toEqual([])
    expect(listArguments(backend)).toContain('-nostdin')
  })
})

describe('microphoneSource', () => {
  const options: MicrophoneSourceOptions = { backend: 'alsa' }
  const folders: string[] = []

  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  /** An FFmpeg that is these lines of shell, for which `$log` is a file. */
  function fakeFfmpeg(lines: readonly string[]): { ffmpegPath: string; log: string } {
    const folder = mkdtempSync(join(tmpdir(), 'diarize-stream-microphone-'))
    folders.push(folder)
    const [ffmpegPath, log] = [join(folder, 'ffmpeg'), join(folder, 'log')]
    writeFileSync(ffmpegPath, ['#!/bin/sh', `log='${log}'`, ...lines, ''].join('\n'), { mode: 0o755 })
    return { ffmpegPath, log }
  }

  it('says so where there is none', async () => {
    // A device that no machine has.
    const source = microphoneSource({ ...options, device: 'hw:CARD=none-such' })
    source.resume()
    const [error] = (await once(source, 'error')) as [Error]
    expect(error).toMatchObject({ code: 'NO_MICROPHONE', retryable: false })
    expect(error.message).toContain('microphones()')
    await closed(source)
    await noChildLeft()
  })

  it.runIf(process.platform === 'linux').each([
    ['PulseAudio', 'echo "Auto-detected sources for alsa:";;'],
    ['PulseAudio and ALSA', ';;'],
  ])('says so where FFmpeg was built without %s', async (names, alsa) => {
    const { ffmpegPath } = fakeFfmpeg([`case "$*" in *"-sources alsa"*) ${alsa} *-sources*) ;; *) exit 1;; esac`])
    const source = microphoneSource({ ffmpegPath })
    source.resume()
    const [error] = (await once(source, 'error')) as [Error]
    expect(error).toMatchObject({ code: 'NO_MICROPHONE' })
    expect(error.message).toContain(`${ffmpegPath} was built without ${names}, as`)
  })

  it.runIf(process.platform !== 'win32')('knows what FFmpeg has listed before it crashed', async () => {
    const list = 'printf "Auto-detected sources for pulse:\\n* yeti [Yeti]\\n"'
    const { ffmpegPath } = fakeFfmpeg([list, 'kill -s KILL $$'])
    expect((await microphones({ backend: 'pulse', ffmpegPath })).map(({ id }) => id)).toEqual(['yeti'])
  })

  it.runIf(process.platform === 'linux')('waits for a lost one where it was, not elsewhere', async () => {
    const { ffmpegPath, log } = fakeFfmpeg([
      'case "$*" in',
      '*"-sources pulse"*) echo "Auto-detected sources for pulse:"; [ -e "$log" ] || echo "* yeti [Yeti]"; exit;;',
      '*"-sources alsa"*) printf "Auto-detected sources for alsa:\\n* default [Default]\\n"; exit;;',
      'esac',
      '[ -e "$log" ] && gone=1',
      'echo "$*" >> "$log"',
      '[ $gone ] && exit 1',
      // The same arguments, but of the sound that there is on any machine.
      'for each; do shift; case "$last $each" in *"-f pulse" | *"-format_whitelist pulse") each=lavfi;; "-i "*) each=sine=d=0.5;; esac',
      'last=$each; case $each in -fragment_size | 9600) ;; *) set -- "$@" "$each";; esac; done',
      'exec ffmpeg "$@"',
    ])
    const source = microphoneSource({ ffmpegPath, retryDelay: 1 })
    source.resume()
    while (!(await once(source, 'reconnecting'))[0].error.cause);
    expect(
      readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((args) => / -f (\w+)/.exec(args)?.[1]),
    ).toEqual(['pulse', 'pulse'])
    source.destroy()
    await closed(source)
    await noChildLeft()
  })

  it('waits for one that was unplugged, and for none that was never there', () => {
    expect(explainMicrophone('it', undefined, true)).toMatchObject({ final: false, error: { code: 'INPUT_LOST' } })
    expect(explainMicrophone('it', undefined, false)).toMatchObject({ final: true, error: { code: 'NO_MICROPHONE' } })
    const error = new FfmpegError('FFMPEG_NOT_FOUND', 'none')
    expect(explainMicrophone('it', error, true)).toEqual({ error, final: true })
  })

  it('refuses what can be no device', () => {
    expect(() => microphoneSource({ ...options, device: "file:'/tmp/x'" })).toThrow('device, when given, must be')
    expect(() => microphoneSource({ backend: 'oss' as 'alsa' })).toThrow('backend, when given, must be')
    expect(() => microphoneSource({ audioTrack: 1 } as MicrophoneSourceOptions)).toThrow('has no option audioTrack')
  })
})

describe('microphones', () => {
  it('gives a list, be it empty', async () => {
    expect(Array.isArray(await microphones())).toBe(true)
    await expect(microphones({ ffmpegPath: '/nowhere/ffmpeg' })).rejects.toMatchObject({ code: 'FFMPEG_NOT_FOUND' })
  })
})
