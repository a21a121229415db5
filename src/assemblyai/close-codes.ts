import type { ErrorCode } from '../errors.ts'

/** What a close or an Error frame means to a client. */
export interface CloseMeaning {
  code: ErrorCode
  /** Whether a new session, opened with the same parameters, can succeed. */
  retryable: boolean
  /** What happened, to follow "the server …". */
  what: string
  /** What the user can do, as a sentence; absent where nothing but trying again helps. */
  advice?: string
}

const LOST: CloseMeaning = { code: 'CONNECTION_LOST', retryable: true, what: 'closed the connection' }
const UNAVAILABLE: CloseMeaning = { code: 'SERVER_ERROR', retryable: true, what: 'failed' }

const byCode: Readonly<Record<number, CloseMeaning>> = {
  1000: { code: 'CONNECTION_LOST', retryable: true, what: 'ended the session before it was asked to' },
  1001: { code: 'CONNECTION_LOST', retryable: true, what: 'is going away' },
  1008: {
    code: 'UNAUTHORIZED',
    retryable: false,
    what: 'refused the credentials',
    advice: 'Check the API key (raw, without "Bearer") or ask for a fresh token.',
  },
  1009: {
    code: 'MESSAGE_TOO_BIG',
    retryable: false,
    what: 'refused a message as too big',
    advice: 'Keep messages under 128 KB.',
  },
  1011: UNAVAILABLE,
  1012: UNAVAILABLE,
  1013: UNAVAILABLE,
  3005: { code: 'SERVER_ERROR', retryable: true, what: 'cancelled the session' },
  3006: {
    code: 'INVALID_REQUEST',
    retryable: false,
    what: 'refused a parameter or message',
    advice: 'Correct the option that the text names.',
  },
  3007: {
    code: 'AUDIO_REJECTED',
    retryable: false,
    what: 'refused the audio',
    advice: 'Check that sampleRate and encoding describe the audio, and leave pace as it is.',
  },
  3008: { code: 'SESSION_EXPIRED', retryable: true, what: 'ended the session at its time limit' },
  3009: { code: 'TOO_MANY_SESSIONS', retryable: true, what: 'refused one more session' },
}

const TOO_MANY: CloseMeaning = {
  code: 'TOO_MANY_SESSIONS',
  retryable: true,
  what: 'refused one more session',
  advice: 'Wait at least 2 s before the next attempt, or open fewer sessions a minute.',
}

/**
 * What close code `code`, or an Error frame with it, means. Two meanings hide in the text: rate limits come as 1008 as
 * well as 3009, and an inactivity timeout comes as 3006, the code of bad parameters.
 */
export function closeMeaning(code: number, text = ''): CloseMeaning {
  if ((code === 1008 || code === 3009) && /concurrent|too many/i.test(text)) return TOO_MANY
  if (code === 3006 && /inactivity/i.test(text)) {
    return { code: 'SESSION_INACTIVE', retryable: true, what: 'ended the session for inactivity' }
  }
  return byCode[code] ?? LOST
}
