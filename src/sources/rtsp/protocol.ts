/** Most bytes of the lines of one message. */
const MOST_HEAD_BYTES = 16_384
/** Most bytes of the body of one message: descriptions of a camera have a few hundred. */
const MOST_BODY_BYTES = 262_144

/** A request or an answer of RTSP. */
export interface RtspMessage {
  /** The first line. */
  start: string
  /** In order, names in lower case. */
  headers: (readonly [name: string, value: string])[]
  body: Buffer
}

/** What is on an RTSP connection: messages, and between them packets as they are framed there. */
export type RtspPiece = { message: RtspMessage } | { frame: Buffer }

/** A message that is larger than one may be. */
export class RtspTooLarge extends Error {}

/**
 * Cuts what one side of an RTSP connection sends, which may be cut anywhere, into messages and packets. Holds no more than one
 * of them, of bounded size.
 */
export class RtspReader {
  #line = ''
  #lines: string[] = []
  #headBytes = 0
  /** A message whose body is to come. */
  #message: RtspMessage | undefined
  /** Parts of what has a length that is known: a body, or a packet. */
  #parts: Buffer[] = []
  #missing = 0;

  /**
   * The pieces that `chunk` completes.
   *
   * @throws RtspTooLarge
   */
  *push(chunk: Buffer): Generator<RtspPiece> {
    for (let at = 0; at < chunk.length;) {
      if (this.#missing > 0) {
        const part = chunk.subarray(at, at + this.#missing)
        at += part.length
        this.#missing -= part.length
        this.#parts.push(part)
        if (this.#missing === 0) yield* this.#collected()
      } else if (chunk[at] === 0x24 && this.#line === '' && this.#lines.length === 0) {
        this.#missing = 4
      } else {
        const end = chunk.indexOf(0x0a, at)
        const part = chunk.subarray(at, end < 0 ? undefined : end)
        at += part.length + 1
        this.#headBytes += part.length + 1
        if (this.#headBytes > MOST_HEAD_BYTES) throw new RtspTooLarge()
        this.#line += part.toString('latin1')
        if (end >= 0) yield* this.#endLine()
      }
    }
  }

  *#endLine(): Generator<RtspPiece> {
    const line = this.#line.replace(/\r$/, '')
    this.#line = ''
    if (line !== '') {
      this.#lines.push(line)
      return
    }
    const [start, ...lines] = this.#lines
    this.#lines = []
    this.#headBytes = 0
    // Empty lines between messages are nothing.
    if (start === undefined) return
    const message = { start, headers: headersOf(lines), body: Buffer.alloc(0) }
    const length = Number(/^\d+$/.exec(headerOf(message, 'content-length') ?? '')?.[0] ?? 0)
    if (length > MOST_BODY_BYTES) throw new RtspTooLarge()
    if (length === 0) {
      yield { message }
      return
    }
    this.#message = message
    this.#missing = length
  }

  /** All of what was missing is there. */
  *#collected(): Generator<RtspPiece> {
    const bytes = Buffer.concat(this.#parts)
    const message = this.#message
    const length = message === undefined && bytes.length === 4 ? bytes.readUInt16BE(2) : 0
    if (length > 0) {
      this.#parts = [bytes]
      this.#missing = length
      return
    }
    this.#parts = []
    this.#message = undefined
    yield message === undefined ? { frame: bytes } : { message: { ...message, body: bytes } }
  }
}

/**
 * What a camera says that it has, without the tracks by which one talks to it: what clients send there is `sendonly` (ONVIF).
 * Some mean by it what they send themselves: where the picture is so, too, or no other audio is left, it is taken as it is.
 */
export function withoutTalkback(description: string): string {
  const isAudio = (section: string): boolean => section.startsWith('m=audio ')
  const isSent = (section: string): boolean => /^a=sendonly\s*$/m.test(section)
  const sections = description.split(/^(?=m=)/m)
  if (sections.some((section) => section.startsWith('m=video ') && isSent(section))) return description
  const heard = sections.filter((section) => !isAudio(section) || !isSent(section))
  return heard.some(isAudio) ? heard.join('') : description
}

/** The first header of a name in lower case. */
export function headerOf({ headers }: Pick<RtspMessage, 'headers'>, name: string): string | undefined {
  return headers.find(([its]) => its === name)?.[1]
}

/** A message as bytes. What it is made of can begin no line of its own. */
export function writeMessage({
  start,
  headers,
  body = Buffer.alloc(0),
}: Pick<RtspMessage, 'start' | 'headers'> & { body?: Buffer }): Buffer {
  const lines = [start, ...headers.map(([name, value]) => `${name}: ${value}`)]
  const length = body.length === 0 ? [] : [`Content-Length: ${body.length}`]
  const text = [...lines, ...length].map((line) => line.replaceAll(/\p{Cc}+/gu, ' ')).join('\r\n')
  return Buffer.concat([Buffer.from(`${text}\r\n\r\n`, 'latin1'), body])
}

function headersOf(lines: readonly string[]): RtspMessage['headers'] {
  const headers: [string, string][] = []
  for (const line of lines) {
    const last = headers.at(-1)
    const colon = line.indexOf(':')
    // A line that begins with a space goes on from the one before.
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) last[1] += ` ${line.trim()}`
    } else if (colon > 0) headers.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()])
  }
  return headers
}
