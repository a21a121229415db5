/**
 * The vocabulary of Whisper with each token's bytes in hexadecimal: a `tokens.txt` has the bytes in base64 and the token's
 * number, and sherpa-onnx gives back what it decodes. So the bytes arrive whole even where they are part of a character.
 */
export function bytesInHex(tokens: string): string {
  return tokens
    .split('\n')
    .map((line) => {
      const [bytes, number] = line.trim().split(/\s+/)
      if (bytes === undefined || number === undefined) return ''
      const hex = Buffer.from(bytes, 'base64').toString('hex')
      return `${Buffer.from(hex, 'latin1').toString('base64')} ${number}`
    })
    .filter((line) => line !== '')
    .join('\n')
}

/** The texts of tokens of such a vocabulary. A character whose bytes are in several tokens is in the last of them. */
export function textOfHex(tokens: readonly string[]): string[] {
  const decoder = new TextDecoder()
  return tokens.map((token) => decoder.decode(Buffer.from(token, 'hex'), { stream: true }))
}
