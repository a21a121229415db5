/** A request of an RTSP client. */
export interface RtspRequest {
  method: string
  url: string
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>
}

/** Longest request that is read; a longer one is no request. */
const LONGEST = 65_536

/** Cuts what an RTSP client sends into requests; its interleaved packets are passed over. */
export class RtspRequestReader {
  #bytes: Buffer = Buffer.alloc(0)

  /** The requests that `chunk` completes. */
  push(chunk: Buffer): RtspRequest[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const requests: RtspRequest[] = []
    for (;;) {
      if (this.#bytes[0] === 0x24) {
        if (this.#bytes.length < 4) return requests
        const end = 4 + this.#bytes.readUInt16BE(2)
        if (this.#bytes.length < end) return requests
        this.#bytes = this.#bytes.subarray(end)
        continue
      }
      const end = this.#bytes.indexOf('\r\n\r\n')
      if (end < 0) {
        if (this.#bytes.length > LONGEST) this.#bytes = Buffer.alloc(0)
        return requests
      }
      const request = parse(this.#bytes.toString('latin1', 0, end))
      const whole = end + 4 + Number(request.headers['content-length'] ?? 0)
      if (this.#bytes.length < whole) return requests
      this.#bytes = this.#bytes.subarray(whole)
      requests.push(request)
    }
  }
}

function parse(text: string): RtspRequest {
  const [first = '', ...lines] = text.split('\r\n')
  const [method = '', url = ''] = first.trim().split(' ')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { method, url, headers: Object.fromEntries(headers) as Record<string, string> }
}
