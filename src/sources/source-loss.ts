import { InputError } from '../errors.ts'

/** The error of an input that broke off. */
export function inputLost(inputName: string, cause: Error | undefined): InputError {
  return new InputError('INPUT_LOST', `${inputName} broke off; check the network and the device`, {
    retryable: true,
    ...(cause && { cause }),
  })
}

/**
 * The error of an input that gave no audio for `limit` ms.
 *
 * @param begun - whether it had given some before.
 */
export function inputStalled(inputName: string, limit: number, begun: boolean): InputError {
  const what = begun ? `has given no audio for ${limit} ms` : `gave no audio within ${limit} ms`
  return new InputError('INPUT_STALLED', `${inputName} ${what}; check the network and the device`, { retryable: true })
}
