import { checkOptions, invalidOption } from '../options.ts'
import type { OutputDestination } from './destination.ts'
import { objectChecks, ObjectDestination, type ObjectDestinationOptions } from './object-destination.ts'
import type { ObjectStore } from './object-store.ts'

/** A client of `@aws-sdk/client-s3`, as far as it is needed. */
export interface S3ClientLike {
  // oxlint-disable-next-line no-explicit-any -- its types are known only where it is installed
  send(command: any, options?: { abortSignal?: AbortSignal }): Promise<any>
}

/** Options of {@link s3Destination}. */
export interface S3DestinationOptions extends ObjectDestinationOptions {
  /**
   * An `S3Client` of yours, with an endpoint, credentials, retries and time-outs of its own.
   * @defaultValue one for the process, which goes by the environment and by `~/.aws`, as all programs with Amazon's clients do
   */
  client?: S3ClientLike
}

/**
 * JSONL in S3, or in storage that speaks its protocol and has conditional writes (`If-Match` and `If-None-Match` of `PutObject`), by
 * the official client, `@aws-sdk/client-s3`, which is yours to install and is loaded when it is used.
 *
 * ```ts
 * await run(fileSource('talk.mp4'), resample(), diarize(), jsonlSink(s3Destination('s3://bucket/talk.jsonl')))
 * await run(jsonlSource(s3Destination('s3://bucket/talk.jsonl')), srtSink('talk.srt'))
 * ```
 *
 * Credentials and region come from where the client looks for them: the environment, `~/.aws`, the machine's role. Another
 * endpoint is given by `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, and then asked with the bucket in the path. Objects are
 * `talk.jsonl/manifest.json` and `talk.jsonl/segments/…`: see {@link objectDestination}.
 *
 * @param address - `s3://bucket/key`
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function s3Destination(address: string | URL, options: S3DestinationOptions = {}): OutputDestination {
  checkOptions('s3Destination()', options, { ...objectChecks, client: checkClient })
  return new ObjectDestination(s3Store(address, options.client), options)
}

function checkClient(name: string, value: unknown): void {
  const isRight = value === undefined || typeof (value as S3ClientLike | null)?.send === 'function'
  if (!isRight) throw invalidOption(name, 'an S3Client of @aws-sdk/client-s3', value)
}

/** The objects of a bucket: the one at an address, and those below it. @throws ConfigurationError `INVALID_OPTION` */
export function s3Store(address: string | URL, client?: S3ClientLike): ObjectStore {
  const at = placeOf(String(address))
  type S3Store = import('./s3-store.ts').S3Store
  let opened: Promise<S3Store> | undefined
  const open = (): Promise<S3Store> =>
    (opened ??= import('./s3-store.ts').then(({ S3Store: Store }) => new Store(at, client)))
  return {
    address: at.address,
    get: async (...what) => (await open()).get(...what),
    put: async (...what) => (await open()).put(...what),
  }
}

/** Whether a text is meant as an address of {@link s3Destination}. */
export function isS3Address(text: string): boolean {
  return /^s3:\/\//i.test(text)
}

/** Where an object is. @throws ConfigurationError `INVALID_OPTION` */
function placeOf(address: string): { address: string; bucket: string; key: string } {
  const [, bucket, key] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})\/([^\p{Cc}]*[^/\p{Cc}])$/iu.exec(address) ?? []
  if (bucket === undefined || key === undefined || Buffer.byteLength(key) > 900) {
    const rule =
      's3://bucket/key, where a bucket has 3 to 63 letters, digits, dots and hyphens, and a key at most 900 bytes'
    throw invalidOption('address', rule, address)
  }
  return { address: `s3://${bucket}/${key}`, bucket, key }
}
