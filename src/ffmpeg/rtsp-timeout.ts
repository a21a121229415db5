import { execFile } from 'node:child_process'

const known = new Map<string, Promise<readonly string[]>>()
const LONGEST_MS = 5000

/**
 * The options, if there are any, that make an FFmpeg end by itself when an RTSP server falls silent for `ms`. They have
 * had two names, of which one once meant something else, so FFmpeg is asked for its own help.
 */
export async function rtspTimeout(ffmpeg: string, ms: number): Promise<readonly string[]> {
  let option = known.get(ffmpeg)
  if (option === undefined) {
    option = askHelp(ffmpeg)
    known.set(ffmpeg, option)
  }
  const [name] = await option
  return name === undefined ? [] : [name, String(ms * 1000)]
}

function askHelp(ffmpeg: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const options = { timeout: LONGEST_MS, windowsHide: true }
    execFile(ffmpeg, ['-hide_banner', '-h', 'demuxer=rtsp'], options, (_error, help) => resolve(timeoutIn(help)))
  })
}

/** The name of the option in FFmpeg's help on the RTSP demuxer; the old name goes first, since beside it the new one means listening. */
export function timeoutIn(help: string): readonly string[] {
  return ['-stimeout', '-timeout'].filter((name) => new RegExp(`^ +${name} `, 'm').test(help)).slice(0, 1)
}
