import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * PocketSphinx ends the process, or reads beyond its memory, where a file of its model is damaged. These checks find
 * files of another kind, truncated ones, and any change in those that carry a checksum. Damage in the middle of
 * `mdef`, `sendump`, the language model or the dictionary that leaves their lengths right is not found.
 */

/** Returns what is wrong with the model, as the end of a sentence; `undefined` where nothing was found. */
export async function findDamage(model: { hmm: string; lm: string; dict: string }): Promise<string | undefined> {
  const acoustic = (name: string): string => join(model.hmm, name)
  const checks: readonly (readonly [path: string, check: (path: string) => Promise<string | undefined>])[] = [
    [acoustic('means'), checkFloats],
    [acoustic('variances'), checkFloats],
    [acoustic('transition_matrices'), checkFloats],
    [acoustic('mdef'), checkDefinition],
    [acoustic('sendump'), checkMixtures],
    [model.lm, checkLanguageModel],
    [model.dict, checkDictionary],
  ]
  for (const [path, check] of checks) {
    const damage = await check(path).catch((error: unknown) => {
      // A number read beyond the end of a file that is too short.
      if (error instanceof RangeError) return 'it is truncated'
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && path.endsWith('sendump')) return undefined
      return `it cannot be read (${(error as Error).message})`
    })
    if (damage !== undefined) return `the model file ${path} is damaged: ${damage}`
  }
  return undefined
}

const otherKind = 'it does not begin as such a file does'
const wrongLength = 'its length is not what its beginning says'

/** Files of the Sphinx 3 kind: a text header, numbers of 32 bits, and their checksum. */
async function checkFloats(path: string): Promise<string | undefined> {
  const file = await readFile(path)
  const headerEnd = file.indexOf('endhdr\n', 0, 'latin1') + 7
  if (file.toString('latin1', 0, 3) !== 's3\n' || headerEnd < 7 || headerEnd > 4096) return otherKind
  const little = file.readUInt32LE(headerEnd) === 0x11223344
  if (!little && file.readUInt32BE(headerEnd) !== 0x11223344) return otherKind
  const number = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at))
  if ((file.length - headerEnd) % 4 !== 0) return wrongLength
  if (!file.toString('latin1', 0, headerEnd).includes('chksum0')) return undefined
  const last = file.length - 4
  let sum = 0
  for (let at = headerEnd + 4; at < last; at += 4) sum = (((sum << 20) | (sum >>> 12)) + number(at)) >>> 0
  return sum === number(last) ? undefined : 'its checksum does not match'
}

/** The list of phones and states in its binary form: a header, then tables whose lengths it tells. */
async function checkDefinition(path: string): Promise<string | undefined> {
  const file = await readFile(path)
  // The text form tells its version after its comments.
  if (file.toString('latin1', 0, 4) !== 'BMDF')
    return /^0\.3\s*$/m.test(file.toString('latin1', 0, 4096)) ? undefined : otherKind
  if (file.readUInt32LE(4) !== 1) return otherKind
  let at = 12 + file.readUInt32LE(8)
  const counts = Array.from({ length: 10 }, (_, index) => file.readUInt32LE(at + 4 * index))
  const [basePhones, phones, states] = counts as [number, number, number]
  const nodes = counts[8]!
  if (states === 0) return undefined
  at += 40
  for (let phone = 0; phone < basePhones; phone++) {
    const end = file.indexOf(0, at)
    if (end < 0) return 'it is truncated'
    at = end + 1
  }
  at = Math.ceil(at / 4) * 4 + nodes * 8 + phones * 12
  return at + 4 + 2 * file.readUInt32LE(at) === file.length ? undefined : wrongLength
}

/** Mixture weights: lines of text with their lengths, two counts, and a byte for each weight. */
async function checkMixtures(path: string): Promise<string | undefined> {
  const file = await readFile(path)
  const lines: string[] = []
  let at = 4
  for (let length = file.readUInt32LE(0); length !== 0; length = file.readUInt32LE(at), at += 4) {
    if (length > 4096) return otherKind
    lines.push(file.toString('latin1', at, at + length).replace(/\0.*$/s, ''))
    at += length
  }
  const weights = file.readUInt32LE(at) * file.readUInt32LE(at + 4)
  const told = (name: string): number => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1] ?? NaN)
  // Older files do not say how many features there are, and some have weights in groups.
  if (!(told('cluster_count') === 0 && told('feature_count') > 0)) return undefined
  return file.length - at - 8 === weights * told('feature_count') ? undefined : wrongLength
}

/** The language model in its binary form ends with its words and their length. */
async function checkLanguageModel(path: string): Promise<string | undefined> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const head = Buffer.alloc(24)
    await file.read(head, 0, 24, 0)
    // Other kinds are read as text, with errors that do not end the process.
    if (head.toString('latin1', 0, 19) !== 'Trie Language Model') return head.includes(0) ? otherKind : undefined
    const count = head.readUInt32LE(20)
    const tail = Buffer.alloc(Math.min(size, 64 * count + 8))
    await file.read(tail, 0, tail.length, size - tail.length)
    // The zero before the first word is the upper byte of the length, which is far below 2 to the power of 24.
    let start = tail.length - 1
    if (tail[start] !== 0) return wrongLength
    for (let words = 0; words < count && start > 0; words++) start = tail.lastIndexOf(0, start - 1)
    return start > 3 && tail.readUInt32LE(start - 3) === tail.length - start - 1 ? undefined : wrongLength
  } finally {
    await file.close()
  }
}

async function checkDictionary(path: string): Promise<string | undefined> {
  const file = await readFile(path)
  if (file.includes(0)) return 'it is not a text'
  return /^\S+(?:[ \t]+[A-Z]+\d?)+[ \t]*\r?$/m.test(file.toString('latin1', 0, 8192)) ? undefined : otherKind
}
