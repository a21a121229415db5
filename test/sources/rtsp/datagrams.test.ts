import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RtpDatagrams, RtpReorderBuffer } from '../../../src/sources/rtsp/datagrams.ts'
import { runs } from '../../helpers/runs.ts'

function packet(number: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(number % 65_536, 2)
  return bytes
}

/** An order of packets, and the numbers that it gave. */
function ordered() {
  const given: number[] = []
  const order = new RtpReorderBuffer((bytes) => given.push(bytes.readUInt16BE(2)))
  return { order, given, push: (...numbers: number[]) => numbers.forEach((number) => order.push(packet(number))) }
}

describe('RtpReorderBuffer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('puts packets that overtook others behind them, also where numbers begin again', () => {
    const near = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(near, fc.integer({ min: 0, max: 65_535 }), (delays, first) => {
        const numbers = delays.map((_, at) => at)
        const late = numbers.slice(1).toSorted((a, b) => a + delays[a]! - b - delays[b]!)
        const { given, push } = ordered()
        push(...[0, ...late].map((number) => first + number))
        expect(given).toEqual(numbers.map((number) => (first + number) % 65_536))
      }),
      { numRuns: runs(300) },
    )
  })

  it('waits a tenth of a second for one that is missing, and leaves out what comes twice or too late', () => {
    const { given, push } = ordered()
    push(1, 2, 4, 5, 4)
    vi.advanceTimersByTime(99)
    expect(given).toEqual([1, 2])
    vi.advanceTimersByTime(1)
    expect(given).toEqual([1, 2, 4, 5])
    push(3, 5, 6)
    expect(given).toEqual([1, 2, 4, 5, 6])
  })

  it('holds no more than a few, and goes on where a camera counts anew', () => {
    const { given, push } = ordered()
    push(1, ...Array.from({ length: 40 }, (_, at) => at + 3))
    expect(given.length).toBeGreaterThan(30)
    push(30_000, 30_001)
    expect(given.slice(-2)).toEqual([30_000, 30_001])
    push(0)
    expect(given.at(-1)).toBe(0)
    // From 0 again soon after it began.
    push(...Array.from({ length: 400 }, (_, at) => at + 1), 0, 1, 2)
    expect(given.slice(-4)).toEqual([400, 0, 1, 2])
    // What is only late is none such.
    push(...Array.from({ length: 100 }, (_, at) => at + 3), 3, 50, 103)
    expect(given.slice(-2)).toEqual([102, 103])
  })
})

describe('RtpDatagrams', () => {
  it('takes packets from the camera only, on an even port and the next', async () => {
    const taken: string[] = []
    const datagrams = await RtpDatagrams.open('127.0.0.1', (channel, bytes) => taken.push(`${channel} ${bytes.length}`))
    expect(datagrams.port % 2).toBe(0)
    const stranger = createSocket('udp4').bind(0, '127.0.0.2')
    const camera = createSocket('udp4').bind(0, '127.0.0.1')
    await Promise.all([once(stranger, 'listening'), once(camera, 'listening')])
    const got = once(camera, 'message')
    const { port } = camera.address()
    datagrams.begin(port, 0)
    expect((await got)[1]).toMatchObject({ address: '127.0.0.1', port: datagrams.port })
    await new Promise((resolve) => stranger.send(packet(1), datagrams.port, '127.0.0.1', resolve))
    await new Promise((resolve) => camera.send(packet(1), datagrams.port, '127.0.0.1', resolve))
    await new Promise((resolve) => camera.send(Buffer.alloc(20), datagrams.port + 1, '127.0.0.1', resolve))
    await expect.poll(() => taken.length).toBe(2)
    expect(taken.toSorted()).toEqual(['rtcp 20', 'rtp 12'])
    for (const socket of [stranger, camera]) socket.close()
    datagrams.close()
  })
})
