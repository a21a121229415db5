import { findFfmpeg } from '../ffmpeg/find.ts'
import { runFfmpeg } from './ffmpeg-task.ts'
import { probeArguments } from './video-arguments.ts'

/** What is known of a file before it is decoded. */
export interface FileFacts {
  /** Length in seconds, if FFmpeg can tell. */
  duration: number | undefined
  /** Whether there is a picture that moves. */
  hasVideo: boolean
}

/** The facts in what FFmpeg prints about a file. */
export function readFacts(printed: string): FileFacts {
  const [, hours, minutes, seconds] = /^ *Duration: (\d+):(\d+):(\d+(?:\.\d+)?)/m.exec(printed) ?? []
  const duration = hours === undefined ? undefined : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  const hasVideo = /^ *Stream #\d+:\d+.*: Video: (?!.*\(attached pic\))/m.test(printed)
  return { duration: duration === 0 ? undefined : duration, hasVideo }
}

/** Asks FFmpeg about a file; nothing is known of one that it cannot open. */
export async function probe(file: string, signal: AbortSignal): Promise<FileFacts | undefined> {
  try {
    const { printed } = await runFfmpeg({ ffmpeg: findFfmpeg(), args: probeArguments(file), signal })
    return /^ *Duration: /m.test(printed) ? readFacts(printed) : undefined
  } catch {
    // Whatever is wrong is said by the source, which knows better words for it.
    return undefined
  }
}
