import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

let count = 0

const prelude = `#!${process.execPath}
const fs = require('node:fs')
// A WAV of unknown length with that many samples of 16 kHz mono, as FFmpeg writes it.
function wav(samples) {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(0xffffffff, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(16000, 24)
  header.writeUInt32LE(32000, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(0xffffffff, 40)
  return Buffer.concat([header, Buffer.alloc(samples * 2)])
}
// Writes all of it before the next line runs, however slow the reader is.
function write(descriptor, bytes) {
  for (let at = 0; at < bytes.length; ) {
    try { at += fs.writeSync(descriptor, bytes, at) }
    catch (error) { if (error.code !== 'EAGAIN') throw error }
  }
}
`

/** Makes a program in `directory` that stands in for FFmpeg and does what `body`, in JavaScript, says. */
export async function fakeFfmpeg(directory: string, body: string): Promise<string> {
  const path = join(directory, `ffmpeg-fake-${++count}`)
  await writeFile(path, prelude + body)
  await chmod(path, 0o755)
  return path
}
