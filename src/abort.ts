/** What Node's own `pipeline()` rejects with when its signal fires; the reason of the signal is its `cause`. */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  constructor(signal: AbortSignal | undefined) {
    super('The operation was aborted', { cause: signal?.reason as unknown })
  }
}

/** Throws an {@link AbortError} where `signal` has fired: its reason may be anything, and tells nobody that this was an abort. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError(signal)
}

/** Aborts `controller` when `signal` fires, or at once where it has; returns what makes that undone. */
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  const pass = (): void => controller.abort(signal?.reason)
  if (signal?.aborted === true) pass()
  signal?.addEventListener('abort', pass, { once: true })
  return () => signal?.removeEventListener('abort', pass)
}
