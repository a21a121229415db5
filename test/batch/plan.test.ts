import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FoundInput } from '../../src/batch/inputs.ts'
import { type PlanOptions, planJobs } from '../../src/batch/plan.ts'

const named = (...inputs: string[]): FoundInput[] => inputs.map((input) => ({ input, folder: '' }))

function outputsOf(found: readonly FoundInput[], options: Partial<PlanOptions> = {}): string[] {
  const jobs = planJobs(found, { formats: ['srt'], isCaseSensitive: true, ...options })
  return jobs.flatMap(({ outputs }) => outputs.map((output) => output.path))
}

describe('planJobs', () => {
  it('puts outputs beside the inputs, or into a folder', () => {
    expect(outputsOf(named('a/talk.mp4', 'b.wav'))).toEqual([path.join('a', 'talk.srt'), 'b.srt'])
    expect(outputsOf(named('a/talk.mp4', 'b.wav'), { outputDir: 'out', formats: ['srt', 'vtt'] })).toEqual(
      ['talk.srt', 'talk.vtt', 'b.srt', 'b.vtt'].map((name) => path.join('out', name)),
    )
  })

  it('makes the folders of folders anew', () => {
    const found = [
      { input: 'videos/talk.mp4', folder: 'videos' },
      { input: 'videos/day1/talk.mp4', folder: 'videos/day1' },
    ]
    expect(outputsOf(found, { outputDir: 'out' })).toEqual(['out/videos/talk.srt', 'out/videos/day1/talk.srt'])
    expect(outputsOf(found)).toEqual(['videos/talk.srt', 'videos/day1/talk.srt'])
  })

  it('tells inputs apart by their endings where it must', () => {
    expect(outputsOf(named('talk.mp4', 'talk.mkv', 'other.mp4'))).toEqual(['talk.mp4.srt', 'talk.mkv.srt', 'other.srt'])
    // The name that makes one different may be that of a third.
    expect(outputsOf(named('talk.mp4', 'talk.mkv', 'talk.mp4.wav'))).toEqual([
      'talk.mp4.srt',
      'talk.mkv.srt',
      'talk.mp4.wav.srt',
    ])
  })

  it('refuses what would be written to the same file', () => {
    expect(() => outputsOf(named('a/talk.mp4', 'b/talk.mp4'), { outputDir: 'out' })).toThrow(
      'inputs would have the same outputs: a/talk.mp4 and b/talk.mp4 (out/talk.mp4); give the folder that holds them all',
    )
    expect(outputsOf(named('Talk.mp4', 'talk.mp4'))).toEqual(['Talk.srt', 'talk.srt'])
    expect(() => outputsOf(named('Talk.mp4', 'talk.mp4'), { isCaseSensitive: false })).toThrow('the same outputs')
    const many = named(...Array.from({ length: 9 }, (_, at) => `${at}/talk.mp4`))
    expect(() => outputsOf(many, { outputDir: 'out' })).toThrow('and 5 more; give')
  })

  it('never writes to an input', () => {
    expect(() => outputsOf(named('talk.jsonl'), { formats: ['jsonl'] })).toThrow('talk.jsonl, the output of')
    expect(outputsOf(named('talk.jsonl'), { formats: ['jsonl'], outputDir: 'out' })).toEqual(['out/talk.jsonl'])
  })

  it('names outputs of addresses by their last part, which cannot leave the folder', () => {
    const names = outputsOf(
      named(
        'https://example.com/a/talk.mp4?token=1',
        'https://example.com/a/..%2F..%2Fetc%2Fpasswd.mp4',
        'http://host.example/',
      ),
      { outputDir: 'out' },
    )
    expect(names).toEqual(['out/talk.srt', 'out/__.._etc_passwd.srt', 'out/host.srt'])
    for (const name of names) expect(path.dirname(name)).toBe('out')
  })

  it('takes names from the user', () => {
    const found = [{ input: 'https://example.com/1/index.m3u8', folder: '', name: 'week1/opening' }]
    expect(outputsOf(found, { outputDir: 'out' })).toEqual(['out/week1/opening.srt'])
  })
})
