import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** Files of a certificate for `localhost`. */
export interface CertificateFiles {
  key: string
  certificate: string
  remove(): Promise<void>
}

/** Makes a certificate that is trusted by those who are given its file as `NODE_EXTRA_CA_CERTS`. */
export async function makeCertificate(): Promise<CertificateFiles> {
  const { private: privateKey, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  })
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await Promise.all([writeFile(key, privateKey), writeFile(certificate, cert)])
  return { key, certificate, remove: () => rm(folder, { recursive: true }) }
}
