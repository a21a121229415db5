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
