import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TurnDetector, type TurnEvent } from '../../../src/engine/turns/turn-detector.ts'

const settings = { minTurnSilence: 400, maxTurnSilence: 1200 }

/** Feeds stretches of speech (positive ms) and silence (negative ms); returns each event with when it came, in ms. */
function events(stretches: readonly number[], detector = new TurnDetector(settings)): (TurnEvent & { when: number })[] {
  const result: (TurnEvent & { when: number })[] = []
  let when = 0
  for (const ms of stretches) {
    for (let at = 0; at < Math.abs(ms); at += 10) {
      when += 10
      const event = detector.accept(ms > 0)
      if (event !== undefined) result.push({ ...event, when })
    }
  }
  return result
}

describe('TurnDetector', () => {
  it('places the start at the first speech and the end at the last', () => {
    expect(events([-500, 1000, -600])).toEqual([
      { type: 'start', at: 500, when: 560 },
      { type: 'end', at: 1500, when: 1900 },
    ])
  })

  it('ends a turn of half a second and more after minTurnSilence, a shorter one after maxTurnSilence', () => {
    expect(events([-100, 500, -2000])[1]).toMatchObject({ type: 'end', when: 600 + 400 })
    expect(events([-100, 300, -2000])[1]).toMatchObject({ type: 'end', when: 400 + 1200 })
  })

  it('counts the speech on both sides of a pause as one turn', () => {
    expect(events([300, -800, 300, -2000])).toEqual([
      { type: 'start', at: 0, when: 60 },
      { type: 'end', at: 1400, when: 1800 },
    ])
  })

  it('is not started by a click and not kept open by one', () => {
    expect(events([-500, 50, -500])).toEqual([])
    expect(events([1000, -200, 10, -300])[1]).toMatchObject({ at: 1000, when: 1400 })
  })

  it('knows where the last speech ended while a turn is open, whatever clicks follow', () => {
    const detector = new TurnDetector(settings)
    events([-200, 600, -100, 10, -50], detector)
    expect([detector.inTurn, detector.lastSpeech]).toEqual([true, 800])
    events([100], detector)
    expect([detector.inTurn, detector.lastSpeech]).toEqual([true, 1060])
  })

  it('ends no turn between two frames of one word, however short the silence that is asked for', () => {
    const detector = new TurnDetector({ minTurnSilence: 0, maxTurnSilence: 0 })
    expect(events([600, -10, 600, -20], detector)).toMatchObject([{ type: 'start' }, { type: 'end', at: 1210 }])
  })

  it('takes minTurnSilence as no longer than maxTurnSilence', () => {
    const detector = new TurnDetector({ ...settings, minTurnSilence: 2000, maxTurnSilence: 500 })
    expect(events([1000, -3000], detector)[1]).toMatchObject({ when: 1500 })
  })

  it('obeys settings changed in the middle of a silence', () => {
    const detector = new TurnDetector(settings)
    expect(events([1000, -300], detector)).toHaveLength(1)
    detector.settings = { ...settings, minTurnSilence: 200 }
    expect(events([-10], detector)).toMatchObject([{ type: 'end', at: 1000 }])
  })

  it('starts anew after being closed from outside', () => {
    const detector = new TurnDetector(settings)
    events([1000], detector)
    detector.close()
    expect(detector.inTurn).toBe(false)
    expect(events([1000], detector)).toMatchObject([{ type: 'start', at: 1000 }])
  })

  it('alternates starts and ends that lie in order, whatever it hears', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 800 }),
        fc.integer({ min: 0, max: 500 }),
        fc.integer({ min: 0, max: 900 }),
        (speech, minTurnSilence, maxTurnSilence) => {
          const detector = new TurnDetector({ minTurnSilence, maxTurnSilence })
          let last = { type: 'end', at: 0 }
          speech.forEach((isSpeech, frame) => {
            const event = detector.accept(isSpeech)
            expect(detector.lastSpeech).toBeLessThanOrEqual((frame + 1) * 10)
            if (event === undefined) return
            expect(event.type).not.toBe(last.type)
            expect(event.at).toBeGreaterThanOrEqual(last.at)
            expect(event.at).toBeLessThanOrEqual((frame + 1) * 10)
            last = event
          })
        },
      ),
    )
  })
})
