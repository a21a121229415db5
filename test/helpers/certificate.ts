import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { madeOnce } from './made-once.ts'

/** A certificate for `localhost`, `127.0.0.1`, `::1` and `media.invalid` that nothing trusts unless it is told to. */
export interface Certificate {
  /** Private key in PEM. */
  key: string
  /** Certificate in PEM. */
  cert: string
  /** File holding the certificate, for `NODE_EXTRA_CA_CERTS`. */
  caFile: string
}

/** The test certificate, made once for all test files. */
export async function certificate(): Promise<Certificate> {
  const folder = await madeOnce('certificate', make)
  const caFile = join(folder, 'cert.pem')
  return { key: readFileSync(join(folder, 'key.pem'), 'utf8'), cert: readFileSync(caFile, 'utf8'), caFile }
}

async function make(folder: string): Promise<void> {
  const { generate } = await import('selfsigned')
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          // A host that only a proxy leads to.
          { type: 2, value: 'media.invalid' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  })
  writeFileSync(join(folder, 'key.pem'), key)
  writeFileSync(join(folder, 'cert.pem'), cert)
}
