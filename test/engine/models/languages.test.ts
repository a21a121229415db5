import { describe, expect, it } from 'vitest'
import { findEntry, type RecogniserEntry } from '../../../src/engine/models/catalogue.ts'
import { checkLanguage } from '../../../src/engine/models/languages.ts'

const tiny = { name: 'whisper-tiny.en', languages: ['en'], detectsLanguage: false }
const base = findEntry('whisper-base') as RecogniserEntry
const unknown = { name: './folder', languages: [], detectsLanguage: false }

describe('checkLanguage', () => {
  it.each([
    ['en', 'en'],
    ['EN', 'en'],
    ['pt-BR', 'pt'],
    ['zh_Hans_CN', 'zh'],
    ['deu', 'de'],
    ['nb', 'no'],
    ['iw', 'he'],
    ['jv', 'jw'],
    ['fil', 'tl'],
    ['auto', ''],
    [undefined, ''],
  ])('takes %s for %s', (language, code) => {
    expect(checkLanguage(language, base)).toBe(code)
  })

  it('takes auto of a model with one language, and anything of one that nobody knows', () => {
    expect(checkLanguage('auto', tiny)).toBe('')
    expect(checkLanguage('en-GB', tiny)).toBe('en')
    expect(checkLanguage('sw', unknown)).toBe('')
  })

  it.each(['german', 'German', 'Deutsch', 'deutsch'])('asks whether %s means de', (language) => {
    expect(() => checkLanguage(language, base)).toThrow(`'${language}' is no code of a language; did you mean de?`)
    expect(() => checkLanguage(language, tiny)).toThrow('did you mean de?')
  })

  it('names what the model knows, and which models know more', () => {
    expect(() => checkLanguage('de-AT', tiny)).toThrow(
      'the model whisper-tiny.en knows English (en), and not German (de); models that do: whisper-base, whisper-small, ' +
        'parakeet-v3; get one: diarize-stream models pull whisper-base',
    )
    expect(() => checkLanguage('yue', base)).toThrow(
      /knows 99 languages: af am .* zh, and not Cantonese \(yue\); models that do: sense-voice;/,
    )
    expect(() => checkLanguage('tlh', tiny)).toThrow('not Klingon (tlh); no model of the catalogue knows it')
    const both = { name: 'm', languages: ['en', 'de'], detectsLanguage: false }
    expect(() => checkLanguage('auto', both)).toThrow(
      'cannot tell which language is spoken; name one of German (de), English (en)',
    )
  })

  it.each(['', 'xx', 'klingonisch', '12', 'en US', '<script>', 'x'.repeat(500)])('refuses %j', (language) => {
    for (const model of [tiny, base]) {
      expect(() => checkLanguage(language, model)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: expect.stringContaining('give an ISO 639-1 code') as string,
        }),
      )
    }
  })
})
