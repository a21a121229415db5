/**
 * Waits for `work`, but no longer than `limit` milliseconds; resolves either way.
 *
 * @throws (rejects with) what `work` rejects with inside the limit.
 */
export async function within(limit: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise((resolve) => {
    timer = setTimeout(resolve, limit)
  })
  try {
    await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
