import { int16ToMulaw } from '../../../src/audio/pcm.ts'
import { SessionError } from '../../../src/errors.ts'
import type { Turn } from '../../../src/model.ts'
import type { SupervisorEvents } from '../../../src/stream/options.ts'
import type { Supervisor } from '../../../src/stream/supervisor.ts'
import {
  channelError,
  ChannelStream,
  type ChannelStreamOptions,
  isSilent,
} from '../../../src/transforms/channels/channel-stream.ts'
import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'

const silent = Buffer.alloc(1600)
const sound = Buffer.alloc(1600, 7)

/** A supervisor that takes all frames, and says what a test has it say. */
class Recorder extends EventEmitter<SupervisorEvents> {
  readonly frames: Buffer[] = []
  reachedMs = 0
  get sentMs(): number {
    return this.frames.length * 50
  }
  push(frame: Buffer): Promise<void> {
    this.frames.push(frame)
    return Promise.resolve()
  }
  destroy(): Promise<void> {
    return Promise.resolve()
  }
}

function channel(more: Partial<ChannelStreamOptions> = {}): { made: ChannelStream; recorder: Recorder } {
  const recorder = new Recorder()
  const options = { name: 'Agent', frameMs: 50, silentFrame: silent, encoding: 's16le', ...more } as const
  const made = new ChannelStream(recorder as unknown as Supervisor, {
    speakerLabels: true,
    skipSilent: false,
    from: 0,
    number: 0,
    ...options,
  })
  return { made, recorder }
}

const turn: Turn = {
  sessionId: 's',
  order: 0,
  revision: 0,
  endOfTurn: true,
  formatted: true,
  transcript: 'Yes.',
  speaker: 'A',
  words: [
    { text: 'Yes', start: 600, end: 700, confidence: 1, speaker: 'A', final: true },
    { text: 'sir.', start: 710, end: 900, confidence: 1, final: true },
  ],
  start: 600,
  end: 900,
}

describe('ChannelStream', () => {
  it('names speakers within the channel, and leaves who is not known unnamed', () => {
    const { made, recorder } = channel()
    const turns: Turn[] = []
    made.on('turn', (one) => turns.push(one))
    recorder.emit('turn', turn)
    expect(turns[0]).toMatchObject({ channel: 'Agent', speaker: 'Agent/A', start: 600, end: 900 })
    expect(turns[0]?.words.map(({ speaker }) => speaker)).toEqual(['Agent/A', undefined])
    expect(turns[0]?.words[1]).not.toHaveProperty('speaker')
  })

  it('names nobody where speakers are not told apart', () => {
    const { made, recorder } = channel({ speakerLabels: false })
    const turns: Turn[] = []
    made.on('turn', (one) => turns.push(one))
    recorder.emit('turn', turn)
    expect(turns[0]).not.toHaveProperty('speaker')
    expect(turns[0]?.words.map((word) => Object.hasOwn(word, 'speaker'))).toEqual([false, false])
  })

  it('gives a late session half a second of silence first, and moves its times to those of the stream', async () => {
    const { made, recorder } = channel({ skipSilent: true })
    for (let count = 0; count < 100; count++) await made.push(silent)
    expect([made.opened, recorder.frames.length, made.sentMs]).toEqual([false, 0, 5000])
    await made.push(sound)
    await made.push(silent)
    expect(recorder.frames).toEqual([...Array<Buffer>(10).fill(silent), sound, silent])
    expect([made.opened, made.sentMs]).toEqual([true, 5100])

    const heard: unknown[] = []
    made.on('turn', ({ start, end, words }) => heard.push([start, end, words[1]?.start]))
    made.on('gap', (gap) => heard.push(gap))
    const beganAt = new Date()
    made.on('session', ({ begin: _begin, ...change }) => heard.push(change))
    recorder.emit('turn', turn)
    recorder.emit('gap', { start: 0, end: 100 })
    recorder.emit('session', { begin: {} as never, beganAt, offset: 200, speakers: { B: 'A' } })
    expect(heard).toEqual([
      [5100, 5400, 5210],
      { start: 4500, end: 4600, channel: 'Agent' },
      { beganAt, offset: 4700, speakers: { B: 'Agent/A' }, channel: 'Agent' },
    ])
  })

  it('keeps frames in order that come without waiting, as those of a live source do', async () => {
    const { made, recorder } = channel({ skipSilent: true })
    for (let count = 0; count < 20; count++) void made.push(silent)
    const sounds = [7, 8, 9].map((value) => Buffer.alloc(1600, value))
    const pushed = sounds.map((frame) => made.push(frame))
    expect(recorder.frames).toEqual([...Array<Buffer>(10).fill(silent), ...sounds])
    for (const wait of pushed) await wait
  })

  it('opens at once where the first frame is no silence', async () => {
    const { made, recorder } = channel({ skipSilent: true })
    await made.push(sound)
    expect(recorder.frames).toEqual([sound])
  })

  it('takes nothing more once it is stopped', async () => {
    const { made, recorder } = channel()
    await made.push(sound)
    await made.stop()
    await made.push(sound)
    expect(recorder.frames).toHaveLength(1)
  })

  it('counts audio as answered half a second after it was sent, and less where some is sent again', async () => {
    const { made, recorder } = channel()
    await made.push(sound)
    recorder.reachedMs = 1000
    expect(made.answeredMs(0)).toBe(0)
    recorder.reachedMs = 1500
    expect(made.answeredMs(499)).toBe(0)
    expect(made.answeredMs(500)).toBe(1000)
    expect(made.answeredMs(999)).toBe(1500)
    // The session is lost: all since the last final word is heard again.
    recorder.reachedMs = 300
    expect(made.answeredMs(1000)).toBe(300)
    recorder.reachedMs = 2000
    expect(made.answeredMs(1499)).toBe(300)
    expect(made.answeredMs(2100)).toBe(2000)
  })
})

it('names the channel and keeps every fact', () => {
  const cause = new Error('lower')
  const error = new SessionError('SERVER_ERROR', 'it broke', { retryable: true, closeCode: 3005, cause })
  const named = channelError('Agent', error)
  expect(named).toBeInstanceOf(SessionError)
  expect(named).toMatchObject({
    name: 'SessionError',
    code: 'SERVER_ERROR',
    retryable: true,
    message: 'channel Agent: it broke',
    closeCode: 3005,
    channel: 'Agent',
    cause,
  })
})

it('leaves the error of an abort as it is', () => {
  const abort = new DOMException('stop', 'AbortError')
  expect(channelError('Agent', abort)).toBe(abort)
})

const pcm = (...samples: number[]): Buffer => Buffer.from(Int16Array.from(samples).buffer)

it.each([
  [pcm(), true],
  [pcm(0, 0, 0), true],
  [pcm(0, 1, -1, 0), true],
  [pcm(0, 0, 2), false],
  [pcm(-2, 0, 0), false],
  [pcm(-256), false],
])('PCM16 %# is silence: %s', (bytes, silent) => {
  expect(isSilent(bytes, 's16le')).toBe(silent)
})

it.each([
  [Buffer.alloc(400, 0xff), true],
  [Buffer.alloc(400, 0x7f), true],
  [Buffer.from([int16ToMulaw(8), int16ToMulaw(-8), int16ToMulaw(0)]), true],
  [Buffer.from([int16ToMulaw(0), int16ToMulaw(60)]), false],
  [Buffer.alloc(400, 0), false],
])('mu-law %# is silence: %s', (bytes, silent) => {
  expect(isSilent(bytes, 'mulaw')).toBe(silent)
})
