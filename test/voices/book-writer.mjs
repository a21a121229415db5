// Adds voices to a book, one after the other, and says on standard output which it has saved.
import { voiceBook } from 'diarize-stream'

const [file = '', prefix = '', count = '1'] = process.argv.slice(2)
const book = voiceBook(file, { maxVoices: 1000 })
const sum = Float32Array.from({ length: 256 }, (_, index) => (index % 7) * 6)
const wideband = { frames: 1000, sum, length: Math.hypot(...sum), narrowband: false }
for (let number = 0; number < Number(count); number += 1) {
  const name = `${prefix}${number}`
  await book.add(name, { wideband }, { name: 'made-up', sha256: 'a'.repeat(64) })
  await book.save()
  process.stdout.write(`${name}\n`)
}
