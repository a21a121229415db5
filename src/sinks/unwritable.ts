import { OutputError } from '../errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  ENOENT: 'the directory does not exist',
  ENOTDIR: 'part of the path is not a directory',
  EACCES: 'permission is denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EPIPE: 'its reader has gone',
  ERR_STREAM_PREMATURE_CLOSE: 'it was closed before the captions were complete',
}

/** The error for output that cannot be written to `where`, with the reason in words. */
export function unwritable(where: string, cause: unknown): OutputError {
  if (cause instanceof OutputError) return cause
  const code = (cause as { code?: unknown } | null)?.code
  const known = typeof code === 'string' ? REASONS[code] : undefined
  const reason = known ?? (cause instanceof Error ? cause.message : String(cause))
  const next =
    code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
      ? 'keep its reader open until the sink has finished'
      : 'choose another target, or make this one writable'
  return new OutputError('OUTPUT_UNWRITABLE', `cannot write to ${where}: ${reason}; ${next}`, { cause, target: where })
}
