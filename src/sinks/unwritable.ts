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
  FILE_GONE: 'it was removed, renamed or replaced while it was being written',
  FILE_SHARED: 'another sink is writing to it',
  FILE_CHANGED: 'something else has written to it or cut it short',
}

const KEEP_READER = 'keep its reader open until the sink has finished'

/** What to do next, where that is not to choose another target. */
const ADVICE: Readonly<Record<string, string>> = {
  EPIPE: KEEP_READER,
  ERR_STREAM_PREMATURE_CLOSE: KEEP_READER,
  FILE_GONE: 'leave it in its place until the sink has finished',
  FILE_SHARED: 'give each sink a file of its own',
  FILE_CHANGED: 'keep other programs away from it until the sink has finished; what was written so far is not whole',
}

/** The error for output that cannot be written to `where`, with the reason in words. */
export function unwritable(where: string, cause: unknown): OutputError {
  if (cause instanceof OutputError) return cause
  const code = (cause as { code?: unknown } | null)?.code
  const pid = (cause as { pid?: unknown } | null)?.pid
  const known = (table: Readonly<Record<string, string>>) => (typeof code === 'string' ? table[code] : undefined)
  const reason =
    (pid === undefined ? known(REASONS) : undefined) ?? (cause instanceof Error ? cause.message : String(cause))
  const next = known(ADVICE) ?? 'choose another target, or make this one writable'
  return new OutputError('OUTPUT_UNWRITABLE', `cannot write to ${where}: ${reason}; ${next}`, {
    cause,
    target: where,
    ...(pid !== undefined && { pid, retryable: true }),
  })
}
