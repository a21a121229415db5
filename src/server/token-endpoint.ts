import type { Authenticator } from './authentication.ts'

/** An HTTP answer: its status and its JSON body. */
export interface JsonAnswer {
  status: number
  body: unknown
}

interface Detail {
  type: string
  loc: [string, string]
  msg: string
  input: string | null
  ctx?: Record<string, number>
}

/**
 * Answers `GET /v3/token`: `{ token, expires_in_seconds }`, 422 with a `detail` list for parameters that are missing or
 * out of their bounds, 401 for a key that is not let in.
 */
export async function answerTokenRequest(
  query: URLSearchParams,
  authorization: string | undefined,
  authenticator: Authenticator,
): Promise<JsonAnswer> {
  const details: Detail[] = []
  const expiresIn = readInteger(query, 'expires_in_seconds', 1, 600, details)
  if (!query.has('expires_in_seconds')) details.push(missing('query', 'expires_in_seconds'))
  const maxDuration = readInteger(query, 'max_session_duration_seconds', 60, 10_800, details)

  const allowed = await authenticator.mayIssue(authorization)
  if (allowed === undefined) details.push(missing('header', 'Authorization'))
  if (details.length > 0 || expiresIn === undefined) return { status: 422, body: { detail: details } }
  if (!allowed) return { status: 401, body: { error: 'Invalid API key', code: 401 } }
  const token = authenticator.issue(expiresIn, maxDuration)
  return { status: 200, body: { token, expires_in_seconds: expiresIn } }
}

function missing(place: string, name: string): Detail {
  return { type: 'missing', loc: [place, name], msg: 'Field required', input: null }
}

/** The value of an integer parameter; adds to `details` where it is not one within its bounds. */
function readInteger(
  query: URLSearchParams,
  name: string,
  min: number,
  max: number,
  details: Detail[],
): number | undefined {
  const input = query.getAll(name).at(-1)
  if (input === undefined) return undefined
  const refuse = (type: string, msg: string, ctx?: Record<string, number>) => {
    details.push({ type, loc: ['query', name], msg, input: input.slice(0, 100), ...(ctx === undefined ? {} : { ctx }) })
    return undefined
  }
  if (!/^[+-]?\d{1,15}$/.test(input)) {
    return refuse('int_parsing', 'Input should be a valid integer, unable to parse string as an integer')
  }
  const value = Number(input)
  if (value < min) return refuse('greater_than_equal', `Input should be greater than or equal to ${min}`, { ge: min })
  if (value > max) return refuse('less_than_equal', `Input should be less than or equal to ${max}`, { le: max })
  return value
}
