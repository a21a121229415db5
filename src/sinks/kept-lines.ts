import { createReadStream } from 'node:fs'

/** The lines of the first `bytes` of a file that is gone on with. Nothing is read until they are wanted. */
export async function* linesBefore(file: string, bytes: number): AsyncGenerator<string> {
  if (bytes === 0) return
  let rest = ''
  for await (const text of createReadStream(file, { end: bytes - 1, encoding: 'utf8' })) {
    const lines = (rest + String(text)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
