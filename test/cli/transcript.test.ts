import { linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { formatJsonlItem } from '../../src/captions/formats/jsonl.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { command, startCommand } from './command.ts'

const directory = temporaryDirectories()

it('writes a transcript with other names, by another preset and in other formats, without hearing it again', async () => {
  const folder = directory()
  const [talk, srt, again] = ['talk.jsonl', 'talk.srt', 'again.jsonl'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ]
  const turns = [
    { ...makeTurn(0, 'A:Good A:morning'), speaker: 'A' },
    { ...makeTurn(1, 'B:Good B:evening'), speaker: 'B' },
  ]
  writeFileSync(talk, turns.map((turn) => formatJsonlItem(turn, { A: 'Carol', B: 'Bob' })).join(''))
  const { code, err } = await command(talk, '-o', srt, '--names', 'A=Alice', '--preset', 'bbc')
  expect([code, err]).toEqual([0, expect.stringContaining('2 turns, 2 speakers (Alice, Bob)')])
  expect(readFileSync(srt, 'utf8')).toMatch(/ALICE: Good morning[^]*BOB: Good evening/)
  expect((await command(talk, '-o', again, '--quiet')).code).toBe(0)
  expect(readFileSync(again, 'utf8')).toBe(readFileSync(talk, 'utf8'))
  const heard = await command(talk, '--model', 'parakeet-v3')
  expect([heard.code, heard.err]).toEqual([2, expect.stringContaining('--model is of no use with a transcript')])
  const [link, hard] = [path.join(folder, 'link.jsonl'), path.join(folder, 'hard.jsonl')] as const
  symlinkSync(talk, link)
  linkSync(talk, hard)
  for (const same of [talk, link, hard]) {
    const itself = await command(talk, '-o', same)
    expect([itself.code, itself.err]).toEqual([2, expect.stringContaining('is the input itself')])
  }
  expect(readFileSync(talk, 'utf8')).toContain('Carol')
})

it('makes a document of a transcript, also on standard output and of several, and replaces none that it must not', async () => {
  const folder = directory()
  const [talk, file] = [path.join(folder, 'talk.jsonl'), path.join(folder, 'talk.docx')]
  writeFileSync(talk, formatJsonlItem(makeTurn(0, 'A:Good A:morning')))
  const isDocument = (bytes: Buffer | string) => expect(bytes.toString('latin1')).toMatch(/^PK[^]*word\/document\.xml/)
  expect(await command(talk, '-o', file, '--no-clobber')).toMatchObject({
    code: 0,
    err: expect.stringContaining(`wrote ${file}`) as string,
  })
  isDocument(readFileSync(file))
  const refused = await command(talk, '-o', file, '--no-clobber')
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('talk.docx is there already')])
  const rotating = await command(talk, '-o', path.join(folder, '{number}.docx'), '--rotate', 'hour')
  expect([rotating.code, rotating.err]).toEqual([2, expect.stringContaining('not for .docx; got')])
  const { code, out } = await command(talk, '-o', '-', '--format', 'docx')
  expect(code).toBe(0)
  isDocument(out)
})

it('rotates outputs whose names say so, and names the parts in the end', async () => {
  const folder = directory()
  const talk = path.join(folder, 'talk.jsonl')
  const turns = [0, 61_000].map((start, order) => makeTurn(order, 'A:Good A:morning', { start }))
  writeFileSync(talk, turns.map((turn) => formatJsonlItem(turn)).join(''))
  const out = path.join(folder, 'part-{number}.srt')
  const { code, err } = await command(talk, '-o', out, '--rotate', '1min', '--rotate-times', 'restart')
  expect([code, err]).toEqual([0, expect.stringMatching(/wrote .*part-0001\.srt.*part-0002\.srt/)])
  expect(readFileSync(path.join(folder, 'part-0002.srt'), 'utf8')).toContain('00:00:01,000 -->')
  for (const [asked, message] of [
    [['-o', path.join(folder, 'all.srt'), '--rotate', 'hour'], '--rotate wants {number}, {date} or {time}'],
    [['-o', out, '--rotate', '10 apples'], '--rotate must be hour, day, a time such as 30min'],
    [['-o', out, '--rotate-times', 'restart'], '--rotate-times is of no use without --rotate'],
  ] as const) {
    const refused = await command(talk, ...asked)
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(message)])
  }
})

it('reads captions, whose times and lines stay, with other names and in other formats', async () => {
  const folder = directory()
  const [srt, vtt, out] = ['talk.srt', 'talk.vtt', 'out.jsonl'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(
    srt,
    '1\n00:00:01,000 --> 00:00:02,000\nSpeaker A: Good\nmorning\n\n2\n00:00:03,000 --> 00:00:04,000\nBob: Hi\n',
  )
  const made = await command(srt, '-o', vtt, '-o', out, '--names', 'A=Alice', '--cps', '12', '--report')
  expect([made.code, made.err]).toEqual([0, expect.stringContaining('2 turns, 2 speakers (Alice, Bob)')])
  expect(made.err).toContain('--cps has no effect: captions that are read keep their times and lines')
  expect(made.err).toContain('captions    2 cues')
  expect(readFileSync(vtt, 'utf8')).toContain('00:00:01.000 --> 00:00:02.000\n<v Alice>Good\nmorning</v>')
  expect(readFileSync(out, 'utf8')).toContain(
    '"speaker":"A","name":"Alice","start":1000,"end":2000,"lines":["Good","morning"]',
  )
  const back = await command(vtt, '-o', '-', '--preset', 'bbc', '--quiet')
  expect(back.out).toContain('00:00:01,000 --> 00:00:02,000\nALICE: Good\nmorning\n')
  const heard = await command(srt, '--engine', 'local')
  expect([heard.code, heard.err]).toEqual([2, expect.stringContaining('--engine is of no use with a transcript')])
})

it('writes captions, and nothing else, to standard output, within the limits that were given', async () => {
  const talk = path.join(directory(), 'talk.jsonl')
  writeFileSync(talk, formatJsonlItem({ ...makeTurn(0, 'A:Good A:morning A:everybody'), speaker: 'A' }, {}))
  const vtt = await command(talk, '-o', '-', '--format', 'vtt', '--max-line-width', '14', '--max-lines', '1')
  expect(vtt.code).toBe(0)
  expect(vtt.out).toMatch(/^WEBVTT\n/)
  expect(vtt.out.match(/^<v .*$/gm)?.length).toBeGreaterThan(1)
  expect(vtt.err).not.toContain('wrote')
  const srt = await command(talk, '-o', '-', '--quiet')
  expect([srt.code, srt.err]).toEqual([0, ''])
  expect(srt.out).toMatch(/^1\n00:00:.*\nSpeaker A: Good morning everybody\n\n?$/)
})

it('ends without a message when the reader of standard output has gone', async () => {
  const talk = path.join(directory(), 'talk.jsonl')
  writeFileSync(talk, formatJsonlItem({ ...makeTurn(0, 'A:Good A:morning'), speaker: 'A' }, {}))
  const running = startCommand([talk, '-o', '-'])
  running.child.stdout?.destroy()
  expect(await running.ended).toBe(1)
  expect(running.err).not.toMatch(/EPIPE|Error/)
})
