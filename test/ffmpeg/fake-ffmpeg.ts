import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

let count = 0

const prelude = `#!${process.execPath}
const fs = require('node:fs')
// A number of seven bits a byte.
function v(value) {
  const bytes = [value % 128]
  while ((value = Math.floor(value / 128)) > 0) bytes.unshift(128 + (value % 128))
  return Buffer.from(bytes)
}
function packet(code, ...fields) {
  const content = Buffer.concat([...fields, Buffer.alloc(4)])
  return Buffer.concat([Buffer.from(code, 'hex'), v(content.length), content])
}
let at = 0
// A frame of NUT with those bytes of audio, right behind the last one, or \`late\` samples later.
function frame(bytes, late = 0) {
  at += late
  const head = [Buffer.from([0]), v(128 + 1000 * 16000 + at), v(bytes.length)]
  at += bytes.length / 2
  return Buffer.concat([...head, bytes])
}
// NUT with that many samples of 16 kHz mono, as FFmpeg writes it; before it goes what FFmpeg says of its input.
function nut(samples) {
  write(2, Buffer.from("[info] Input #0, matroska,webm, from 'x':\\n[info] Stream mapping:\\n"))
  // One way of writing frames: with all of their time and length.
  const codes = [v(8 + 32), v(6), v(0), v(1), v(0), v(0), v(0), v(255)]
  const parts = [
    Buffer.from('nut/multimedia container\\0', 'latin1'),
    packet('4e4d7a561f5f04ad', v(3), v(1), v(65536), v(1), v(1), v(16000), ...codes, v(0)),
    packet('4e5311405bf2f9db', v(0), v(1), v(4), Buffer.from('PSD\\x10'), v(0), v(7), v(0), v(0), v(0), v(0), v(16000), v(1), v(1)),
  ]
  for (let left = samples; left > 0; left -= 1000) parts.push(frame(Buffer.alloc(2 * Math.min(left, 1000))))
  return Buffer.concat(parts)
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
