import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** What results were measured on. */
export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  system: string
  node: string
  ffmpeg: string
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    ffmpeg: ffmpegVersion(),
  }
}

function ffmpegVersion(): string {
  try {
    return execFileSync('ffmpeg', ['-version'], { encoding: 'utf8' }).split(' ')[2] ?? 'unknown'
  } catch {
    return 'none'
  }
}
