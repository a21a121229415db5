// Loaded into a worker of a fleet before all else: SIGUSR2 blocks its only thread for so many ms.
process.on('SIGUSR2', () => {
  const ms = Number(process.env['TEST_BLOCK_MS'])
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
})
