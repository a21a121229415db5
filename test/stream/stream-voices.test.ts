import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Warning } from '../../src/errors.ts'
import type { Word } from '../../src/model.ts'
import { SpeakerLetters } from '../../src/stream/speakers.ts'
import { cleanSpeech, StreamVoices, type VoiceMaker } from '../../src/stream/stream-voices.ts'
import { LabelMap } from '../../src/stream/label-map.ts'
import { voiceOf } from '../../src/voices/voice.ts'

/** Words of 250 ms, one every 300 ms from `start`, as text: `one/A two/B`. */
function words(text: string, start = 0): Word[] {
  return text.split(' ').map((one, index) => {
    const [word = '', speaker] = one.split('/')
    const at = start + 300 * index
    return { text: word, start: at, end: at + 250, final: true, ...(speaker && { speaker }) }
  })
}

const said = (label: string, count: number): string => Array.from({ length: count }, () => `w/${label}`).join(' ')

describe('cleanSpeech', () => {
  it('is a run of words of one speaker, less than what is unsure at its ends', () => {
    expect(cleanSpeech(words(said('A', 5)))).toEqual([{ label: 'A', from: 0, to: 1450 }])
    expect(cleanSpeech(words(`${said('A', 5)} ${said('B', 6)}`))).toEqual([
      { label: 'A', from: 0, to: 1250 },
      { label: 'B', from: 1700, to: 3250 },
    ])
  })

  it('goes neither by onsets that are too early, nor by ends that are too late', () => {
    const all = words(said('A', 5), 1000)
    all[0]!.start = 0
    all.at(-1)!.end += 1300
    expect(cleanSpeech(all)).toEqual([{ label: 'A', from: 750, to: 2700 }])
  })

  it('is none where it is short, of nobody, unsure, or with long pauses; and no longer than it need be', () => {
    expect(cleanSpeech(words(said('A', 2)))).toEqual([])
    expect(cleanSpeech(words('a b c d e f'))).toEqual([])
    expect(cleanSpeech(words(said('A', 5)).map((word) => ({ ...word, confidence: 0.3 })))).toEqual([])
    expect(cleanSpeech([...words(said('A', 2)), ...words(said('A', 2), 9000)])).toEqual([])
    expect(cleanSpeech(words(said('A', 50)))).toEqual([{ label: 'A', from: 0, to: 4000 }])
  })
})

/** Resolves after `ms` milliseconds of the clock of the test. */
const delay = (ms: number): Promise<undefined> => new Promise((resolve) => setTimeout(() => resolve(undefined), ms))

class Fixture {
  readonly asked: number[] = []
  readonly warnings: Warning[] = []
  opened = 0
  closed = 0
  heard = 0
  failed = 0
  cpuMs = 0
  readonly labels: LabelMap
  readonly letters = new SpeakerLetters()
  readonly voices: StreamVoices

  constructor(maker: Partial<VoiceMaker> = {}, open = (): Promise<void> => Promise.resolve()) {
    this.labels = new LabelMap(this.letters, 'letters', true)
    this.voices = new StreamVoices(
      {
        open: async () => {
          this.opened += 1
          await open()
          return {
            cpuMs: () => this.cpuMs,
            voiceIn: (samples) => {
              this.asked.push(samples.length / 16)
              return Promise.resolve(voiceOf([1, 0], samples.length / 160, false))
            },
            close: () => {
              this.closed += 1
              return Promise.resolve()
            },
            ...maker,
          }
        },
        samplesOf: (frames) => new Int16Array(frames.length / 2),
      },
      {
        heard: () => (this.heard += 1),
        failed: () => (this.failed += 1),
        warning: (warning) => this.warnings.push(warning),
      },
    )
  }

  take(text: string, start = 0): void {
    for (const { speaker } of words(text)) if (speaker !== undefined) this.labels.letter(speaker, start)
    this.voices.take(this.labels, words(text, start), (from, to) => Buffer.alloc((to - from) * 32))
  }
}

describe('StreamVoices', () => {
  afterEach(() => void vi.useRealTimers())

  it('makes no voice of anything before a second session comes, and keeps the newest 5 s of each label until then', async () => {
    const one = new Fixture()
    for (let turn = 0; turn < 20; turn++) one.take(said('A', 6), turn * 5000)
    one.take(said('B', 6), 100_000)
    expect(one.opened).toBe(0)
    await one.voices.drained(1000)
    expect(one.opened).toBe(1)
    expect(one.asked).toEqual([1750, 1750, 1750])
    expect(one.heard).toBe(3)
    expect(one.letters.voiceOf('A').wideband?.frames).toBe(350)
    expect(one.letters.voiceOf('B').wideband?.frames).toBe(175)
    await one.voices.close()
    expect(one.closed).toBe(1)
  })

  it('listens to no more than 8 s of a label in a session, and to as much in the next one', async () => {
    const one = new Fixture()
    one.voices.begin()
    for (let turn = 0; turn < 20; turn++) {
      one.take(said('A', 6), turn * 5000)
      await one.voices.drained(1000)
    }
    expect(one.asked).toHaveLength(5)
    const next = new LabelMap(one.letters, 'letters', true)
    next.letter('A', 0)
    one.voices.take(next, words(said('A', 6), 200_000), () => Buffer.alloc(1600))
    await one.voices.drained(1000)
    expect(one.asked).toHaveLength(6)
    await one.voices.close()
  })

  it('opens nothing where there is no speech that is clean, or whose audio is gone', async () => {
    const one = new Fixture()
    one.voices.begin()
    one.take('a b c d e f g h')
    one.voices.take(one.labels, words(said('A', 9)), () => undefined)
    await one.voices.drained(1000)
    expect(one.opened).toBe(0)
    await one.voices.close()
  })

  it('says once that voices are not to be had, and why, and keeps no more speech', async () => {
    const one = new Fixture({}, () => Promise.reject(new Error('nothing is installed')))
    one.take(said('A', 6))
    await one.voices.drained(1000)
    one.take(said('A', 6), 5000)
    await one.voices.drained(1000)
    expect(one.opened).toBe(1)
    expect(one.failed).toBe(1)
    expect(one.voices.isOn).toBe(false)
    expect(one.warnings).toMatchObject([{ code: 'VOICES_UNAVAILABLE' }])
    expect(one.warnings[0]!.message).toContain('nothing is installed')
  })

  it('gives up after three failures in a row, not before', async () => {
    let count = 0
    const one = new Fixture({
      voiceIn: () => (++count % 3 === 0 || count > 6 ? Promise.resolve(undefined) : Promise.reject(new Error('died'))),
    })
    one.voices.begin()
    for (const label of 'ABCDEF') one.take(said(label, 6))
    await one.voices.drained(1000)
    expect(one.failed).toBe(0)
    const two = new Fixture({ voiceIn: () => Promise.reject(new Error('died')) })
    for (const label of 'ABCD') two.take(said(label, 6))
    await two.voices.drained(1000)
    await two.voices.close()
    expect({ failed: two.failed, closed: two.closed, warnings: two.warnings.length }).toEqual({
      failed: 1,
      closed: 1,
      warnings: 1,
    })
  })

  it('spends no more time than it may, however much is said, and goes on when it may again', async () => {
    const one: Fixture = new Fixture({
      voiceIn: (samples) => {
        one.asked.push(samples.length / 16)
        one.cpuMs += samples.length / 16
        return Promise.resolve(undefined)
      },
    })
    one.voices.begin()
    for (const label of 'ABCDEFGHIJ') {
      one.take(said(label, 20))
      await one.voices.drained(1000)
    }
    // One more than fits into 3 s and 2 % of 6 s.
    expect(one.asked).toEqual([4000])
    one.take(said('K', 20), 60_000)
    await one.voices.drained(1000)
    expect(one.voices.spentMs).toBe(8000)
    await one.voices.close()
    one.take(said('A', 20), 1_000_000)
    expect(one.voices.spentMs).toBe(8000)
  })

  it('waits for voices as long as they come, but not for a machine that makes none', async () => {
    vi.useFakeTimers()
    const slow = new Fixture({
      voiceIn: async (samples) => {
        await delay(8000)
        return voiceOf([1, 0], samples.length / 160, false)
      },
    })
    for (const label of 'ABC') slow.take(said(label, 6))
    let isDrained = false
    const draining = slow.voices.drained().then(() => (isDrained = true))
    await vi.advanceTimersByTimeAsync(23_900)
    expect([slow.heard, isDrained]).toEqual([2, false])
    await vi.advanceTimersByTimeAsync(200)
    await draining
    expect(slow.heard).toBe(3)
    const loading = new Fixture({}, () => delay(30_000))
    loading.take(said('A', 6))
    const loaded = loading.voices.drained()
    await vi.advanceTimersByTimeAsync(30_000)
    await loaded
    expect(loading.heard).toBe(1)
    const stuck = new Fixture({ voiceIn: () => new Promise(() => {}) })
    stuck.take(said('A', 6))
    const givenUp = stuck.voices.drained()
    await vi.advanceTimersByTimeAsync(10_000)
    await givenUp
    const late = new Fixture({ voiceIn: () => delay(8000) })
    for (const label of 'ABC') late.take(said(label, 6))
    const live = late.voices.drained(5000)
    await vi.advanceTimersByTimeAsync(5000)
    await live
    expect(late.heard).toBe(0)
  })

  it('holds back a source while much waits, unless the machine makes no voices at all', async () => {
    vi.useFakeTimers()
    const one = new Fixture({ voiceIn: () => delay(1000) })
    one.voices.begin()
    for (const label of 'ABC') one.take(said(label, 20))
    expect(one.voices.isBehind).toBe(false)
    for (const label of 'DEF') one.take(said(label, 20))
    expect(one.voices.isBehind).toBe(true)
    await vi.advanceTimersByTimeAsync(4000)
    expect(one.voices.isBehind).toBe(false)
    const stuck = new Fixture({ voiceIn: () => new Promise(() => {}) })
    stuck.voices.begin()
    for (const label of 'ABCDEF') stuck.take(said(label, 20))
    await vi.advanceTimersByTimeAsync(9000)
    expect(stuck.voices.isBehind).toBe(true)
    await vi.advanceTimersByTimeAsync(1100)
    expect(stuck.voices.isBehind).toBe(false)
  })

  it('leaves a label open for as long as speech of it waits', async () => {
    vi.useFakeTimers()
    const one = new Fixture({
      voiceIn: async (samples) => {
        await delay(1000)
        return voiceOf([1, 0], samples.length / 160, false)
      },
    })
    one.take(said('A', 20))
    await vi.advanceTimersByTimeAsync(10)
    const draining = one.voices.drained()
    await vi.advanceTimersByTimeAsync(1100)
    await draining
    const later = new LabelMap(one.letters, 'letters', true)
    expect(later.letter('B', 0)).toBe('B')
    one.voices.take(later, words(said('B', 20)), () => Buffer.alloc(4000 * 32))
    // The machine has no time until long after the label would be settled.
    expect(later.letter('B', 130_000)).toBe('B')
    expect(later.isOpen('B')).toBe(true)
    await vi.advanceTimersByTimeAsync(1100)
    expect(later.letter('B', 131_000)).toBe('A')
  })

  it('is closed while the model loads', async () => {
    let loaded: () => void = () => {}
    const one = new Fixture({}, () => new Promise<void>((resolve) => (loaded = resolve)))
    one.take(said('A', 6))
    one.voices.begin()
    const closing = one.voices.close()
    loaded()
    await closing
    expect({ closed: one.closed, asked: one.asked, failed: one.failed }).toEqual({ closed: 1, asked: [], failed: 0 })
  })
})
