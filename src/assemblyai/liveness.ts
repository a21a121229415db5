import type WebSocket from 'ws'

/**
 * Notices a peer that is gone without having said so: pings at a fixed interval, and calls `lost` once two intervals
 * have passed in which nothing came back. A half-open TCP connection shows nothing else for minutes.
 */
export class Liveness {
  readonly #timer: NodeJS.Timeout
  #silentIntervals = 0

  constructor(socket: WebSocket, interval: number, lost: () => void) {
    socket.on('pong', () => this.heard())
    this.#timer = setInterval(() => {
      if (socket.readyState !== socket.OPEN) return
      if (this.#silentIntervals >= 2) {
        this.stop()
        lost()
        return
      }
      this.#silentIntervals += 1
      socket.ping(() => {})
    }, interval)
  }

  /** Something came from the peer. */
  heard(): void {
    this.#silentIntervals = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
