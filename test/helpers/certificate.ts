import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll } from 'vitest'

/** A certificate for `localhost`, `127.0.0.1`, `::1` and `media.invalid` that nothing trusts unless it is told to. */
export interface Certificate {
  /** Private key in PEM. */
  key: string
  /** Certificate in PEM. */
  cert: string
  /** File holding the certificate, for `NODE_EXTRA_CA_CERTS`; removed after the test file that uses it. */
  caFile: string
}

let folder: string | undefined
let cached: Promise<Certificate> | undefined

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

/** The test certificate, made once for each test file. */
export function certificate(): Promise<Certificate> {
  cached ??= make()
  return cached
}

async function make(): Promise<Certificate> {
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
  folder = mkdtempSync(join(tmpdir(), 'diarize-stream-certificate-'))
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, cert)
  return { key, cert, caFile }
}
