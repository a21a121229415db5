import { readFileSync, writeFileSync } from 'node:fs'
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
  const itself = await command(talk, '-o', talk)
  expect([itself.code, itself.err]).toEqual([2, expect.stringContaining('is the input itself')])
  expect(readFileSync(talk, 'utf8')).toContain('Carol')
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
