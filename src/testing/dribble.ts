import { Duplex } from 'node:stream'

/**
 * A connection that writes to another one in small pieces with pauses between, so that what arrives is cut anywhere.
 * Reading is passed on as it is.
 *
 * @param bytes - size of the pieces.
 * @param pauseMs - milliseconds between two pieces.
 */
export function dribble(socket: Duplex, bytes: number, pauseMs: number): Duplex {
  let timer: NodeJS.Timeout | undefined
  const slow = new Duplex({
    writableHighWaterMark: 1024,
    readableHighWaterMark: 16_384,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, callback) {
      const writeFrom = (at: number) => {
        if (at >= chunk.length) return callback()
        socket.write(chunk.subarray(at, at + bytes), () => {
          timer = setTimeout(() => writeFrom(at + bytes), pauseMs)
        })
      }
      writeFrom(0)
    },
    final(callback) {
      socket.end(() => callback())
    },
    destroy(error, callback) {
      clearTimeout(timer)
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    if (!slow.push(chunk)) socket.pause()
  })
  socket.once('end', () => slow.push(null))
  socket.once('close', () => slow.destroy())
  return slow
}
