import { execFileSync } from 'node:child_process'

/** What a header says beside name and size. */
export interface TarHeader {
  type?: string
  link?: string
  prefix?: string
}

/** One entry of a tar archive, honest or not. */
export function tarEntry(
  name: string,
  content: string | Buffer,
  { type = '0', link = '', prefix = '' }: TarHeader = {},
) {
  const body = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('        ', 148)
  header.write(type, 156)
  header.write(link, 157)
  header.write('ustar\x0000', 257)
  header.write(prefix, 345)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** A tar archive of files. */
export function tarFile(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const entries = Object.entries(files).map(([name, content]) => tarEntry(name, content))
  return Buffer.concat([...entries, Buffer.alloc(1024)])
}

/** Packed by the program `bzip2`, in blocks of `level` times 100 kB. */
export function bzip2(data: Uint8Array, level = 9): Buffer {
  return execFileSync('bzip2', ['-c', `-${level}`], { input: data, maxBuffer: 1 << 30 })
}

/** Why nothing can be packed here; `undefined` where it can. */
export const whyNoBzip2: string | undefined = (() => {
  try {
    execFileSync('bzip2', ['--help'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no bzip2'
  }
})()
