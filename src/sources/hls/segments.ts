import { createDecipheriv } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import { InputError } from '../../errors.ts'
import { shownUrl } from '../address.ts'
import type { HttpBody } from '../http/body.ts'
import type { HlsAccess } from './feed.ts'
import { type HlsKey, type HlsResource, isMarkup, isPlaylist } from './playlist.ts'

/** Bytes of an AES-128 key. */
const KEY_BYTES = 16

/** Reads resources of a playlist, decrypted. */
export class SegmentReader {
  readonly #open: HlsAccess['open']
  /** Where {@link #key} came from; empty where it is to be asked for again. */
  #keyUrl = ''
  #key: Buffer | undefined

  constructor(open: HlsAccess['open']) {
    this.#open = open
  }

  /**
   * @param sequence - number of the segment, which is the initialisation vector where the playlist gives none.
   * @param count - kept up to date with what has come.
   */
  async *read(
    resource: HlsResource & { key?: HlsKey },
    sequence: number,
    count: ReadCount = { received: 0, total: undefined },
  ): AsyncGenerator<Buffer> {
    const { key } = resource
    const secret = key && (await this.#keyOf(key))
    const body = this.#open(resource)
    if (isText(await body.head())) {
      body.destroy()
      const message = `${shownUrl(resource.url)} is text, as of a web page or a playlist, and no segment of audio`
      throw new InputError('INPUT_NOT_MEDIA', message)
    }
    const bytes = key === undefined || secret === undefined ? body : decrypted(body, secret, key.iv ?? ivOf(sequence))
    try {
      for await (const chunk of bytes as AsyncIterable<Buffer>) {
        count.received += chunk.length
        count.total = body.total
        yield chunk
      }
    } catch (cause) {
      const { code } = cause as { code?: unknown }
      if (typeof code !== 'string' || !code.startsWith('ERR_OSSL')) throw cause
      // What the wrong key has made of it is nothing; another one may be at its address by now.
      count.received = 0
      this.#keyUrl = ''
      const message = `${shownUrl(resource.url)} cannot be decrypted with the key of its playlist`
      throw new InputError('INPUT_UNREADABLE', message, { cause })
    }
  }

  async #keyOf({ url }: HlsKey): Promise<Buffer> {
    if (this.#key !== undefined && this.#keyUrl === url.href) return this.#key
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.#open({ url }) as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > KEY_BYTES) break
    }
    if (length !== KEY_BYTES) {
      throw new InputError('INPUT_UNREADABLE', `${shownUrl(url)} is no AES-128 key: it has not 16 bytes`)
    }
    this.#keyUrl = url.href
    this.#key = Buffer.concat(chunks)
    return this.#key
  }
}

/** How much of a resource has come, in bytes. */
export interface ReadCount {
  received: number
  /** `undefined` where the server does not say. */
  total: number | undefined
}

/** Whether bytes begin with text, of which a server may make an answer with status 200: FFmpeg would pass over it, or end there. */
function isText(head: Buffer): boolean {
  return isMarkup(head) || isPlaylist(head) || /^[\t\n\r -~]+$/.test(head.toString('latin1', 0, 32))
}

function decrypted(body: HttpBody, key: Buffer, iv: Buffer): Readable {
  const decipher = createDecipheriv('aes-128-cbc', key, iv)
  // An error of either is the error of both.
  return pipeline(body, decipher, () => {})
}

function ivOf(sequence: number): Buffer {
  const iv = Buffer.alloc(KEY_BYTES)
  iv.writeBigUInt64BE(BigInt(sequence), 8)
  return iv
}
