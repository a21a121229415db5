import { describe, expect, it } from 'vitest'
import { checkLayoutOptions, layoutChecks, layoutSettings } from '../../../src/captions/layout/options.ts'

describe('layoutSettings', () => {
  it('has the numbers of the preset, the first by default', () => {
    expect(layoutSettings()).toMatchObject({ preset: 'netflix', maxLineWidth: 42, minGap: 83, lookAhead: 25 })
    expect(layoutSettings({ preset: 'bbc' })).toMatchObject({ maxLineWidth: 37, minDurationPerWord: 300 })
    expect(layoutSettings({ preset: 'web-short' })).toMatchObject({ maxLineWidth: 24, labels: 'none', tail: 300 })
    expect(layoutSettings({ preset: '608' })).toMatchObject({ maxLineWidth: 32, labels: 'chevrons' })
    expect(layoutSettings({ preset: 'live' })).toMatchObject({ lookAhead: 12, maxDelayMs: 750 })
  })

  it('lets an option replace a number of the preset, and a weight one weight', () => {
    const settings = layoutSettings({
      preset: 'bbc',
      maxLineWidth: 40,
      lookAhead: undefined as never,
      weights: { flash: 9 },
    })
    expect(settings).toMatchObject({ maxLineWidth: 40, lookAhead: 25, maxDuration: 8000 })
    expect(settings.weights).toEqual({ ...layoutSettings().weights, flash: 9 })
  })

  it('is comfortable with no more than can be followed', () => {
    expect(layoutSettings({ maxReadingSpeed: 12.5 })).toMatchObject({ maxReadingSpeed: 12.5, targetReadingSpeed: 12.5 })
    expect(layoutSettings({ maxReadingSpeed: 30 }).targetReadingSpeed).toBe(17)
    expect(layoutSettings({ maxReadingSpeed: 12, targetReadingSpeed: 10 }).targetReadingSpeed).toBe(10)
  })

  it('fills in all options', () => {
    expect(Object.keys(layoutSettings()).toSorted()).toEqual(Object.keys(layoutChecks).toSorted())
  })
})

describe('checkLayoutOptions', () => {
  const check = (options: object, path?: string) => checkLayoutOptions('layout()', options, path)

  it('takes what is right', () => {
    expect(() => check({})).not.toThrow()
    expect(() => check({ ...layoutSettings({ preset: '608' }), language: 'pt-BR' })).not.toThrow()
  })

  it.each([
    [{ preset: 'hulu' }, "preset, when given, must be 'netflix', 'bbc', 'web-short', '608' or 'live'; got 'hulu'"],
    [{ maxLineWidth: 7 }, 'maxLineWidth, when given, must be an integer'],
    [{ maxLines: 3 }, 'maxLines'],
    [{ language: 'German language' }, 'language, when given, must be a BCP-47 language tag'],
    [{ lookAhead: 1 }, 'lookAhead'],
    [{ labels: true }, 'labels'],
    [{ targetReadingSpeed: 0 }, 'targetReadingSpeed'],
    [
      { minDuration: 3000, maxDuration: 2000 },
      'minDuration, when given, must be at most maxDuration (2000 milliseconds); got 3000',
    ],
    [
      { targetReadingSpeed: 20, maxReadingSpeed: 15 },
      'targetReadingSpeed, when given, must be at most maxReadingSpeed (15); got 20',
    ],
    [{ weights: { flash: -1 } }, 'weights.flash'],
    [{ weights: { lenght: 1 } }, 'weights has no option lenght'],
    [{ weights: 3 }, 'weights'],
    [{ maxChars: 3 }, 'has no option maxChars'],
  ])('refuses %j', (options, message) => {
    expect(() => check(options)).toThrow(message)
    expect(() => check(options, 'layout.')).toThrow('layout')
  })
})
