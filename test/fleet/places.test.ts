import { describe, expect, it } from 'vitest'
import { dividePlaces, type JobTaker } from '../../src/fleet/places.ts'

class Taker implements JobTaker {
  concurrency = 4
  isOn = true
  hasLoop = true
  /** How often it was made to look for jobs. */
  looked = 0
  isPaused = (): boolean => !this.isOn
  isRunning = (): boolean => this.hasLoop
  async pause(): Promise<void> {
    this.isOn = false
  }
  async resume(): Promise<void> {
    this.isOn = true
    this.hasLoop = true
    this.looked += 1
  }
}

describe('the places of a worker', () => {
  it('are for live inputs all, and for recordings what these leave', () => {
    const [live, recording] = [new Taker(), new Taker()]
    dividePlaces({ live, recording }, 4, 3)
    expect([live.concurrency, recording.concurrency]).toEqual([4, 1])
    expect([live.looked, recording.looked]).toEqual([0, 0])
  })

  it('are no longer given to recordings where live inputs have all, until one of these ends', () => {
    const [live, recording] = [new Taker(), new Taker()]
    dividePlaces({ live, recording }, 4, 5)
    expect([live.isOn, recording.isOn]).toEqual([true, false])
    // With no job left, BullMQ ends the loop of one that is paused.
    recording.hasLoop = false
    dividePlaces({ live, recording }, 4, 2)
    expect(recording).toMatchObject({ isOn: true, hasLoop: true, concurrency: 2 })
  })

  it('that are new are seen at once', () => {
    const [live, recording] = [new Taker(), new Taker()]
    dividePlaces({ live, recording }, 6, 1)
    expect(live).toMatchObject({ isOn: true, concurrency: 6, looked: 1 })
    expect(recording).toMatchObject({ isOn: true, concurrency: 5, looked: 1 })
    dividePlaces({ live, recording }, 6, 1)
    expect([live.looked, recording.looked]).toEqual([1, 1])
  })
})
