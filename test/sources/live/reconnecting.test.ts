import { once } from 'node:events'
import { Readable } from 'node:stream'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { type DiarizeStreamError, InputError } from '../../../src/errors.ts'
import { checkOptions } from '../../../src/options.ts'
import {
  reconnectChecks,
  type ReconnectOptions,
  reconnectSettings,
  type SourceReconnecting,
} from '../../../src/sources/live/options.ts'
import { ReconnectingSource, type ReconnectingSourceOptions } from '../../../src/sources/live/reconnecting.ts'
import { endEarly, liveSource, requestFormat, streamStartedAt } from '../../../src/stage.ts'

const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const

/** An input whose audio the test gives. */
class Input extends Readable {
  closedByUs = false
  asked: unknown
  constructor() {
    super({ highWaterMark: 3200 })
  }

  [requestFormat](asked: unknown): boolean {
    this.asked = asked
    return true
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.closedByUs = true
    setImmediate(() => done(error))
  }
}

/** Lets everything happen that needs no time. */
async function settleDown(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    await vi.advanceTimersByTimeAsync(Math.min(50, left))
    await settleDown()
  }
}

/** Whatever happens is tried again. */
const explain = (error: Error | undefined) => ({
  error: (error ?? new InputError('INPUT_LOST', 'gone')) as DiarizeStreamError,
  final: false,
})

function setup(options: ReconnectOptions = {}, more: Partial<ReconnectingSourceOptions> = {}) {
  const inputs: Input[] = []
  const events: [string, unknown][] = []
  const source = new ReconnectingSource({
    ...reconnectSettings({ retryDelay: 100, ...options }),
    inputName: 'the input',
    open: () => {
      const input = new Input()
      inputs.push(input)
      return input
    },
    explain,
    ...more,
  })
  let bytes = Buffer.alloc(0)
  for (const event of ['gap', 'reconnecting', 'warning', 'error', 'end', 'close']) {
    source.on(event, (record?: unknown) => events.push([event, record]))
  }
  source.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])))
  const last = (): Input => inputs.at(-1)!
  return {
    source,
    inputs,
    events,
    last,
    audio: () => bytes.subarray(44),
    header: () => bytes.subarray(0, 44),
    names: () => events.map(([name]) => name),
    /** Speaks in real time: 50 ms of samples of one value, each as it is over. */
    speak: async (ms: number, value: number): Promise<void> => {
      for (let spoken = 0; spoken < ms; spoken += 50) {
        await pass(50)
        last().push(Buffer.alloc(1600, value))
        await settleDown()
      }
    },
    start: async (): Promise<void> => {
      await settleDown()
      last().push(writeWavHeader(format))
    },
  }
}

/** First and last ms of each run of bytes of one value. */
function runs(audio: Buffer): string[] {
  const found: { value: number; from: number; to: number }[] = []
  for (let ms = 0; ms < audio.length / 32; ms++) {
    const value = audio[ms * 32]!
    const run = found.at(-1)
    if (run?.value === value) run.to = ms + 1
    else found.push({ value, from: ms, to: ms + 1 })
  }
  return found.map(({ value, from, to }) => `${value}: ${from}-${to}`)
}

describe('ReconnectingSource', () => {
  // What is loaded when it is used must be there: no time passes while it is.
  beforeAll(() => import('../../../src/sources/live/openings.ts'))
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('gives WAV of the first format, and asks for it again', async () => {
    const test = setup()
    test.source[requestFormat](format)
    await test.start()
    await test.speak(200, 1)
    expect(test.inputs[0]!.asked).toEqual(format)
    expect(test.header().equals(writeWavHeader(format))).toBe(true)
    expect(runs(test.audio())).toEqual(['1: 0-200'])
    expect(test.source[liveSource]).toBe(true)
    expect(test.source[streamStartedAt]?.getTime()).toBe(Date.now() - 200)
    test.source.destroy()
    await settleDown()
    expect(test.inputs[0]!.closed).toBe(true)
    expect(test.names()).toEqual(['close'])
  })

  it('began when that was certain, where what decodes it was slow to begin', async () => {
    const began = performance.now() + 100
    const test = setup({}, { knownAt: () => began })
    await test.start()
    await pass(3000)
    const now = Date.now()
    test.last().push(Buffer.alloc(1600, 1))
    await settleDown()
    expect(test.source[streamStartedAt]?.getTime()).toBe(now - 2900)
    test.source.destroy()
    await settleDown()
  })

  it('says when it began by the clock as it is now, where that was set meanwhile', async () => {
    const test = setup()
    await test.start()
    await test.speak(200, 1)
    const began = Date.now() - 200
    vi.setSystemTime(Date.now() + 864_000_000)
    expect(test.source[streamStartedAt]?.getTime()).toBe(began + 864_000_000)
    test.source.destroy()
    await settleDown()
  })

  it('keeps the time true over an outage', async () => {
    const test = setup()
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(5000)
    expect(test.inputs).toHaveLength(2)
    expect(test.inputs[0]!.closed).toBe(true)
    await test.start()
    await test.speak(1000, 2)
    expect(runs(test.audio())).toEqual(['1: 0-1000', '0: 1000-6000', '2: 6000-7000'])
    expect(test.names()).toEqual(['reconnecting', 'gap'])
    expect(test.events[1]![1]).toEqual({ start: 1000, end: 6000, missing: 5000 })
    test.source.destroy()
  })

  it('repeats nothing of what a source sends again when it is back, however slowly', async () => {
    const test = setup()
    await test.start()
    for (let second = 1; second <= 5; second++) await test.speak(1000, second)
    test.last().push(null)
    await pass(1000)
    await test.start()
    // From 3 s on, four times as fast as it was said, until it has caught up at 7 s.
    for (let said = 3000; said < 7000; said += 200) {
      await pass(50)
      test.last().push(Buffer.alloc(6400, 1 + Math.floor(said / 1000)))
      await settleDown()
    }
    await test.speak(1000, 8)
    expect(runs(test.audio())).toEqual(
      Array.from({ length: 8 }, (_, at) => `${at + 1}: ${at * 1000}-${(at + 1) * 1000}`),
    )
    expect(test.names()).toEqual(['reconnecting'])
    test.source.destroy()
  })

  it('gives silence while the source is away, not only when it is back', async () => {
    const test = setup({ retryDelay: 60_000, maxRetryDelay: 60_000 })
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(20_000)
    expect(test.audio().length / 32).toBeGreaterThan(19_000)
    expect(test.audio().length / 32).toBeLessThanOrEqual(20_000)
    test.source.destroy()
  })

  it('gives it also where attempts fail faster than it is given', async () => {
    let refuses = false
    const inputs: Input[] = []
    const open = (): Readable | Promise<Readable> => {
      if (refuses) return Promise.reject(new Error('no'))
      inputs.push(new Input())
      return inputs.at(-1)!
    }
    const test = setup({ retryDelay: 1, maxRetryDelay: 50 }, { open })
    await settleDown()
    inputs[0]!.push(Buffer.concat([writeWavHeader(format), Buffer.alloc(32_000, 1)]))
    await settleDown()
    refuses = true
    inputs[0]!.push(null)
    await pass(10_000)
    expect(test.audio().length / 32).toBeGreaterThan(8000)
    test.source.destroy()
  })

  it('keeps the time true where something is missing though the connection stays', async () => {
    const test = setup()
    await test.start()
    await test.speak(1500, 1)
    await pass(2000)
    await test.speak(1500, 2)
    // Less than that is not told of at once, but adds up to nothing: each pause is made good for.
    await pass(1300)
    await test.speak(1500, 3)
    expect(runs(test.audio())).toEqual(['1: 0-1500', '0: 1500-3500', '2: 3500-5000', '0: 5000-6300', '3: 6300-7800'])
    expect(test.events).toEqual([
      ['gap', { start: 1500, end: 3500, missing: 2000 }],
      ['gap', { start: 5000, end: 6300, missing: 1300 }],
    ])
  })

  it('takes nothing for missing that was only held up, however slowly it catches up', async () => {
    const test = setup()
    await test.start()
    await test.speak(1500, 1)
    await pass(3000)
    // Twice as fast as it was recorded.
    for (let spoken = 0; spoken < 6000; spoken += 100) {
      await pass(50)
      test.last().push(Buffer.alloc(3200, 2))
      await settleDown()
    }
    await test.speak(500, 2)
    expect(runs(test.audio())).toEqual(['1: 0-1500', '2: 1500-8000'])
    expect(test.events).toEqual([])
  })

  it('takes nothing for missing that was held up and comes in two pieces', async () => {
    const test = setup()
    await test.start()
    await test.speak(1500, 1)
    await pass(4000)
    test.last().push(Buffer.alloc(2000 * 32, 2))
    await pass(1500)
    test.last().push(Buffer.alloc(3500 * 32, 2))
    await test.speak(1500, 2)
    expect(runs(test.audio())).toEqual(['1: 0-1500', '2: 1500-8500'])
    expect(test.events).toEqual([])
  })

  it.each([1500, 3000])(
    'tells all that is missing where there is little between two pauses, of which one is %i ms',
    async (ms) => {
      const test = setup()
      await test.start()
      await test.speak(1500, 1)
      await pass(2000)
      test.last().push(Buffer.alloc(300 * 32, 2))
      await pass(ms)
      await test.speak(3000, 3)
      const end = 3200 + ms
      expect(runs(test.audio())).toEqual([
        '1: 0-1500',
        `0: 1500-${end}`,
        `2: ${end}-${end + 300}`,
        `3: ${end + 300}-${end + 3300}`,
      ])
      expect(test.events).toEqual([['gap', { start: 1500, end, missing: end - 1500 }]])
    },
  )

  it('takes nothing for missing where a source had run ahead and waits for its time', async () => {
    const test = setup()
    await test.start()
    await test.speak(1500, 1)
    for (let spoken = 0; spoken < 4000; spoken += 100) {
      await pass(50)
      test.last().push(Buffer.alloc(3200, 1))
      await settleDown()
    }
    await pass(2000)
    await test.speak(1500, 2)
    expect(runs(test.audio())).toEqual(['1: 0-5500', '2: 5500-7000'])
    expect(test.events).toEqual([])
  })

  it('says where silence is missing twice when the connection is lost, too', async () => {
    const test = setup()
    await test.start()
    await test.speak(1500, 1)
    await pass(1500)
    await test.speak(200, 2)
    test.last().push(null)
    await pass(150)
    await pass(850)
    await test.start()
    await test.speak(1000, 3)
    const gaps = test.events.filter(([name]) => name === 'gap')
    expect(gaps).toEqual([
      ['gap', { start: 1500, end: 3000, missing: 1500 }],
      ['gap', { start: 3200, end: 4200, missing: 1000 }],
    ])
    expect(runs(test.audio())).toEqual(['1: 0-1500', '0: 1500-3000', '2: 3000-3200', '0: 3200-4200', '3: 4200-5200'])
  })

  it('passes on what its input says is missing, at its place in the stream', async () => {
    const test = setup()
    await test.start()
    await test.speak(1000, 1)
    test.last().emit('gap', { start: 1000, end: 3000, missing: 2000 })
    test.last().push(null)
    await pass(150)
    await test.start()
    test.last().emit('gap', { start: 100, end: 1200, missing: 1100 })
    await test.speak(1000, 2)
    const gaps = test.events.flatMap(([name, gap]) => (name === 'gap' ? [gap] : []))
    expect(gaps).toEqual([
      { start: 1000, end: 3000, missing: 2000 },
      { start: 1000, end: 1150, missing: 150 },
      { start: 1250, end: 2350, missing: 1100 },
    ])
  })

  it('goes on without silence where told so', async () => {
    const test = setup({ gaps: 'skip' })
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(3000)
    await test.start()
    await test.speak(1000, 2)
    expect(runs(test.audio())).toEqual(['1: 0-1000', '2: 1000-2000'])
    expect(test.events[1]).toEqual(['gap', { start: 1000, end: 1000, missing: 3000 }])
    test.source.destroy()
  })

  it('notices a stall, and opens again only when the last one is gone', async () => {
    const test = setup({ stallTimeout: 2000 })
    await test.start()
    await test.speak(500, 1)
    await pass(1900)
    expect(test.names()).toEqual([])
    await pass(300)
    expect(test.events[0]).toMatchObject(['reconnecting', { attempt: 1, error: { code: 'INPUT_STALLED' } }])
    expect(test.inputs[0]!.closedByUs).toBe(true)
    test.source.destroy()
  })

  it('holds nothing against a source where this whole process stood still', async () => {
    let stoodStill = 0
    const test = setup({}, { now: () => performance.now() + stoodStill })
    await test.start()
    await test.speak(500, 1)
    stoodStill = 7000
    await pass(5000)
    expect(test.names()).toEqual([])
    test.last().push(Buffer.alloc(12_000 * 32, 1))
    await test.speak(1000, 1)
    expect(runs(test.audio())).toEqual(['1: 0-13500'])
    expect(test.names()).toEqual([])
    // But it is no stall for no longer than any other.
    await pass(5500)
    expect(test.names()).toEqual(['reconnecting'])
    test.source.destroy()
  })

  it('holds nothing against a source whose reader pauses', async () => {
    const test = setup({ stallTimeout: 1000 })
    await test.start()
    await test.speak(500, 1)
    test.source.pause()
    await test.speak(1000, 1)
    await pass(5000)
    expect(test.names()).toEqual([])
    test.source.destroy()
  })

  it('keeps the order where its reader pauses through two outages', async () => {
    const test = setup()
    await test.start()
    await test.speak(500, 1)
    test.source.pause()
    for (const value of [2, 3]) {
      test.last().push(null)
      // The end is seen only behind what was said.
      test.last().read()
      test.last().destroy(new Error('lost'))
      await pass(2000)
      await test.start()
      await test.speak(1000, value)
    }
    test.source.resume()
    await settleDown()
    const [, ...after] = runs(test.audio())
    expect(after.map((run) => run[0])).toEqual(['0', '2', '0', '3'])
    const gaps = test.events.filter(([name]) => name === 'gap').map(([, gap]) => gap as { start: number; end: number })
    expect(after.filter((run) => run.startsWith('0'))).toEqual(gaps.map(({ start, end }) => `0: ${start}-${end}`))
    expect(after.at(-1)).toMatch(/-6500$/)
    test.source.destroy()
  })

  it('waits for no opening that never comes', async () => {
    const test = setup({}, { open: () => new Promise<Readable>(() => {}) })
    await settleDown()
    test.source.destroy()
    await pass(2500)
    expect(test.names()).toEqual(['close'])
  })

  it('closes an opening that comes too late', async () => {
    const late = new Input()
    let give = (_input: Readable): void => {}
    const test = setup({}, { open: () => new Promise<Readable>((resolve) => (give = resolve)) })
    await settleDown()
    test.source.destroy()
    give(late)
    await settleDown()
    expect(late.closed).toBe(true)
  })

  it('tries again where an opening fails', async () => {
    let opened = 0
    const test = setup({}, { open: () => Promise.reject(new Error(`no ${++opened}`)) })
    await pass(500)
    expect(opened).toBeGreaterThan(1)
    expect(test.events[0]).toMatchObject(['reconnecting', { attempt: 1, error: { message: 'no 1' } }])
    test.source.destroy()
  })

  it('gives up after so many attempts in a row, with the last error', async () => {
    const test = setup({ retries: 2, connectTimeout: 1000 })
    await pass(10_000)
    expect(test.inputs).toHaveLength(3)
    expect(test.names()).toEqual(['reconnecting', 'reconnecting', 'error', 'close'])
    expect(test.events[2]![1]).toMatchObject({ code: 'INPUT_STALLED', retryable: true })
  })

  it('waits longer each time, gives nothing before the first audio, and leaves no timer', async () => {
    const test = setup(
      { retries: 3, retryDelay: 1000, maxRetryDelay: 3000 },
      { open: () => Promise.reject(new Error('no')) },
    )
    await pass(10_000)
    const waits = test.events.flatMap(([name, record]) =>
      name === 'reconnecting' ? [record as SourceReconnecting] : [],
    )
    expect(waits.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    for (const [at, longest] of [1000, 2000, 3000].entries()) {
      expect(waits[at]!.delay).toBeGreaterThanOrEqual(longest / 2)
      expect(waits[at]!.delay).toBeLessThanOrEqual(longest)
    }
    expect(test.names().slice(3)).toEqual(['error', 'close'])
    expect(test.header()).toHaveLength(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('counts attempts anew once there was audio', async () => {
    const test = setup({ retries: 1 })
    for (const value of [1, 2, 3]) {
      await test.start()
      await test.speak(1000, value)
      test.last().push(null)
      await pass(1000)
    }
    const waits = test.events.filter(([name]) => name === 'reconnecting').map(([, record]) => record)
    expect(waits).toMatchObject([{ attempt: 1 }, { attempt: 1 }, { attempt: 1 }])
    test.source.destroy()
    await settleDown()
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    [3500, 3500],
    [86_400_000, 4000],
  ])('waits as long as the server asked for, %d ms, within its bound', async (retryAfter, delay) => {
    const refusal = Object.assign(new Error('503'), { retryAfter })
    const test = setup({ retryDelay: 1000, maxRetryDelay: 4000 }, { open: () => Promise.reject(refusal) })
    await settleDown()
    expect(test.events[0]).toMatchObject(['reconnecting', { attempt: 1, delay }])
    test.source.destroy()
  })

  it('does not try again what no attempt can mend', async () => {
    const refusal = new InputError('INPUT_REFUSED', 'no')
    const test = setup({}, { explain: () => ({ error: refusal, final: true }) })
    await settleDown()
    test.last().destroy(new Error('401'))
    await settleDown()
    expect(test.events).toEqual([
      ['error', refusal],
      ['close', undefined],
    ])
  })

  it('fails where the input comes back in another format', async () => {
    const test = setup()
    await test.start()
    await test.speak(200, 1)
    test.last().push(null)
    await pass(1000)
    test.last().push(Buffer.concat([writeWavHeader({ ...format, channels: 2 }), Buffer.alloc(3200)]))
    await settleDown()
    expect(test.names()).toEqual(['reconnecting', 'error', 'close'])
  })

  it('ends in order where it is stopped, also in an outage', async () => {
    const stop = new AbortController()
    const test = setup({ stop: stop.signal })
    await test.start()
    await test.speak(500, 1)
    test.last().push(null)
    await pass(50)
    stop.abort()
    await settleDown()
    expect(test.names()).toEqual(['reconnecting', 'end', 'close'])
    expect(runs(test.audio())).toEqual(['1: 0-500'])
  })

  it.each(['stop', 'run'] as const)('says what is missing where it is ended in an outage, by %s', async (by) => {
    const stop = new AbortController()
    const test = setup({ stop: stop.signal, retryDelay: 60_000, maxRetryDelay: 60_000 })
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(5000)
    if (by === 'stop') stop.abort()
    else test.source[endEarly]()
    await settleDown()
    const end = test.audio().length / 32
    expect(end).toBeGreaterThan(4000)
    expect(test.names()).toEqual(['reconnecting', 'gap', 'end', 'close'])
    expect(test.events[1]![1]).toEqual({ start: 1000, end, missing: end - 1000 })
  })

  it('gives out what it holds where it is ended, and what is missing before it', async () => {
    const test = setup()
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(2000)
    await test.start()
    await test.speak(200, 2)
    expect(runs(test.audio())).not.toContain('2: 3000-3200')
    test.source[endEarly]()
    await settleDown()
    expect(runs(test.audio())).toEqual(['1: 0-1000', '0: 1000-3000', '2: 3000-3200'])
    expect(test.names()).toEqual(['reconnecting', 'gap', 'end', 'close'])
  })

  it('is ended before it has begun', async () => {
    const test = setup()
    test.source[endEarly]()
    await settleDown()
    expect(test.names()).toEqual(['end', 'close'])
    expect(test.inputs).toHaveLength(0)
  })

  it('says what is missing up to its end, where that comes in an outage', async () => {
    const test = setup({ maxDuration: 3050, retryDelay: 60_000, maxRetryDelay: 60_000 })
    await test.start()
    await test.speak(1000, 1)
    test.last().push(null)
    await pass(6000)
    expect(runs(test.audio())).toEqual(['1: 0-1000', '0: 1000-3050'])
    expect(test.events[1]).toEqual(['gap', { start: 1000, end: 3050, missing: 2050 }])
    expect(test.names()).toEqual(['reconnecting', 'gap', 'end', 'close'])
  })

  it('ends after the time that was asked for', async () => {
    const test = setup({ maxDuration: 320 })
    await test.start()
    await test.speak(500, 1)
    expect(test.names()).toEqual(['end', 'close'])
    expect(runs(test.audio())).toEqual(['1: 0-320'])
    expect(test.inputs[0]!.closed).toBe(true)
  })

  it('places what came before the next drop, however short it was', async () => {
    const test = setup()
    await test.start()
    await test.speak(500, 1)
    test.last().push(null)
    await pass(2000)
    await test.start()
    await test.speak(100, 2)
    test.last().push(null)
    await pass(2000)
    await test.start()
    await test.speak(700, 3)
    expect(runs(test.audio())).toEqual(['1: 0-500', '0: 500-2500', '2: 2500-2600', '0: 2600-4600', '3: 4600-5300'])
    test.source.destroy()
  })
})

describe('reconnectChecks', () => {
  it.each([
    [{ gaps: 'beep' }, "gaps, when given, must be 'silence' or 'skip'; got 'beep'"],
    [{ retries: -1 }, 'retries, when given, must be an integer of at least 0, or Infinity; got -1'],
    [{ stallTimeout: 5 }, 'stallTimeout, when given, must be an integer from 100 to 600000 ms; got 5'],
    [{ stop: true }, 'stop, when given, must be an AbortSignal; got true'],
  ])('refuses %o', (options, message) => {
    expect(() => checkOptions('f()', options, reconnectChecks)).toThrow(message)
  })

  it('waits as long as it is told to at first, and no shorter', () => {
    expect(reconnectSettings({ retryDelay: 60_000 })).toMatchObject({ maxRetryDelay: 60_000 })
    expect(reconnectSettings({ maxRetryDelay: 100 })).toMatchObject({ retryDelay: 500, maxRetryDelay: 100 })
    expect(() => reconnectSettings({ retryDelay: 2000, maxRetryDelay: 1000 })).toThrow(
      'retryDelay, when given, must be at most maxRetryDelay (1000 ms); got 2000',
    )
  })
})

describe('a source that was away for hours', () => {
  it('lets everything else in the process go on while it makes the silence', async () => {
    let now = 0
    let opened = 0
    const source = new ReconnectingSource({
      ...reconnectSettings({ retryDelay: 1 }),
      inputName: 'the input',
      now: () => now,
      explain,
      open: () => {
        opened += 1
        // The process was stopped meanwhile.
        if (opened === 2) now += 36_000_000
        const input = new Input()
        input.push(writeWavHeader(format))
        input.push(Buffer.alloc(32))
        if (opened === 1) input.push(null)
        return input
      },
    })
    source.on('data', () => {})
    await once(source, 'gap')
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(source.readableEnded).toBe(false)
    source.destroy()
    await once(source, 'close')
  })
})
